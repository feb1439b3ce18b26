// The spectra of Velox EMD files: EDS event streams and EELS spectrum images, listed, and decoded into maps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>
#include <stemfuse/io/velox/event_stream.hpp>
#include <stemfuse/io/velox/velox_json.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

inline std::string velox_text_at(const hdf5_reader& file, const std::string& path) {
    const auto texts = file.texts(path);
    return texts.empty() ? "" : texts[0];
}

// The metadata of the data in a group.
inline velox_metadata velox_metadata_at(const hdf5_reader& file, const std::string& group) {
    return read_velox_metadata(velox_text(file.read_column(group + "/Metadata")));
}

inline std::size_t velox_channels(const hdf5_reader& file, const std::string& stream) {
    const velox_json settings(velox_text_at(file, stream + "/AcquisitionSettings"));
    const double count = settings.number({"bincount"}).value_or(4096);
    return count >= 1 && count <= 65535 ? static_cast<std::size_t>(count) : 4096;
}

// Calls f(events) for the whole stream, in parts of 1 MiB.
template <class F>
void for_velox_events(const hdf5_reader& file, const std::string& stream, F&& f) {
    const std::string path = stream + "/Data";
    const auto array = file.describe(path);
    if (!array || array->shape.empty()) file.refuse(path, "holds no events");
    file.require_plausible(path);
    constexpr hsize_t step = 1 << 19;
    const hsize_t size = array->shape[0];
    std::vector<hsize_t> start(array->shape.size(), 0), count(array->shape.size(), 1);
    for (hsize_t at = 0; at < size; at += step) {
        start[0] = at, count[0] = std::min(step, size - at);
        const auto events = file.read_block<std::uint16_t>(path, start, count);
        f(std::span(events));
    }
}

inline std::size_t velox_pixels(const hdf5_reader& file, const std::string& stream) {
    std::size_t pixels = 0;
    for_velox_events(file, stream, [&](auto events) {
        for (const std::uint16_t event : events) pixels += event == event_decoder::next_pixel ? 1 : 0;
    });
    return pixels;
}

// Warns of streams that end within a frame: its first pixels have one frame more than the others.
inline void check_last_frame(hdf5_images& listed, const spectrum_info& eds) {
    constexpr std::size_t most_events = 1 << 26;  // longer streams are not read twice
    const std::size_t n = eds.shape[0] * eds.shape[1];
    for (const std::string& stream : eds.places) {
        const auto shape = listed.file().shape_of(stream + "/Data");
        if (shape.empty() || shape[0] > most_events || !listed.file().plausible(stream + "/Data")) continue;
        const std::size_t pixels = velox_pixels(listed.file(), stream), last = pixels % n;
        if (last == 0 || last + 1 == n) continue;
        const std::size_t frames = pixels / n;
        listed.contents().warnings.push_back(
            eds.name + ": the last frame is incomplete, the events end at pixel " + std::to_string(last) + " of " +
            std::to_string(n) + ": the first " + std::to_string(last) + " pixels have the dose of " +
            std::to_string(frames + 1) + " frames, the others of " + std::to_string(frames));
        return;
    }
}

// Gives `eds` the raster of the computed maps, else of the image whose pixels the first stream counts; false where
// there is none.
inline bool set_velox_raster(const hdf5_images& listed, spectrum_info& eds) {
    const auto& images = listed.contents().images;
    auto like = std::find_if(images.begin(), images.end(), [&](const image_info& i) {
        return !i.element.empty() && listed.file().plausible(i.place);
    });
    if (like == images.end()) {
        const std::size_t pixels = velox_pixels(listed.file(), eds.places[0]);
        for (const bool whole : {true, false}) {  // a stream may end within its last frame
            if (like != images.end()) break;
            like = std::find_if(images.begin(), images.end(), [&](const image_info& i) {
                const std::size_t n = i.shape[0] * i.shape[1], all = n * eds.frames;
                const bool fits = whole ? pixels == all || pixels + 1 == all : pixels < all && pixels + n > all;
                return fits && listed.file().plausible(i.place);
            });
        }
    }
    if (like == images.end() || like->shape[0] * like->shape[1] == 0) return false;
    eds.shape = like->shape;
    for (const image_info& image : images) {
        if (image.shape == eds.shape && image.scale.known()) eds.scale = image.scale;
    }
    return true;
}

