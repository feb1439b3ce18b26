// A measurement whose tilts were moved onto one another.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>
#include <vector>

#include <stemfuse/recipes/tilt_warning.hpp>
#include <stemfuse/recipes/tomography_options.hpp>
#include <stemfuse/tomography/tilt_alignment.hpp>
#include <stemfuse/tomography/tilt_defaults.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// The HAADF tilt of the same angle, within a tenth of a degree; as many as there are HAADF tilts where there is none.
inline std::size_t tilt_of_angle(const std::vector<double>& angles, double angle) {
    constexpr double tenth = 0.1 * std::numbers::pi / 180;
    const auto nearest = std::min_element(
        angles.begin(), angles.end(), [&](double a, double b) { return std::abs(a - angle) < std::abs(b - angle); });
    const bool same = nearest != angles.end() && std::abs(*nearest - angle) <= tenth;
    return same ? static_cast<std::size_t>(nearest - angles.begin()) : angles.size();
}

// Turns and moves the HAADF series of m, whose shifts become the geometry's.
template <class T, class C>
series_alignment align_haadf_series(tilt_measurement<T>& m, const tilt_geometry& given, const execution& exec,
                                    const C& ranks) {
    const double offset = dark_level(m.haadf, haadf_tilt_noise(as_view(std::as_const(m.haadf)), m.bins, exec));
    series_alignment found;
    xt::xtensor<T, 3> measured = m.haadf, image;
    for (T& v : measured) v -= static_cast<T>(offset);
    found.axis = axis_in_images<T>(m.haadf_angles, as_view(std::as_const(measured)), m.bins, exec);
    image = found.axis == 0 ? measured
                            : turned_to_axis<T>(as_view(std::as_const(measured)), m.bins, found.axis, T(0), exec);
    found.along = shifts_along_axis<T>(as_view(std::as_const(image)), m.bins);
    move_along_axis(image, m.bins, found.along, false);
    const auto own = columns_of(image, slab_of(image.shape()[2], ranks));
    tilt_alignment across = align_tilts<T>(given, as_view(own), {}, exec, ranks);
    found.mismatch_before = across.mismatch.front();
    found.mismatch = across.mismatch[across.best];
    if (across.best == 0) found.warnings.push_back(tilts_not_moved{});
    found.across = across.shifts;
    for (std::size_t k = 0; k < found.across.size(); ++k) found.across[k] -= given.shifts()[k];
    m.haadf_shifts = std::move(across.shifts);
    m.haadf = std::move(image);
    for (T& v : m.haadf) v += static_cast<T>(offset);
    return found;
}

// The tilts of counts go with the HAADF tilts of their angles.
template <class T>
void move_counts(tilt_measurement<T>& m, series_alignment& found, const execution& exec) {
    if (found.axis != 0) {
        m.counts = turned_to_axis<T>(as_view(std::as_const(m.counts)), m.bins, found.axis, T(0), exec);
        found.warnings.push_back(counts_turned{found.axis});
    }
    if (m.count_shifts.empty()) m.count_shifts.assign(m.count_angles.size(), 0.0);
    std::vector<double> along(m.count_angles.size());
    std::size_t without = 0;
    for (std::size_t k = 0; k < along.size(); ++k) {
        const std::size_t same = detail::tilt_of_angle(m.haadf_angles, m.count_angles[k]);
        if (same == m.haadf_angles.size()) {
            ++without;
            continue;
        }
        along[k] = found.along[same];
        m.count_shifts[k] += found.across[same];
    }
    if (without > 0) found.warnings.push_back(count_tilts_not_moved{without});
    move_along_axis(m.counts, m.bins, along, true);
}

}  // namespace detail

/// The measurement with its tilts on one axis: the images are turned so that it runs along x (see axis_in_images),
/// HAADF is moved along it by mass and across it by re-projection (see shifts_along_axis, align_tilts), and tilts of
/// counts go with the HAADF tilt of their angle, by whole columns along the axis. What HAADF shows without matter
/// (dark_level) is no part of it. `n_z` voxels along the beam; 0: as many as bins. For the whole measurement on every
/// rank, which gets the same. Throws shape_error and value_error where angles, bins and HAADF do not fit each other.
template <scalar T, communicator C = serial_communicator>
std::pair<tilt_measurement<T>, series_alignment> align_series(tilt_measurement<T> m, std::size_t n_z,
                                                              const execution& exec = {}, const C& ranks = {}) {
    if (n_z == 0) n_z = m.bins;
    const tilt_geometry given(n_z, m.bins, m.bins, m.haadf_angles, m.haadf_shifts);
    require_shape(as_view(std::as_const(m.haadf)).shape, {1, given.tilts() * m.bins, m.haadf.shape()[2]}, "haadf",
                  "its angles and bins");
    require_finite(as_view(std::as_const(m.haadf)), "haadf");
    series_alignment found = detail::align_haadf_series(m, given, exec, ranks);
    if (m.counts.size() > 0) detail::move_counts(m, found, exec);
    return {std::move(m), std::move(found)};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
