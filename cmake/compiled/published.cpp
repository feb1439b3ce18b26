// The solve of the published recipe.
#include <stemfuse/recipes/published.hpp>

namespace stemfuse::detail {

template fusion_report solve_published(const image_view<const float>&, const stack_view<const float>&,
                                       const published_options&, xt::xtensor<float, 3>&, xt::xtensor<float, 2>&,
                                       const execution&, const recipe_observer&);
template fusion_report solve_published(const image_view<const double>&, const stack_view<const double>&,
                                       const published_options&, xt::xtensor<double, 3>&, xt::xtensor<double, 2>&,
                                       const execution&, const recipe_observer&);

}  // namespace stemfuse::detail