// Adds one detector's stream to `eds`, or says why not.
inline void add_velox_stream(hdf5_images& listed, const std::string& stream, spectrum_info& eds) {
    const hdf5_reader& file = listed.file();
    const auto array = file.describe(stream + "/Data");
    if (!array || array->type != "uint16" || array->shape.empty() || array->shape[0] == 0)
        return listed.other(stream, "no events");
    const velox_metadata meta = velox_metadata_at(file, stream);
    if (meta.energy_step == 0) return listed.other(stream, "events without the energies of their channels");
    const std::size_t channels = velox_channels(file, stream);
    const double first = meta.energy_offset / 1000;
    const double last = first + static_cast<double>(channels - 1) * meta.energy_step / 1000;
    eds.first = eds.places.empty() ? first : std::min(eds.first, first);
    eds.last = eds.places.empty() ? last : std::max(eds.last, last);
    eds.channels = std::max(eds.channels, channels);
    if (const auto table = file.describe(stream + "/FrameLocationTable"); table && !table->shape.empty())
        eds.frames = std::max(eds.frames, table->shape[0]);
    if (const auto table = file.describe(stream + "/Metadata"); table && table->shape.size() == 2)
        eds.frames = std::max(eds.frames, table->shape[1]);  // one column a frame
    eds.places.push_back(stream);
}

// Lists the event streams of all detectors as one spectrum, "EDS".
inline void list_velox_eds(hdf5_images& listed) {
    const hdf5_reader& file = listed.file();
    spectrum_info eds;
    eds.name = "EDS", eds.unit = "keV", eds.type = "uint16";
    for (const std::string& name : file.members("Data/SpectrumStream"))
        add_velox_stream(listed, "Data/SpectrumStream/" + name, eds);
    eds.detectors = eds.places.size();
    if (eds.places.empty()) {
        if (file.members("Data/SpectrumStream").empty() && !file.members("Data/SpectrumImage").empty())
            listed.other("Data/SpectrumStream", "no events: they were removed from this file");
    } else if (set_velox_raster(listed, eds)) {
        listed.add(eds);
        check_last_frame(listed, eds);
    } else {
        listed.other("Data/SpectrumStream", "events of a raster that no image has");
    }
}

// Adds the counts of one detector in the windows (in keV) to `maps`.
template <scalar T>
void add_velox_events(const hdf5_reader& file, const std::string& stream, const std::vector<energy_window>& windows,
                      xt::xtensor<T, 3>& maps) {
    const velox_metadata meta = velox_metadata_at(file, stream);
    std::vector<energy_window> in_ev;
    for (const energy_window& w : windows) in_ev.push_back({1000 * w.low, 1000 * w.high});
    event_decoder decoder(maps.shape(1) * maps.shape(2), velox_channels(file, stream), meta.energy_offset,
                          meta.energy_step, in_ev);
    for_velox_events(file, stream, [&](auto events) { decoder.feed(events, maps.data()); });
}

// Calls f(pixel, channel, 1) for every count of one detector.
template <class F>
void for_velox_counts(const hdf5_reader& file, const std::string& stream, const spectrum_info& spectrum, F&& f) {
    const velox_metadata meta = velox_metadata_at(file, stream);
    const double step = channel_step(spectrum);
    std::vector<std::size_t> channel_of(velox_channels(file, stream), spectrum.channels);
    for (std::size_t c = 0; c < channel_of.size() && step > 0; ++c) {
        const double energy = (meta.energy_offset + static_cast<double>(c) * meta.energy_step) / 1000;
        const double channel = std::round((energy - spectrum.first) / step);
        if (channel >= 0 && channel < static_cast<double>(spectrum.channels))
            channel_of[c] = static_cast<std::size_t>(channel);
    }
    const std::size_t pixels = spectrum.shape[0] * spectrum.shape[1];
    std::size_t pixel = 0;
    for_velox_events(file, stream, [&](auto events) {
        for (const std::uint16_t event : events) {
            if (event == event_decoder::next_pixel) {
                if (++pixel == pixels) pixel = 0;
            } else if (event < channel_of.size() && channel_of[event] < spectrum.channels) {
                f(pixel, channel_of[event], 1.0);
            }
        }
    });
}

