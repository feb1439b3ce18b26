// stemfuse inspect: what files hold, and the command that fuses it.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include <stemfuse/io/describe.hpp>

#include "measurement.hpp"

namespace program {

inline void inspect(const std::vector<std::string>& paths) {
    const input_files files(paths);
    for (std::size_t i = 0; i < files.size(); ++i) std::printf("%s", stemfuse::io::describe(files[i]).c_str());
    const auto contents = files.contents();
    std::vector<const stemfuse::io::file_contents*> all;
    std::size_t images = 0, xrays = 0;
    for (const auto& c : contents) {
        all.push_back(&c), images += c.images.size();
        for (const auto& s : c.spectra) xrays += s.unit == "keV";
    }
    auto choice = stemfuse::io::choose_images(all);
    prefer_contrast(files, choice);
    if (choice.haadf) {
        std::printf("taken for HAADF: %s\n", choice.haadf->image.name.c_str());
    } else if (images > 0 && choice.notes.empty()) {
        std::printf("no image is called HAADF: name the one that is by --haadf\n");
    }
    for (const std::string& note : choice.notes) std::printf("%s\n", stemfuse::io::one_line(note).c_str());
    if (!choice.haadf) return;
    if (choice.maps.empty()) {
        std::printf("no image of its shape is called by an element symbol: name %s\n",
                    xrays > 0 ? "the elements whose X-ray lines are in the spectra, as --elements Symbol,..."
                              : "the maps as --elements NAME=Symbol,...");
        return;
    }
    std::string command, maps;
    for (const std::string& path : paths)
        command += path.find(' ') == std::string::npos ? " " + path : " \"" + path + "\"";
    for (const auto& map : choice.maps) maps += (maps.empty() ? "" : ", ") + map.image.name;
    std::printf("taken for maps: %s\nto fuse: stemfuse fuse%s -o fused\n", maps.c_str(), command.c_str());
}

}  // namespace program
