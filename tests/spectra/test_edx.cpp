// X-ray spectra: detector, sum fit, calibration, identification, filter, bins, against formulae, simulated counts of
// other shapes than the fit assumes, and the reference case of the study.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <set>

#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/spectra/binned_spectra.hpp>
#include <stemfuse/spectra/calibrate_axis.hpp>
#include <stemfuse/spectra/identify_elements.hpp>
#include <stemfuse/spectra/spectrum_model.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

double total(const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x;
    return sum;
}

// A sum spectrum that no fit of ours assumes: every line's weight is off by 5%, the axis by 8 eV and a per mille, the
// lines are broader, the continuum is Kramers' law absorbed by the specimen.
struct simulated {
    std::vector<std::string> elements{"O", "Ti", "Ba", "Cu"};
    std::vector<double> amounts{9, 3, 4, 2};
    spectrum_axis nominal{-0.2, 0.01, 1400};
    double shift = 0.008, gain = 1.001;
    edx_detector detector{.resolution = 135, .tail = 0.013};
    std::vector<double> expected;
    std::vector<std::vector<double>> shapes;

    explicit simulated(double counts, std::uint64_t seed = 3) : expected(nominal.channels) {
        const spectrum_axis axis = nominal.corrected(shift, gain);
        std::mt19937_64 random(seed);
        std::normal_distribution<double> normal(0, 0.05);
        for (std::size_t e = 0; e < elements.size(); ++e) {
            std::vector<double> shape(axis.channels);
            for (const auto& line : xray_emissions(elements[e])) {
                if (line.energy < 0.12 || line.energy > axis.edge(axis.channels)) continue;
                add_line(shape, axis, detector, line.energy,
                         line.weight * std::exp(normal(random)) * detector_efficiency(detector, line.energy));
            }
            const double sum = total(shape);
            for (std::size_t c = 0; c < shape.size(); ++c) expected[c] += amounts[e] * (shape[c] /= sum);
            shapes.push_back(std::move(shape));
        }
        double below = 0;
        std::vector<double> continuum(axis.channels);
        for (std::size_t c = 0; c < axis.channels; ++c) {
            const double e = axis.centre(c);
            if (e > 0.06)
                continuum[c] = (200 - e) / e * detector_efficiency(detector, e) * std::exp(-0.02 / (e * e * e));
            below += continuum[c];
        }
        for (std::size_t c = 0; c < axis.channels; ++c) expected[c] += 5 * continuum[c] / below;
        const double scale = counts / total(expected);
        for (double& v : expected) v *= scale;
        for (double& a : amounts) a *= scale;
    }

    std::vector<double> counts(std::uint64_t seed) const {
        std::mt19937_64 random(seed);
        std::vector<double> y;
        for (const double v : expected) y.push_back(std::poisson_distribution<int>(v + 1e-12)(random));
        return y;
    }
};

}  // namespace

TEST_CASE("detector: width, efficiency and lines") {
    edx_detector d;
    // At Mn K alpha the width is the resolution; FWHM^2 falls by 2.5 eV an eV from there.
    const double to_width = 2 * std::sqrt(2 * std::log(2.0));
    CHECK(1000 * to_width * line_sigma(d, 5.89875) == doctest::Approx(130).epsilon(1e-9));
    CHECK(1000 * to_width * line_sigma(d, 0.5249) ==
          doctest::Approx(std::sqrt(130 * 130 - 2.5 * 5373.85)).epsilon(1e-9));
    // 0.45 mm of silicon stop 98% of Cu K alpha: mu = 63 cm^2/g of photoabsorption at 8.05 keV; half as many at 20 keV.
    CHECK(detector_efficiency(d, 8.05) == doctest::Approx(1 - std::exp(-63 * 2.33 * 0.045)).epsilon(0.01));
    CHECK(detector_efficiency(d, 1.85) < detector_efficiency(d, 1.82));  // the dead layer's K edge
    CHECK(detector_efficiency({.window = detector_window::polymer}, 0.277) < 0.7 * detector_efficiency(d, 0.277));

    const spectrum_axis axis{0, 0.01, 1000};
    std::vector<double> line(axis.channels);
    add_line(line, axis, d, 5.003, 1000);
    double mean = 0, half = 0;
    for (std::size_t c = 0; c < line.size(); ++c) mean += line[c] * axis.centre(c) / 1000;
    const double peak = *std::max_element(line.begin(), line.end());
    for (const double v : line) half += v > peak / 2 ? axis.step : 0;
    CHECK(total(line) == doctest::Approx(1000).epsilon(1e-3));
    const double tail = d.tail * (1 + 1.5 * std::exp(-5.003));
    CHECK(mean == doctest::Approx(5.003 - tail * (0.06 + 0.008 * 5.003)).epsilon(1e-4));
    CHECK(half == doctest::Approx(to_width * line_sigma(d, 5.003)).epsilon(0.1));

    support::check_throws<value_error>([] { require_detector({.resolution = 50}); }, "resolution", "50");
    support::check_throws<value_error>([] { xray_emissions("Xx"); }, "elements");
    CHECK(xray_emissions("H").empty());
    CHECK(xray_emissions("U", 10).size() < xray_emissions("U", 200).size());  // no K lines by a beam of 10 keV
}

