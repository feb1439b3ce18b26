// The program comes in several builds, one for every generation of processors: the plain one starts the best that runs.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

namespace program {

// The best of the levels of the x86-64 psABI that this processor has: x86-64-v4 (AVX-512), x86-64-v3 (AVX2) or neither.
inline const char* processor_level() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
    return v4 ? "x86-64-v4" : v3 ? "x86-64-v3" : "";
#else
    return "";
#endif
}

// Starts the best build in place of this one, and does not return; returns where there is no better one. Builds lie
// beside this program or in ../libexec/stemfuse. The environment variable STEMFUSE_LEVEL sets the best level that is
// taken, "plain" for this program itself: results are the same to the bit within a level, not between levels.
inline void start_best_build(char** argv) {
    const char* const wanted = std::getenv("STEMFUSE_LEVEL");
    const std::string_view here = processor_level(), best = wanted != nullptr && here > wanted ? wanted : here;
    std::error_code failed;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
    if (failed) return;
    for (const std::string_view level : {"x86-64-v4", "x86-64-v3"}) {
        if (level > best) continue;  // by the letters: "plain" comes before both
        for (const auto& place : {folder, folder.parent_path() / "libexec" / "stemfuse"}) {
            const std::string file = (place / ("stemfuse-" + std::string(level))).string();
            if (access(file.c_str(), X_OK) == 0) execv(file.c_str(), argv);
        }
    }
}

}  // namespace program
