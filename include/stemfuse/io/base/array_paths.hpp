// Names and axes of arrays that lie in groups, as in HDF5 and zarr.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_layout.hpp>
#include <stemfuse/io/base/element_label.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

inline std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

inline std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

// The name of an array by its path: that of its group where its own says nothing.
inline std::string telling_name(const std::string& path) {
    const std::string own = lower_case(last_part(path));
    std::string parent = last_part(parent_of(path));
    for (const std::string_view general :
         {"data", "image", "array", "signal", "values", "counts", "intensity", "map"}) {
        if (own == general && !parent.empty()) return parent;
    }
    return last_part(path);
}

// An axis by its coordinates: all of them, or the first two.
inline array_axis axis_of(std::string name, std::string_view unit, const std::vector<double>& coordinates) {
    array_axis axis{std::move(name), plain_unit(unit)};
    if (coordinates.size() < 2) return axis;
    axis.first = coordinates[0];
    axis.step = (coordinates.back() - coordinates[0]) / static_cast<double>(coordinates.size() - 1);
    for (std::size_t i = 1; i < coordinates.size(); ++i) {
        const double expected = axis.first + static_cast<double>(i) * axis.step;
        axis.uniform = axis.uniform && std::abs(coordinates[i] - expected) <= 0.01 * std::abs(axis.step);
    }
    return axis;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
