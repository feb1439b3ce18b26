// The recipe for counts in double.
#include <stemfuse/recipes/counts.hpp>

namespace stemfuse::detail {

template decltype(fuse_count_views<double>) fuse_count_views<double>;
template decltype(fuse_guided_views<double>) fuse_guided_views<double>;
template decltype(count_recipe<double>) count_recipe<double>;

}  // namespace stemfuse::detail
