// Images and spectra of zarr stores, version 2: HyperSpy's .zspy, and arrays in groups.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/base/hspy_layout.hpp>
#include <stemfuse/io/zarr/zarr_chunks.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// A zarr store as an hspy_tree.
template <zarr_store Store>
class zarr_tree {
public:
    explicit zarr_tree(const Store& store) : store_(store) {}

    bool has(const std::string& path) const {
        return store_.read(key(path, ".zgroup"), longest_zarr_text) ||
               store_.read(key(path, ".zarray"), longest_zarr_text);
    }
    std::vector<std::string> members(const std::string& group) const { return store_.members(group); }
    std::string text(const std::string& path, const std::string& name) const {
        const nlohmann::json value = attribute(path, name);
        return value.is_string() ? value.get<std::string>() : "";
    }
    std::vector<std::string> text_list(const std::string& path, const std::string& name) const {
        std::vector<std::string> texts;
        const nlohmann::json list = attribute(path, name);
        if (!list.is_array() || list.size() > most_slices) return texts;
        for (const nlohmann::json& text : list) {
            if (text.is_string()) texts.push_back(text.get<std::string>());
        }
        return texts;
    }
    std::optional<double> number(const std::string& path, const std::string& name) const {
        const nlohmann::json value = attribute(path, name);
        return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
    }
    std::optional<bool> flag(const std::string& path, const std::string& name) const {
        const nlohmann::json value = attribute(path, name);
        if (value.is_boolean()) return value.get<bool>();
        return value.is_number() ? std::optional(value.get<double>() != 0) : std::nullopt;
    }
    std::vector<double> numbers(const std::string& path) const {
        const auto header = header_of(path);
        constexpr std::size_t most = 1 << 20;
        if (!header || !header->problem.empty() || header->shape.size() != 1 || header->shape[0] > most) return {};
        std::vector<double> all(header->shape[0]);
        for_zarr_chunks<double>(store_, path, *header, {{0, all.size()}}, [&](const zarr_chunk<double>& chunk) {
            for (std::size_t i = 0; i < chunk.values.size() && chunk.origin[0] + i < all.size(); ++i)
                all[chunk.origin[0] + i] = chunk.values[i];
        });
        return all;
    }
    // A list of texts is one chunk of JSON: the texts, the type, the shape.
    std::vector<std::string> texts(const std::string& path) const {
        const nlohmann::json array = json_at(key(path, ".zarray"));
        if (zarr_text(array, "dtype") != "|O") return {};
        auto bytes = store_.read(key(path, "0"), longest_zarr_text);
        if (bytes && array.contains("compressor") && array["compressor"].is_object()) bytes = inflate_text(*bytes);
        if (!bytes) return {};
        const nlohmann::json list = parse_zarr_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
        std::vector<std::string> found;
        for (std::size_t i = 0; list.is_array() && list.size() <= most_slices && i + 2 < list.size(); ++i) {
            if (list[i].is_string()) found.push_back(list[i].get<std::string>());
        }
        return found;
    }
    std::optional<array_info> describe(const std::string& path) const {
        const auto header = header_of(path);
        if (!header || !header->problem.empty()) return std::nullopt;
        return array_info{path, header->shape, type_name(header->type), ""};
    }
    std::string why_not(const std::string& path) const {
        const auto header = header_of(path);
        return header ? header->problem : "";
    }
    std::vector<std::size_t> shape_of(const std::string& path) const {
        const auto header = header_of(path);
        return header ? header->shape : std::vector<std::size_t>();
    }
    std::optional<zarr_header> header_of(const std::string& path) const {
        const auto bytes = store_.read(key(path, ".zarray"), longest_zarr_text);
        if (!bytes) return std::nullopt;
        return read_zarr_header({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    }
    nlohmann::json attribute(const std::string& path, const std::string& name) const {
        const nlohmann::json all = json_at(key(path, ".zattrs"));
        if (!all.is_object()) return {};
        const auto found = all.find(name);
        return found == all.end() ? nlohmann::json() : *found;
    }

private:
    static std::string key(const std::string& path, const char* name) {
        return path.empty() ? name : path + "/" + name;
    }
    // Texts are short: their size is found by trial.
    static std::optional<std::vector<std::byte>> inflate_text(const std::vector<std::byte>& bytes) {
        std::vector<std::byte> out(longest_zarr_text);
        uLongf size = out.size();
        if (uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                       bytes.size()) != Z_OK)
            return std::nullopt;
        out.resize(size);
        return out;
    }
    nlohmann::json json_at(const std::string& name) const {
        const auto bytes = store_.read(name, longest_zarr_text);
        if (!bytes) return {};
        return parse_zarr_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    }

    const Store& store_;
};

}  // namespace detail

