// What one fusion leaves behind: everything that the writers, the figure and the report show.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/base/parameter.hpp>
#include <stemfuse/quantify/quantification.hpp>
#include <stemfuse/recipes/count_setting.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The unweighted terms of the objective and its weighted total, at the start and after every iteration.
struct fusion_history {
    std::vector<double> haadf;     ///< misfit of the HAADF image
    std::vector<double> chemical;  ///< misfit of the maps
    std::vector<double> tv;        ///< total variation of the maps
    std::vector<double> total;     ///< what is minimised
};

/// A file that was read, with the SHA-256 of its bytes in hexadecimal digits; empty where it was not computed.
struct input_record {
    std::string file;    ///< its name, without a folder
    std::string sha256;  ///< 64 digits, or empty
};

/// What the numbers of maps are.
enum class map_kind { scaled, counts, estimated_counts };

/// "scaled to [0, 1]", "counts per pixel": the unit of maps of a kind.
inline std::string unit_of(map_kind kind) {
    switch (kind) {
        case map_kind::scaled:
            return "scaled to [0, 1]";
        case map_kind::counts:
            return "counts per pixel";
        case map_kind::estimated_counts:
            return "counts per pixel (est.)";
    }
    return "";
}

/// How settings were chosen by counts held out.
struct holdout_record {
    std::vector<tried_setting> tried;    ///< all settings, with how well they predict
    std::vector<count_setting> chosen;   ///< of each element, among those tried
    std::vector<std::string> sentences;  ///< the choices and their reasons
};

/// How far maps rest on averaging, and where they disagree with their counts, (n_elements, n_y, n_x).
struct trust_record {
    /// The part of the averaging weights of a pixel that lies more than 3 pixels away, 0 to 1, times the weight of
    /// the averages in the map. Components and fits without averages add nothing to it.
    xt::xtensor<double, 3> nonlocal_fraction;
    /// Counts less map in windows around a pixel, in standard deviations: the larger of what wide windows find in the
    /// map before it is balanced with the counts, and small windows in the map as it is.
    xt::xtensor<double, 3> deviation;
    double threshold = 0;                ///< beyond which a deviation is flagged
    std::vector<std::string> sentences;  ///< the worst places
};

/// Amounts by counts, and the composition where k-factors are known.
struct amounts_record {
    count_totals totals;               ///< of the whole image, in counts
    composition atomic;                ///< atomic fractions of the whole image; empty where not known
    composition weight;                ///< mass fractions of the whole image; empty where not known
    xt::xtensor<double, 3> fractions;  ///< atomic, of every pixel (n_elements, n_y, n_x); empty where not known
    xt::xtensor<double, 3> errors;     ///< their standard errors, same shape

    /// Whether fractions are known, not counts alone.
    bool has_composition() const { return !atomic.fractions.empty(); }
};

/// The sum of the spectra that maps came from, as it was fitted.
struct spectrum_record {
    double first = 0;                      ///< energy of the first channel, corrected, in `unit`
    double step = 0;                       ///< from channel to channel
    std::string unit;                      ///< "keV" or "eV"
    std::size_t first_used = 0;            ///< channel from which on the fit holds
    std::vector<double> sum{};             ///< counts of every channel
    std::vector<double> fit{};             ///< the same as fitted
    std::vector<std::string> elements{};   ///< of all that were fitted; the first are those of the maps
    xt::xtensor<double, 2> signatures{};   ///< (n_elements + 1, n_channels): their shapes, last that of the background
    std::vector<double> counts{};          ///< of each, and of the background, in the sum
    std::vector<double> errors{};          ///< standard errors of these by counting
    std::vector<double> bin_of{};          ///< of every channel, its bin; -1 for none; empty where nothing was binned
    std::vector<double> information{};     ///< of each element, the share that its bins keep
    std::vector<std::string> sentences{};  ///< what the fit found and what should be known of it

    /// Energy at the centre of a channel.
    double energy(std::size_t channel) const { return first + static_cast<double>(channel) * step; }
};

/// What is known of a simulated measurement: both in the units of fused_haadf and fused_maps.
template <scalar T>
struct truth_record {
    xt::xtensor<T, 2> haadf;  ///< without noise, (n_y, n_x)
    xt::xtensor<T, 3> maps;   ///< (n_elements, n_y, n_x)
};

/// Images are (n_y, n_x), stacks (n_elements, n_y, n_x), in the order of `elements`.
template <scalar T>
struct fusion_record {
    std::string title;                          ///< what was fused, e.g. the file's name
    std::vector<std::string> elements;          ///< symbols
    xt::xtensor<T, 2> raw_haadf;                ///< as read
    xt::xtensor<T, 3> raw_maps;                 ///< as read
    xt::xtensor<T, 3> raw_background{};         ///< background counts expected in raw_maps; may be empty
    xt::xtensor<T, 3> raw_errors{};             ///< standard errors of raw_maps; may be empty
    xt::xtensor<T, 2> haadf;                    ///< in the recipe's units, as the terms saw them
    xt::xtensor<T, 3> maps;                     ///< in `unit`, as the terms saw them
    xt::xtensor<T, 2> fused_haadf;              ///< re-projected: sum of w_i x_i^gamma
    xt::xtensor<T, 3> fused_maps;               ///< the result, in `unit`
    xt::xtensor<double, 3> errors{};            ///< standard errors of fused_maps; may be empty
    std::string unit;                           ///< of maps and fused_maps, e.g. "scaled to [0, 1]"
    map_kind kind = map_kind::scaled;           ///< of maps and fused_maps; raw_maps of counts are maps
    pixel_calibration scale{};                  ///< of every image
    fusion_history history;                     ///< of the published recipe; empty for others
    std::optional<holdout_record> holdout{};    ///< where settings were chosen by counts held out
    std::optional<trust_record> trust{};        ///< where maps were averaged
    std::optional<amounts_record> amounts{};    ///< where maps are counts
    std::optional<spectrum_record> spectrum{};  ///< where maps came from the fit of spectra
    std::optional<truth_record<T>> truth{};     ///< of a simulation; shown in figures
    std::vector<input_record> inputs{};         ///< the files that were read
    std::string request{};                      ///< by which the same work is known again; may be empty
    std::vector<std::pair<std::string, parameter_value>> parameters;  ///< in the order in which they are shown
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
