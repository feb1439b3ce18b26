// What the output of a run says about the program and the machine.
#pragma once

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#if !defined(STEMFUSE_BUILD_TYPE) || !defined(STEMFUSE_CXX_FLAGS)
#error "the build defines STEMFUSE_BUILD_TYPE and STEMFUSE_CXX_FLAGS as string literals"
#endif

namespace bench {

inline std::string compiler() {
#if defined(__clang__)
    return "clang++ " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__);
#elif defined(__GNUC__)
    return "g++ " __VERSION__;
#else
    return "unknown";
#endif
}

// The widest vector instructions that the compiler was allowed.
inline std::string instruction_set() {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    return "AVX-512";
#elif defined(__AVX2__)
    return "AVX2";
#elif defined(__AVX__)
    return "AVX";
#elif defined(__SSE2__)
    return "SSE2";
#elif defined(__ARM_NEON)
    return "NEON";
#else
    return "unknown";
#endif
}

// The processor's name, where Linux tells it.
inline std::string processor() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
    }
    return "unknown";
}

inline std::vector<std::pair<std::string, std::string>> run_context() {
    return {{"processor", processor()},
            {"compiler", compiler()},
            {"flags", STEMFUSE_CXX_FLAGS},
            {"instruction_set", instruction_set()},
            {"build_type", STEMFUSE_BUILD_TYPE}};
}

}  // namespace bench
