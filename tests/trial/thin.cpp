// Every scheme and recipe on images that are thinner than the threads are many, on 1 to 64 threads: one result a shape.
// Meant to be built with sanitizers, see README.md. Prints what ran; exit code 1 where two results differ.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/thread_pool.hpp>
#include <stemfuse/operators/binning.hpp>
#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/recipes/losses.hpp>
#include <stemfuse/recipes/published.hpp>
#include <stemfuse/recipes/spectra.hpp>
#include <stemfuse/recipes/tomography.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/primal_dual_scheme.hpp>
#include <stemfuse/solvers/published_scheme.hpp>
#include <stemfuse/spectra/loss_signatures.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

using namespace stemfuse;

namespace {

std::size_t runs = 0, refused = 0, different = 0;

// f(execution) -> maps, on one thread and on others.
template <class F>
void compare(const std::string& name, const std::array<std::size_t, 3>& shape, F&& f) {
    using maps_type = decltype(f(execution()));
    maps_type serial;
    std::string why;
    try {
        serial = f(execution());
    } catch (const error& e) {
        why = e.what();
    }
    for (const std::size_t threads : std::vector<std::size_t>{2, 3, 7, 16, 64}) {
        thread_pool pool(threads);
        ++runs;
        try {
            const auto maps = f(execution(pool));
            if (!why.empty() || maps != serial) {
                ++different;
                std::printf("DIFFERENT %s %s on %zu threads\n", name.c_str(), to_string(shape).c_str(), threads);
            }
        } catch (const error& e) {
            ++refused;
            if (why != e.what()) {
                ++different;
                std::printf("DIFFERENT %s %s on %zu threads: %s\n", name.c_str(), to_string(shape).c_str(), threads,
                            e.what());
            }
        }
    }
    if (!why.empty()) std::printf("refused: %s %s: %s\n", name.c_str(), to_string(shape).c_str(), why.c_str());
}

struct measurement {
    xt::xtensor<float, 2> haadf;
    xt::xtensor<float, 3> maps;  // counts

