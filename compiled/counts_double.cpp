// The recipe for counts in double.
#include <stemfuse/recipes/guided_fusion.hpp>

namespace stemfuse::detail {

using T = double;

template count_fusion_result<T> fuse_count_views(const stack_view<const T>&, const stack_view<const T>&,
                                                 const image_view<const T>&, const count_fusion_options&,
                                                 const execution&);
template guided_fusion_result<T> fuse_guided_views(const stack_view<const T>&, const stack_view<const T>&,
                                                   const image_view<const T>&, const guided_fusion_options&,
                                                   const execution&);

}  // namespace stemfuse::detail
