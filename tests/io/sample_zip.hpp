// Unpacks samples that are kept as zip archives.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <zip.h>

#include "io/scratch.hpp"

// Unpacks an archive of the samples into a folder and returns its files; none, with a message, where it is absent.
inline std::vector<std::filesystem::path> unpack_samples(const std::string& name, const scratch::folder& into) {
    const auto archive = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "formats" / name;
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::exists(archive)) {
        MESSAGE("skipped: ", archive.string(), " is not there");
        return files;
    }
    zip_t* const zip = zip_open(archive.string().c_str(), ZIP_RDONLY, nullptr);
    REQUIRE(zip != nullptr);
    for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(zip_get_num_entries(zip, 0)); ++i) {
        zip_stat_t stat;
        REQUIRE(zip_stat_index(zip, i, 0, &stat) == 0);
        std::string bytes(stat.size, '\0');
        zip_file_t* const member = zip_fopen_index(zip, i, 0);
        REQUIRE(member != nullptr);
        CHECK(zip_fread(member, bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size()));
        zip_fclose(member);
        files.push_back(into / stat.name);
        scratch::write(files.back(), bytes);
    }
    zip_discard(zip);
    return files;
}
