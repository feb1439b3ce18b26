// How strongly each element scatters into the HAADF detector: the weights w_i and the exponent gamma of sum_i w_i
// x_i^gamma.
#pragma once

#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/elements/elements.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The published choices of w_i, from the atomic numbers Z_i.
enum class weighting {
    unit,               ///< 1
    z_over_mean,        ///< Z / mean(Z), the tutorials' choice
    z_gamma_over_mean,  ///< Z^gamma / mean(Z^gamma)
    z_over_sum,         ///< Z / sum(Z)
    z_gamma_over_sum,   ///< Z^gamma / sum(Z^gamma)
};

/// The names of the weightings, as options and records spell them.
inline constexpr std::array<std::pair<std::string_view, weighting>, 5> weighting_names{
    {{"unit", weighting::unit},
     {"z-over-mean", weighting::z_over_mean},
     {"z-gamma-over-mean", weighting::z_gamma_over_mean},
     {"z-over-sum", weighting::z_over_sum},
     {"z-gamma-over-sum", weighting::z_gamma_over_sum}}};

/// Weights and exponent of incoherent Z-contrast. Schwartz et al., npj Comput. Mater. 8, 16 (2022),
/// doi 10.1038/s41524-021-00692-5; weightings of Manassa et al., Elemental Microscopy (2024), doi 10.69761/MXVR4353.
/// Constructors throw value_error for an unknown symbol, gamma outside [1, 3], a negative or not finite weight, and
/// where no weight is positive; shape_error for no element.
class haadf_response {
public:
    /// Weights by the atomic numbers of element symbols, such as "Dy".
    explicit haadf_response(const std::vector<std::string>& elements, weighting choice = weighting::z_over_mean,
                            double gamma = 1.6)
        : haadf_response(weights_of(elements, choice, gamma), gamma) {}

    /// Weights as they are given, one for each element, such as those of a calibration.
    static haadf_response from_weights(std::vector<double> weights, double gamma = 1.6) {
        return haadf_response(std::move(weights), gamma);
    }

    /// w_i, one for each element.
    const std::vector<double>& weights() const noexcept { return weights_; }
    /// The exponent gamma, in [1, 3].
    double gamma() const noexcept { return gamma_; }

private:
    haadf_response(std::vector<double> weights, double gamma) : weights_(std::move(weights)), gamma_(gamma) {
        require_in_range(gamma, 1, 3, "gamma");
        require_some<shape_error>(weights_, "weights");
        for (const double w : weights_) require_non_negative(w, "weights");
        if (std::accumulate(weights_.begin(), weights_.end(), 0.0) <= 0) {
            throw value_error("weights", "are all 0, must have one above 0: an element that the detector sees");
        }
    }

    static std::vector<double> weights_of(const std::vector<std::string>& elements, weighting choice, double gamma) {
        require_in_range(gamma, 1, 3, "gamma");
        const bool with_gamma = choice == weighting::z_gamma_over_mean || choice == weighting::z_gamma_over_sum;
        std::vector<double> weights;
        for (const auto& symbol : elements)
            weights.push_back(std::pow(atomic_number(symbol), with_gamma ? gamma : 1.0));
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        const bool by_sum = choice == weighting::z_over_sum || choice == weighting::z_gamma_over_sum;
        const double scale = by_sum ? sum : sum / static_cast<double>(weights.size());
        for (double& w : weights) w = choice == weighting::unit ? 1.0 : w / scale;
        return weights;
    }

    std::vector<double> weights_;
    double gamma_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
