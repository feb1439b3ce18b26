// One program of two translation units, one for AVX2 and one for any x86-64: each calls its own kernels.
#include <cmath>
#include <cstdio>

#include "value.hpp"

double wide_value();
std::size_t wide_bytes();

int main() {
    if (stemfuse::simd_bytes == wide_bytes()) {
        std::puts("skipped: both are compiled for the same width");
        return 77;
    }
    const double narrow = value_here();  // crashes on an old processor if the linker took the wide kernels for it
    if (!__builtin_cpu_supports("avx2")) {
        std::puts("skipped: this processor has no AVX2");
        return 77;
    }
    const double wide = wide_value();
    std::printf("%.9g by %zu bytes, %.9g by %zu bytes\n", narrow, stemfuse::simd_bytes, wide, wide_bytes());
    return std::abs(narrow - wide) <= 1e-5 * narrow ? 0 : 1;
}
