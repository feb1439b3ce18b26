// The templates of outputs.hpp, for float and double.
#include "outputs.hpp"

namespace program {

template void write_results(const std::filesystem::path&, const fusion<float>&, const figures_of_merit&,
                            const std::vector<std::string>&);
template void write_results(const std::filesystem::path&, const fusion<double>&, const figures_of_merit&,
                            const std::vector<std::string>&);
template void print_outputs(const output_folder&, const fusion<float>&);
template void print_outputs(const output_folder&, const fusion<double>&);

}  // namespace program
