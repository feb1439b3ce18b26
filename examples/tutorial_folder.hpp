// Where the tutorials find their measurements.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

// The path of the first `file` in: the folder given as argument, the shared folder named at build time,
// ./tutorial_data. Where there is none, says how to get it and returns an empty path.
inline std::filesystem::path find_tutorial_file(int argc, char** argv, const std::string& file) {
    std::vector<std::filesystem::path> folders;
    if (argc > 1) {
        folders.emplace_back(argv[1]);
    } else {
#ifdef STEMFUSE_SHARED_DIR
        folders.push_back(std::filesystem::path(STEMFUSE_SHARED_DIR) / "data");
#endif
        folders.emplace_back("tutorial_data");
    }
    for (const auto& folder : folders) {
        if (std::filesystem::exists(folder / file)) return folder / file;
    }
    std::printf("skipped: no %s in %s; cmake -P cmake/fetch_tutorial_data.cmake downloads it\n", file.c_str(),
                folders.back().string().c_str());
    return {};
}
