// The measurement of a specimen as X-ray spectra of every pixel, with known truth.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/elements/xray_emissions.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/spectra/edx_detector.hpp>
#include <stemfuse/spectra/spectrum_axis.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How spectra are measured: detector and axis differ a little from what a file would say, and lines from their tables,
/// as they do in practice.
struct spectral_acquisition_options {
    acquisition_options counts{};          ///< dose is that of all lines of an element together; background is not used
    spectrum_axis axis{-0.2, 0.01, 2048};  ///< as a file says, keV
    double shift = 0.006;                  ///< true energies are gain (energy + shift), keV
    double gain = 1.0005;                  ///< see shift
    edx_detector detector{.resolution = 134, .tail = 0.012};  ///< the true one
    double line_spread = 0.05;  ///< standard deviation of the weights of lines about their tables, relative
    double background = 0.5;    ///< counts of bremsstrahlung for a count in lines, which goes with the matter
};

/// Spectra of a specimen, and what a detector would count of each element.
template <scalar T>
struct spectral_acquisition {
    std::vector<std::string> elements;      ///< n symbols
    xt::xtensor<T, 2> haadf;                ///< (n_y, n_x), as acquire() has it
    xt::xtensor<std::uint16_t, 3> spectra;  ///< (n_y, n_x, n_channels), counts
    xt::xtensor<T, 3> expected;             ///< (n, n_y, n_x), mean counts of each element in all its lines
};

namespace detail {

// Running sums of a shape over the channels, from 0 to 1; all 0 where it has no counts on the axis.
inline std::vector<double> cumulated(std::vector<double> shape) {
    double sum = 0;
    for (double& v : shape) v = sum += std::max(v, 0.0);
    for (double& v : shape) v = sum > 0 ? v / sum : 0;
    return shape;
}

inline std::vector<double> true_lines(const std::string& element, const spectrum_axis& axis,
                                      const spectral_acquisition_options& o) {
    std::vector<double> shape(axis.channels);
    random_stream random(1, stream_of(element) + 3);  // the same lines whatever the noise
    for (const auto& line : xray_emissions(element, o.detector.beam_energy)) {
        const double weight = line.weight * std::exp(o.line_spread * random.normal());
        if (line.energy > 0.15 && line.energy < axis.edge(axis.channels) - 0.05)
            add_line(shape, axis, o.detector, line.energy, weight * detector_efficiency(o.detector, line.energy));
    }
    return shape;
}

// Kramers' law as a detector counts it, absorbed by the specimen below 1 keV.
inline std::vector<double> true_bremsstrahlung(const spectrum_axis& axis, const spectral_acquisition_options& o) {
    std::vector<double> shape(axis.channels);
    for (std::size_t c = 0; c < axis.channels; ++c) {
        const double e = axis.centre(c);
        if (e > 0.1 && e < o.detector.beam_energy)
            shape[c] =
                (o.detector.beam_energy - e) / e * detector_efficiency(o.detector, e) * std::exp(-0.02 / (e * e * e));
    }
    return shape;
}

}  // namespace detail

/// Draws spectra: the counts of every element are those of acquire() without background, each in a channel by the shape
/// of the element's lines; counts of bremsstrahlung go with the sum of all elements. A count depends on the seed, the
/// element and the pixel alone. Lines below 0.15 keV and beyond the axis are not counted. Throws what acquire() throws,
/// value_error for an axis and a detector out of range, for a gain outside [0.9, 1.1], a shift outside [-0.5, 0.5], a
/// spread outside [0, 1], a background outside [0, 1000], and an element without a line on the axis.
template <scalar T>
spectral_acquisition<T> acquire_spectra(const specimen<T>& sample, const spectral_acquisition_options& options = {},
                                        const execution& exec = {}) {
    require_axis(options.axis);
    require_detector(options.detector);
    require_in_range(options.gain, 0.9, 1.1, "gain");
    require_in_range(options.shift, -0.5, 0.5, "shift");
    require_in_range(options.line_spread, 0, 1, "line_spread");
    require_in_range(options.background, 0, 1000, "background");
    acquisition_options counting = options.counts;
    counting.background = 0;
    counting.backgrounds.clear();
    const auto counted = acquire(sample, counting, exec);
    const spectrum_axis axis = options.axis.corrected(options.shift, options.gain);
    const std::size_t n = sample.elements.size(), ny = counted.haadf.shape(0), nx = counted.haadf.shape(1);
    std::vector<std::vector<double>> shapes;
    for (const std::string& e : sample.elements) {
        shapes.push_back(detail::cumulated(detail::true_lines(e, axis, options)));
        if (shapes.back().back() == 0) throw value_error("elements", e + " has no line on the axis of the spectra");
    }
    shapes.push_back(detail::cumulated(detail::true_bremsstrahlung(axis, options)));
    spectral_acquisition<T> out{sample.elements, counted.haadf,
                                xt::xtensor<std::uint16_t, 3>({ny, nx, axis.channels}, std::uint16_t{0}), sample.truth};
    for (std::size_t i = 0; i < n; ++i) {
        const double k = counting.sensitivities.empty() ? 1 : counting.sensitivities[i];
        xt::view(out.expected, i) *= static_cast<T>(counting.dose * k);
    }
    for_each_row(ny, nx, exec, [&](std::size_t y) {
        for (std::size_t x = 0; x < nx; ++x) {
            double matter = 0;
            for (std::size_t i = 0; i <= n; ++i) {
                random_stream random(counting.seed,
                                     i < n ? stream_of(sample.elements[i]) + 2 : stream_of("bremsstrahlung"), y, x);
                if (i < n) matter += static_cast<double>(out.expected(i, y, x));
                const double count =
                    i < n ? static_cast<double>(counted.maps(i, y, x)) : random.poisson(options.background * matter);
                for (double k = 0; k < count; ++k) {
                    const auto at = std::lower_bound(shapes[i].begin(), shapes[i].end(), random.uniform());
                    if (at != shapes[i].end()) ++out.spectra(y, x, static_cast<std::size_t>(at - shapes[i].begin()));
                }
            }
        }
    });
    return out;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
