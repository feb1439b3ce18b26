// The templates of count_recipe.hpp, for float and double.
#include "count_recipe.hpp"

namespace program {

template fusion<float> fuse_raw_counts(measurement<float>, const count_options&, const recipe_options&, bool);
template fusion<double> fuse_raw_counts(measurement<double>, const count_options&, const recipe_options&, bool);

}  // namespace program