    explicit measurement(const stack_shape& shape) : haadf({shape[1], shape[2]}), maps(shape) {
        random_stream random(7, 1);
        for (std::size_t p = 0; p < haadf.size(); ++p) {
            const bool bright = p / 9 % 3 == 0;
            haadf.data()[p] = static_cast<float>((bright ? 1 : 0.3) + 0.05 * random.uniform());
            for (std::size_t i = 0; i < shape[0]; ++i) {
                const double rate = bright == (i % 2 == 0) ? 5 : 1;
                maps.data()[i * haadf.size() + p] = static_cast<float>(std::floor(rate * 2 * random.uniform()));
            }
        }
    }
};

template <class Prior, class Scheme>
void solve(const char* name, const stack_shape& shape, Prior prior, Scheme scheme) {
    const measurement m(shape);
    const auto response = haadf_response::from_weights(std::vector(shape[0], 1.0));
    const fusion_solver solver(haadf_model(m.haadf, response), poisson_likelihood(m.maps, 0.2), prior, scheme,
                               {.lambda_tv = 0.05});
    compare(name, shape, [&](const execution& exec) { return solver.solve({.iterations = 3}, exec).maps; });
}

void schemes(const stack_shape& shape) {
    using joint = structured_total_variation<coupling::joint, float>;
    solve("published", shape, total_variation{.iterations = 3}, published_scheme{});
    solve("published, joint", shape, joint{.iterations = 3}, published_scheme{});
    solve("convergent", shape, total_variation{}, convergent_scheme{.sweeps = 3});
    solve("convergent, joint", shape, joint{}, convergent_scheme{.sweeps = 3});
    solve("primal-dual", shape, total_variation{}, primal_dual_scheme{.sweeps = 3});
    const measurement m(shape);
    const auto response = haadf_response::from_weights(std::vector(shape[0], 1.0), 1);
    const fusion_solver blurred(haadf_model(m.haadf, response),
                                composed_term(poisson_likelihood(m.maps, 0.2), gaussian_blur(shape, 1.2)),
                                total_variation{}, primal_dual_scheme{.sweeps = 3}, {.lambda_tv = 0.05});
    compare("primal-dual, blurred", shape,
            [&](const execution& exec) { return blurred.solve_from(m.maps, {.iterations = 3}, exec).maps; });
}

void spectra(const stack_shape& shape) {
    const spectrum_axis axis{-0.2, 0.02, 400};
    const auto signatures = fit_sum_spectrum(std::vector<double>(axis.channels, 40.0), axis, {"Ti", "Ba"}, {});
    const measurement m({2, shape[1], shape[2]});
    spectrum_binner<float> binner(signatures, {shape[1], shape[2]}, 24);
    for (std::size_t p = 0; p < m.haadf.size(); ++p) {
        for (std::size_t k = 0; k < 30; ++k)
            binner.add(p / shape[2], p % shape[2], signatures.first + (p * 31 + k * 17) % 200, 1);
    }
    const auto measured = std::move(binner).result();
    compare("fuse_spectra", shape, [&](const execution& exec) {
        return fuse_spectra(
                   measured, m.haadf,
                   {.smoothings = {6}, .haadf_weights = {0.3}, .gammas = {1}, .haadf_noise = 0.05, .iterations = 2},
                   exec)
            .maps;
    });
}

void losses(const stack_shape& shape) {
    const spectrum_axis axis{400, 1, 400};
    const auto signatures = fit_loss_spectrum(std::vector<double>(axis.channels, 40.0), axis, {"O", "Mn"}, {200, 0.02});
    const spectrum_filter filter(signatures);
    const measurement m({filter.size(), shape[1], shape[2]});
    const auto measured = with_covariance(m.maps, filter);
    compare("fuse_losses", shape, [&](const execution& exec) {
        auto options = loss_fusion_options();
        options.smoothings = {6}, options.haadf_weights = {0.3}, options.gammas = {1}, options.iterations = 2;
        options.haadf_noise = 0.05;
        return fuse_losses(measured, m.haadf, options, exec).maps;
    });
}

void recipes(const stack_shape& shape) {
    const measurement m(shape);
    const std::vector<std::string> elements{"Co", "Mn"};
    compare("fuse_published", shape, [&](const execution& exec) {
        return fuse_published(m.haadf, m.maps, {.elements = elements, .iterations = 3}, exec).maps;
    });
    for (const bool averaging : {false, true}) {
        compare(averaging ? "fuse_measured_counts, averages" : "fuse_measured_counts", shape,
                [&](const execution& exec) {
                    return fuse_measured_counts(m.haadf, m.maps,
                                                {.elements = elements, .lambda_tv = 3.0, .averaging = averaging}, exec)
                        .maps;
                });
    }
    spectra(shape);
    losses(shape);
}

void tomography(std::size_t bins, std::size_t slices) {
    const std::vector<double> angles{-0.9, -0.3, 0.2, 0.8};
    const std::size_t rows = angles.size() * bins;
    const measurement m({2, rows, slices});
    tilt_measurement<float> t{{"Co", "Mn"}, bins, xt::xtensor<float, 3>({1, rows, slices}), m.maps, angles, angles,
                              {},           {}};
    std::copy(m.haadf.begin(), m.haadf.end(), t.haadf.begin());
    for (const auto coupling : {variation_coupling::joint, variation_coupling::separate}) {
        compare("fuse_tilt_series", {2, bins, slices}, [&](const execution& exec) {
            tomography_options options{.iterations = 4};
            options.coupling = coupling;
            return fuse_tilt_series(t, options, exec).maps;
        });
    }
}

}  // namespace

int main(int count, char** arguments) try {
    const std::string part = count > 1 ? arguments[1] : "all";
    if (part == "all" || part == "schemes") {
        for (const stack_shape& shape : {stack_shape{1, 1, 9000},
                                         {2, 1, 5000},
                                         {2, 2, 3000},
                                         {1, 3, 3000},
                                         {2, 7, 700},
                                         {1, 9000, 1},
                                         {2, 4500, 1},
                                         {2, 40, 130},
                                         {1, 1, 1},
                                         {3, 1, 2},
                                         {2, 63, 70}})
            schemes(shape);
    }
    if (part == "all" || part == "recipes") {
        for (const stack_shape& shape :
             {stack_shape{2, 1, 600}, {2, 600, 1}, {2, 2, 300}, {2, 3, 200}, {2, 24, 40}, {2, 5, 5}})
            recipes(shape);
    }
    if (part == "all" || part == "tomography") {
        for (const auto& [bins, slices] :
             {std::pair<std::size_t, std::size_t>{2, 1}, {3, 1}, {24, 1}, {2, 60}, {9, 17}})
            tomography(bins, slices);
    }
    std::printf("%zu runs on 2 to 64 threads against one: %zu different, %zu refused alike\n", runs, different,
                refused);
    return different == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception& e) {
    std::fprintf(stderr, "thin: %s\n", e.what());
    return EXIT_FAILURE;
}
