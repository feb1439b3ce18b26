// The area that each bin of a detector shares with the shadow of a voxel.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/tomography/tilt_geometry.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The weights of one line of voxels, z and tilt fixed. Voxel k, first <= k < last, falls on bins bin[k] to bin[k] + 2
/// of a detector with strip_weights::margin more bins on either side; the others miss the detector.
template <scalar T>
struct strip_line {
    /// Room for a line of n voxels, as strip_weights::line() fills it.
    explicit strip_line(std::size_t n) : bin(n), near(n), middle(n), far(n) {}

    std::vector<int> bin;   ///< the first bin of each voxel, those of the margin counted
    std::vector<T> near,    ///< share of the voxel on its first bin
        middle,             ///< share on the second
        far;                ///< share on the third
    std::size_t first = 0,  ///< of the voxels that the detector sees
        last = 0;           ///< one past the last of them
};

/// Exact strip weights. The shadow of a unit square is a trapezium of area 1, a box of width |cos| convolved with a box
/// of width |sin|, so that it touches at most three bins; a weight is the area above a bin. The weights of a voxel sum
/// to 1: a projection keeps the mass of what the detector sees. Tables of k cos(angle), one a tilt, make the weights
/// of a line cheap.
template <scalar T>
class strip_weights {
public:
    /// Bins beside the detector that a voxel seen by it may touch: it touches three at most.
    static constexpr std::size_t margin = 2;

    /// Keeps n_y numbers of every tilt, not the geometry.
    explicit strip_weights(const tilt_geometry& geometry) : n_y_(geometry.n_y()), bins_(geometry.bins()) {
        const std::size_t tilts = geometry.tilts();
        tilts_.reserve(tilts);
        whole_.resize(tilts * n_y_);
        part_.resize(tilts * n_y_);
        for (std::size_t a = 0; a < tilts; ++a) {
            const double c = std::cos(geometry.angles()[a]), s = std::sin(geometry.angles()[a]);
            const double narrow = std::min(std::abs(c), std::abs(s)), wide = std::max(std::abs(c), std::abs(s));
            // At right angles rounding leaves 1e-16 of a sine or cosine: the shadow is a box.
            const double narrower = narrow < 1e-7 ? 0 : narrow;
            const double start = geometry.shifts()[a] + static_cast<double>(bins_) / 2 - (narrower + wide) / 2 -
                                 static_cast<double>(n_y_ - 1) / 2 * c -
                                 static_cast<double>(geometry.n_z() - 1) / 2 * s;
            tilts_.push_back({start, s, static_cast<T>(narrower), static_cast<T>(wide)});
            for (std::size_t k = 0; k < n_y_; ++k) {
                const double at = static_cast<double>(k) * c, floor = std::floor(at);
                whole_[a * n_y_ + k] = static_cast<int>(floor);
                part_[a * n_y_ + k] = static_cast<T>(at - floor);
            }
        }
    }

    /// Fills `line` for the voxels of row z at this tilt.
    void line(std::size_t tilt, std::size_t z, strip_line<T>& line) const {
        const tilt_data& t = tilts_[tilt];
        const double start = t.start + static_cast<double>(z) * t.sine, floor = std::floor(start);
        fill(t, static_cast<int>(floor) + static_cast<int>(margin), static_cast<T>(start - floor),
             whole_.data() + tilt * n_y_, part_.data() + tilt * n_y_, line);
        // Bins rise or fall along the line, so that the voxels seen are consecutive.
        const auto seen = [&](std::size_t k) { return line.bin[k] >= 0 && line.bin[k] <= static_cast<int>(bins_) + 1; };
        line.first = 0;
        line.last = n_y_;
        while (line.first < line.last && !seen(line.first)) ++line.first;
        while (line.last > line.first && !seen(line.last - 1)) --line.last;
    }

private:
    struct tilt_data {
        double start, sine;
        T narrow, wide;
    };

    // The integral from 0 to d of clamp(v / narrow, 0, 1).
    static T ramp(T d, T narrow, T half_inverse) {
        const T e = std::min(std::max(d, T(0)), narrow);
        return e * e * half_inverse + std::max(d - narrow, T(0));
    }

    void fill(const tilt_data& t, int whole, T part, const int* wholes, const T* parts, strip_line<T>& line) const {
        const T half_inverse = t.narrow > 0 ? T(0.5) / t.narrow : T(0), inverse = 1 / t.wide;
        int* const bin = line.bin.data();
        T* const near = line.near.data();
        T* const middle = line.middle.data();
        T* const far = line.far.data();
        for (std::size_t k = 0; k < n_y_; ++k) {
            const T sum = part + parts[k];
            const int carry = sum >= 1 ? 1 : 0;
            bin[k] = whole + wholes[k] + carry;
            const T d = 1 - (sum - static_cast<T>(carry));  // from the shadow's start to the end of its first bin
            const T until_first =
                (ramp(d, t.narrow, half_inverse) - ramp(d - t.wide, t.narrow, half_inverse)) * inverse;
            const T until_second =
                (ramp(d + 1, t.narrow, half_inverse) - ramp(d + 1 - t.wide, t.narrow, half_inverse)) * inverse;
            near[k] = until_first;
            middle[k] = until_second - until_first;
            far[k] = std::max(1 - until_second, T(0));
        }
    }

    std::size_t n_y_, bins_;
    std::vector<tilt_data> tilts_;
    std::vector<int> whole_;
    std::vector<T> part_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
