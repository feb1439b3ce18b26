// The templates of recipe.hpp, for float and double.
#include "recipe.hpp"

namespace program {

template fusion<float> fuse_published(measurement<float>, const recipe_options&, bool);
template fusion<double> fuse_published(measurement<double>, const recipe_options&, bool);

}  // namespace program