/// Reads a zarr store: the experiments of a .zspy, else all arrays in groups with axes named by _ARRAY_DIMENSIONS.
/// Chunks that are not there have the array's fill value. Throws read_error for version 3 and for damaged chunks.
template <zarr_store Store>
class zarr_reader {
public:
    /// Lists what the store holds; arrays that say nothing of their axes are laid out by `axes`, see layout_hints.
    explicit zarr_reader(Store store, std::string axes = "")
        : store_(std::make_unique<Store>(std::move(store))), axes_(std::move(axes)) {
        const detail::zarr_tree<Store> tree(*store_);
        if (store_->read("zarr.json", detail::longest_zarr_text) && !tree.has(""))
            store_->fail("is zarr version 3, must be 2: write it with zarr_format=2");
        if (const std::string format = tree.text("", "file_format"); format == "ZSpy" || format == "HyperSpy") {
            list_hspy_experiments(tree, *this, store_->stem());
        } else {
            contents_.format = "zarr";
            list_group(tree, "", 0);
        }
    }

    /// What was listed.
    const file_contents& contents() const { return contents_; }
    /// The same, for what lists it.
    file_contents& contents() { return contents_; }

    /// Lists what an array holds, see content_of.
    void add(const array_info& a, const std::vector<array_axis>& axes, layout_hints hints, image_info like,
             double resolution = 0) {
        like.place = a.name;
        if (hints.axes.empty()) hints.axes = axes_;
        const auto header = detail::zarr_tree<Store>(*store_).header_of(a.name);
        const std::string label = like.label;
        array_content content = content_of(contents_, a, axes, hints, std::move(like));
        if (content.reason.empty() && !plausible(*header))
            content.reason = "announces more than a store of " + std::to_string(store_->size()) + " bytes can hold";
        if (!content.reason.empty()) return other(label, content.reason, a.shape);
        for (std::size_t k = 0; k < content.images.size(); ++k) {
            content.images[k].index = places_.size();
            places_.push_back({*header, content.layout, k});
            contents_.images.push_back(std::move(content.images[k]));
        }
        for (spectrum_info& s : content.spectra) {
            s.index = places_.size(), s.resolution = resolution;
            places_.push_back({*header, content.layout, 0});
            contents_.spectra.push_back(std::move(s));
        }
    }

    /// Lists what is not read, with the reason for people.
    void other(const std::string& name, const std::string& reason, std::vector<std::size_t> shape = {}) {
        contents_.others.push_back({one_line(name.substr(0, 100)), reason, std::move(shape)});
    }

    /// An image of contents(), shape (n_y, n_x), its frames as chosen. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        const located& found = places_.at(image.index);
        return combine_frames(image.frames, frames, [&](std::size_t k) {
            xt::xtensor<T, 2> out(image.shape);
            auto ranges = first_places(found);
            if (found.layout.stack) ranges[*found.layout.stack] = {found.place + k, found.place + k + 1};
            for_zarr_chunks<T>(*store_, image.place, found.header, ranges, [&](const zarr_chunk<T>& chunk) {
                for_pixels(chunk, found, ranges,
                           [&](std::size_t y, std::size_t x, const T* value) { out(y, x) = *value; });
            });
            return out;
        });
    }

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(). Throws value_error for invalid
    /// windows (see require_windows()), and read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        require_windows(windows);
        const located& found = places_.at(spectrum.index);
        const std::size_t energy = found.layout.energy.value();
        xt::xtensor<T, 3> maps({windows.size(), spectrum.shape[0], spectrum.shape[1]}, T(0));
        std::vector<channel_range> ranges;
        zarr_range all{spectrum.channels, 0};
        for (const energy_window& w : windows) {
            const channel_range r = ranges.emplace_back(channels_in(w, spectrum));
            if (r.first < r.last) all.first = std::min(all.first, r.first), all.last = std::max(all.last, r.last);
        }
        auto part = first_places(found);
        part[energy] = all;
        for_zarr_chunks<float>(*store_, spectrum.places.at(0), found.header, part, [&](const zarr_chunk<float>& chunk) {
            const std::size_t begin = chunk.origin[energy], end = begin + found.header.chunks[energy];
            auto pixels = part;
            pixels[energy] = {begin, begin + 1};
            for_pixels(chunk, found, pixels, [&](std::size_t y, std::size_t x, const float* spectrum_of_pixel) {
                for (std::size_t w = 0; w < ranges.size(); ++w) {
                    double sum = 0;
                    for (std::size_t e = std::max(ranges[w].first, begin); e < std::min(ranges[w].last, end); ++e)
                        sum += static_cast<double>(spectrum_of_pixel[(e - begin) * chunk.strides[energy]]);
                    maps(w, y, x) += static_cast<T>(sum);
                }
            });
        });
        return maps;
    }

    /// Calls f(pixel, channel, value) for the numbers of a spectrum of contents() that are not 0, chunk by chunk.
    /// Throws read_error.
    template <class F>
    void for_spectra(const spectrum_info& spectrum, F&& f) const {
        const located& found = places_.at(spectrum.index);
        const std::size_t energy = found.layout.energy.value();
        auto part = first_places(found);
        part[energy] = {0, spectrum.channels};
        for_zarr_chunks<float>(*store_, spectrum.places.at(0), found.header, part, [&](const zarr_chunk<float>& chunk) {
            const std::size_t begin = chunk.origin[energy];
            const std::size_t end = std::min(begin + found.header.chunks[energy], spectrum.channels);
            auto pixels = part;
            pixels[energy] = {begin, begin + 1};
            for_pixels(chunk, found, pixels, [&](std::size_t y, std::size_t x, const float* of_pixel) {
                for (std::size_t e = begin; e < end; ++e) {
                    const float v = of_pixel[(e - begin) * chunk.strides[energy]];
                    if (v != 0) f(y * spectrum.shape[1] + x, e, static_cast<double>(v));
                }
            });
        });
    }

