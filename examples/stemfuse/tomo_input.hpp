// The series of stemfuse tomo, from files to a measurement.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/joined.hpp>
#include <stemfuse/io/tilts/tilt_angles.hpp>
#include <stemfuse/io/tilts/tilt_stack.hpp>
#include <stemfuse/recipes/tomography_options.hpp>

#include "options.hpp"
#include "tomo_options.hpp"

namespace program {

// "NAME=VALUE" as the two; the name is empty where there is none.
inline std::pair<std::string, std::string> named(const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || std::filesystem::exists(text)) return {"", text};
    return {text.substr(0, equals), text.substr(equals + 1)};
}

// "haadf" or "HAADF" in a name is HAADF, else the element that it names.
inline std::string series_name(const std::string& label) {
    std::string lower = label;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (lower.find("haadf") != std::string::npos) return "HAADF";
    const std::string element = stemfuse::io::element_of(label);
    return element.empty() ? label : element;
}

using series_by_name = std::map<std::string, stemfuse::io::tilt_stack>;

// Appends the tilts of `more`. Throws usage_error where the images have another shape.
inline void append_tilts(stemfuse::io::tilt_stack& series, const stemfuse::io::tilt_stack& more) {
    const auto a = series.images.shape(), b = more.images.shape();
    if (a[1] != b[1] || a[2] != b[2]) {
        throw usage_error("series " + series.name + ": has images of " + std::to_string(a[1]) + " x " +
                          std::to_string(a[2]) + " and of " + std::to_string(b[1]) + " x " + std::to_string(b[2]));
    }
    xt::xtensor<float, 3> all({a[0] + b[0], a[1], a[2]});
    std::copy(series.images.begin(), series.images.end(), all.begin());
    std::copy(more.images.begin(), more.images.end(), all.data() + series.images.size());
    series.images = std::move(all);
    series.angles.insert(series.angles.end(), more.angles.begin(), more.angles.end());
}

inline series_by_name read_series(const tomo_options& o, std::vector<std::filesystem::path>& paths) {
    series_by_name all;
    for (const std::string& text : o.files) {
        const auto [name, path] = named(text);
        paths.push_back(path);
        auto stacks = stemfuse::io::read_tilt_stacks(path, {.guarded = true});
        if (!name.empty() && stacks.size() > 1) {
            throw usage_error(text + ": has " + std::to_string(stacks.size()) +
                              " series, must be given without a name");
        }
        for (auto& s : stacks) {
            if (s.angles.empty()) {
                if (const auto beside = stemfuse::io::angles_beside(path)) {
                    s.angles = stemfuse::io::read_tilt_angles(*beside);
                }
            }
            s.name = name.empty() ? series_name(s.name) : series_name(name);
            const auto found = all.find(s.name);
            if (found == all.end()) {
                all.emplace(s.name, std::move(s));
            } else {
                append_tilts(found->second, s);
            }
        }
    }
    return all;
}

// What an option gives for HAADF or for the counts; "NAME=" before it says for which alone.
template <class Use>
void for_named(const std::vector<std::string>& values, bool haadf, const std::string& option, Use&& use) {
    for (const std::string& text : values) {
        const auto [name, value] = named(text);
        if (!name.empty() && name != "HAADF" && name != "counts") {
            throw usage_error(option + ": is \"" + text + "\", its name must be HAADF or counts");
        }
        if (name.empty() || (name == "HAADF") == haadf) use(value);
    }
}

inline std::vector<double> angles_for(const tomo_options& o, bool haadf, const stemfuse::io::tilt_stack& s) {
    std::vector<double> angles = s.angles;
    const std::size_t tilts = s.images.shape()[0];
    for_named(o.angles, haadf, "--angles", [&](const std::string& value) {
        const auto colon = value.find(':');
        if (colon == std::string::npos || std::filesystem::exists(value)) {
            angles = stemfuse::io::read_tilt_angles(value);
            return;
        }
        const auto first = stemfuse::io::detail::number_of(value.substr(0, colon));
        const auto last = stemfuse::io::detail::number_of(value.substr(colon + 1));
        if (!first || !last) throw usage_error("--angles: is \"" + value + "\", must be a file or FIRST:LAST");
        angles.assign(tilts, *first);
        for (std::size_t k = 1; k < tilts; ++k) {
            angles[k] = *first + (*last - *first) * static_cast<double>(k) / static_cast<double>(tilts - 1);
        }
    });
    if (angles.empty()) {
        throw usage_error("series " + s.name + ": its file has no angles and none lies beside it; give --angles");
    }
    for (double& a : angles) a *= (o.radians ? 180 / std::numbers::pi : 1) * (o.flip ? -1 : 1);
    stemfuse::io::check_tilt_angles(angles, tilts, s.name);
    for (double& a : angles) a *= std::numbers::pi / 180;
    return angles;
}

