// The images of a plan, read.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/describe.hpp>
#include <stemfuse/io/image_choice.hpp>
#include <stemfuse/io/tiff/tiff.hpp>

#include "fusion_plan.hpp"
#include "input_files.hpp"
#include "options.hpp"
#include "recipe.hpp"
#include "spectra.hpp"

namespace program {

// The pixel size as --pixel gives it, else of the HAADF image, else of a map or of spectra; a warning where those of
// the maps differ from it, and where it is none that any image has.
inline stemfuse::io::pixel_calibration common_scale(const input_files& files, fusion_plan& plan,
                                                    const std::vector<std::string>& given) {
    using namespace stemfuse::io;
    const auto& haadf = plan.haadf.image;
    const auto shown = [&](const pixel_calibration& scale) { return scale.in_shown_unit(plan.shape[1]); };
    pixel_calibration scale = shown(haadf.scale);
    const auto blocks = detail::blocks_of(haadf.shape, plan.shape).value_or(stemfuse::image_shape{1, 1});
    scale.y.pixel *= static_cast<double>(blocks[0]), scale.x.pixel *= static_cast<double>(blocks[1]);
    struct source {
        std::string name;
        pixel_calibration scale;
    };
    std::vector<source> sources;
    for (const auto& map : plan.maps) sources.push_back({map.image.name, map.image.scale});
    for (const auto& w : plan.windows) {
        const auto spectrum = find_spectrum(files, w).second;
        sources.push_back({spectrum.name, spectrum.scale});
    }
    if (plan.xrays.used()) sources.push_back({plan.xrays.spectrum.name, plan.xrays.spectrum.scale});
    const bool of_haadf = scale.known();
    if (!given.empty()) scale = shown(parse_pixel(given));
    for (const source& s : sources) {
        if (!scale.known()) scale = shown(s.scale);
        const axis_calibration other = s.scale.x.in(scale.x.unit);
        if (!other.known() || (other.unit == scale.x.unit && std::abs(other.pixel / scale.x.pixel - 1) < 0.01))
            continue;
        const std::string warning = "pixels of " + s.name + " are " + stemfuse::to_string(other.pixel) + " " +
                                    other.unit + ", those of " +
                                    (!given.empty() ? "--pixel"
                                     : of_haadf     ? haadf.name
                                                    : "another map") +
                                    " " + stemfuse::to_string(scale.x.pixel) + " " + scale.x.unit;
        if (std::find(plan.warnings.begin(), plan.warnings.end(), warning) == plan.warnings.end())
            plan.warnings.push_back(warning);
    }
    for (const axis_calibration& axis : {scale.x, scale.y}) {
        if (!axis.known() || (axis.pixel >= smallest_tiff_pixel && axis.pixel <= largest_tiff_pixel)) continue;
        plan.warnings.push_back("a pixel of " + stemfuse::to_string(axis.pixel) + " " + axis.unit +
                                " is not plausible: left out");
        return {};
    }
    return scale;
}

// The mean of each block of pixels.
template <class T>
xt::xtensor<T, 2> binned_mean(const xt::xtensor<T, 2>& image, const stemfuse::image_shape& shape) {
    if (image.shape(0) == shape[0] && image.shape(1) == shape[1]) return image;
    const std::size_t by = image.shape(0) / shape[0], bx = image.shape(1) / shape[1];
    xt::xtensor<T, 2> out(shape);
    for (std::size_t y = 0; y < shape[0]; ++y) {
        for (std::size_t x = 0; x < shape[1]; ++x) {
            double sum = 0;
            for (std::size_t k = 0; k < by * bx; ++k)
                sum += static_cast<double>(image(y * by + k / bx, x * bx + k % bx));
            out(y, x) = static_cast<T>(sum / static_cast<double>(by * bx));
        }
    }
    return out;
}

template <class T>
void read_window_maps(const input_files& files, const fusion_plan& plan, measurement<T>& m) {
    using namespace stemfuse;
    std::vector<bool> done(plan.windows.size(), false);
    for (std::size_t i = 0; i < plan.windows.size(); ++i) {
        if (done[i]) continue;
        const auto [file, spectrum] = find_spectrum(files, plan.windows[i]);
        std::vector<io::energy_window> windows;
        std::vector<std::size_t> which;
        for (std::size_t k = i; k < plan.windows.size(); ++k) {
            const auto [other_file, other] = find_spectrum(files, plan.windows[k]);
            if (other_file != file || other.name != spectrum.name) continue;
            windows.push_back(plan.windows[k].window), which.push_back(k), done[k] = true;
        }
        const auto maps = files[file].template read_windows<T>(spectrum, windows);
        for (std::size_t k = 0; k < which.size(); ++k)
            xt::view(m.maps, plan.maps.size() + which[k]) = xt::view(maps, k);
    }
}

// The background of a map that is an image: the image <name>_background beside it, or the number that its file gives.
template <class T>
void read_image_background(const input_files& files, const stemfuse::io::image_reference& map, std::size_t i,
                           measurement<T>& m) {
    const auto& file = files[map.file];
    for (const auto& image : file.contents().images) {
        if (image.name == map.image.name + "_background" && image.shape == map.image.shape)
            return set_background(m, i, file.template read<T>(image));
    }
    if (map.image.background > 0) set_background(m, i, static_cast<T>(map.image.background));
}

// The mask of --mask, (n_y, n_x): the only image of its file, or the one called mask. What it names becomes 0 in the
// maps, where it may be NaN. Throws read_error.
template <class T>
void read_mask(const std::string& path, const stemfuse::image_shape& shape, measurement<T>& m) {
    using namespace stemfuse;
    const io::image_file file(path, io::read_options{.guarded = true});
    const auto& images = file.contents().images;
    const auto image = images.size() == 1 ? images.front() : file.find("mask");
    if (image.shape != shape) {
        throw read_error(path,
                         "the mask has shape " + to_string(image.shape) + ", must have the maps', " + to_string(shape));
    }
    const xt::xtensor<double, 2> numbers = file.template read<double>(image);
    m.mask = xt::cast<unsigned char>(xt::not_equal(numbers, 0.0));
    for (std::size_t k = 0; k < m.maps.size(); ++k) {
        if (m.mask.data()[k % m.mask.size()] != 0) m.maps.data()[k] = 0;
    }
    m.inputs.push_back({file.path().filename().string(), io::sha256_of_file(file.path())});
    m.sources.emplace_back("mask", file.path().filename().string());
    m.sources.emplace_back("masked_pixels", static_cast<std::int64_t>(xt::sum<std::size_t>(m.mask)()));
}

// Reads HAADF, maps and what is known of their background. Throws read_error.
template <class T>
measurement<T> read_measurement(const input_files& files, fusion_plan& plan, const input_options& input) {
    using namespace stemfuse;
    const auto choice = by_name(frame_names, input.frames, "--frames");
    measurement<T> m{files.title(), {}, {}, {}, {}, {}, {}, {}, {}};
    m.haadf = binned_mean(files[plan.haadf.file].template read<T>(plan.haadf.image, choice), plan.shape);
    const image_shape& shape = plan.shape;
    m.maps.resize({plan.count(), shape[0], shape[1]});
    std::string names;
    for (std::size_t i = 0; i < plan.maps.size(); ++i) {
        const auto& map = plan.maps[i];
        xt::view(m.maps, i) = files[map.file].template read<T>(map.image, choice);
        read_image_background(files, map, i, m);
        m.symbols.push_back(map.image.element);
        names += (names.empty() ? "" : ",") + map.image.name;
    }
    read_window_maps(files, plan, m);
    for (const auto& w : plan.windows) {
        m.symbols.push_back(w.symbol);
        names += (names.empty() ? "" : ",") + to_string(w.window.low) + "-" + to_string(w.window.high) + w.unit;
    }
    const std::string lines = read_line_maps(files, plan.xrays, input, m);
    if (!lines.empty()) names += (names.empty() ? "" : ",") + lines;
    m.scale = common_scale(files, plan, input.pixel);
    m.inputs = files.inputs();
    m.request = input.request;
    if (!input.mask.empty()) read_mask(input.mask, shape, m);
    m.sources.insert(
        m.sources.begin(),
        {{"files", files.title()}, {"haadf", plan.haadf.image.name}, {"maps", names}, {"frames", input.frames}});
    return m;
}

// Compiled once, in measurement.cpp.
extern template measurement<float> read_measurement(const input_files&, fusion_plan&, const input_options&);
extern template measurement<double> read_measurement(const input_files&, fusion_plan&, const input_options&);

}  // namespace program
