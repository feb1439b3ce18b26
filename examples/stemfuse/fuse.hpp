// stemfuse fuse: the images of a file, by the published recipe.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/image_file.hpp>

#include "outputs.hpp"
#include "recipe.hpp"

namespace program {

// Reads HAADF and maps. Throws read_error, also for images of different shapes.
template <class T>
measurement<T> read_measurement(const std::string& file, const std::string& haadf,
                                const std::vector<element_source>& elements) {
    using namespace stemfuse;
    measurement<T> m{std::filesystem::path(file).filename().string(), {}, io::read_image<T>(file, haadf), {}};
    const image_shape shape{m.haadf.shape(0), m.haadf.shape(1)};
    m.maps.resize({elements.size(), shape[0], shape[1]});
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const auto map = io::read_image<T>(file, elements[i].data_set);
        const image_shape got{map.shape(0), map.shape(1)};
        if (got != shape) {
            throw read_error(file, elements[i].data_set + " has shape " + to_string(got) + ", expected " +
                                       to_string(shape) + " as " + haadf);
        }
        xt::view(m.maps, i) = map;
        m.symbols.push_back(elements[i].symbol);
    }
    return m;
}

template <class T>
void fuse_as(const std::string& file, const std::string& haadf, const std::vector<element_source>& elements,
             const recipe_options& recipe, const output_options& output) {
    const output_folder folder(output.folder);
    auto measured = read_measurement<T>(file, haadf, elements);
    throw_if_interrupted("while reading");
    fusion<T> result;
    try {
        result = fuse_published<T>(std::move(measured), recipe, output.quiet);
    } catch (const stemfuse::argument_error& e) {
        throw stemfuse::read_error(file, e.what());
    }
    write_outputs(folder, result, {});
    print_outputs(folder, result);
}

inline void fuse(const std::string& file, const std::string& haadf, const std::vector<std::string>& element_list,
                 const recipe_options& recipe, const output_options& output) {
    check(recipe);
    const auto elements = parse_elements(element_list);
    if (by_name(precision_names, recipe.precision, "--precision") == sizeof(double)) {
        fuse_as<double>(file, haadf, elements, recipe, output);
    } else {
        fuse_as<float>(file, haadf, elements, recipe, output);
    }
}

}  // namespace program
