// What one fusion leaves behind: everything that the writers, the figure and the report show.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/base/parameter.hpp>

namespace stemfuse::io {

/// The unweighted terms of the objective and its weighted total, at the start and after every iteration.
struct fusion_history {
    std::vector<double> haadf, chemical, tv, total;
};

/// A file that was read, with the SHA-256 of its bytes in hexadecimal digits; empty where it was not computed.
struct input_record {
    std::string file, sha256;
};

/// Images are (n_y, n_x), stacks (n_elements, n_y, n_x), in the order of `elements`.
template <scalar T>
struct fusion_record {
    std::string title;                  ///< what was fused, e.g. the file's name
    std::vector<std::string> elements;  ///< symbols
    xt::xtensor<T, 2> raw_haadf;        ///< as read
    xt::xtensor<T, 3> raw_maps;
    xt::xtensor<T, 3> raw_background{};  ///< counts expected in raw_maps that are none of the elements'; may be empty
    xt::xtensor<T, 2> haadf;             ///< in the recipe's units, as the terms saw them
    xt::xtensor<T, 3> maps;
    xt::xtensor<T, 2> fused_haadf;  ///< re-projected: sum of w_i x_i^gamma
    xt::xtensor<T, 3> fused_maps;
    std::string unit;           ///< of maps and fused_maps, e.g. "scaled to [0, 1]"
    pixel_calibration scale{};  ///< of every image
    fusion_history history;
    std::vector<input_record> inputs{};
    std::string request{};  ///< by which the same work is known again; may be empty
    std::vector<std::pair<std::string, parameter_value>> parameters;  ///< in the order in which they are shown
};

}  // namespace stemfuse::io