TEST_CASE("a model of a sum spectrum: all elements, or those asked for and what is there besides, with notes") {
    const simulated s(60000);
    const auto y = s.counts(5);
    const auto all = model_spectrum(y, s.nominal);
    CHECK(std::set<std::string>(all.signatures.elements.begin(), all.signatures.elements.end()) ==
          std::set<std::string>{"O", "Ti", "Ba", "Cu"});
    CHECK(all.wanted == 4);
    CHECK(all.calibration.found);
    for (std::size_t i = 0; i < 4; ++i) {
        const auto e = std::find(s.elements.begin(), s.elements.end(), all.signatures.elements[i]) - s.elements.begin();
        const double truth = s.amounts[static_cast<std::size_t>(e)];
        CHECK(std::abs(all.signatures.counts[i] - truth) <= 5 * all.errors[i] + 0.1 * truth);
    }
    const auto noted = [](const spectrum_model& m, spectrum_note::kind what, const std::string& element) {
        return std::any_of(m.notes.begin(), m.notes.end(),
                           [&](const auto& n) { return n.what == what && n.element == element; });
    };
    const auto some = model_spectrum(y, s.nominal, {.elements = {"Ti", "Ag"}});
    CHECK(some.wanted == 2);
    CHECK(some.signatures.elements[0] == "Ti");
    CHECK(some.signatures.elements.size() == 5);
    CHECK(noted(some, spectrum_note::kind::left_over, "Ba"));
    CHECK(noted(some, spectrum_note::kind::not_established, "Ag"));
    CHECK(!noted(some, spectrum_note::kind::not_established, "Ti"));
    // Without Cu a peak is left at 8.04 keV.
    const auto without = fit_sum_spectrum(y, s.nominal.corrected(s.shift, s.gain), {"O", "Ti", "Ba"}, s.detector);
    const auto peaks = detail::unexplained_peaks(y, without);
    REQUIRE(!peaks.empty());
    CHECK(std::abs(peaks[0].at - 8.04) < 0.05);
    for (const auto& n : some.notes) CHECK(!in_words(n).empty());
    support::check_throws<value_error>([&] { model_spectrum(std::vector<double>(s.nominal.channels, 0.0), s.nominal); },
                                       "elements", "none");
}

TEST_CASE("calibration finds offset, gain and width within their errors, and the sum fit the amounts") {
    const simulated s(60000);
    const auto y = s.counts(7);
    const auto found = calibrate_axis(y, s.nominal, s.elements, {});
    REQUIRE(found.found);
    CHECK(std::abs(found.shift - s.shift) <= 0.001);
    CHECK(std::abs(found.gain - s.gain) <= 1e-3);
    CHECK(std::abs(found.resolution - s.detector.resolution) <= 1.5);
    edx_detector detector;
    detector.resolution = found.resolution;
    const auto fit = fit_sum_spectrum(y, s.nominal.corrected(found.shift, found.gain), s.elements, detector);
    CHECK(fit.deviance < 1.3);
    for (std::size_t e = 0; e < s.elements.size(); ++e) {
        CAPTURE(s.elements[e]);
        double below = 0;  // what lies under the first channel that is used
        for (std::size_t c = fit.first; c < s.nominal.channels; ++c) below += s.shapes[e][c];
        CHECK(fit.counts[e] == doctest::Approx(s.amounts[e] * below).epsilon(0.04));
        double differs = 0;
        for (std::size_t c = fit.first; c < s.nominal.channels; ++c)
            differs += std::abs(fit.shapes(e, c) - s.shapes[e][c] / below);
        CHECK(differs < 0.15);
    }
    // A spectrum of nothing, and one of few counts, keep the nominal axis.
    const auto nothing = calibrate_axis(std::vector<double>(s.nominal.channels), s.nominal, s.elements, {});
    CHECK(!nothing.found);
    CHECK(nothing.gain == 1);
}

