// Images and spectra of Lispix' pairs of files: .rpl, which tells how the numbers lie, and .raw, the numbers.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/base/stored_numbers.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// The lines "key <tab or spaces> value" of an .rpl file, in small letters.
inline std::map<std::string, std::string> rpl_entries(std::string_view text) {
    std::map<std::string, std::string> entries;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find_first_of("\r\n"));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        line = line.substr(0, line.find(';'));
        const auto end = std::min(line.find_first_of(" \t"), line.size());
        const auto value = std::min(line.find_first_not_of(" \t", end), line.size());
        const auto last = line.find_last_not_of(" \t");
        if (end > 0 && value < line.size())
            entries[lower_case(line.substr(0, end))] = line.substr(value, last + 1 - value);
    }
    return entries;
}

inline double rpl_number(const std::map<std::string, std::string>& entries, const char* key, double otherwise) {
    const auto found = entries.find(key);
    const double value = found == entries.end() ? otherwise : parse_number(found->second).value_or(otherwise);
    return std::isfinite(value) ? value : otherwise;
}

inline std::string rpl_text(const std::map<std::string, std::string>& entries, const char* key) {
    const auto found = entries.find(key);
    return found == entries.end() ? "" : found->second;
}

}  // namespace detail

/// Reads a pair of .rpl and .raw: images one after another ("record-by image"), or spectra of every pixel ("vector") of
/// known energies: ev-per-chan (in eV), or depth-scale, depth-origin and depth-units; pixel sizes by width-scale and
/// width-units. Throws read_error for what is no such pair, and where the numbers are fewer than announced.
template <class Input = file_input>
class rpl_reader {
public:
    /// The .rpl text and the .raw bytes that it describes. Throws read_error.
    rpl_reader(const Input& header, Input raw) : raw_(std::move(raw)) {
        auto source = header.open();
        constexpr std::uint64_t longest = 1 << 16;  // a header has some twenty short lines
        const auto bytes = read_exactly(source, std::min(source.remaining(), longest));
        const auto entries = detail::rpl_entries({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        const auto extent = [&](const char* key, double otherwise) {
            const double n = detail::rpl_number(entries, key, otherwise);
            if (!(n >= 1 && n <= 4294967295.0 && n == std::floor(n)))
                source.fail(std::string(key) + " is " + to_string(n) + ", must be a whole number of 1 or more");
            return static_cast<std::size_t>(n);
        };
        const std::size_t nx = extent("width", 0), ny = extent("height", 0), depth = extent("depth", 1);
        set_type(source, entries);
        const std::string by = detail::lower_case(detail::rpl_text(entries, "record-by"));
        const bool vector = by == "vector";
        const std::vector<std::size_t> shape = vector ? std::vector{ny, nx, depth} : std::vector{depth, ny, nx};
        offset_ = static_cast<std::uint64_t>(std::clamp(detail::rpl_number(entries, "offset", 0), 0.0, 1e15));
        shape_ = shape;
        require_numbers(shape);
        if constexpr (requires { header.path; })
            contents_.beside = {header.path.filename().string(), raw_.path.filename().string()};
        list(header.stem(), entries, vector);
    }

    /// The images or spectra of the .raw file.
    const file_contents& contents() const { return contents_; }

    /// An image of contents(), shape (n_y, n_x). Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        return combine_frames(image.frames, frames, [&](std::size_t k) {
            xt::xtensor<T, 2> out(image.shape);
            for_numbers<T>([&](std::size_t n, std::size_t p, T v) {
                if (n == image.index + k) out.data()[p] = v;
            });
            return out;
        });
    }

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(). Throws value_error for invalid
    /// windows (see require_windows()), and read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        require_windows(windows);
        xt::xtensor<T, 3> maps({windows.size(), spectrum.shape[0], spectrum.shape[1]}, T(0));
        const std::size_t pixels = spectrum.shape[0] * spectrum.shape[1];
        std::vector<channel_range> ranges;
        for (const energy_window& w : windows) ranges.push_back(channels_in(w, spectrum));
        for_numbers<T>([&](std::size_t e, std::size_t p, T v) {
            for (std::size_t w = 0; w < ranges.size(); ++w) {
                if (e >= ranges[w].first && e < ranges[w].last) maps.data()[w * pixels + p] += v;
            }
        });
        return maps;
    }

    /// See spectrum_reader.
    template <class F>
    void for_spectra(const spectrum_info&, F&& f) const {
        for_numbers<double>([&](std::size_t e, std::size_t p, double v) {
            if (v != 0) f(p, e, v);
        });
    }

