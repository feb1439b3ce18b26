// The templates of measurement.hpp, for float and double.
#include "measurement.hpp"

namespace program {

template measurement<float> read_measurement(const input_files&, fusion_plan&, const input_options&);
template measurement<double> read_measurement(const input_files&, fusion_plan&, const input_options&);

}  // namespace program
