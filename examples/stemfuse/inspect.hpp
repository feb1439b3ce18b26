// stemfuse inspect: what a file holds, and the command that fuses it.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/terms/elements.hpp>

namespace program {

inline void inspect(const std::string& file) {
    std::printf("%s", stemfuse::io::describe_file(file).c_str());
    const auto images = stemfuse::io::list_images(file);
    const auto last_part = [](const std::string& name) { return name.substr(name.rfind('/') + 1); };
    const auto haadf =
        std::find_if(images.begin(), images.end(), [&](const auto& image) { return last_part(image.name) == "HAADF"; });
    if (haadf == images.end()) {
        std::printf("no image is called HAADF: name the one that is by --haadf\n");
        return;
    }
    std::string elements;
    for (const auto& image : images) {
        const std::string name = last_part(image.name);
        const auto& symbols = stemfuse::element_symbols;
        if (std::find(symbols.begin(), symbols.end(), name) == symbols.end()) continue;
        if (image.shape != haadf->shape) {
            std::printf("%s has another shape than %s and cannot be fused with it\n", image.name.c_str(),
                        haadf->name.c_str());
            continue;
        }
        elements += (elements.empty() ? "" : ",") + name;
    }
    std::printf("taken for HAADF: %s\n", haadf->name.c_str());
    if (elements.empty()) {
        std::printf(
            "no image of its shape is called by an element symbol: name the maps as --elements NAME=Symbol,...\n");
    } else {
        std::printf("to fuse: stemfuse fuse %s -o fused --elements %s\n", file.c_str(), elements.c_str());
    }
}

}  // namespace program
