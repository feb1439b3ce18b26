// The templates of live_fusion.hpp, for float and double.
#include "live_fusion.hpp"

namespace program {

template class live_fusion<float>;
template class live_fusion<double>;

}  // namespace program
