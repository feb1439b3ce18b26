// What a user should know before volumes of tilt series are believed: as data, and in words.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// An element whose pixels hardly ever have two counts.
struct tilts_hardly_counted {
    std::size_t element;  ///< place among the volumes
};

/// No noise was found in the HAADF series, as in one without noise or that is too small; a thousandth of its maximum
/// was taken.
struct haadf_noise_assumed {
    double noise;  ///< in units of the series
};

/// HAADF shares nothing with the counts: the volumes are of counts alone.
struct haadf_tilts_left_out {};

/// No shifts of the tilts match better than those that were given: they stay.
struct tilts_not_moved {};

/// A tilt of counts has the angle of no HAADF tilt: it was not moved with one.
struct count_tilts_not_moved {
    std::size_t tilts;  ///< how many
};

/// The images were turned so that the tilt axis runs along their rows.
struct counts_turned {
    double degrees;  ///< by which
};

/// Large parts of space are seen by no tilt: edges along the beam are what the prior makes of them.
struct missing_wedge {
    double degrees;  ///< the widest gap between two tilts, or what is missing to half a turn
};

/// One of them: in_words() makes a sentence of it.
using tilt_warning = std::variant<tilts_hardly_counted, haadf_noise_assumed, haadf_tilts_left_out, tilts_not_moved,
                                  count_tilts_not_moved, counts_turned, missing_wedge>;

namespace detail {

struct tilt_warning_in_words {
    const std::vector<std::string>& elements;

    std::string operator()(const tilts_hardly_counted& w) const {
        return elements.at(w.element) + " has hardly any counts";
    }
    std::string operator()(const haadf_noise_assumed& w) const {
        return "no noise is found in the HAADF series; a thousandth of its maximum is assumed, " + to_string(w.noise);
    }
    std::string operator()(const haadf_tilts_left_out&) const {
        return "HAADF shares nothing with the counts: the maps are of counts alone";
    }
    std::string operator()(const tilts_not_moved&) const {
        return "no shifts match the HAADF tilts better than those that were given: they were not moved";
    }
    std::string operator()(const count_tilts_not_moved& w) const {
        return std::to_string(w.tilts) + " tilts of counts have the angle of no HAADF tilt: they were not moved";
    }
    std::string operator()(const counts_turned& w) const {
        return "the tilt axis lies " + to_string(w.degrees) +
               " degrees off the rows of the images: all were turned, which blurs counts by up to a pixel";
    }
    std::string operator()(const missing_wedge& w) const {
        char degrees[32];
        std::snprintf(degrees, sizeof degrees, "%.0f", w.degrees);
        return std::string("no HAADF tilt lies in ") + degrees +
               " of 180 degrees: edges that only those would show are guessed by the prior";
    }
};

}  // namespace detail

/// A sentence without its full stop. `elements` are the symbols, in the order of the volumes.
inline std::string in_words(const tilt_warning& warning, const std::vector<std::string>& elements) {
    return std::visit(detail::tilt_warning_in_words{elements}, warning);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
