#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/simulate/spectra.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

specimen<double> two_elements() {
    specimen<double> s{{"Ti", "O"}, xt::xtensor<double, 3>({2, 6, 5}, 1.0), xt::xtensor<double, 2>({6, 5}, 1.0)};
    xt::view(s.truth, 1) *= 0.5;
    return s;
}

}  // namespace

TEST_CASE(
    "simulated spectra: each count of a map in a channel of its element's lines, bremsstrahlung with the matter") {
    const auto sample = two_elements();
    spectral_acquisition_options options;
    options.counts = {.dose = 200, .seed = support::seed()};
    options.background = 0;
    const auto a = acquire_spectra(sample, options);
    acquisition_options counting = options.counts;
    counting.background = 0;
    const auto counted = acquire(sample, counting);
    CHECK(a.haadf == counted.haadf);
    CHECK(xt::xtensor<double, 2>(xt::sum<double>(a.spectra, {2})) ==
          xt::xtensor<double, 2>(xt::sum(counted.maps, {0})));
    CHECK(xt::allclose(xt::view(a.expected, 1), 100.0));
    // Ti K alpha, 4.51 keV, stands in the file where gain (energy + shift) is that; 50 eV are a standard deviation.
    double in_line = 0, moment = 0;
    const auto& axis = options.axis;
    for (std::size_t c = axis.first_above(4.38); c < axis.first_above(4.64); ++c) {
        const double sum = xt::sum<double>(xt::view(a.spectra, xt::all(), xt::all(), c))();
        in_line += sum;
        moment += sum * axis.centre(c);
    }
    CHECK(in_line > 3000);
    CHECK(std::abs(options.gain * (moment / in_line + options.shift) - 4.509) <= 4 * 0.05 / std::sqrt(in_line) + 0.001);

    options.background = 2;
    const double all = xt::sum<double>(acquire_spectra(sample, options).spectra)();
    const double expected = 3 * 300 * 30;  // thrice the counts in lines, 300 a pixel
    CHECK(std::abs(all - expected) <= 5 * std::sqrt(expected));
    thread_pool pool(3);
    CHECK(acquire_spectra(sample, options, pool).spectra == acquire_spectra(sample, options).spectra);
    support::check_throws<value_error>([&] { acquire_spectra(sample, {.gain = 2}); }, "gain", "2");
    auto with_lithium = sample;
    with_lithium.elements[1] = "Li";
    support::check_throws<value_error>([&] { acquire_spectra(with_lithium); }, "Li has no line");
}
