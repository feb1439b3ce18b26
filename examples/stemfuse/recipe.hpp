// The recipes of the library as the program calls them: from a measurement to the record that the writers take.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/record/record.hpp>

#include "count_options.hpp"
#include "options.hpp"

namespace program {

// The images of one measurement, as they were read; maps (n_elements, n_y, n_x) in the order of `symbols`.
template <class T>
struct measurement {
    std::string title;
    std::vector<std::string> symbols;
    xt::xtensor<T, 2> haadf;
    xt::xtensor<T, 3> maps;
    stemfuse::io::pixel_calibration scale{};
    xt::xtensor<T, 3> background{};  // counts expected in the maps that are none of the elements'; may be empty
    std::vector<stemfuse::io::input_record> inputs{};                              // the files
    std::string request{};                                                         // see input_options
    std::vector<std::pair<std::string, stemfuse::io::parameter_value>> sources{};  // of the images, for the parameters
    xt::xtensor<unsigned char, 2> mask{};  // not 0 where a pixel is bad in all images; may be empty
};

template <class T>
struct fusion {
    stemfuse::io::fusion_record<T> record;
    double seconds;                                 // of the recipe alone
    std::vector<std::vector<std::string>> table{};  // of the elements, for the console; the first row is the header
    std::vector<std::string> lines{};               // what else the program says of the result
    std::vector<std::string> notes{};               // what only the report says
    std::vector<std::string> warnings{};            // what a user should know before the maps are believed
};

// Fuses by the published recipe; `align` moves the HAADF image onto the maps where drift is certain. Throws the
// library's errors, usage_error and interrupted.
template <class T>
fusion<T> fuse_published(measurement<T> m, const recipe_options& o, bool quiet, bool align = false);

// Fuses by the recipe for counts, as fuse_published() does.
template <class T>
fusion<T> fuse_raw_counts(measurement<T> m, const count_options& o, const recipe_options& r, bool quiet, bool align);

// What a user should know of the drift between the HAADF image and the maps, if anything.
template <class T>
std::optional<std::string> drift_warning(const measurement<T>& m, bool align);

// Gives back to the system what the fusion has freed, so that figures do not need memory on top of it.
void release_memory();

}  // namespace program
