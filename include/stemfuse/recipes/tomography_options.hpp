// What the recipe for tilt series takes and gives.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/recipes/tilt_warning.hpp>
#include <stemfuse/solvers/stopping.hpp>
#include <stemfuse/tomography/volume_variation.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A HAADF tilt series and tilt series of counts on one detector, aligned to one tilt axis along x. Without elements,
/// counts and their angles it is a HAADF series alone.
template <scalar T>
struct tilt_measurement {
    std::vector<std::string> elements;  ///< symbols, one for each series of counts
    std::size_t bins = 0;               ///< detector rows across the tilt axis
    xt::xtensor<T, 3> haadf;            ///< (1, tilts bins, n_x)
    xt::xtensor<T, 3> counts;           ///< (n_e, tilts bins, n_x)
    std::vector<double> haadf_angles,   ///< of the HAADF tilts, radians
        count_angles;                   ///< of the tilts of all series of counts, radians
    std::vector<double> haadf_shifts,   ///< bins, see tilt_geometry; empty: all 0
        count_shifts;                   ///< bins, see tilt_geometry; empty: all 0
};

/// The options of a fusion of tilt series.
struct tomography_options {
    std::size_t n_z = 0;                    ///< thickness of the volume in voxels; 0: as wide as the detector
    std::size_t iterations = 80;            ///< of the fusion, at most
    std::size_t chemistry_iterations = 40;  ///< without HAADF, for the weights; 0 where they are given
    std::size_t refits = 3;                 ///< of fitted weights during the fusion, at equal distances
    double relative_change = 0;             ///< see stopping
    double gamma = 1;                       ///< exponent of the HAADF model, 1 to 2
    double background = 0.05;               ///< counts per detector pixel
    bool fit_offset = true;                 ///< whether a constant is taken from the HAADF series
    variation_coupling coupling = variation_coupling::joint;  ///< of the elements' edges in the prior
    std::vector<double> weights{};                            ///< of the elements in HAADF; fitted where none are given
    std::optional<double> lambda_haadf{};                     ///< by haadf_weight() where not given
    double haadf_factor = 1;                                  ///< of haadf_weight(), or of 1 / noise^2 of HAADF alone
    std::optional<double> haadf_noise{};  ///< standard deviation of a pixel; estimated where not given
    double variation = 1;                 ///< factor of variation_weights()
    std::optional<double> balance{};      ///< of primal and dual steps, see tilt_steps; 0.8, or 0.05 of HAADF alone
    std::size_t sirt_iterations = 5;      ///< of the start, for counts
    std::size_t haadf_sirt = 100;         ///< iterations of SIRT of a HAADF series alone
    std::optional<double> offset{};       ///< constant of the HAADF series; found where not given
    std::filesystem::path checkpoint{};   ///< file to go on from where it is there, and to write to; none where empty
    std::size_t checkpoint_every = 10;    ///< iterations
};

/// How the tilts of a measurement were moved, see align_series().
struct series_alignment {
    std::vector<double> across{},        ///< bins across the axis, beyond the shifts that were given; one a HAADF tilt
        along{};                         ///< columns along the axis; one a HAADF tilt
    double axis = 0,                     ///< of the tilt axis to x in the images, degrees; they were turned by it
        mismatch_before = 0,             ///< of turned and re-projected HAADF, over its norm, before shifts across
        mismatch = 0;                    ///< the same when moved
    std::vector<tilt_warning> warnings;  ///< what was not moved

    /// The root of the mean square of shifts.
    static double spread(const std::vector<double>& shifts) {
        double sum = 0;
        for (const double s : shifts) sum += s * s;
        return shifts.empty() ? 0 : std::sqrt(sum / static_cast<double>(shifts.size()));
    }
};

/// What fuse_tilt_series() returns. Volumes are (n_e, n_z n_y, columns of this rank).
template <scalar T>
struct tomography_result {
    xt::xtensor<T, 3> maps;              ///< counts per voxel; of a HAADF series alone one, its unit per voxel
    xt::xtensor<T, 3> start;             ///< SIRT of the counts, or of HAADF alone
    fusion_report report;                ///< of the fusion
    std::vector<double> levels,          ///< of the elements, counts per voxel, see typical_levels()
        variation,                       ///< weights t_e of the elements in the prior
        weights;                         ///< w_e of the elements in HAADF
    std::size_t resumed = 0;             ///< iterations of the fusion that the checkpoint held
    double offset = 0,                   ///< constant that was taken from the HAADF series, in its units
        lambda_haadf = 0,                ///< that was taken; 0: the maps are of counts alone
        haadf_noise = 0;                 ///< standard deviation of a pixel of the HAADF series, in its units
    std::size_t n_z = 0,                 ///< voxels along z
        n_y = 0;                         ///< voxels along y
    std::vector<double> haadf_shifts{},  ///< of the geometry, bins, those found included
        count_shifts{};                  ///< the same for the tilts of counts
    std::vector<tilt_warning> warnings;  ///< what to know before the maps are believed
};

}  // namespace stemfuse::inline STEMFUSE_ABI