private:
    struct located {
        zarr_header header;
        array_layout layout;
        std::size_t place;
    };

    // All pixels; of the other axes the first place.
    static std::vector<zarr_range> first_places(const located& found) {
        std::vector<zarr_range> ranges(found.header.shape.size(), {0, 1});
        for (const std::size_t axis : {found.layout.y, found.layout.x}) ranges[axis] = {0, found.header.shape[axis]};
        return ranges;
    }

    // Calls f(y, x, value) for the pixels of a chunk at the first places of the other ranges.
    template <scalar T, class F>
    static void for_pixels(const zarr_chunk<T>& chunk, const located& found, const std::vector<zarr_range>& ranges,
                           F&& f) {
        std::size_t base = 0;
        const std::size_t y_axis = found.layout.y, x_axis = found.layout.x;
        for (std::size_t d = 0; d < ranges.size(); ++d) {
            if (d != y_axis && d != x_axis) base += (ranges[d].first - chunk.origin[d]) * chunk.strides[d];
        }
        const auto end = [&](std::size_t axis) {
            return std::min(chunk.origin[axis] + found.header.chunks[axis], found.header.shape[axis]);
        };
        for (std::size_t y = chunk.origin[y_axis]; y < end(y_axis); ++y) {
            for (std::size_t x = chunk.origin[x_axis]; x < end(x_axis); ++x)
                f(y, x,
                  chunk.values.data() + base + (y - chunk.origin[y_axis]) * chunk.strides[y_axis] +
                      (x - chunk.origin[x_axis]) * chunk.strides[x_axis]);
        }
    }

    // Chunks that are not there take no bytes: at least as many as an image of 4096 x 4096 pixels has.
    bool plausible(const zarr_header& header) const {
        constexpr std::uint64_t most_unwritten = 4096 * 4096;
        const auto elements = detail::zarr_elements(header.shape);
        const std::uint64_t packed = header.codec == zarr_codec::none ? 1 : 1032;
        return elements && *elements <= std::max(packed * store_->size() / header.type.size, most_unwritten);
    }

    void list_group(const detail::zarr_tree<Store>& tree, const std::string& group, std::size_t depth) {
        constexpr std::size_t deepest = 16;
        if (const auto header = tree.header_of(group)) return list_array(tree, group, *header);
        if (depth > deepest) return other(group, "groups nested deeper than 16");
        for (const std::string& name : tree.members(group))
            list_group(tree, group.empty() ? name : group + "/" + name, depth + 1);
    }

    void list_array(const detail::zarr_tree<Store>& tree, const std::string& path, const zarr_header& header) {
        image_info like;
        like.label = path.empty() ? store_->stem() : detail::telling_name(path);
        if (header.shape.size() < 2) return;
        if (!header.problem.empty()) return other(path, header.problem, header.shape);
        const auto names = tree.text_list(path, "_ARRAY_DIMENSIONS");
        std::vector<array_axis> axes(header.shape.size());
        for (std::size_t d = 0; d < std::min(names.size(), axes.size()); ++d) {
            const std::string place = (detail::parent_of(path).empty() ? "" : detail::parent_of(path) + "/") + names[d];
            axes[d] = detail::axis_of(names[d], tree.text(place, "units"), tree.numbers(place));
        }
        layout_hints hints;
        hints.elements = tree.text_list(path, "elements");
        like.name = path.empty() ? like.label : path;
        add({path, header.shape, type_name(header.type), ""}, axes, hints, like);
    }

    std::unique_ptr<Store> store_;  // readers move, what is listed refers to it
    std::string axes_;
    file_contents contents_;
    std::vector<located> places_;  // by image_info::index and spectrum_info::index
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
