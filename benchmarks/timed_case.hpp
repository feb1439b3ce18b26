// What a case of the benchmark is, and its name.
#pragma once

#include <cstddef>
#include <string>

#include <stemfuse/core/array.hpp>
#include <stemfuse/priors/tv/tv_tiles.hpp>

namespace bench {

enum class task {
    prox,              // isotropic TV over u >= 0, duals from zero
    prox_warm,         // the same, duals from the call before
    prox_anisotropic,  // anisotropic, duals from zero
    gradient,          // value and gradient of all terms, as an outer iteration takes them
    fusion,            // the published scheme
};

inline const char* to_string(task what) {
    constexpr const char* names[] = {"prox", "prox_warm", "prox_anisotropic", "gradient", "fusion"};
    return names[static_cast<std::size_t>(what)];
}

struct timed_case {
    task what = task::prox;
    bool plain = false;  // the plain formulation instead of the library
    bool in_double = false;
    stemfuse::stack_shape shape{};
    std::size_t iterations = 1;     // of the prox, or the outer ones of the fusion
    std::size_t tv_iterations = 0;  // in each outer one
    std::size_t threads = 1;

    std::size_t size() const { return shape[0] * shape[1] * shape[2]; }

    std::string scalar() const { return in_double ? "double" : "float"; }

    // Rows x columns x elements.
    std::string shape_text() const {
        return std::to_string(shape[1]) + "x" + std::to_string(shape[2]) + "x" + std::to_string(shape[0]);
    }

    std::string iterations_text() const {
        return std::to_string(iterations) + (tv_iterations > 0 ? "x" + std::to_string(tv_iterations) : "");
    }

    // report.py takes these names apart.
    std::string name() const {
        return std::string(to_string(what)) + "/" + (plain ? "plain" : "ours") + "/" + scalar() + "/" + shape_text() +
               "/" + iterations_text() + "/" + std::to_string(threads) + "threads";
    }

    timed_case of_plain() const {
        timed_case other = *this;
        other.plain = true;
        other.threads = 1;
        return other;
    }

    timed_case with_threads(std::size_t count) const {
        timed_case other = *this;
        other.threads = count;
        return other;
    }

    // Rows x columns of the tiles that the library cuts the case into; "-" where there are none.
    std::string tile() const {
        if (plain || what == task::gradient) return "-";
        const std::size_t scalar_bytes = in_double ? 8 : 4;
        const auto cut =
            tv_iterations > 0
                ? stemfuse::detail::tv_tiling(shape[1], shape[2], tv_iterations, shape[0] * scalar_bytes, 1, threads)
                : stemfuse::detail::tv_tiling(shape[1], shape[2], iterations, scalar_bytes, shape[0], threads);
        return std::to_string(cut.height) + "x" + std::to_string(cut.width);
    }
};

inline std::string triad_name(const char* when, bool in_double, std::size_t threads) {
    return std::string("triad/") + when + "/" + (in_double ? "double" : "float") + "/" + std::to_string(threads) +
           "threads";
}

}  // namespace bench
