// Where a parallel beam casts a volume on a detector that sees it under several tilts.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Angles in radians, from degrees.
inline std::vector<double> radians(std::vector<double> degrees) {
    for (double& angle : degrees) angle *= std::numbers::pi / 180;
    return degrees;
}

/// A single-axis tilt series. Voxels are unit cubes, detector bins have width 1, both centred on the tilt axis, which
/// runs along x. Voxel (z, y) of n_z x n_y falls on
///     t = (y - (n_y - 1) / 2) cos(angle) + (z - (n_z - 1) / 2) sin(angle) + shift,
/// bin i covers [i - bins / 2, i + 1 - bins / 2). Tilt 0 looks along z.
class tilt_geometry {
public:
    /// Angles in radians, shifts in bins (0 for all where none are given). Throws shape_error for no voxel, bin or tilt
    /// and for another number of shifts; value_error for an angle outside of [-2 pi, 2 pi], as degrees are, and for a
    /// shift that is not finite or beyond 1e6.
    tilt_geometry(std::size_t n_z, std::size_t n_y, std::size_t bins, std::vector<double> angles,
                  std::vector<double> shifts = {})
        : n_z_(n_z), n_y_(n_y), bins_(bins), angles_(std::move(angles)), shifts_(std::move(shifts)) {
        if (n_z == 0 || n_y == 0) {
            throw shape_error("volume", "has " + std::to_string(n_z) + " x " + std::to_string(n_y) +
                                            " voxels across the tilt axis, must have at least 1 x 1");
        }
        if (bins == 0) throw shape_error("bins", "is 0, must be at least 1");
        if (angles_.empty()) throw shape_error("angles", "are none, must be at least one");
        if (shifts_.empty()) shifts_.assign(angles_.size(), 0.0);
        if (shifts_.size() != angles_.size()) {
            throw shape_error("shifts", "are " + std::to_string(shifts_.size()) + ", must be " +
                                            std::to_string(angles_.size()) + ", one for each tilt");
        }
        for (std::size_t k = 0; k < angles_.size(); ++k) {
            if (!(std::abs(angles_[k]) <= 2 * std::numbers::pi)) {
                throw value_error("angles", "is " + to_string(angles_[k]) + " at tilt " + std::to_string(k) +
                                                ", must be in [-2 pi, 2 pi]: angles are in radians");
            }
            if (!(std::abs(shifts_[k]) <= 1e6)) {
                throw value_error("shifts", "is " + to_string(shifts_[k]) + " at tilt " + std::to_string(k) +
                                                ", must be in [-1e6, 1e6] bins");
            }
        }
    }

    /// Voxels along z.
    std::size_t n_z() const noexcept { return n_z_; }
    /// Voxels along y.
    std::size_t n_y() const noexcept { return n_y_; }
    /// Bins of the detector across the tilt axis.
    std::size_t bins() const noexcept { return bins_; }
    /// How many projections there are.
    std::size_t tilts() const noexcept { return angles_.size(); }
    /// Of every tilt, in radians.
    const std::vector<double>& angles() const noexcept { return angles_; }
    /// Of every tilt, in bins.
    const std::vector<double>& shifts() const noexcept { return shifts_; }

private:
    std::size_t n_z_, n_y_, bins_;
    std::vector<double> angles_, shifts_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
