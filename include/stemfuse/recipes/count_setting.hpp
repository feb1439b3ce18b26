// How one fit to counts was made, and how well it predicts counts held out: plain data, which records keep.
#pragma once

#include <cstddef>
#include <vector>

#include <stemfuse/counts/choose.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Whether counts are averaged over places that look alike, in the image or in the image and in maps of a first fit, or
/// made of the principal components of all patches.
enum class averaging { none, by_image, by_maps, by_components };

/// One way to weigh counts, image and prior against one another. Nothing but the blur has a unit.
struct count_setting {
    bool directed = true;  ///< whether edges of the HAADF image direct the prior, see directional_field
    double haadf_weight =
        0;                 ///< of the HAADF term, relative to what noise and misfit of the image say; 0: counts alone
    double gamma = 1;      ///< exponent of the HAADF response
    double smoothing = 4;  ///< lambda_tv / sqrt(mean of the scales): near 4 whatever the dose, less for averages
    averaging averaged = averaging::none;  ///< what the fit is made to: counts as they are, or averages of them
    std::size_t components = 0;            ///< how many are kept, by_components alone, for which nothing else holds
    double blur = 0;  ///< sigma in pixels of a Gaussian over the fit: maps are no sharper than the beam
};

/// Whether two settings differ in smoothing and blur at most.
inline bool same_variant(const count_setting& a, const count_setting& b) {
    return a.directed == b.directed && a.haadf_weight == b.haadf_weight && a.gamma == b.gamma &&
           a.averaged == b.averaged && a.components == b.components;
}

/// Whether two settings are the same in all.
inline bool same_setting(const count_setting& a, const count_setting& b) {
    return same_variant(a, b) && a.smoothing == b.smoothing && a.blur == b.blur;
}

/// A setting that was tried, and how much worse than the best it predicts the counts held out: of all elements, and of
/// each.
struct tried_setting {
    count_setting setting;                  ///< of the fit
    score_deficit deficit;                  ///< of all elements together, in log-likelihood
    std::vector<score_deficit> by_element;  ///< of each element against its own best
};

}  // namespace stemfuse::inline STEMFUSE_ABI
