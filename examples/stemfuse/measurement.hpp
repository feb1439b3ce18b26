// What the command line names, or the files say, as images that are read.
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

#include "input_files.hpp"
#include "options.hpp"
#include "recipe.hpp"
#include "spectra.hpp"

namespace program {

// What is read and fused: the HAADF image, maps that are images, maps of windows in spectra, and those of X-ray lines.
struct fusion_plan {
    stemfuse::io::image_reference haadf;
    std::vector<stemfuse::io::image_reference> maps;
    std::vector<window_source> windows;
    line_source xrays;
    std::vector<std::string> warnings;

    std::size_t count() const { return maps.size() + windows.size() + xrays.lines.size(); }
};

// The spectrum that a window lies in. Throws read_error.
inline std::pair<std::size_t, stemfuse::io::spectrum_info> find_spectrum(const input_files& files,
                                                                         const window_source& w) {
    for (std::size_t i = 0; i < files.size(); ++i) {
        for (const auto& s : files[i].contents().spectra) {
            if (s.unit == w.unit && w.window.low >= s.first && w.window.high <= s.last) return {i, s};
        }
    }
    throw stemfuse::read_error(files.paths(), "no spectrum in " + w.unit + " reaches from " +
                                                  stemfuse::to_string(w.window.low) + " to " +
                                                  stemfuse::to_string(w.window.high) + ", the window of " + w.symbol +
                                                  " (stemfuse inspect lists them)");
}

// Throws read_error where the images do not fit together.
inline void require_same_shape(const input_files& files, const fusion_plan& plan) {
    const auto& expected = plan.haadf.image;
    const auto check = [&](std::size_t file, const std::string& name, const stemfuse::image_shape& shape) {
        if (shape != expected.shape) {
            throw stemfuse::read_error(files[file].path().string(),
                                       name + " has shape " + stemfuse::to_string(shape) + ", must have shape " +
                                           stemfuse::to_string(expected.shape) + " as " + expected.name);
        }
    };
    for (const auto& map : plan.maps) check(map.file, map.image.name, map.image.shape);
    for (const auto& w : plan.windows) {
        const auto [file, spectrum] = find_spectrum(files, w);
        check(file, spectrum.name, spectrum.shape);
    }
    if (!plan.xrays.lines.empty()) check(plan.xrays.file, plan.xrays.spectrum.name, plan.xrays.spectrum.shape);
}

inline bool has_contrast(const xt::xtensor<float, 2>& map) {
    return std::any_of(map.begin(), map.end(), [&](float v) { return v != *map.begin(); });
}

// Chosen maps that are the same number everywhere give way to others of their element and shape: a file may have empty
// EDS maps beside EELS ones. Every change leaves a note. Throws read_error.
inline void prefer_contrast(const input_files& files, stemfuse::io::image_choice& choice) {
    const auto contrast = [&](const stemfuse::io::image_reference& i) {
        return has_contrast(files[i.file].read<float>(i.image));
    };
    for (auto& map : choice.maps) {
        std::vector<stemfuse::io::image_reference> others;
        for (std::size_t f = 0; f < files.size(); ++f) {
            for (const auto& image : files[f].contents().images) {
                const bool same = image.element == map.image.element && image.shape == map.image.shape;
                if (same && (f != map.file || image.name != map.image.name)) others.push_back({f, image});
            }
        }
        if (others.empty() || contrast(map)) continue;
        const auto better = std::find_if(others.begin(), others.end(), contrast);
        if (better == others.end()) continue;
        const std::string& element = map.image.element;
        std::erase_if(choice.notes, [&](const std::string& note) { return note.starts_with(element + " is in "); });
        choice.notes.push_back(map.image.name + " is the same number everywhere: taken is " + better->image.name +
                               ", another by --elements NAME=" + element);
        map = *better;
    }
}

// Finds the maps that are named, and labels them so in `contents`: none of them is the HAADF image. Throws read_error.
inline std::vector<stemfuse::io::image_reference> find_named(const input_files& files,
                                                             const std::vector<element_source>& elements,
                                                             std::vector<stemfuse::io::file_contents>& contents) {
    std::vector<stemfuse::io::image_reference> maps;
    for (const element_source& e : elements) {
        auto& map = maps.emplace_back(files.find(e.image));
        map.image.element = e.symbol;
        for (auto& image : contents[map.file].images) {
            if (image.name == map.image.name) image.element = e.symbol;
        }
    }
    return maps;
}

// Throws read_error that says what to name, where the files do not say it.
inline void require_choice(const input_files& files, const stemfuse::io::image_choice& choice, bool maps_are_named) {
    std::string unclear, others;
    std::size_t images = 0;
    for (const auto& contents : files.contents()) {
        images += contents.images.size();
        for (const auto& other : contents.others) others += (others.empty() ? "" : "; ") + other;
    }
    if (images == 0)
        throw stemfuse::read_error(
            files.paths(),
            "has no image that can be fused" + (others.empty() ? "" : ": " + others) + stemfuse::io::without_image);
    for (const auto& note : choice.notes) unclear += "; " + note;
    if (!choice.haadf) {
        throw stemfuse::read_error(
            files.paths(), "the HAADF image is not clear" + (unclear.empty() ? ": name it by --haadf" : unclear));
    }
    if (maps_are_named || !choice.maps.empty()) return;
    throw stemfuse::read_error(files.paths(), "no image beside " + choice.haadf->image.name + " of shape " +
                                                  stemfuse::to_string(choice.haadf->image.shape) +
                                                  " is labelled by an element: name the maps by --elements "
                                                  "NAME=Symbol,..." +
                                                  unclear);
}

// Finds what is named, and the rest by the files' labels. Throws read_error.
inline fusion_plan plan_fusion(const input_files& files, const input_options& input,
                               std::vector<element_source> elements, const std::vector<window_source>& windows) {
    using namespace stemfuse;
    const bool named = !elements.empty() || !windows.empty();
    auto contents = files.contents();
    fusion_plan plan{};
    plan.xrays = choose_lines(files, input, elements, plan.warnings);
    plan.maps = find_named(files, elements, contents);
    plan.windows = windows;
    std::optional<image_shape> shape;
    if (!plan.xrays.lines.empty()) shape = plan.xrays.spectrum.shape;
    if (!windows.empty()) shape = find_spectrum(files, windows[0]).second.shape;
    if (!plan.maps.empty()) shape = plan.maps[0].image.shape;
    std::optional<io::image_reference> haadf;
    if (!input.haadf.empty()) haadf = files.find(input.haadf);
    std::vector<const io::file_contents*> all;
    for (const auto& c : contents) {
        all.push_back(&c);
        plan.warnings.insert(plan.warnings.end(), c.warnings.begin(), c.warnings.end());
    }
    auto choice = io::choose_images(all, haadf, shape);
    if (!choice.haadf && choice.notes.empty()) choice = io::choose_images(all);  // then the shapes do not fit
    if (!named) prefer_contrast(files, choice);
    require_choice(files, choice, named);
    plan.haadf = *choice.haadf;
    if (!named) {
        plan.maps = choice.maps;
        plan.warnings.insert(plan.warnings.end(), choice.notes.begin(), choice.notes.end());
    }
    require_same_shape(files, plan);
    return plan;
}

// The pixel size of the HAADF image, else that of a map; a warning where those of the maps differ from it, and where it
// is none that any image has.
inline stemfuse::io::pixel_calibration common_scale(fusion_plan& plan) {
    using namespace stemfuse::io;
    pixel_calibration scale = plan.haadf.image.scale.in_shown_unit(plan.haadf.image.shape[1]);
    for (const auto& map : plan.maps) {
        if (!scale.known()) scale = map.image.scale.in_shown_unit(map.image.shape[1]);
        const axis_calibration other = map.image.scale.x.in(scale.x.unit);
        if (!other.known() || (other.unit == scale.x.unit && std::abs(other.pixel / scale.x.pixel - 1) < 0.01))
            continue;
        plan.warnings.push_back("pixels of " + map.image.name + " are " + stemfuse::to_string(other.pixel) + " " +
                                other.unit + ", those of " + plan.haadf.image.name + " " +
                                stemfuse::to_string(scale.x.pixel) + " " + scale.x.unit);
    }
    for (const axis_calibration& axis : {scale.x, scale.y}) {
        if (!axis.known() || (axis.pixel >= smallest_tiff_pixel && axis.pixel <= largest_tiff_pixel)) continue;
        plan.warnings.push_back("a pixel of " + stemfuse::to_string(axis.pixel) + " " + axis.unit +
                                " is not plausible: left out");
        return {};
    }
    return scale;
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

// Reads HAADF, maps and what is known of their background. Throws read_error.
template <class T>
measurement<T> read_measurement(const input_files& files, fusion_plan& plan, const input_options& input) {
    using namespace stemfuse;
    const auto choice = by_name(frame_names, input.frames, "--frames");
    measurement<T> m{
        files.title(), {}, files[plan.haadf.file].template read<T>(plan.haadf.image, choice), {}, {}, {}, {}, {}, {}};
    const image_shape& shape = plan.haadf.image.shape;
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
    m.scale = common_scale(plan);
    m.inputs = files.inputs();
    m.request = input.request;
    m.sources.insert(
        m.sources.begin(),
        {{"files", files.title()}, {"haadf", plan.haadf.image.name}, {"maps", names}, {"frames", input.frames}});
    return m;
}

// Compiled once, in measurement.cpp.
extern template measurement<float> read_measurement(const input_files&, fusion_plan&, const input_options&);
extern template measurement<double> read_measurement(const input_files&, fusion_plan&, const input_options&);

}  // namespace program
