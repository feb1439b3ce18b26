// Compiled for AVX2.
#include "value.hpp"

double wide_value() { return value_here(); }
std::size_t wide_bytes() { return stemfuse::simd_bytes; }
