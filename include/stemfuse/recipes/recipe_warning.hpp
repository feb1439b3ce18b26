// What a user should know before the maps of a recipe are believed: as data, and in words.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/core/number_text.hpp>
#include <stemfuse/counts/departure.hpp>
#include <stemfuse/data/alignment.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The HAADF image was moved onto the maps by -y rows and -x columns.
struct haadf_moved {
    double y,       ///< rows of drift, see drift
        x;          ///< columns of drift
    bool as_guide;  ///< unasked, as averages follow it
};

/// Asked to move the image, the recipe found no drift that is certain.
struct haadf_not_moved {};

/// More than half a pixel of drift is certain, and the image was left where it is.
struct haadf_drifted {
    drift measured;  ///< with its standard errors
};

/// An element has no counts beyond three standard errors above its background.
struct faint_element {
    std::size_t element;  ///< place among the maps
    double counts,        ///< sum over the image
        background;       ///< sum over the image

    /// Counts without background.
    double net() const { return counts - background; }
};

/// Around a pixel the counts disagree with the map beyond chance: over wide windows before its balance, over fine ones
/// after it.
struct counts_disagree {
    std::size_t element,  ///< place among the maps
        row,              ///< of the pixel
        column;           ///< of the pixel
    double ratio;         ///< of the counts to what the map expected
    double deviation;     ///< in standard deviations beyond the tolerance
};

/// The image depends on no map: it gave the prior its direction, and nothing else.
struct haadf_left_out {};

/// Pixels of a map that counted wrongly, hot ones or dead lines: no fit has seen them.
struct pixels_left_out {
    std::size_t element,  ///< place among the maps
        pixels;           ///< how many
};

/// Pixels of the HAADF image stand out of all their neighbours: their surroundings were put in their place.
struct haadf_mended {
    std::size_t hot,  ///< how many were too bright
        dead;         ///< and too dark
};

/// Many pixels share the largest number of an image: its detector, or its number format, has reached a limit.
struct image_saturated {
    std::optional<std::size_t> element;  ///< place among the maps; none for the HAADF image
    std::size_t pixels;                  ///< at the limit
    double level;                        ///< the limit
};

/// What the counts of an element leave beside its map follows the levels of the image, beyond chance.
struct rings_found {
    std::size_t element;  ///< place among the maps
    double ratio;         ///< see ring_measure
};

/// The fused map of an element departs from its raw one by more than noise allows.
struct map_departs {
    std::size_t element;      ///< place among the maps
    map_departure departure;  ///< where and by how much
};

/// One of them: in_words() makes a sentence of it.
using recipe_warning =
    std::variant<haadf_moved, haadf_not_moved, haadf_drifted, faint_element, counts_disagree, haadf_left_out,
                 pixels_left_out, haadf_mended, image_saturated, rings_found, map_departs>;

/// A warning for every fused map that departs from its raw one, less its background, both (n, n_y, n_x). None for
/// images of fewer than 3 rows or columns. Throws what find_departures() does.
template <scalar T>
std::vector<recipe_warning> departures_of(const stack_view<const T>& fused, const stack_view<const T>& raw,
                                          const departure_options& options, const execution& exec) {
    std::vector<recipe_warning> warnings;
    if (raw.shape[1] < 3 || raw.shape[2] < 3) return warnings;
    const auto found = find_departures<T>(fused, raw, options, exec);
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (found[i].departs()) warnings.push_back(map_departs{i, found[i]});
    }
    return warnings;
}

/// What to say of an alignment. Nothing where the image was not to be moved and no drift is significant.
inline std::optional<recipe_warning> warning_of(const haadf_alignment& found) {
    if (found.moved) return haadf_moved{found.y, found.x, found.mode == alignment_mode::significant};
    if (found.mode == alignment_mode::certain) return haadf_not_moved{};
    if (found.measured.significant()) return haadf_drifted{found.measured};
    return {};
}

namespace detail {

struct warning_in_words {
    const std::vector<std::string>& elements;

    std::string operator()(const haadf_moved& w) const {
        return "the HAADF image was moved by " + to_string(-w.y) + " rows and " + to_string(-w.x) +
               " columns onto the maps" + (w.as_guide ? ", as averages follow it" : "");
    }
    std::string operator()(const haadf_not_moved&) const {
        return "the HAADF image was not moved: no drift is certain";
    }
    std::string operator()(const haadf_drifted& w) const {
        const auto& d = w.measured;
        return "the HAADF image has drifted against the maps by " + fixed_text(d.y, 2) + " +- " +
               fixed_text(d.sigma_y, 2) + " rows and " + fixed_text(d.x, 2) + " +- " + fixed_text(d.sigma_x, 2) +
               " columns";
    }
    std::string operator()(const faint_element& w) const {
        return elements.at(w.element) + " has " + fixed_text(w.counts, 0) + " counts where the background is " +
               fixed_text(w.background, 0) + (w.net() > 0 ? ": there may be none of it" : ": its map is 0");
    }
    std::string operator()(const counts_disagree& w) const {
        return elements.at(w.element) + ": around row " + std::to_string(w.row) + ", column " +
               std::to_string(w.column) + " the counts disagree with the map, see the report";
    }
    std::string operator()(const haadf_left_out&) const {
        return "the HAADF image depends on no map: it was left out, but for the prior's direction";
    }
    std::string operator()(const pixels_left_out& w) const {
        return elements.at(w.element) + ": " + std::to_string(w.pixels) +
               " pixels counted wrongly and were left out: what the map has there comes from their surroundings";
    }
    std::string operator()(const haadf_mended& w) const {
        const auto count = [](std::size_t n, const std::string& what) {
            return std::to_string(n) + " " + what + " pixel" + (n == 1 ? "" : "s");
        };
        return "the HAADF image has " +
               (w.dead == 0  ? count(w.hot, "hot")
                : w.hot == 0 ? count(w.dead, "dead")
                             : count(w.hot, "hot") + " and " + count(w.dead, "dead")) +
               ": the mean of their surroundings stands in their place";
    }
    std::string operator()(const image_saturated& w) const {
        return (w.element ? elements.at(*w.element) : "the HAADF image") +
               " is saturated: " + std::to_string(w.pixels) + " pixels are at " + to_string(w.level) +
               ", where there may have been more";
    }
    std::string operator()(const rings_found& w) const {
        return elements.at(w.element) +
               ": what the counts leave beside the map follows the levels of the HAADF image (" +
               fixed_text(w.ratio, 1) +
               " times as much change across them as along): the map may have rings, or "
               "blurred edges";
    }
    std::string operator()(const map_departs& w) const { return describe(w.departure, elements.at(w.element)); }
};

}  // namespace detail

/// A sentence without its full stop. `elements` are the symbols, in the order of the maps.
inline std::string in_words(const recipe_warning& warning, const std::vector<std::string>& elements) {
    return std::visit(detail::warning_in_words{elements}, warning);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
