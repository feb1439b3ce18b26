// Whether maps hold raw counts, and what makes counts of maps that do not.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/number_text.hpp>
#include <stemfuse/counts/counts_per_unit.hpp>
#include <stemfuse/counts/what_is_counted.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Why maps are no raw counts: a pixel that holds no whole number, 0 or more; or that no map has a number above 1, as
/// masks have.
struct no_raw_counts {
    bool only_masks = false;  ///< no map has a number above 1; the pixel below says nothing then
    std::size_t element = 0,  ///< of the first pixel that holds no whole number, 0 or more
        row = 0,              ///< of that pixel
        column = 0;           ///< of that pixel
    double value = 0;         ///< of that pixel
    /// What each map is, see inspect_counts(); empty for images below 8 x 8.
    std::vector<counted> maps{};
};

/// Nothing where every map (n, n_y, n_x) holds whole numbers, 0 or more, and one of them is above 1 or a map of 0 and 1
/// has the noise of counts, as no mask has.
template <stack M>
std::optional<no_raw_counts> why_no_raw_counts(const M& maps) {
    using T = scalar_type_t<M>;
    const readable<T, 3> m(maps, "maps");
    const auto& shape = m.view().shape;
    bool masks = true;
    const auto inspected = [&] {
        std::vector<counted> found;
        for (std::size_t i = 0; shape[1] >= 8 && shape[2] >= 8 && i < shape[0]; ++i)
            found.push_back(inspect_counts(m.view().image(i)));
        return found;
    };
    for (std::size_t i = 0; i < shape[0]; ++i) {
        for (std::size_t r = 0; r < shape[1]; ++r) {
            for (std::size_t c = 0; c < shape[2]; ++c) {
                const T v = m.view().row(i, r)[c];
                if (!(v >= 0 && std::isfinite(v) && v == std::floor(v)))
                    return no_raw_counts{false, i, r, c, static_cast<double>(v), inspected()};
                masks = masks && v <= 1;
            }
        }
    }
    if (!masks) return {};
    auto found = inspected();
    if (std::any_of(found.begin(), found.end(), [](const counted& c) { return c.kind == counted_as::counts; }))
        return {};
    return no_raw_counts{.only_masks = true, .maps = std::move(found)};
}

/// Where all maps could be fused as counts after all, what they are: "Co holds counts times 0.1. Mn holds counts but
/// for 2 pixels below 0."; else empty.
inline std::string countable_in_words(const no_raw_counts& why, const std::vector<std::string>& elements) {
    std::string text;
    for (std::size_t i = 0; i < why.maps.size(); ++i) {
        if (!why.maps[i].countable()) return "";
        const std::string own = describe(why.maps[i], elements.at(i));
        if (!own.empty()) text += (text.empty() ? "" : " ") + own;
    }
    return text;
}

/// "Co has 0.5 at row 2, column 3".
inline std::string in_words(const no_raw_counts& why, const std::vector<std::string>& elements) {
    if (why.only_masks) return "no map has a number above 1";
    return elements.at(why.element) + " has " + to_string(why.value) + " at row " + std::to_string(why.row) +
           ", column " + std::to_string(why.column);
}

/// The counts that one unit of a map stands for, and how they are known.
struct count_unit {
    /// How the number is known.
    enum class origin {
        given,  ///< by the caller
        steps,  ///< the map's values are whole steps apart
        noise   ///< estimated from noise and mean
    };

    double counts = 1;            ///< that one unit of the map stands for
    origin from = origin::given;  ///< how they are known
    double standard_error = 0;    ///< where estimated from the noise
};

/// "12.5 +- 0.4, estimated from its noise".
inline std::string in_words(const count_unit& unit) {
    const std::string counts = to_string(unit.counts, 4);
    switch (unit.from) {
        case count_unit::origin::given:
            return counts + " as given";
        case count_unit::origin::steps:
            return counts + " as its values are whole steps apart";
        case count_unit::origin::noise:
            break;
    }
    return counts + " +- " + to_string(unit.standard_error, 2) + ", estimated from its noise";
}

/// The noise of a map does not tell how many counts its numbers stand for; argument() is its element.
class unknown_count_unit : public value_error {
public:
    using value_error::value_error;
};

/// Multiplies every map (n, n_y, n_x) by the counts that one unit of it stands for: as given, else as its steps or its
/// noise tell; the value 0 stands for no counts. `given` has a number or nothing for each map, or is empty. Throws
/// value_error that names the element for a number below 0, unknown_count_unit for noise that does not tell,
/// value_error for a given number that is not above 0.
template <scalar T>
std::vector<count_unit> scale_to_counts(xt::xtensor<T, 3>& maps, const std::vector<std::optional<double>>& given,
                                        const std::vector<std::string>& elements) {
    std::vector<count_unit> units;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        auto map = xt::view(maps, i);
        if (const double lowest = static_cast<double>(xt::amin(map)()); !(lowest >= 0)) {
            throw value_error(elements[i], "is " + to_string(lowest) +
                                               " somewhere, must be 0 or more: a background that was subtracted is "
                                               "to be added and given as such");
        }
        count_unit unit;
        if (i < given.size() && given[i]) {
            unit.counts = *given[i];
        } else {
            const auto found = counts_per_unit(xt::xtensor<T, 2>(map), {.zero_level = 0.0}, elements[i]);
            if (found.certainty == count_certainty::none) {
                throw unknown_count_unit(
                    elements[i],
                    "the noise does not tell how many counts its numbers stand for (it is smoothed, too weak or not "
                    "that of counts): the counts per unit must be given");
            }
            unit = {found.counts_per_unit,
                    found.certainty == count_certainty::exact ? count_unit::origin::steps : count_unit::origin::noise,
                    found.standard_error};
        }
        if (!(unit.counts > 0 && std::isfinite(unit.counts)))
            throw value_error("counts_per_unit",
                              "is " + to_string(unit.counts) + " for " + elements[i] + ", must be above 0");
        map *= static_cast<T>(unit.counts);
        units.push_back(unit);
    }
    return units;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
