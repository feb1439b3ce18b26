// What a fused map and its measurement differ by, in units of the measurement's noise.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure_column.hpp>
#include <stemfuse/report/figure/map_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// (fused - raw) / sqrt(raw) of element i, shape (n_y, n_x): standard deviations where the maps are counts. Where raw
/// is below its mean, its mean stands under the root: most pixels of a sparse map hold no count. Where the record has
/// standard errors of the raw maps these stand in place of the root. The background of raw counts is added to the fused
/// ones. Not finite where the map is, or where its mean is not above 0. Throws shape_error where the images do not fit
/// together.
template <scalar T>
xt::xtensor<double, 2> residual_of(const fusion_record<T>& record, std::size_t i) {
    detail::require_drawable(record);
    const std::size_t ny = record.maps.shape(1), nx = record.maps.shape(2), n = ny * nx;
    const T* const raw = record.maps.data() + i * n;
    const T* const fused = record.fused_maps.data() + i * n;
    const bool counts = record.kind != map_kind::scaled && record.raw_background.shape() == record.maps.shape();
    const T* const background = counts ? record.raw_background.data() + i * n : nullptr;
    double sum = 0, finite = 0;
    for (std::size_t k = 0; k < n; ++k) {
        if (std::isfinite(raw[k])) sum += static_cast<double>(raw[k]), ++finite;
    }
    const double mean = sum / finite;
    const T* const errors =
        record.raw_errors.shape() == record.maps.shape() ? record.raw_errors.data() + i * n : nullptr;
    xt::xtensor<double, 2> residual({ny, nx});
    for (std::size_t k = 0; k < n; ++k) {
        const double v = static_cast<double>(raw[k]), added = counts ? static_cast<double>(background[k]) : 0;
        const double unit = errors != nullptr ? static_cast<double>(errors[k]) : std::sqrt(std::max(v, mean));
        residual.data()[k] = mean > 0 || errors != nullptr ? (static_cast<double>(fused[k]) + added - v) / unit : NAN;
    }
    return residual;
}

/// Limits on both sides of 0 that 99.5% of the residual's finite values lie between.
inline display_limits limits_of_residual(const xt::xtensor<double, 2>& residual) {
    const xt::xtensor<double, 2> sizes = xt::abs(residual);
    const double most = limits_of(as_view(sizes), 0, 99.5).high;
    return {-most, most};
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
