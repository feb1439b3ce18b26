// The templates of outputs.hpp, for float and double.
#include "outputs.hpp"

namespace program {

template void write_results(const std::filesystem::path&, const fusion<float>&, const result_texts&,
                            const figure_request&, const stemfuse::execution&);
template void write_results(const std::filesystem::path&, const fusion<double>&, const result_texts&,
                            const figure_request&, const stemfuse::execution&);
template void print_outputs(const output_folder&, const fusion<float>&);
template void print_outputs(const output_folder&, const fusion<double>&);

}  // namespace program
