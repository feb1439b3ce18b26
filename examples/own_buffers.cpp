// Memory of your own goes in and comes out without a copy: a raw pointer to rows with padding, a std::vector, and where
// CMake finds it, Eigen. An array_view says where the memory lies: pointer, shape, and how many numbers lie from one
// map to the next, from one row to the next, and from one column to the next, which must be 1. Views own nothing: the
// memory must outlive the solver.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <vector>

#ifdef OWN_BUFFERS_EIGEN
#include <Eigen/Core>
#endif

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

namespace {

constexpr std::size_t n = 3, ny = 90, nx = 70, pitch = 80;  // a row of 70 pixels takes the room of 80

using const_image = stemfuse::image_view<const float>;
using const_stack = stemfuse::stack_view<const float>;
using writable_stack = stemfuse::stack_view<float>;

// Fuses the maps in place; true if the terms read the caller's own memory.
bool fuse(const_image haadf, const_stack measured, writable_stack maps) {
    const stemfuse::fusion_solver solver(stemfuse::haadf_model(haadf, stemfuse::haadf_response({"Co", "Mn", "O"})),
                                         stemfuse::poisson_likelihood(measured, 0.1),
                                         stemfuse::total_variation{.iterations = 3});
    solver.solve_in_place(maps, {.iterations = 10});
    return solver.terms().elastic().measured().data == haadf.data &&
           solver.terms().chemical().measured().data == measured.data;
}

bool equal(const_stack a, const_stack b) {
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t y = 0; y < ny; ++y) {
            if (!std::equal(a.row(i, y), a.row(i, y) + nx, b.row(i, y))) return false;
        }
    }
    return true;
}

int fail(const char* what) {
    std::fprintf(stderr, "own_buffers: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    const auto sample = stemfuse::core_shell_particles<float>({.ny = ny, .nx = nx, .particles = 4});
    const auto acquired = stemfuse::acquire(sample);
    const auto image = stemfuse::min_max(acquired.haadf);
    const auto stack = stemfuse::min_max_each(acquired.maps);

    // std::vector, rows one after another.
    const std::vector<float> haadf(image.begin(), image.end()), measured(stack.begin(), stack.end());
    std::vector<float> fused = measured;  // the start, and then the result
    const const_image haadf_view{haadf.data(), {ny, nx}, {nx, 1}};
    const const_stack measured_view{measured.data(), {n, ny, nx}, {ny * nx, nx, 1}};
    const writable_stack fused_view{fused.data(), {n, ny, nx}, {ny * nx, nx, 1}};
    if (!fuse(haadf_view, measured_view, fused_view)) return fail("a vector was copied");
    if (equal(fused_view, measured_view)) return fail("nothing was fused");
    std::printf("std::vector: fused in place\n");

    // A raw pointer, as a camera's driver gives it: every row padded. Here the maps and the result are padded.
    const std::unique_ptr<float[]> padded(new float[n * ny * pitch]), padded_fused(new float[n * ny * pitch]);
    std::fill_n(padded.get(), n * ny * pitch, -1e30f);  // the padding is never read
    for (std::size_t r = 0; r < n * ny; ++r) {
        std::copy_n(&measured[r * nx], nx, &padded[r * pitch]);
        std::copy_n(&measured[r * nx], nx, &padded_fused[r * pitch]);
    }
    const const_stack padded_view{padded.get(), {n, ny, nx}, {ny * pitch, pitch, 1}};
    const writable_stack padded_fused_view{padded_fused.get(), {n, ny, nx}, {ny * pitch, pitch, 1}};
    if (!fuse(haadf_view, padded_view, padded_fused_view)) return fail("padded rows were copied");
    if (!equal(padded_fused_view, fused_view)) return fail("padded rows gave other maps");
    std::printf("pointer with padded rows: the same maps\n");

#ifdef OWN_BUFFERS_EIGEN
    // Eigen: row-major matrices; the maps one below the other. outerStride() is the distance of two rows.
    using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const auto rows = static_cast<Eigen::Index>(ny), columns = static_cast<Eigen::Index>(nx);
    const matrix eigen_haadf = Eigen::Map<const matrix>(haadf.data(), rows, columns);
    const matrix eigen_maps = Eigen::Map<const matrix>(measured.data(), 3 * rows, columns);
    matrix eigen_fused = eigen_maps;
    const const_image eigen_image{eigen_haadf.data(), {ny, nx}, {eigen_haadf.outerStride(), 1}};
    const std::ptrdiff_t step = eigen_maps.outerStride(), map = step * rows;
    const writable_stack eigen_result{eigen_fused.data(), {n, ny, nx}, {map, step, 1}};
    if (!fuse(eigen_image, {eigen_maps.data(), {n, ny, nx}, {map, step, 1}}, eigen_result))
        return fail("an Eigen matrix was copied");
    if (!equal(eigen_result, fused_view)) return fail("Eigen gave other maps");
    std::printf("Eigen: the same maps; the first one's mean is %.4f\n",
                static_cast<double>(eigen_fused.topRows(rows).mean()));
#else
    std::printf("Eigen is left out: it was not found\n");
#endif
}
