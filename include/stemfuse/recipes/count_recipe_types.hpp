// What the recipe for counts takes, and what it gives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/counts/raw_counts.hpp>
#include <stemfuse/data/alignment.hpp>
#include <stemfuse/recipes/count_composition.hpp>
#include <stemfuse/recipes/count_errors.hpp>
#include <stemfuse/recipes/recipe_warning.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of fuse_measured_counts(). Nothing has to be set but the elements: settings are chosen by counts held
/// out.
struct count_recipe_options {
    std::vector<std::string> elements;  ///< symbols, one for each map
    /// Counts per pixel that are none of an element's, for each; where a number is missing, as the background's maps
    /// say, else 0. May be empty.
    std::vector<std::optional<double>> background{};
    /// Counts that 1 stands for in a map, for each; where missing, as steps or noise tell. Empty: the maps are taken
    /// for counts where they are whole numbers.
    std::vector<std::optional<double>> counts_per_unit{};
    std::optional<k_factors> factors{};  ///< of the elements in the same order, for the composition
    std::optional<double> lambda_tv{};   ///< the smoothing is chosen where not given
    std::uint64_t seed = 1;              ///< of the split of the counts
    bool averaging = true;               ///< over places that look alike in the image
    /// Of the image onto the maps; where not given, significant for averages, else measured.
    std::optional<alignment_mode> alignment{};
    /// (n_y, n_x), not 0 where a pixel is bad in all images, whose numbers there may be anything; or empty.
    xt::xtensor<unsigned char, 2> mask{};
    bool repair = true;                   ///< looks for pixels and lines that counted wrongly, and leaves them out
    bool errors = false;                  ///< also of the maps; those of the composition are estimated with it
    count_error_options error_options{};  ///< how
};

/// Where the background of an element is from: options, maps of it, or nowhere, which makes it 0.
enum class background_origin { option, maps, none };

/// Fused maps, expected counts in a pixel without background whose totals are those measured; how they were chosen
/// (guided_fusion_result, whose parts on averages are empty without); and what was made of the measurement before.
template <scalar T>
struct count_recipe_result : guided_fusion_result<T> {
    xt::xtensor<T, 3> counts,                        ///< that were fused, (n, n_y, n_x)
        background;                                  ///< expected counts in a pixel that are none of the element's
    xt::xtensor<T, 2> haadf;                         ///< moved where asked for, in its own units
    xt::xtensor<T, 2> scaled_haadf;                  ///< on [0, 1]; 0 where it is constant
    xt::xtensor<T, 2> projected;                     ///< what the fused maps say of that
    std::vector<count_unit> units{};                 ///< where the maps were brought to counts
    std::vector<background_origin> origins{};        ///< of the background of each element
    count_totals totals{};                           ///< of counts and background, mended where pixels were left out
    std::optional<double> smoothing{};               ///< that options.lambda_tv stands for
    std::optional<count_composition> composition{};  ///< where options.factors are given
    xt::xtensor<double, 3> errors{};         ///< standard errors of the maps, where they or factors are asked for
    haadf_alignment alignment{};             ///< the drift of the image, and how it was moved
    std::vector<recipe_warning> warnings{};  ///< what to know before the maps are believed

    /// The maps are counts times an estimated number.
    bool scaled() const { return !units.empty(); }
    /// Whether averages over places that look alike took part.
    bool averaged() const { return !this->mixtures.empty(); }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
