// Colours for numbers, and one colour for each element.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/report/figure/rgb_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The colour of NaN and infinity: a middle grey.
inline constexpr rgb not_a_number{128, 128, 128};

/// The mixture of two colours: `share` of the second, 0 to 1.
inline rgb mix(rgb a, rgb b, double share) {
    const auto channel = [=](std::uint8_t from, std::uint8_t to) {
        return static_cast<std::uint8_t>(std::lround(from + (to - from) * share));
    };
    return {channel(a.r, b.r), channel(a.g, b.g), channel(a.b, b.b)};
}

/// Maps [0, 1] to colours, linearly between equidistant anchors; what lies outside takes the nearest end.
class colormap {
public:
    /// Takes two colours or more, from 0 to 1.
    explicit colormap(std::vector<rgb> anchors) : anchors_(std::move(anchors)) {}

    /// The colour of t; that of 0 for NaN.
    rgb operator()(double t) const {
        const double position = (t > 0 ? std::min(t, 1.0) : 0.0) * static_cast<double>(anchors_.size() - 1);
        const auto i = std::min(static_cast<std::size_t>(position), anchors_.size() - 2);
        return mix(anchors_[i], anchors_[i + 1], position - static_cast<double>(i));
    }

    /// The colours that it was made of.
    const std::vector<rgb>& anchors() const noexcept { return anchors_; }

private:
    std::vector<rgb> anchors_;
};

/// Black to white.
inline colormap grey_map() { return colormap({black, white}); }

/// Perceptually uniform, by van der Walt and Smith (2015): every 15th of its 256 colours.
inline colormap viridis_map() {
    return colormap({{68, 1, 84},
                     {72, 23, 105},
                     {71, 42, 122},
                     {67, 61, 132},
                     {61, 78, 138},
                     {53, 94, 141},
                     {46, 109, 142},
                     {41, 123, 142},
                     {35, 137, 142},
                     {31, 151, 139},
                     {33, 165, 133},
                     {46, 179, 124},
                     {70, 192, 111},
                     {101, 203, 94},
                     {137, 213, 72},
                     {176, 221, 47},
                     {216, 226, 25},
                     {253, 231, 37}});
}

/// Perceptually uniform, by van der Walt and Smith (2015): every 15th of its 256 colours.
inline colormap magma_map() {
    return colormap({{0, 0, 4},
                     {9, 7, 32},
                     {26, 16, 66},
                     {49, 17, 101},
                     {74, 16, 121},
                     {98, 25, 128},
                     {121, 34, 130},
                     {145, 43, 129},
                     {170, 51, 125},
                     {194, 59, 117},
                     {217, 70, 107},
                     {236, 88, 96},
                     {247, 114, 92},
                     {252, 142, 100},
                     {254, 170, 116},
                     {254, 198, 138},
                     {253, 226, 163},
                     {252, 253, 191}});
}

/// Black to one hue.
inline colormap hue_map(rgb hue) { return colormap({black, hue}); }

/// What element maps are shown in.
enum class map_colours { hue, grey, viridis, magma };

/// The hue of the i-th element: pink, yellow, cyan, green, orange, blue, white, red, then the same again. The first
/// three and the mixtures of an overlay of them differ from one another and from black by 57 CIELAB units or more.
inline rgb default_hue(std::size_t i) {
    constexpr std::array<rgb, 8> hues{{{255, 32, 150},
                                       {255, 210, 0},
                                       {24, 236, 255},
                                       {64, 224, 80},
                                       {255, 128, 32},
                                       {96, 128, 255},
                                       {240, 240, 240},
                                       {224, 40, 32}}};
    return hues[i % hues.size()];
}

/// Hues for overlays that lighten: crimson, blue, teal, grey, then the same again. The first three and their
/// mixtures differ by 13 CIELAB units or more also for readers without red or green cones (Machado et al. 2009, doi
/// 10.1109/TVCG.2009.113), those of default_hue() added by 2 only.
inline rgb lightening_hue(std::size_t i) {
    constexpr std::array<rgb, 4> hues{{{255, 0, 60}, {0, 118, 227}, {0, 178, 144}, {200, 200, 200}}};
    return hues[i % hues.size()];
}

/// Blue, near white, red: for numbers on both sides of 0.
inline colormap diverging_map() { return colormap({{33, 102, 172}, {247, 247, 247}, {178, 24, 43}}); }

/// The map of a choice; `hue` counts for map_colours::hue alone.
inline colormap map_of(map_colours colours, rgb hue) {
    switch (colours) {
        case map_colours::grey:
            return grey_map();
        case map_colours::viridis:
            return viridis_map();
        case map_colours::magma:
            return magma_map();
        default:
            return hue_map(hue);
    }
}

/// WCAG 2's relative luminance, 0 to 1.
inline double luminance(rgb c) {
    const auto linear = [](std::uint8_t v) {
        const double s = v / 255.0;
        return s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b);
}

/// The same hue, darkened until lines of it can be told from white paper (contrast 3 : 1, WCAG 2).
inline rgb on_white(rgb hue) {
    double share = 0;
    while (1.05 / (luminance(mix(hue, black, share)) + 0.05) < 3) share += 0.02;
    return mix(hue, black, share);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
