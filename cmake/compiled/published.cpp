// The solve of the published recipe.
#include <stemfuse/recipes/published.hpp>

namespace stemfuse::detail {

template decltype(solve_published<float>) solve_published<float>;
template decltype(solve_published<double>) solve_published<double>;

}  // namespace stemfuse::detail
