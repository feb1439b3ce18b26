// The check for drift between the HAADF image and the maps.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/data/drift.hpp>
#include <stemfuse/elements/elements.hpp>

#include "recipe.hpp"

namespace program {

// "1.3 +- 0.2"
inline std::string with_error(double value, double sigma) {
    char text[64];
    std::snprintf(text, sizeof text, "%.2f +- %.2f", value, sigma);
    return text;
}

// Measures the drift between the HAADF image and the sum of the maps, each weighted by its atomic number. Warns where
// more than half a pixel is certain, and moves the HAADF image by that where it is to guide averages; with `align`
// moves it by what is certain in any case. Images that cannot be measured (NaN, say) are left to the fusion, which says
// what is wrong.
template <class T>
void check_drift(measurement<T>& m, bool align, bool guides, std::vector<std::string>& warnings) {
    xt::xtensor<double, 2> sum = xt::zeros<double>(m.haadf.shape());
    for (std::size_t i = 0; i < m.symbols.size(); ++i)
        sum += stemfuse::atomic_number(m.symbols[i]) * xt::view(m.maps, i);
    stemfuse::drift drift;
    try {
        drift = stemfuse::measure_drift(m.haadf, sum);
    } catch (const stemfuse::argument_error&) {
        return;
    }
    if (drift.known) {
        m.sources.insert(m.sources.end(), {{"drift_y", drift.y},
                                           {"drift_x", drift.x},
                                           {"drift_y_error", drift.sigma_y},
                                           {"drift_x_error", drift.sigma_x}});
    }
    const double y = drift.certain_y(), x = drift.certain_x();
    const bool move = align ? y != 0 || x != 0 : guides && drift.significant();
    m.sources.emplace_back("aligned", move);
    if (move) {
        m.haadf = stemfuse::shifted(m.haadf, y, x);
        warnings.push_back("the HAADF image was moved by " + stemfuse::to_string(-y) + " rows and " +
                           stemfuse::to_string(-x) + " columns onto the maps" +
                           (align ? "" : ", as averages follow it (--no-averaging leaves it)"));
    } else if (align) {
        warnings.push_back("the HAADF image was not moved: no drift is certain");
    } else if (drift.significant()) {
        warnings.push_back("the HAADF image has drifted against the maps by " + with_error(drift.y, drift.sigma_y) +
                           " rows and " + with_error(drift.x, drift.sigma_x) + " columns: --align moves it back");
    }
}

}  // namespace program