TEST_CASE("identification finds the elements, and no others") {
    for (const double counts : {2e4, 2e5}) {
        const simulated s(counts);
        const auto y = s.counts(11);
        const auto axis = s.nominal.corrected(s.shift, s.gain);
        std::set<std::string> symbols;
        for (const auto& e : identify_elements(y, axis, s.detector)) {
            symbols.insert(e.symbol);
            CHECK(e.significance >= 25);
        }
        CHECK(symbols == std::set<std::string>(s.elements.begin(), s.elements.end()));
    }
    const spectrum_axis axis{0, 0.01, 1000};
    CHECK(identify_elements(std::vector<double>(1000), axis, {}).empty());
    CHECK(identify_elements(std::vector<double>(1000, 3.0), axis, {}).size() <= 1);
}

TEST_CASE("the filter is unbiased for every mixture, and its errors are those of Poisson counts") {
    const simulated s(50000);
    const auto y = s.counts(5);
    const auto axis = s.nominal.corrected(s.shift, s.gain);
    const auto fit = fit_sum_spectrum(y, axis, s.elements, s.detector);
    const spectrum_filter filter(fit);
    for (std::size_t i = 0; i < filter.size(); ++i) {
        for (std::size_t j = 0; j < filter.size(); ++j) {
            double sum = 0;
            for (std::size_t c = fit.first; c < axis.channels; ++c) sum += filter.weight(i, c) * fit.shapes(j, c);
            CHECK(std::abs(sum - (i == j ? 1 : 0)) <= 1e-9);
        }
    }
    CHECK(s.elements[filter.partner(1)] == "Ba");  // Ti K alpha and Ba L alpha are 45 eV apart
    CHECK(filter.overlap(1) > 1.1);
    CHECK(filter.overlap(3) < 1.1);
    // Pixels of one mixture: the spread of the amounts is the predicted one.
    const std::vector<double> amounts{4, 2, 5, 1, 3};
    std::vector<double> rates(axis.channels);
    for (std::size_t i = 0; i < amounts.size(); ++i) {
        for (std::size_t c = 0; c < axis.channels; ++c) rates[c] += amounts[i] * fit.shapes(i, c);
    }
    const auto covariance = filter.covariance(rates);
    std::mt19937_64 random(3);
    std::vector<double> mean(5), square(5);
    const int pixels = 3000;
    for (int p = 0; p < pixels; ++p) {
        std::vector<double> found(5);
        for (std::size_t c = fit.first; c < axis.channels; ++c) {
            if (rates[c] < 1e-12) continue;
            const int n = std::poisson_distribution<int>(rates[c])(random);
            for (std::size_t i = 0; n > 0 && i < 5; ++i) found[i] += n * filter.weight(i, c);
        }
        for (std::size_t i = 0; i < 5; ++i) {
            mean[i] += found[i] / pixels;
            square[i] += found[i] * found[i] / pixels;
        }
    }
    for (std::size_t i = 0; i < 5; ++i) {
        CAPTURE(i);
        const double deviation = std::sqrt(covariance(i, i));
        CHECK(std::abs(mean[i] - amounts[i]) <= 4 * deviation / std::sqrt(pixels));
        CHECK(std::sqrt(square[i] - mean[i] * mean[i]) == doctest::Approx(deviation).epsilon(0.06));
        double by_rows = 0;
        for (std::size_t j = 0; j < 5; ++j) by_rows += amounts[j] * filter.covariance_by(j)(i, i);
        CHECK(by_rows == doctest::Approx(covariance(i, i)).epsilon(1e-9));
    }
}