inline std::vector<double> shifts_for(const tomo_options& o, bool haadf, std::size_t tilts) {
    std::vector<double> shifts(tilts, 0.0);
    for_named(o.shifts, haadf, "--shifts", [&](const std::string& value) {
        shifts = stemfuse::io::read_tilt_angles(value);  // the same lines of numbers
    });
    if (shifts.size() != tilts) {
        throw usage_error("--shifts: are " + std::to_string(shifts.size()) + ", must be " + std::to_string(tilts) +
                          ", one for each tilt");
    }
    for (double& s : shifts) s += o.axis_shift;
    return shifts;
}

// (tilts, rows, columns) as (1, tilts bins, n_x): rows are the bins where the tilt axis runs along the rows.
inline void lay_out(const stemfuse::io::tilt_stack& s, bool along_rows, float* out) {
    const auto shape = s.images.shape();
    const bool turned = along_rows == s.turned;
    if (!turned) {
        std::copy(s.images.begin(), s.images.end(), out);
        return;
    }
    for (std::size_t k = 0; k < shape[0]; ++k) {
        for (std::size_t r = 0; r < shape[1]; ++r) {
            for (std::size_t c = 0; c < shape[2]; ++c) out[(k * shape[2] + c) * shape[1] + r] = s.images(k, r, c);
        }
    }
}

// Throws usage_error and read_error, and value_error for angles that cannot be.
inline stemfuse::tilt_measurement<float> read_measurement(const tomo_options& o,
                                                          std::vector<std::filesystem::path>& paths) {
    if (o.axis != "x" && o.axis != "y") throw usage_error("--tilt-axis: is \"" + o.axis + "\", must be x or y");
    const series_by_name series = read_series(o, paths);
    const std::string names = stemfuse::joined(series, ", ", [](const auto& one) { return one.first; });
    const auto find = [&](const std::string& name) -> const stemfuse::io::tilt_stack& {
        const auto found = series.find(name);
        if (found == series.end()) {
            throw usage_error("there is no series of " + name + ", only " + names + "; name them as NAME=FILE");
        }
        return found->second;
    };
    stemfuse::tilt_measurement<float> m;
    m.elements = o.elements;
    if (o.haadf_alone && !o.elements.empty()) throw usage_error("--haadf-alone: leaves no --elements");
    if (m.elements.empty() && !o.haadf_alone) {
        for (const auto& [name, s] : series) {
            if (name != "HAADF") m.elements.push_back(name);
        }
    }
    for (const std::string& symbol : m.elements) require_symbol(symbol, "--elements");
    const auto& haadf = find("HAADF");
    const bool rows = o.axis == "x";
    const auto extent = [&](const stemfuse::io::tilt_stack& s) {
        const std::size_t a = s.images.shape()[1], b = s.images.shape()[2];
        return rows == s.turned ? std::pair(b, a) : std::pair(a, b);
    };
    const auto [bins, n_x] = extent(haadf);
    m.bins = bins;
    m.haadf_angles = angles_for(o, true, haadf);
    m.haadf_shifts = shifts_for(o, true, m.haadf_angles.size());
    m.haadf.resize(stemfuse::stack_shape{1, m.haadf_angles.size() * bins, n_x});
    lay_out(haadf, rows, m.haadf.data());
    if (m.elements.empty()) return m;  // HAADF alone
    for (std::size_t e = 0; e < m.elements.size(); ++e) {
        const auto& s = find(m.elements[e]);
        const auto angles = angles_for(o, false, s);
        if (e == 0) {
            m.count_angles = angles;
            m.counts.resize(stemfuse::stack_shape{m.elements.size(), angles.size() * bins, n_x});
        }
        if (angles != m.count_angles) {
            throw usage_error("series " + m.elements[e] + ": its angles are others than those of " + m.elements[0]);
        }
        if (extent(s) != std::pair(bins, n_x)) {
            throw usage_error("series " + m.elements[e] + ": its images have another shape than those of HAADF");
        }
        lay_out(s, rows, m.counts.data() + e * angles.size() * bins * n_x);
    }
    m.count_shifts = shifts_for(o, false, m.count_angles.size());
    return m;
}

}  // namespace program
