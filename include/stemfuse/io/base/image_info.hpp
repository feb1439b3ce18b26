// What a file says about its images before they are read: one description for all formats.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/base/element_label.hpp>
#include <stemfuse/io/base/text_sinks.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// How stored numbers become intensities: stored * scale + offset, in `unit` (empty where the file names none).
struct intensity_calibration {
    double scale;      ///< intensity of one step of the stored numbers
    double offset;     ///< intensity of a stored 0
    std::string unit;  ///< "e-", "counts"; empty where the file names none

    /// By default, stored numbers are intensities of no known unit.
    intensity_calibration(double factor = 1, double added = 0, std::string of = "")
        : scale(factor), offset(added), unit(std::move(of)) {}

    /// Whether stored numbers are the intensities already.
    bool identity() const { return scale == 1 && offset == 0; }
};

/// What a file says about one image.
struct image_info {
    std::string name;                   ///< unique in its file: what it is asked for by
    std::string label;                  ///< what the file calls it, "HAADF" or "Fe-EELS"; not always unique
    std::string element;                ///< a symbol, where label or file say so; else empty
    image_shape shape{};                ///< n_y, n_x
    std::size_t frames = 1;             ///< images of the same thing, one after another
    std::string type;                   ///< as stored: "float32", "uint16"
    pixel_calibration scale{};          ///< size of a pixel
    intensity_calibration intensity{};  ///< applied by read()
    std::string place;                  ///< where in the file: a path, "ImageList/1", "page 0"
    std::size_t index = 0;              ///< of the image among those of its reader
    double background = 0;              ///< of a map: background counts in a pixel, where the file says so
};

/// Spectra of every pixel, of which maps of energy windows can be read.
struct spectrum_info {
    std::string name;                     ///< "EDS", "EELS 1"
    std::string unit;                     ///< of energies: "keV" or "eV"
    double first = 0;                     ///< the energy of the first channel
    double last = 0;                      ///< the energy of the last channel
    std::size_t channels = 0;             ///< numbers of one spectrum, evenly spaced from first to last
    std::size_t detectors = 1;            ///< whose counts are added up
    std::size_t frames = 1;               ///< scans of the same pixels, added up
    image_shape shape{};                  ///< n_y, n_x: one spectrum a pixel
    std::string type;                     ///< as stored: "uint16"
    pixel_calibration scale{};            ///< size of a pixel
    std::vector<std::string> places;      ///< of every detector's data
    double resolution = 0;                ///< full width of Mn K alpha at half maximum in eV, where the file says so
    std::size_t index = 0;                ///< among the spectra of its file
    std::vector<std::string> elements{};  ///< of the sample, where the file says so: symbols
};

/// Energies low <= E < high, in the unit of the spectrum.
struct energy_window {
    double low;   ///< included
    double high;  ///< not included
};

/// What a file has and is not read.
struct left_out {
    std::string name;                  ///< a label, or the path in the file
    std::string reason;                ///< "complex numbers", "is a link to gone.h5, which is not there"
    std::vector<std::size_t> shape{};  ///< slowest axis first; empty where not known

    /// "name (shape): reason", for people.
    std::string line() const {
        std::string text = name;
        if (!shape.empty()) text.append(" ").append(to_string(shape));
        return text.append(": ").append(reason);
    }
};

/// What a file holds.
struct file_contents {
    std::string format;                  ///< "Velox EMD, version 11"
    std::vector<image_info> images;      ///< no two of one name
    std::vector<spectrum_info> spectra;  ///< of which maps of windows can be read
    std::vector<left_out> others;        ///< what is there and is no image
    std::vector<std::string> warnings;   ///< what was not as expected, one line each
    std::vector<std::string> beside{};   ///< names of files in the same folder that are read, too
};

/// Whether `count` more images like this one are listed: about 130000 in all, fewer where their texts are long, so that
/// a small file of many slices, or of links to the same long text, has no large list.
inline bool has_room(const file_contents& contents, const image_info& image, std::size_t count = 1) {
    constexpr std::size_t most_bytes = 1 << 26, of_one = 512;
    const std::size_t texts = 2 * image.place.size() + image.label.size() + image.scale.x.unit.size() +
                              image.scale.y.unit.size() + image.intensity.unit.size();
    return contents.images.size() + count <= most_bytes / (of_one + texts);
}

/// How several frames become one image.
enum class frame_choice { mean, sum, first };

/// The image that comes of `count` frames; frame k is read(k), an image (n_y, n_x).
template <class Read>
auto combine_frames(std::size_t count, frame_choice frames, Read&& read) {
    auto image = read(std::size_t(0));
    if (frames == frame_choice::first) return image;
    for (std::size_t k = 1; k < count; ++k) {
        const auto next = read(k);
        for (std::size_t i = 0; i < image.size(); ++i) image.data()[i] += next.data()[i];
    }
    if (frames == frame_choice::sum || count < 2) return image;
    for (auto& v : image) v /= static_cast<std::remove_reference_t<decltype(v)>>(count);
    return image;
}

/// What every format's reader gives: its contents, and any of their images (n_y, n_x) in T.
template <class R>
concept image_reader = requires(const R& reader, const image_info& image) {
    { reader.contents() } -> std::same_as<const file_contents&>;
    { reader.template read<float>(image, frame_choice::mean) } -> std::same_as<xt::xtensor<float, 2>>;
};

/// Text of a file as one line for people, see terminal_text().
inline std::string one_line(std::string_view text) { return terminal_text(text); }

/// Gives the images names of their labels, "Fe", "Fe (2)": what is repeated gets a number.
inline void name_by_labels(std::vector<image_info>& images) {
    std::map<std::string, std::size_t> taken;  // names, with the last number that follows them
    for (image_info& image : images) {
        image.name = image.label = one_line(image.label);
        while (!taken.emplace(image.name, 1).second)
            image.name = image.label + " (" + std::to_string(++taken[image.label]) + ")";
    }
}

/// Stored numbers to intensities, in place.
template <scalar T>
void apply(const intensity_calibration& intensity, xt::xtensor<T, 2>& image) {
    if (intensity.identity()) return;
    for (T& v : image) v = static_cast<T>(static_cast<double>(v) * intensity.scale + intensity.offset);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