TEST_CASE("bins keep every count and most of the information") {
    const simulated s(50000);
    const auto axis = s.nominal.corrected(s.shift, s.gain);
    const auto fit = fit_sum_spectrum(s.counts(5), axis, s.elements, s.detector);
    for (const std::size_t n : {std::size_t{1}, std::size_t{8}, std::size_t{32}, std::size_t{2000}}) {
        CAPTURE(n);
        const auto bins = bin_channels(fit, n);
        CHECK(bins.size() <= std::min<std::size_t>(n, axis.channels - fit.first));
        for (std::size_t i = 0; i < bins.shapes.rows(); ++i) {
            double sum = 0;
            for (std::size_t k = 0; k < bins.size(); ++k) sum += bins.shapes(i, k);
            CHECK(sum == doctest::Approx(1).epsilon(1e-9));
            if (n >= 32) CHECK(bins.kept[i] > 0.93);
            if (n == 2000) CHECK(bins.kept[i] == doctest::Approx(1).epsilon(1e-6));
            CHECK(bins.kept[i] < 1 + 1e-6);
        }
    }
    // The binner loses no count, and its filtered maps are the filter's sums.
    spectrum_binner<double> binner(fit, {2, 3}, 16);
    const auto y = s.counts(9);
    binner.add_spectrum(1, 2, y);
    binner.add(0, 0, 700, 3);
    double expected = 0;
    for (std::size_t c = fit.first; c < axis.channels; ++c) expected += y[c] * binner.filter().weight(1, c);
    const auto collected = std::move(binner).result();
    double used = 3;
    for (std::size_t c = fit.first; c < axis.channels; ++c) used += y[c];
    CHECK(xt::sum(collected.counts)() == doctest::Approx(used));
    CHECK(collected.filtered(1, 1, 2) == doctest::Approx(expected));
}

TEST_CASE("the study's reference case: axis, filter maps and their errors") {
    const std::filesystem::path path = STEMFUSE_SHARED_DIR "/reference/spectra/reference/edx_ti_ba_dose5.npz";
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: no ", path.string());
        return;
    }
    const io::npz_reader file(path);
    const auto shape = file.read<double, 1>("shape");
    const auto index = file.read<double, 1>("index"), value = file.read<double, 1>("value");
    const auto energy = file.read<double, 1>("energy"), true_axis = file.read<double, 1>("true_axis");
    const auto truth = file.read<double, 3>("truth");
    const auto shapes = file.read<double, 2>("true_shapes");
    const std::size_t channels = static_cast<std::size_t>(shape(2)),
                      pixels = static_cast<std::size_t>(shape(0) * shape(1));
    std::vector<double> sum(channels);
    for (std::size_t k = 0; k < index.size(); ++k) sum[static_cast<std::size_t>(index(k)) % channels] += value(k);

    const std::vector<std::string> elements{"Ti", "Ba", "Sr", "O", "Cu", "C"};
    const spectrum_axis nominal{energy(0), energy(1), channels};
    const auto found = calibrate_axis(sum, nominal, elements, {});
    REQUIRE(found.found);
    CHECK(std::abs(found.shift - true_axis(0)) <= 0.001);
    CHECK(std::abs(found.gain - true_axis(1)) <= 1e-3);
    CHECK(std::abs(found.resolution - 1000 * true_axis(2)) <= 1);
    edx_detector detector;
    detector.resolution = found.resolution;
    const auto fit = fit_sum_spectrum(sum, nominal.corrected(found.shift, found.gain), elements, detector);
    const spectrum_filter filter(fit);
    xt::xtensor<double, 2> maps = xt::zeros<double>({elements.size(), pixels}), variance = maps;
    for (std::size_t k = 0; k < index.size(); ++k) {
        const auto at = static_cast<std::size_t>(index(k)), c = at % channels;
        for (std::size_t i = 0; i < elements.size(); ++i) {
            maps(i, at / channels) += value(k) * filter.weight(i, c);
            variance(i, at / channels) += value(k) * filter.weight(i, c) * filter.weight(i, c);
        }
    }
    for (std::size_t i = 0; i < elements.size(); ++i) {
        CAPTURE(elements[i]);
        double used = 0;
        for (std::size_t c = fit.first; c < channels; ++c) used += shapes(i, c);
        double error = 0, predicted = 0, bias = 0, all = 0;
        for (std::size_t p = 0; p < pixels; ++p) {
            const double expected = truth.data()[i * pixels + p] * used;
            error += std::pow(maps(i, p) - expected, 2);
            predicted += variance(i, p);
            bias += maps(i, p) - expected;
            all += expected;
        }
        CHECK(std::sqrt(error / predicted) == doctest::Approx(1).epsilon(0.1));  // z
        CHECK(std::abs(bias) <= 0.06 * all);
    }
}
