// What the recipe for tilt series takes and gives.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/solvers/stopping.hpp>
#include <stemfuse/tomography/volume_variation.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A HAADF tilt series and tilt series of counts on one detector, aligned to one tilt axis along x.
template <scalar T>
struct tilt_measurement {
    std::vector<std::string> elements;
    std::size_t bins = 0;                            ///< detector rows across the tilt axis
    xt::xtensor<T, 3> haadf;                         ///< (1, tilts bins, n_x)
    xt::xtensor<T, 3> counts;                        ///< (n_e, tilts bins, n_x)
    std::vector<double> haadf_angles, count_angles;  ///< radians
    std::vector<double> haadf_shifts, count_shifts;  ///< bins, see tilt_geometry; none for 0
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
    variation_coupling coupling = variation_coupling::joint;
    std::vector<double> weights{};         ///< of the elements in HAADF; fitted where none are given
    std::optional<double> lambda_haadf{};  ///< by haadf_weight() where not given
    std::optional<double> haadf_noise{};   ///< standard deviation; estimated where not given
    double variation = 1;                  ///< factor of variation_weights()
    std::size_t sirt_iterations = 5;
    std::filesystem::path checkpoint{};  ///< file to go on from where it is there, and to write to; none where empty
    std::size_t checkpoint_every = 10;   ///< iterations
};

/// Volumes are (n_e, n_z n_y, columns of this rank).
template <scalar T>
struct tomography_result {
    xt::xtensor<T, 3> maps;   ///< counts per voxel
    xt::xtensor<T, 3> start;  ///< SIRT of the counts
    fusion_report report;     ///< of the fusion
    std::vector<double> levels, variation, weights;
    std::size_t resumed = 0;  ///< iterations of the fusion that the checkpoint held
    bool stopped = false;     ///< by the observer
    double offset = 0, lambda_haadf = 0, haadf_noise = 0;
    std::size_t n_z = 0, n_y = 0;
    std::vector<std::string> warnings;
};

/// The part of the work that an observer is told of.
enum class tomography_stage { start, chemistry, fusion };

}  // namespace stemfuse::inline STEMFUSE_ABI