private:
    template <class Source>
    void set_type(Source& source, const std::map<std::string, std::string>& entries) {
        const std::string kind = detail::lower_case(detail::rpl_text(entries, "data-type"));
        const double bytes = detail::rpl_number(entries, "data-length", 0);
        type_.kind = kind == "float" ? 'f' : kind == "signed" ? 'i' : 'u';
        type_.size = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8 ? static_cast<std::size_t>(bytes) : 0;
        if (type_.size == 0 || (type_.kind == 'f' && type_.size == 1) ||
            (kind != "float" && kind != "signed" && kind != "unsigned"))
            source.fail("data-type is \"" + one_line(kind) + "\" of " + to_string(bytes) +
                        " bytes, must be signed, unsigned or float of 1, 2, 4 or 8");
        const bool big = detail::lower_case(detail::rpl_text(entries, "byte-order")).starts_with("big");
        type_.order = big ? std::endian::big : std::endian::little;
    }

    // Throws read_error where the .raw file has fewer numbers than the shape announces.
    void require_numbers(const std::vector<std::size_t>& shape) const {
        auto raw = raw_.open();
        std::uint64_t there = raw.remaining() < offset_ ? 0 : (raw.remaining() - offset_) / type_.size;
        const std::uint64_t all = there;
        for (const std::size_t n : shape) there /= n;
        if (there == 0)
            raw.fail("is truncated: its .rpl announces " + to_string(shape) + ", has " + std::to_string(all) +
                     " numbers");
    }

    void list(const std::string& stem, const std::map<std::string, std::string>& entries, bool vector) {
        const auto text = [&](const char* key) { return detail::rpl_text(entries, key); };
        const auto number = [&](const char* key) { return detail::rpl_number(entries, key, 0); };
        contents_.format = "Lispix rpl";
        array_axis depth{text("depth-name"), plain_unit(text("depth-units")), number("depth-scale"),
                         number("depth-origin")};
        if (const double step = number("ev-per-chan"); step > 0 && depth.step == 0)
            depth.unit = "eV", depth.step = step;
        const array_axis y{"y", plain_unit(text("height-units")), number("height-scale")},
            x{"x", plain_unit(text("width-units")), number("width-scale")};
        layout_hints hints;
        hints.energy_unit = detail::energy_unit_of(text("signal"));
        if (hints.energy_unit.empty() && number("ev-per-chan") > 0) hints.energy_unit = "keV";
        if (vector) depth.navigates = false;
        std::vector<array_axis> axes = vector ? std::vector{y, x, depth} : std::vector{depth, y, x};
        if (vector) axes[0].navigates = axes[1].navigates = true;
        image_info like;
        like.name = like.label = one_line(text("title").empty() ? stem : text("title"));
        array_content content = content_of(contents_, {like.label, shape_, type_name(type_), ""}, axes, hints, like);
        if (!content.reason.empty()) contents_.others.push_back({like.label, content.reason, shape_});
        contents_.images = std::move(content.images), contents_.spectra = std::move(content.spectra);
        for (std::size_t k = 0; k < contents_.images.size(); ++k) contents_.images[k].index = k;
        fastest_ = vector ? shape_[2] : 0;
    }

    // Calls f(place along the depth, pixel, value) for all numbers.
    template <scalar T, class F>
    void for_numbers(F&& f) const {
        auto raw = raw_.open();
        raw.skip(offset_);
        const std::size_t pixels = fastest_ > 0 ? shape_[0] * shape_[1] : shape_[1] * shape_[2];
        read_numbers<T>(raw, type_, shape_[0] * shape_[1] * shape_[2], [&](std::uint64_t i, T v) {
            if (fastest_ > 0) {
                f(static_cast<std::size_t>(i % fastest_), static_cast<std::size_t>(i / fastest_), v);
            } else {
                f(static_cast<std::size_t>(i / pixels), static_cast<std::size_t>(i % pixels), v);
            }
        });
    }

    Input raw_;
    stored_type type_{'u', 1, std::endian::little};
    std::uint64_t offset_ = 0;
    std::vector<std::size_t> shape_;
    std::size_t fastest_ = 0;  // numbers of a spectrum, where they lie together
    file_contents contents_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
