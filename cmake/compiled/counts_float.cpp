// The recipe for counts in float.
#include <stemfuse/recipes/counts.hpp>

namespace stemfuse::detail {

using T = float;

template count_fusion_result<T> fuse_count_views(const stack_view<const T>&, const stack_view<const T>&,
                                                 const image_view<const T>&, const count_fusion_options&,
                                                 const execution&, const stack_view<const T>&);
template guided_fusion_result<T> fuse_guided_views(const stack_view<const T>&, const stack_view<const T>&,
                                                   const image_view<const T>&, const guided_fusion_options&,
                                                   const execution&);
template count_recipe_result<T> count_recipe(const image_view<const T>&, const stack_view<const T>&,
                                             const stack_view<const T>&, const count_recipe_options&, const execution&,
                                             const recipe_observer&);

}  // namespace stemfuse::detail