// Energies in eV, offset + i step, and intensities, stored * scale + added.
struct velox_loss_axis {
    double offset, step, scale, added;
};

inline std::optional<velox_loss_axis> read_velox_loss_axis(std::string_view metadata) {
    const velox_json json(metadata);
    const auto offset = json.number({"Data", "offset"}), step = json.number({"Data", "dispersion"});
    if (!offset || !step || *step <= 0) return std::nullopt;
    return velox_loss_axis{*offset, *step, json.number({"Data", "intensityScale"}).value_or(1),
                           json.number({"Data", "intensityOffset"}).value_or(0)};
}

inline std::optional<velox_loss_axis> velox_loss_axis_at(const hdf5_reader& file, const std::string& group) {
    return read_velox_loss_axis(velox_text(file.read_column(group + "/AcquisitionMetadata")));
}

// Lists the EELS spectrum images, one a range of energies, by rising energy. Their data have the shape (x, energy, y).
inline void list_velox_eels(hdf5_images& listed) {
    const hdf5_reader& file = listed.file();
    std::vector<spectrum_info> found;
    for (const std::string& name : file.members("Data/EelsSpectrumImage")) {
        const std::string group = "Data/EelsSpectrumImage/" + name;
        const auto array = file.describe(group + "/Data");
        const auto axis = velox_loss_axis_at(file, group);
        if (!array || array->shape.size() != 3 || array->shape[1] == 0 || !axis) {
            listed.other(group, "EELS without the energies of its channels");
            continue;
        }
        spectrum_info eels;
        eels.unit = "eV", eels.type = array->type;
        eels.channels = array->shape[1];
        eels.first = axis->offset;
        eels.last = axis->offset + static_cast<double>(eels.channels - 1) * axis->step;
        eels.shape = {array->shape[2], array->shape[0]};
        for (const image_info& image : listed.contents().images) {
            if (image.shape == eels.shape && image.scale.known()) eels.scale = image.scale;
        }
        eels.places = {group};
        found.push_back(std::move(eels));
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < found.size(); ++i) {
        found[i].name = "EELS " + std::to_string(i + 1);
        listed.add(found[i]);
    }
}

// Adds the intensities in the windows (in eV) to `maps`, one row of pixels after another.
template <scalar T>
void add_velox_losses(const hdf5_reader& file, const std::string& group, std::size_t channels,
                      const std::vector<energy_window>& windows, xt::xtensor<T, 3>& maps) {
    const auto axis = velox_loss_axis_at(file, group);
    if (!axis) file.refuse(group + "/Data", "has no energies");
    const hsize_t ny = maps.shape(1), nx = maps.shape(2);
    for (std::size_t w = 0; w < windows.size(); ++w) {
        const auto [first, last] = channels_in(windows[w], axis->offset, axis->step, channels);
        if (first == last) continue;
        const hsize_t n = last - first;
        for (hsize_t y = 0; y < ny; ++y) {
            const auto row = file.read_block<float>(group + "/Data", {0, first, y}, {nx, n, 1});
            for (hsize_t x = 0; x < nx; ++x) {
                double sum = 0;
                for (hsize_t i = 0; i < n; ++i) sum += static_cast<double>(row[x * n + i]);
                maps(w, y, x) += static_cast<T>(sum * axis->scale + static_cast<double>(n) * axis->added);
            }
        }
    }
}

// Calls f(pixel, channel, intensity) for the losses of one range of energies.
template <class F>
void for_velox_losses(const hdf5_reader& file, const std::string& group, const spectrum_info& spectrum, F&& f) {
    const auto axis = velox_loss_axis_at(file, group);
    if (!axis) file.refuse(group + "/Data", "has no energies");
    spectrum_info stored = spectrum;
    stored.places = {group + "/Data"};
    for_hdf5_pixels(file, stored, {.y = 2, .x = 0, .energy = 1}, 0, spectrum.channels,
                    [&](std::size_t pixel, const float* values, std::size_t stride) {
                        for (std::size_t c = 0; c < spectrum.channels; ++c)
                            f(pixel, c, static_cast<double>(values[c * stride]) * axis->scale + axis->added);
                    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
