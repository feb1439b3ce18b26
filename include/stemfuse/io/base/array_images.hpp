// The images or spectra that an array holds, by how it is laid out: the same for every format of arrays with axes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_layout.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What comes of an array: images (one for each place of a stack, or one of several frames), spectra, or none with the
/// reason.
struct array_content {
    array_layout layout{};                 ///< where the axes lie; layout.problem says why not
    std::vector<image_info> images{};      ///< listed, not read; all of one shape
    std::vector<spectrum_info> spectra{};  ///< one or none
    std::string reason{};                  ///< why there is nothing
};

namespace detail {

// Every slice is an entry of the listing: this is far beyond any stack of element maps.
inline constexpr std::size_t most_slices = 10000;

// The unit of energies that a text calls for: EELS is in eV, EDS in keV; empty for any other.
inline std::string energy_unit_of(std::string_view text) {
    const std::string lower = lower_case(text);
    for (const std::string_view losses : {"eels", "energy loss", "loss"}) {
        if (lower.find(losses) != std::string::npos) return "eV";
    }
    for (const std::string_view xrays : {"eds", "edx", "xeds", "x-ray", "xray"}) {
        if (lower.find(xrays) != std::string::npos) return "keV";
    }
    return "";
}

// The energies of spectra in `wanted` (keV or eV; by default as the axis has it); a reason where they are not known.
inline std::string set_energies(spectrum_info& s, const array_axis& axis, const std::string& wanted) {
    const std::string unit = is_energy_unit(axis.unit) ? axis.unit : wanted;
    if (unit.empty()) return "spectra whose energies have no unit, must be in eV or keV";
    if (!axis.uniform) return "spectra whose energies are not evenly spaced";
    if (!(axis.step > 0) || !std::isfinite(axis.first))
        return axis.step < 0 ? "spectra whose energies fall, must rise"
                             : "spectra without the energies of their channels";
    const auto in_ev = [](const std::string& u) { return u == "keV" ? 1000.0 : u == "meV" ? 0.001 : 1.0; };
    s.unit = wanted.empty() ? (unit == "meV" ? "eV" : unit) : wanted;
    const double from = in_ev(unit), to = in_ev(s.unit);
    const auto converted = [&](double e) { return from == to ? e : from > to ? e * (from / to) : e / (to / from); };
    s.first = converted(axis.first);
    s.last = converted(axis.first + static_cast<double>(s.channels - 1) * axis.step);
    return "";
}

}  // namespace detail

/// The content of array `a` with these axes. `like` has what its images share: name, label, element, intensity,
/// background and place; their calibration where the axes have none. Images that the listing has no room for are left
/// out.
inline array_content content_of(const file_contents& contents, const array_info& a, std::vector<array_axis> axes,
                                const layout_hints& hints, image_info like) {
    array_content content;
    axes.resize(a.shape.size());
    content.layout = lay_out(a.shape, axes, hints);
    const array_layout& layout = content.layout;
    content.reason = layout.problem;
    if (!content.reason.empty()) return content;
    like.shape = {a.shape[layout.y], a.shape[layout.x]};
    like.type = a.type;
    const pixel_calibration by_axes{axes[layout.x].scale(), axes[layout.y].scale()};
    if (by_axes.x.known() || by_axes.y.known()) like.scale = by_axes;
    if (layout.energy) {
        spectrum_info s;
        s.name = one_line(like.label), s.type = a.type, s.shape = like.shape, s.scale = like.scale, s.places = {a.name};
        s.channels = a.shape[*layout.energy];
        content.reason = detail::set_energies(s, axes[*layout.energy], hints.energy_unit);
        for (const std::string& name : hints.elements) {
            std::string element = element_of(name);
            const bool new_one = std::find(s.elements.begin(), s.elements.end(), element) == s.elements.end();
            if (!element.empty() && new_one) s.elements.push_back(std::move(element));
        }
        if (content.reason.empty()) content.spectra.push_back(std::move(s));
        return content;
    }
    const std::size_t count = layout.stack ? a.shape[*layout.stack] : 1;
    if (count > detail::most_slices) content.reason = "a stack of more than 10000 images";
    if (content.reason.empty() && !has_room(contents, like, count)) content.reason = "too many images to list";
    if (!content.reason.empty()) return content;
    if (!layout.stack) {
        if (like.element.empty()) like.element = element_of(like.label);
        content.images.push_back(std::move(like));
        return content;
    }
    const std::vector<std::string>& own = axes[*layout.stack].labels;
    const std::vector<std::string>& labels = own.size() == count ? own : hints.elements;
    if (labels.size() != count && detail::haadf_rank(like.label) > 0) {  // frames of one scan
        like.frames = count;
        content.images.push_back(std::move(like));
        return content;
    }
    for (std::size_t k = 0; k < count; ++k) {
        image_info image = like;
        const std::string place = place_name(labels, count, k);
        image.element = labels.size() == count ? element_of(place) : "";
        for (std::string* const text : {&image.name, &image.label}) *text += "[" + place + "]";
        content.images.push_back(std::move(image));
    }
    return content;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
