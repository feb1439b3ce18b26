// What the command line names, or the files say, as images that are fused.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/describe.hpp>
#include <stemfuse/io/image_choice.hpp>

#include "input_files.hpp"
#include "options.hpp"
#include "spectra.hpp"

namespace program {

// What is read and fused: the HAADF image, maps that are images, maps of windows in spectra, and those of X-ray lines.
struct fusion_plan {
    stemfuse::io::image_reference haadf;
    std::vector<stemfuse::io::image_reference> maps;
    std::vector<window_source> windows;
    line_source xrays;
    std::vector<std::string> warnings;
    std::vector<std::string> constant{};  // maps that are the same number everywhere, and not used
    stemfuse::image_shape shape{};        // of the maps; the HAADF image may be finer, and is then binned

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

// Sets the shape of the maps. Throws read_error where the images do not fit together.
inline void set_shape(const input_files& files, fusion_plan& plan) {
    const auto& haadf = plan.haadf.image;
    std::string first;
    const auto check = [&](std::size_t file, const std::string& name, const stemfuse::image_shape& shape) {
        if (first.empty()) first = name, plan.shape = shape;
        const bool same = shape == plan.shape;
        if (same && stemfuse::io::detail::blocks_of(haadf.shape, shape)) return;
        throw stemfuse::read_error(files[file].path().string(),
                                   name + " has shape " + stemfuse::to_string(shape) + ", must have shape " +
                                       stemfuse::to_string(same ? haadf.shape : plan.shape) + " as " +
                                       (same ? haadf.name + ", or one of which that is a whole multiple" : first));
    };
    for (const auto& map : plan.maps) check(map.file, map.image.name, map.image.shape);
    for (const auto& w : plan.windows) {
        const auto [file, spectrum] = find_spectrum(files, w);
        check(file, spectrum.name, spectrum.shape);
    }
    if (plan.xrays.used()) check(plan.xrays.file, plan.xrays.spectrum.name, plan.xrays.spectrum.shape);
    if (first.empty()) plan.shape = haadf.shape;
}

// Whether an array of a file may be an image, or spectra, of the scan: with two axes that are its own, or one off it.
inline bool may_be_of_scan(const std::vector<std::size_t>& shape, const stemfuse::image_shape& scan) {
    const auto near = [](std::size_t a, std::size_t b) { return a + 1 >= b && b + 1 >= a; };
    for (std::size_t i = 0; i < shape.size(); ++i) {
        for (std::size_t k = 0; k < shape.size(); ++k) {
            if (i != k && near(shape[i], scan[0]) && near(shape[k], scan[1])) return true;
        }
    }
    return false;
}

// Whether a map of an element is among those of the plan.
inline bool is_fused(const fusion_plan& plan, const std::string& element) {
    const auto of_image = [&](const stemfuse::io::image_reference& map) { return map.image.element == element; };
    const auto of_window = [&](const window_source& w) { return w.symbol == element; };
    const auto of_line = [&](const stemfuse::io::line_window& line) { return line.element == element; };
    return std::any_of(plan.maps.begin(), plan.maps.end(), of_image) ||
           std::any_of(plan.windows.begin(), plan.windows.end(), of_window) ||
           std::any_of(plan.xrays.lines.begin(), plan.xrays.lines.end(), of_line);
}

// Why an image of the scan's shape is not used; empty for one that is, and for the background of one that is.
inline std::string why_unused(const fusion_plan& plan, std::size_t file, const stemfuse::io::image_info& image,
                              bool named) {
    const auto is = [&](const stemfuse::io::image_reference& used) {
        return used.file == file && (used.image.name == image.name || used.image.name + "_background" == image.name);
    };
    if (is(plan.haadf) || std::any_of(plan.maps.begin(), plan.maps.end(), is)) return "";
    if (image.shape != plan.shape)
        return "has shape " + stemfuse::to_string(image.shape) + ", the maps have " + stemfuse::to_string(plan.shape);
    if (named) return "not named by --elements";
    if (stemfuse::io::detail::haadf_rank(image.label) > 0) return "another image is taken for HAADF";
    if (image.element.empty()) return "names no element: name it as --elements NAME=Symbol";
    if (std::find(plan.constant.begin(), plan.constant.end(), image.name) != plan.constant.end())
        return "is the same number everywhere";
    if (!is_fused(plan, image.element)) return "several maps of its element: name one";
    return "another map of its element is taken";
}

// The images and spectra of the scan's shape, or one off it, that are not used, and why; and links that lead nowhere.
// Where the maps are named, what names no other element is left out as the user wants it.
inline std::vector<std::string> list_unused(const input_files& files, const fusion_plan& plan, bool named) {
    std::vector<std::pair<std::string, std::vector<std::string>>> by_reason;
    const auto add = [&](const std::string& name, const std::string& reason) {
        const auto same = std::find_if(by_reason.begin(), by_reason.end(), [&](auto& r) { return r.first == reason; });
        if (same != by_reason.end()) return same->second.push_back(name);
        by_reason.push_back({reason, {name}});
    };
    for (std::size_t f = 0; f < files.size(); ++f) {
        const auto& contents = files[f].contents();
        for (const auto& image : contents.images) {
            if (!may_be_of_scan({image.shape[0], image.shape[1]}, plan.shape)) continue;
            if (named && (image.element.empty() || is_fused(plan, image.element))) continue;  // as the user wants it
            const std::string reason = why_unused(plan, f, image, named);
            if (!reason.empty()) add(image.name, reason);
        }
        for (const auto& s : contents.spectra) {
            const bool of_lines = plan.xrays.used() && plan.xrays.file == f && plan.xrays.spectrum.name == s.name;
            const bool of_windows = std::any_of(plan.windows.begin(), plan.windows.end(), [&](const window_source& w) {
                const auto [file, spectrum] = find_spectrum(files, w);
                return file == f && spectrum.name == s.name;
            });
            if (named || of_lines || of_windows || !may_be_of_scan({s.shape[0], s.shape[1]}, plan.shape)) continue;
            add("spectra " + s.name, s.unit == "keV" ? "fused by --spectra fit, or maps of them by --windows"
                                                     : "fused by --spectra fit --elements Symbol,..., or maps of them "
                                                       "by --windows Symbol=LOW-HIGHeV");
        }
        for (const auto& other : contents.others) {
            const bool unknown = other.shape.empty() && (other.reason.starts_with("is a link") ||
                                                         !stemfuse::io::element_of(other.name).empty());
            if (unknown || may_be_of_scan(other.shape, plan.shape)) add(other.name, other.reason);
        }
    }
    std::vector<std::string> lines;
    for (const auto& [reason, names] : by_reason)
        lines.push_back("not used: " + stemfuse::io::joined(names) + ": " + reason);
    return lines;
}

inline bool has_contrast(const xt::xtensor<float, 2>& map) {
    return std::any_of(map.begin(), map.end(), [&](float v) { return v != *map.begin(); });
}

// Chosen maps that are the same number everywhere give way to others of their element and shape: a file may have empty
// EDS maps beside EELS ones. Every change leaves a note. Where there is no other they are left out, as long as a map is
// left; returns their names. Throws read_error.
inline std::vector<std::string> prefer_contrast(const input_files& files, stemfuse::io::image_choice& choice) {
    std::vector<std::string> constant;
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
        if (contrast(map)) continue;
        const auto better = std::find_if(others.begin(), others.end(), contrast);
        if (better == others.end()) {
            constant.push_back(map.image.name);
            continue;
        }
        const std::string& element = map.image.element;
        std::erase_if(choice.notes, [&](const std::string& note) { return note.starts_with(element + " is in "); });
        choice.notes.push_back(map.image.name + " is the same number everywhere: taken is " + better->image.name +
                               ", another by --elements NAME=" + element);
        map = *better;
    }
    if (constant.size() == choice.maps.size()) return {};
    std::erase_if(choice.maps, [&](const stemfuse::io::image_reference& map) {
        return std::find(constant.begin(), constant.end(), map.image.name) != constant.end();
    });
    return constant;
}

// The elements that the files say are in the sample, where no image is named after an element and there are spectra of
// X-rays that have their lines; a warning says so.
inline std::vector<element_source> elements_of_sample(const input_files& files, const input_options& input,
                                                      std::vector<std::string>& warnings) {
    std::vector<element_source> elements;
    std::string taken;
    for (const auto& contents : files.contents()) {
        for (const auto& image : contents.images) {
            if (!image.element.empty()) return {};
        }
        for (const auto& s : contents.spectra) {
            if (s.unit != "keV" || !elements.empty()) continue;
            for (const std::string& symbol : s.elements) {
                try {
                    stemfuse::io::line_windows({symbol}, s, resolution_of(s, input));
                    elements.push_back({symbol, symbol});
                    taken += (taken.empty() ? "" : ", ") + symbol;
                } catch (const stemfuse::value_error&) {
                    warnings.push_back("not used: " + symbol +
                                       " of the sample: the spectra hold no line of it as a whole");
                }
            }
        }
    }
    if (!elements.empty())
        warnings.push_back("the elements are those that the file names: " + taken + "; others by --elements");
    return elements;
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
        for (const auto& other : contents.others) others += (others.empty() ? "" : "; ") + other.line();
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

// Finds what is named, and the rest by the files' labels; where `fit`, all maps come from the fit of spectra. Throws
// read_error.
inline fusion_plan plan_fusion(const input_files& files, const input_options& input,
                               std::vector<element_source> elements, const std::vector<window_source>& windows,
                               bool fit = false) {
    using namespace stemfuse;
    fusion_plan plan{};
    if (fit) {
        plan.xrays = find_fitted(files, plan.warnings).value_or(line_source{});
        elements.clear();
    } else if (elements.empty() && windows.empty()) {
        elements = elements_of_sample(files, input, plan.warnings);
    }
    const bool named = fit || !elements.empty() || !windows.empty();
    auto contents = files.contents();
    if (!fit) plan.xrays = choose_lines(files, input, elements, plan.warnings);
    plan.maps = find_named(files, elements, contents);
    plan.windows = windows;
    for (const auto& map : plan.maps) {
        const auto& first = plan.maps[0].image;
        if (map.image.shape == first.shape) continue;
        throw read_error(files[map.file].path().string(), map.image.name + " has shape " + to_string(map.image.shape) +
                                                              ", must have shape " + to_string(first.shape) + " as " +
                                                              first.name);
    }
    std::optional<image_shape> shape;
    if (plan.xrays.used()) shape = plan.xrays.spectrum.shape;
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
    if (!named) plan.constant = prefer_contrast(files, choice);
    require_choice(files, choice, named);
    plan.haadf = *choice.haadf;
    if (!named) {
        plan.maps = choice.maps;
        plan.warnings.insert(plan.warnings.end(), choice.notes.begin(), choice.notes.end());
    }
    set_shape(files, plan);
    if (named && plan.haadf.image.shape != plan.shape)
        plan.warnings.insert(plan.warnings.end(), choice.notes.begin(), choice.notes.end());
    const auto unused = list_unused(files, plan, named);
    plan.warnings.insert(plan.warnings.end(), unused.begin(), unused.end());
    return plan;
}

}  // namespace program
