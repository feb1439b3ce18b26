// Loss spectra: cross-sections against tabulated values, the fit of the sum and the filter against the study's case,
// and the fusion of its maps.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/recipes/losses.hpp>
#include <stemfuse/spectra/crop_losses.hpp>
#include <stemfuse/spectra/loss_signatures.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("hydrogenic edges: values of an independent program at 200 kV and 10 mrad") {
    // d sigma / dE in cm^2/eV, from the study's tables.
    const auto check = [](const char* element, double above, double expected) {
        const auto edge = *eels_edge_of(element);
        CAPTURE(element);
        CHECK(edge_cross_section(edge, edge.onset + above, {200, 0.010}) == doctest::Approx(expected).epsilon(2e-3));
    };
    check("C", 5, 8.3635e-23);
    check("C", 150, 1.6917e-23);
    check("O", 50, 1.3381e-23);
    check("Ti", 5, 1.2023e-22);
    check("Ti", 150, 4.7052e-23);
    check("Fe", 50, 2.9515e-23);
    CHECK(edge_cross_section(*eels_edge_of("O"), 531, {}) == 0);
    CHECK(!eels_edge_of("Au"));
    support::check_throws<value_error>([] { eels_edge_of("Qq"); }, "elements");
    support::check_throws<value_error>([] { edge_cross_section(*eels_edge_of("O"), 600, {200, 0.5}); },
                                       "collection_angle");
}

TEST_CASE("loss spectra: what is refused") {
    const spectrum_axis axis{400, 1, 300};
    const std::vector<double> counts(300, 100.0);
    support::check_throws<value_error>([&] { fit_loss_spectrum(counts, axis, {"Au"}, {}); }, "Au");
    support::check_throws<value_error>([&] { fit_loss_spectrum(counts, axis, {"Fe"}, {}); }, "Fe", "708");
    support::check_throws<value_error>([&] { fit_loss_spectrum(counts, axis, {}, {}); }, "elements");
    support::check_throws<shape_error>([&] { fit_loss_spectrum({1, 2}, axis, {"O"}, {}); }, "counts", "300");
    // A spectrum without the edge has its theory's shape and no counts to speak of.
    std::vector<double> power;
    for (std::size_t c = 0; c < 300; ++c) power.push_back(1e5 * std::pow(axis.centre(c) / 400, -3.0));
    const auto s = fit_loss_spectrum(power, axis, {"O"}, {});
    CHECK(s.counts[0] < 1e-3 * s.counts[1]);
    // A plasmon far below the edge is no power of the energy: from 0.7 times the onset on it does not count.
    const spectrum_axis long_axis{20, 1, 680};
    std::vector<double> with_plasmon;
    for (std::size_t c = 0; c < 680; ++c) {
        const double e = long_axis.centre(c);
        with_plasmon.push_back(1e5 * std::pow(e / 400, -3.0) + 1e9 * std::exp(-std::pow((e - 40) / 10, 2)));
    }
    const auto cropped = fit_cropped_losses(with_plasmon, long_axis, {"O"}, {});
    CHECK(cropped.axis.channels == 680);
    CHECK(cropped.first == 353);
    CHECK(cropped.shapes(0, 352) == 0);
    CHECK(cropped.shapes(1, 352) == 0);
    CHECK(cropped.model[600] == doctest::Approx(with_plasmon[600]).epsilon(1e-3));
    CHECK(cropped.counts[0] < 1e-3 * cropped.counts[1]);
}

TEST_CASE("the study's loss spectra: maps right within a fifth, and fused nearer to the truth in every element") {
    const std::filesystem::path path = STEMFUSE_SHARED_DIR "/reference/spectra/reference/eels_o_mn_fe_dose200.npz";
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: no ", path.string());
        return;
    }
    const io::npz_reader file(path);
    const auto counts = file.read<float, 3>("counts");
    const auto energy = file.read<double, 1>("energy"), low = file.read<double, 1>("low_loss");
    const auto truth = file.read<float, 3>("truth");
    const auto haadf = file.read<float, 2>("haadf");
    const std::size_t ny = counts.shape(0), nx = counts.shape(1), channels = counts.shape(2);
    const std::vector<std::string> elements{"O", "Mn", "Fe", "Co"};
    std::vector<double> sum(channels);
    for (std::size_t k = 0; k < counts.size(); ++k) sum[k % channels] += static_cast<double>(counts.data()[k]);
    // Stored around no loss: the losses first, gains last.
    low_loss_spectrum low_loss;
    low_loss.zero = 30;
    for (std::size_t k = 0; k < 330; ++k)
        low_loss.values.push_back(std::max(0.0, low(k < 30 ? low.size() - 30 + k : k - 30)));
    const auto s = fit_loss_spectrum(sum, {energy(0), energy(1), channels}, elements, {200, 0.02}, low_loss);
    CHECK(s.deviance < 1.5);
    const spectrum_filter filter(s);
    xt::xtensor<float, 3> maps = xt::zeros<float>({filter.size(), ny, nx});
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            for (std::size_t i = 0; i < filter.size(); ++i) {
                double amount = 0;
                for (std::size_t c = 0; c < channels; ++c)
                    amount += filter.weight(i, c) * static_cast<double>(counts(y, x, c));
                maps(i, y, x) = static_cast<float>(amount);
            }
        }
    }
    // Poisson counts vary as much as they are; counts of a gain of 3 thrice as much.
    const double factor = loss_noise_factor(maps, filter);
    CHECK(std::abs(factor - 1) < 0.25);
    CHECK(loss_noise_factor(xt::xtensor<float, 3>(3 * maps), filter) == doctest::Approx(3 * factor).epsilon(1e-4));
    const auto losses = with_covariance(maps, filter);
    const auto fused = fuse_losses(losses, haadf);
    thread_pool pool(2);
    CHECK(fuse_losses(losses, haadf, loss_fusion_options(), pool).maps == fused.maps);
    const auto distance = [&](const auto& of, std::size_t i) {
        double error = 0, norm = 0;
        for (std::size_t p = 0; p < ny * nx; ++p) {
            const double t = static_cast<double>(truth.data()[i * ny * nx + p]);
            error += std::pow(static_cast<double>(of.data()[i * ny * nx + p]) - t, 2);
            norm += t * t;
        }
        return std::sqrt(error / norm);
    };
    double z = 0;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        CAPTURE(elements[i]);
        const double total = xt::sum<double>(xt::view(truth, i))();
        CHECK(std::abs(xt::sum<double>(xt::view(maps, i))() / total - 1) < 0.2);
        CHECK(distance(fused.maps, i) < 0.9 * distance(maps, i));
        for (std::size_t p = 0; p < ny * nx; ++p) {
            const double error = static_cast<double>(maps.data()[i * ny * nx + p] - truth.data()[i * ny * nx + p]);
            z += error * error / static_cast<double>(losses.covariance.data()[(i * (i + 1) / 2 + i) * ny * nx + p]) /
                 static_cast<double>(4 * ny * nx);
        }
    }
    CHECK(std::sqrt(z) < 1.4);  // errors as predicted, but for what shapes that vary from pixel to pixel add
    CHECK(std::sqrt(z) > 0.8);
}
