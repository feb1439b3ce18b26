// Arrays of your own go in and come out without a copy, in two ways:
//   (a) buffers of numbers, through xt::adapt; the maps are fused in place;
//   (b) an array class of your own, for which stemfuse::array_traits is specialised.
// Both give the same maps, and no input is changed.
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/perovskite_columns.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

// An array class as a laboratory's own code may have it: N extents, rows padded to whole cache lines.
namespace lab {

template <std::size_t N>
class grid {
public:
    explicit grid(const std::array<std::size_t, N>& extents) : extents_(extents), pitch_((extents.back() + 7) / 8 * 8) {
        std::size_t rows = 1;
        for (std::size_t k = 0; k + 1 < N; ++k) rows *= extents[k];
        numbers_.resize(rows * pitch_);
    }

    const std::array<std::size_t, N>& extents() const { return extents_; }
    std::size_t pitch() const { return pitch_; }
    double* numbers() { return numbers_.data(); }
    const double* numbers() const { return numbers_.data(); }

    bool operator==(const grid&) const = default;

private:
    std::array<std::size_t, N> extents_;
    std::size_t pitch_;  // numbers from one row to the next
    std::vector<double> numbers_;
};

}  // namespace lab

// What makes lab::grid<2> an image and lab::grid<3> a stack of maps.
template <std::size_t N>
struct stemfuse::array_traits<lab::grid<N>> {
    using value_type = double;
    static constexpr std::size_t rank = N;

    static array_view<double, N> view(lab::grid<N>& g) { return {g.numbers(), g.extents(), strides(g)}; }
    static array_view<const double, N> view(const lab::grid<N>& g) { return {g.numbers(), g.extents(), strides(g)}; }

private:
    static std::array<std::ptrdiff_t, N> strides(const lab::grid<N>& g) {
        std::array<std::ptrdiff_t, N> s;
        s[N - 1] = 1;
        s[N - 2] = static_cast<std::ptrdiff_t>(g.pitch());
        if constexpr (N == 3) s[0] = s[1] * static_cast<std::ptrdiff_t>(g.extents()[1]);
        return s;
    }
};

namespace {

constexpr std::size_t n = 3, ny = 100, nx = 93;
constexpr stemfuse::stopping stop{.iterations = 10};

auto solver_of(const auto& haadf, const auto& maps) {
    return stemfuse::fusion_solver(stemfuse::haadf_model(haadf, stemfuse::haadf_response({"Sc", "Dy", "O"})),
                                   stemfuse::poisson_likelihood(maps, 0.1), stemfuse::total_variation{.iterations = 3});
}

template <std::size_t N>
lab::grid<N> to_grid(const std::vector<double>& buffer, const std::array<std::size_t, N>& extents) {
    lab::grid<N> g(extents);
    for (std::size_t k = 0; k < buffer.size(); ++k) g.numbers()[k / nx * g.pitch() + k % nx] = buffer[k];
    return g;
}

int fail(const char* what) {
    std::fprintf(stderr, "custom_array: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    const auto measured = stemfuse::acquire(stemfuse::perovskite_columns({.ny = ny, .nx = nx}));
    const auto haadf_image = stemfuse::min_max(measured.haadf);
    const auto map_stack = stemfuse::min_max_each(measured.maps);

    // (a) Buffers. The adaptors own nothing: the buffers must outlive the solver.
    const std::vector<double> haadf(haadf_image.begin(), haadf_image.end());
    const std::vector<double> maps(map_stack.begin(), map_stack.end());
    const auto haadf_before = haadf, maps_before = maps;
    const auto solver = solver_of(xt::adapt(haadf, std::array{ny, nx}), xt::adapt(maps, std::array{n, ny, nx}));
    if (solver.terms().elastic().measured().data != haadf.data()) return fail("the HAADF buffer was copied");
    if (solver.terms().chemical().measured().data != maps.data()) return fail("the buffer of the maps was copied");

    std::vector<double> fused = maps;  // the start, and then the result
    const auto report = solver.solve_in_place(xt::adapt(fused, std::array{n, ny, nx}), stop);
    std::printf("buffers:  F = %.4f -> %.4f\n", report.history.front().total, report.history.back().total);

    // (b) Our own class. Terms hold containers by value: here they hold copies of the grids.
    const auto haadf_grid = to_grid<2>(haadf, {ny, nx});
    const auto maps_grid = to_grid<3>(maps, {n, ny, nx});
    const auto grids_before = std::pair(haadf_grid, maps_grid);
    const auto grid_solver = solver_of(haadf_grid, maps_grid);
    lab::grid<3> fused_grid = maps_grid;
    const auto grid_report = grid_solver.solve_in_place(fused_grid, stop);
    lab::grid<2> projected({ny, nx});
    grid_solver.terms().elastic().project(fused_grid, projected);
    std::printf("lab::grid: F = %.4f -> %.4f, HAADF at the centre %.4f measured, %.4f re-projected\n",
                grid_report.history.front().total, grid_report.history.back().total, haadf[ny / 2 * nx + nx / 2],
                projected.numbers()[ny / 2 * projected.pitch() + nx / 2]);

    if (haadf != haadf_before || maps != maps_before) return fail("an input buffer was changed");
    if (std::pair(haadf_grid, maps_grid) != grids_before) return fail("an input grid was changed");
    if (to_grid<3>(fused, {n, ny, nx}) != fused_grid) return fail("buffers and grids gave different maps");
    if (!(report.history.back().total < report.history.front().total)) return fail("the objective did not fall");
}
