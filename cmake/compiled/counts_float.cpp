// The recipe for counts in float.
#include <stemfuse/recipes/counts.hpp>

namespace stemfuse::detail {

template decltype(fuse_count_views<float>) fuse_count_views<float>;
template decltype(fuse_guided_views<float>) fuse_guided_views<float>;
template decltype(count_recipe<float>) count_recipe<float>;

}  // namespace stemfuse::detail
