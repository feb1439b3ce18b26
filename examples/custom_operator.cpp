// A linear operator of your own: what your instrument does to the maps before it counts. Here spectra are taken in
// every third row alone, to spare the specimen; the HAADF image has all rows. An operator offers domain_shape(),
// range_shape(), apply(x, out, execution) and adjoint(y, out, execution). adjoint_mismatch says whether the second is
// the adjoint of the first, and composed_term puts any term after it; the scheme for composed terms does the rest.
// norm_bound() and non_negative() are not required: without them the norm is found by power iteration.
#include <algorithm>
#include <cstdio>
#include <vector>

#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/haadf_calibration.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/primal_dual_scheme.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/testing/properties.hpp>

namespace {

using maps_type = xt::xtensor<double, 3>;

// K: (n, n_y, n_x) -> (n, rows, n_x), the rows first, first + step, ...
class some_rows {
public:
    some_rows(const stemfuse::stack_shape& maps, std::size_t first, std::size_t step)
        : maps_(maps), first_(first), step_(step) {}

    stemfuse::stack_shape domain_shape() const { return maps_; }
    stemfuse::stack_shape range_shape() const { return {maps_[0], (maps_[1] - first_ + step_ - 1) / step_, maps_[2]}; }
    double norm_bound() const { return 1; }
    bool non_negative() const { return true; }

    template <class T>
    void apply(const stemfuse::stack_view<const T>& x, const stemfuse::stack_view<T>& out,
               const stemfuse::execution& exec) const {
        const std::size_t rows = out.shape[1];
        stemfuse::for_each_row(maps_[0] * rows, maps_[2], exec, [&](std::size_t r) {
            std::copy_n(x.row(r / rows, first_ + r % rows * step_), maps_[2], out.row(r / rows, r % rows));
        });
    }

    // A row that was not seen gets 0.
    template <class T>
    void adjoint(const stemfuse::stack_view<const T>& y, const stemfuse::stack_view<T>& out,
                 const stemfuse::execution& exec) const {
        stemfuse::for_each_row(maps_[0] * maps_[1], maps_[2], exec, [&](std::size_t r) {
            const std::size_t i = r / maps_[1], row = r % maps_[1];
            const bool seen = row >= first_ && (row - first_) % step_ == 0;
            if (seen) {
                std::copy_n(y.row(i, (row - first_) / step_), maps_[2], out.row(i, row));
            } else {
                std::fill_n(out.row(i, row), maps_[2], T(0));
            }
        });
    }

private:
    stemfuse::stack_shape maps_;
    std::size_t first_, step_;
};

double mean_nrmse(const maps_type& maps, const maps_type& truth) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.shape(0); ++i)
        sum += stemfuse::nrmse(xt::view(maps, i, xt::all(), xt::all()), xt::view(truth, i, xt::all(), xt::all()));
    return sum / static_cast<double>(truth.shape(0));
}

int fail(const char* what) {
    std::fprintf(stderr, "custom_operator: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    using namespace stemfuse;
    const double dose = 10, background = 0.1, noise = 0.02;
    const auto specimen = core_shell_particles({.ny = 96, .nx = 96, .particles = 5});
    const stack_shape shape = specimen.truth.shape();
    const some_rows third(shape, 1, 3);
    static_assert(linear_operator<some_rows, float> && linear_operator<some_rows, double>);
    std::printf("adjoint: mismatch %.1e; norm %.6f\n", adjoint_mismatch<double>(third), operator_norm<double>(third));
    if (!(adjoint_mismatch<double>(third) < 1e-12)) return fail("the adjoint is wrong");

    const auto measured = acquire(specimen, {.dose = dose, .background = background, .haadf_noise = noise});
    maps_type counts(third.range_shape()), rows_seen(shape), filled(shape);
    third.apply(as_view(std::as_const(measured.maps)), as_view(counts), {});
    third.adjoint(as_view(std::as_const(counts)), as_view(rows_seen), {});
    // The usual way: every row that was not seen is a copy of the one beside it, and taken for measured.
    for (std::size_t y = 0; y < 96; ++y)
        xt::view(filled, xt::all(), y, xt::all()) = xt::view(rows_seen, xt::all(), y / 3 * 3 + 1, xt::all());

    const maps_type start = filled / dose;
    const auto fit = calibrate_haadf(maps_type(gaussian_filter(as_view(start), 2)), measured.haadf, {.gammas = {1.6}});
    const haadf_model haadf_term(xt::xtensor<double, 2>(measured.haadf - fit.offset),
                                 haadf_response::from_weights(fit.responses, fit.gamma));
    const std::vector<double> scales(3, dose);
    const auto fuse = [&](const auto& chemical) {
        const fusion_solver solver(
            haadf_term, chemical, total_variation{}, primal_dual_scheme{},
            cost_weights{.lambda_haadf = 0.1 / (noise * noise), .lambda_chemical = 1, .lambda_tv = 2});
        return mean_nrmse(solver.solve_from(start, {.iterations = 20}).maps, specimen.truth);
    };
    const double without = fuse(count_likelihood(filled, scales, background));
    const double with = fuse(composed_term(count_likelihood(counts, scales, background), third));
    std::printf("NRMSE: %.3f rows copied, %.3f the same fused, %.3f fused with the operator\n",
                mean_nrmse(start, specimen.truth), without, with);
    if (!(with < 0.9 * without)) return fail("the operator does not help");
}
