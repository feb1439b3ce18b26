// Reads what the readers list, for the tests and fuzzers that damage files: whatever is no read_error gets through.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/base/nion.hpp>
#include <stemfuse/io/dm/dm.hpp>
#include <stemfuse/io/guard/wire.hpp>
#include <stemfuse/io/hdf5/hdf5_filters.hpp>
#include <stemfuse/io/numpy/npz_images.hpp>
#include <stemfuse/io/numpy/numpy_images.hpp>
#include <stemfuse/io/raw/csv.hpp>
#include <stemfuse/io/raw/mrc.hpp>
#include <stemfuse/io/raw/rpl.hpp>
#include <stemfuse/io/record/parameters_json.hpp>
#include <stemfuse/io/tiff/tiff_reader.hpp>
#include <stemfuse/io/tilts/tilt_angles.hpp>
#include <stemfuse/io/tilts/tilt_stack.hpp>
#include <stemfuse/io/velox/velox_spectra.hpp>
#include <stemfuse/io/zarr/zarr_reader.hpp>

namespace read_all {

namespace io = stemfuse::io;
using bytes = std::span<const std::byte>;

// The pixels of the first and last images that a reader lists, and of the first spectra's maps, one after another.
template <class Reader>
std::vector<double> pixels(const Reader& reader) {
    constexpr std::size_t most = 4;
    const io::file_contents& contents = reader.contents();
    std::vector<double> all;
    const std::size_t n = contents.images.size();
    for (std::size_t i = 0; i < n; i = i + 1 == most ? std::max(most, n - std::min(n, most)) : i + 1) {
        const auto image = reader.template read<double>(contents.images[i]);
        all.insert(all.end(), image.begin(), image.end());
    }
    if constexpr (requires { reader.template read_windows<double>(contents.spectra[0], {}); }) {
        for (std::size_t i = 0; i < std::min(contents.spectra.size(), most); ++i) {
            const io::spectrum_info& s = contents.spectra[i];
            const double step = io::channel_step(s);
            if (!(s.last > s.first)) continue;
            const auto maps =
                reader.template read_windows<double>(s, {{s.first, s.first + 2 * step}, {s.first, s.last + step}});
            all.insert(all.end(), maps.begin(), maps.end());
        }
    }
    return all;
}

inline std::vector<double> dm(bytes file) { return pixels(io::dm_reader<io::memory_input>({file})); }
inline std::vector<double> npy(bytes file) { return pixels(io::npy_reader<io::memory_input>({file})); }
inline std::vector<double> npz(bytes file) { return pixels(io::npz_images(io::npz_reader(io::memory_input{file}))); }
inline std::vector<double> tiff(bytes file) { return pixels(io::tiff_reader<io::memory_input>({file})); }

inline std::vector<double> mrc(bytes file) { return pixels(io::mrc_reader<io::memory_input>({file})); }
inline std::vector<double> csv(bytes file) { return pixels(io::csv_reader<io::memory_input>({file})); }

// The text up to the first 0, and the numbers behind it.
inline std::vector<double> rpl(bytes file) {
    const auto end = static_cast<std::size_t>(std::find(file.begin(), file.end(), std::byte{0}) - file.begin());
    const auto raw = file.subspan(std::min(end + 1, file.size()));
    return pixels(io::rpl_reader<io::memory_input>({file.first(end)}, {raw}));
}

inline std::vector<double> lzf(bytes file) {
    const auto out =
        io::decode_lzf({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, 300 * file.size());
    if (!out) throw stemfuse::read_error("memory", "is no lzf");
    return {out->begin(), out->end()};
}

// A zarr store of one array: the text up to the first 0 is its .zarray, up to the next its .zattrs, the rest its chunk.
class one_array_store {
public:
    explicit one_array_store(bytes file) : file_(file) {}
    std::optional<std::vector<std::byte>> read(const std::string& key, std::uint64_t most) const {
        const auto at = key == ".zarray"                                 ? 0
                        : key == ".zattrs"                               ? 1
                        : key == "0.0" || key == "0/0" || key == "0.0.0" ? 2
                                                                         : 3;
        auto rest = file_;
        for (int part = 0; part <= at && at < 3; ++part) {
            const auto end = static_cast<std::size_t>(std::find(rest.begin(), rest.end(), std::byte{0}) - rest.begin());
            const auto whole = part == 2 ? rest : rest.first(end);
            if (part == at && whole.size() > most) fail("has more bytes than the array announces for it");
            if (part == at) return std::vector<std::byte>(whole.begin(), whole.end());
            rest = rest.subspan(std::min(end + 1, rest.size()));
        }
        return std::nullopt;
    }
    std::vector<std::string> members(const std::string&) const { return {}; }
    std::uint64_t size() const { return file_.size(); }
    std::string stem() const { return "memory"; }
    [[noreturn]] void fail(std::string_view message) const { throw stemfuse::read_error("memory", message); }

private:
    bytes file_;
};

inline std::vector<double> zarr(bytes file) { return pixels(io::zarr_reader<one_array_store>(one_array_store(file))); }

// The numbers of a Velox metadata text.
inline std::vector<double> velox_json(bytes file) {
    const std::string_view text = io::velox_text({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
    const io::velox_metadata m = io::read_velox_metadata(text);
    const stemfuse::io::pixel_calibration scale = m.scale.in_shown_unit(512);
    std::vector<double> all{scale.x.pixel, scale.y.pixel, m.intensity.scale, m.intensity.offset, m.energy_step};
    if (const auto axis = io::detail::read_velox_loss_axis(text)) all.insert(all.end(), {axis->offset, axis->step});
    return all;
}

inline std::string_view text_of(bytes file) { return {reinterpret_cast<const char*>(file.data()), file.size()}; }

// The axes and the scale of the JSON of Nion Swift.
inline std::vector<double> nion(bytes file) {
    const auto found = io::read_nion(text_of(file));
    if (!found) throw stemfuse::read_error("memory", "is no description");
    std::vector<double> all{found->intensity.scale, found->intensity.offset};
    for (const io::array_axis& a : found->axes) all.insert(all.end(), {a.step, a.first});
    return all;
}

// How many files a parameters.json names.
inline std::vector<double> parameters_json(bytes file) {
    const auto found = io::results_in(text_of(file));
    if (!found) throw stemfuse::read_error("memory", "is no record");
    return {static_cast<double>(found->inputs.size()), static_cast<double>(found->outputs.size())};
}

// Angles in lines; in sections where the text begins with "[" or a letter, as .mdoc does.
inline std::vector<double> tilt_angles(bytes file) {
    const std::string_view text = text_of(file);
    const bool lines = text.empty() || (text[0] != '[' && text[0] < 'A');
    return io::tilt_angles_in(text, lines ? io::angle_text::lines : io::angle_text::sections, "memory");
}

// The angles in the tags of a DM file of two images.
inline std::vector<double> dm_tilts(bytes file) {
    io::memory_source source(file);
    return io::detail::dm_tilt_angles_in(io::read_dm_tags(source), 2);
}

// What a reader in another process lists, and the same bytes again.
inline std::vector<double> wire(bytes file) {
    io::file_contents contents;
    io::wire_reader reader(text_of(file));
    try {
        reader(contents);
    } catch (const io::wire_error& e) {
        throw stemfuse::read_error("memory", e.what());
    }
    io::wire_writer again;
    again(contents);
    return {static_cast<double>(again.bytes.size()), static_cast<double>(contents.images.size())};
}

// Every reader that starts from memory, by the name of its format.
struct named_reader {
    std::string_view format;
    std::vector<double> (*read)(bytes);
};
inline constexpr named_reader readers[] = {{"dm", dm},
                                           {"npy", npy},
                                           {"npz", npz},
                                           {"tiff", tiff},
                                           {"velox_json", velox_json},
                                           {"mrc", mrc},
                                           {"rpl", rpl},
                                           {"csv", csv},
                                           {"lzf", lzf},
                                           {"zarr", zarr},
                                           {"nion", nion},
                                           {"parameters_json", parameters_json},
                                           {"tilt_angles", tilt_angles},
                                           {"dm_tilts", dm_tilts},
                                           {"wire", wire}};

}  // namespace read_all
