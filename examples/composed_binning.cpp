// Maps that are coarser than the image: the spectra were taken at every second pixel along y and x, each over the area
// of 2 x 2 pixels of the image, since they take longer. A likelihood after a binning says so, and the maps come out on
// the image's grid: composed_term(likelihood, binning(shape, {2, 2})). Beside it stands what is done without: every
// count spread over its 2 x 2 pixels, fused on the image's grid; and maps and image both on the coarse grid, fused,
// then spread. All are given their best smoothing of three.
#include <algorithm>
#include <cstdio>
#include <vector>

#include <stemfuse/operators/binning.hpp>
#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/haadf_calibration.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/perovskite_columns.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/primal_dual_scheme.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>

namespace {

using maps_type = xt::xtensor<double, 3>;
using image_type = xt::xtensor<double, 2>;

constexpr double dose = 60, background = 0.1, noise = 0.02;  // counts in a pixel of the image

double mean_nrmse(const maps_type& maps, const maps_type& truth) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.shape(0); ++i)
        sum += stemfuse::nrmse(xt::view(maps, i, xt::all(), xt::all()), xt::view(truth, i, xt::all(), xt::all()));
    return sum / static_cast<double>(truth.shape(0));
}

// The lowest error of three smoothing strengths; `spread` brings the maps to the truth's grid.
double best_error(const auto& haadf_term, const auto& chemical, const maps_type& start, const maps_type& truth,
                  const auto& spread) {
    double best = 1;
    for (const double smoothing : {1.0, 3.0, 9.0}) {
        const stemfuse::fusion_solver solver(
            haadf_term, chemical, stemfuse::total_variation{}, stemfuse::primal_dual_scheme{},
            stemfuse::cost_weights{
                .lambda_haadf = 0.1 / (noise * noise), .lambda_chemical = 1, .lambda_tv = smoothing});
        best = std::min(best, mean_nrmse(spread(solver.solve_from(start, {.iterations = 12}).maps), truth));
    }
    return best;
}

int fail(const char* what) {
    std::fprintf(stderr, "composed_binning: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    using namespace stemfuse;
    const auto specimen = perovskite_columns({.ny = 96, .nx = 96});
    const stack_shape shape = specimen.truth.shape();
    const binning sums(shape, {2, 2}), means(shape, {2, 2}, binned::mean),
        image_means({1, 96, 96}, {2, 2}, binned::mean);
    const auto spread = [&](const maps_type& coarse) {
        maps_type fine(shape);
        sums.adjoint(coarse, fine);
        return fine;
    };
    const auto as_is = [](const maps_type& maps) { return maps; };

    std::printf("NRMSE    measured   counts spread   both coarse   with the operator\n");
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
        const auto measured =
            acquire(specimen, {.dose = dose, .background = background, .haadf_noise = noise, .seed = seed});
        maps_type counts(sums.range_shape());
        sums.apply(measured.maps, counts);
        const maps_type coarse_start = counts / (4 * dose), start = spread(coarse_start), quarter = spread(counts) / 4;

        const auto fit = calibrate_haadf(start, measured.haadf, {.gammas = {1.6}});
        const auto response = haadf_response::from_weights(fit.responses, fit.gamma);
        const image_type image = measured.haadf - fit.offset;
        const haadf_model haadf_term(image, response);
        maps_type coarse_image({1, 48, 48});
        image_means.apply(maps_type(xt::view(image, xt::newaxis(), xt::all(), xt::all())), coarse_image);
        const haadf_model coarse_haadf(image_type(xt::view(coarse_image, 0, xt::all(), xt::all())), response);

        const std::vector<double> per_pixel(3, dose), per_block(3, 4 * dose);
        const composed_term counts_of_blocks(count_likelihood(counts, per_pixel, 4 * background), sums);
        const count_likelihood spread_counts(quarter, per_pixel, background);
        const count_likelihood coarse_counts(counts, per_block, 4 * background);

        const double spread_error = best_error(haadf_term, spread_counts, start, specimen.truth, as_is);
        const double coarse_error = best_error(coarse_haadf, coarse_counts, coarse_start, specimen.truth, spread);
        const double with = best_error(haadf_term, counts_of_blocks, start, specimen.truth, as_is);
        std::printf("seed %d   %.3f      %.3f           %.3f         %.3f\n", static_cast<int>(seed),
                    mean_nrmse(start, specimen.truth), spread_error, coarse_error, with);
        if (!(with < 0.9 * std::min(spread_error, coarse_error))) return fail("the operator does not help");
    }
}
