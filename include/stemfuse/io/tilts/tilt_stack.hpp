// Tilt series in files of any format that is read: stacks of images and, where the file has them, their angles.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/dm/dm.hpp>
#include <stemfuse/io/dm/dm_tags.hpp>
#include <stemfuse/io/guard/child_call.hpp>
#include <stemfuse/io/hdf5/hdf5.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npz.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A stack of images, one a tilt.
struct tilt_stack {
    std::string name;              ///< of the image, data set or file
    xt::xtensor<float, 3> images;  ///< (tilts, rows, columns)
    std::vector<double> angles{};  ///< degrees; none where the file does not say
    bool turned = false;           ///< rows run along the tilt axis, as in data sets (x, t, tilt)
};

namespace detail {

// The numbers called `name` of the items of a list: the first list in which exactly `items` items have one; else empty.
inline std::vector<double> numbers_of_items(const dm_tag& tag, std::string_view name, std::size_t items) {
    std::vector<double> found;
    for (const dm_tag& t : tag.tags) {
        if (const auto number = t.number_at(name)) found.push_back(*number);
    }
    if (found.size() == items) return found;
    for (const dm_tag& t : tag.tags) {
        found = numbers_of_items(t, name, items);
        if (!found.empty()) return found;
    }
    return {};
}

// The angles in the tags of a file with this number of images: from the tracking data, else, of a single image, the
// stage's.
inline std::vector<double> dm_tilt_angles_in(const dm_file& file, std::size_t images) {
    const auto tracked = numbers_of_items(file.root, "stage angle (degree)", images);
    return tracked.empty() && images == 1 ? numbers_of_items(file.root, "Stage Alpha", 1) : tracked;
}

inline std::vector<double> dm_tilt_angles(const std::filesystem::path& path, std::size_t images) {
    file_source source(path);
    return dm_tilt_angles_in(read_dm_tags(source), images);
}

// A one-dimensional data set; empty where it is none or absurdly long.
inline std::vector<double> hdf5_numbers(const hdf5_reader& file, const std::string& path) {
    const auto info = file.describe(path);
    if (!info || info->shape.size() != 1 || info->shape[0] == 0 || info->shape[0] > 100000) return {};
    const hdf5_data_set set(file.root(), path);
    std::vector<double> numbers(info->shape[0]);
    if (!set || set.lies_elsewhere() ||
        H5Dread(set.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()) < 0) {
        throw read_error(file.path().string(), "cannot read \"" + path + "\"");
    }
    return numbers;
}

// A data set of three dimensions whose axis `tilt` is that of the tilts.
inline tilt_stack hdf5_stack(const hdf5_reader& file, const std::string& path, const array_info& info,
                             std::size_t tilt) {
    const std::size_t y = tilt == 0 ? 1 : 0, x = tilt == 2 ? 1 : 2;
    tilt_stack out;
    out.name = path.substr(path.rfind('/') + 1);
    const std::size_t tilts = info.shape[tilt], rows = info.shape[y], columns = info.shape[x];
    for (std::size_t k = 0; k < tilts; ++k) {
        hdf5_plane plane{y, x, std::vector<hsize_t>(3)};
        plane.at[tilt] = k;
        const auto image = file.read_plane<float>(path, plane);
        if (k == 0) out.images.resize({tilts, rows, columns});
        std::copy(image.begin(), image.end(), out.images.data() + k * rows * columns);
    }
    return out;
}

// An EMD group's axis of angles, (axis, angles); no angles where it has none.
inline std::pair<std::size_t, std::vector<double>> emd_tilt_axis(const hdf5_reader& file, const std::string& data) {
    const auto slash = data.rfind('/');
    const std::string group = slash == std::string::npos ? "" : data.substr(0, slash + 1);
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::string dim = group + "dim" + std::to_string(axis + 1);
        const hdf5_handle object = file.object(dim);
        if (!object) continue;
        const std::string unit = hdf5_text_attribute(object.get(), "units");
        auto angles = hdf5_numbers(file, dim);
        if (unit.find("deg") != std::string::npos) return {axis, angles};
        if (unit.find("rad") != std::string::npos && unit.find("mrad") == std::string::npos) {
            for (double& a : angles) a *= 180 / std::numbers::pi;
            return {axis, angles};
        }
    }
    return {0, {}};
}

// "Au" -> "Au_angles", else "haadf_angles" or "count_angles", else "tiltAngles" or "angles".
template <class Read>
std::vector<double> named_angles(const std::string& name, Read&& read) {
    const bool haadf = name == "HAADF" || name == "haadf";
    for (const std::string& candidate : {name + "_angles", std::string(haadf ? "haadf_angles" : "count_angles"),
                                         std::string("tiltAngles"), std::string("angles")}) {
        auto angles = read(candidate);
        if (!angles.empty()) return angles;
    }
    return {};
}

inline std::vector<tilt_stack> hdf5_tilt_stacks(const std::filesystem::path& path) {
    const hdf5_reader file(path);
    std::vector<tilt_stack> stacks;
    for (const array_info& info : file.arrays()) {
        if (info.shape.size() != 3 || info.name.find("truth/") != std::string::npos) continue;
        const bool last = info.name.ends_with("tiltSeries");  // (x, t, tilt)
        const auto [axis, degrees] = emd_tilt_axis(file, info.name);
        tilt_stack s = hdf5_stack(file, info.name, info, last ? 2 : axis);
        s.turned = last;
        s.angles = degrees;
        if (s.angles.empty())
            s.angles = named_angles(s.name, [&](const std::string& name) { return hdf5_numbers(file, name); });
        if (last || s.name == "data") s.name = path.stem().string();
        stacks.push_back(std::move(s));
    }
    return stacks;
}

inline std::vector<tilt_stack> npz_tilt_stacks(const std::filesystem::path& path) {
    const npz_reader file(path);
    const auto arrays = file.arrays();
    std::vector<tilt_stack> stacks;
    for (const array_info& info : arrays) {
        if (info.shape.size() != 3 || info.name.find("truth") != std::string::npos) continue;
        tilt_stack s{info.name, file.read<float, 3>(info.name)};
        s.angles = named_angles(s.name, [&](const std::string& name) {
            const auto found = std::find_if(arrays.begin(), arrays.end(),
                                            [&](const array_info& a) { return a.name == name && a.shape.size() == 1; });
            if (found == arrays.end()) return std::vector<double>();
            const auto numbers = file.read<double, 1>(name);
            return std::vector<double>(numbers.begin(), numbers.end());
        });
        stacks.push_back(std::move(s));
    }
    return stacks;
}

// All images of one shape, in their order.
inline std::vector<tilt_stack> image_tilt_stacks(const std::filesystem::path& path) {
    const image_file file(path);
    const auto& images = file.contents().images;
    if (images.empty()) return {};
    tilt_stack s;
    s.name = path.stem().string();
    for (std::size_t k = 0; k < images.size(); ++k) {
        if (images[k].shape != images[0].shape) {
            throw read_error(path.string(), "has images of different shapes, must be one tilt series");
        }
        if (images[k].frames > 1) {
            throw read_error(path.string(), "lists its images as frames of one, not as tilts; save them as MRC or npz");
        }
        const auto image = file.read<float>(images[k]);
        if (k == 0) s.images.resize({images.size(), images[0].shape[0], images[0].shape[1]});
        std::copy(image.begin(), image.end(), s.images.data() + k * image.size());
    }
    std::vector<tilt_stack> stacks;
    stacks.push_back(std::move(s));
    return stacks;
}

// The frames of the first image with most of them.
inline std::vector<tilt_stack> dm_tilt_stacks(const std::filesystem::path& path) {
    const dm_reader<> file(file_input{path});
    const auto& images = file.contents().images;
    if (images.empty()) return {};
    const image_info& image = *std::max_element(images.begin(), images.end(),
                                                [](const auto& a, const auto& b) { return a.frames < b.frames; });
    tilt_stack s;
    s.name = path.stem().string();
    s.images.resize({image.frames, image.shape[0], image.shape[1]});
    for (std::size_t k = 0; k < image.frames; ++k) {
        const auto frame = file.read_frame<float>(image, k);
        std::copy(frame.begin(), frame.end(), s.images.data() + k * frame.size());
    }
    s.angles = dm_tilt_angles(path, image.frames);
    std::vector<tilt_stack> stacks;
    stacks.push_back(std::move(s));
    return stacks;
}

}  // namespace detail

/// A tilt series on the wire, see io/guard/wire.hpp.
template <class Wire, detail::is_one_of<tilt_stack> S>
void transfer(Wire& wire, S& stack) {
    std::array<std::uint64_t, 3> shape{};
    std::string pixels;
    if constexpr (std::same_as<Wire, wire_writer>) {
        std::copy_n(stack.images.shape().begin(), 3, shape.begin());
        pixels.assign(reinterpret_cast<const char*>(stack.images.data()), stack.images.size() * sizeof(float));
    }
    wire(stack.name, shape, pixels, stack.angles, stack.turned);
    if constexpr (std::same_as<Wire, wire_reader>) {
        const std::uint64_t most = pixels.size() / sizeof(float);
        const std::uint64_t plane = shape[1] == 0 || shape[2] > most / shape[1] ? 0 : shape[1] * shape[2];
        if (plane == 0 || most % plane != 0 || most / plane != shape[0]) throw wire_error();
        stack.images.resize({shape[0], shape[1], shape[2]});
        std::copy(pixels.begin(), pixels.end(), reinterpret_cast<char*>(stack.images.data()));
    }
}

/// How the tilt series of a file are read.
struct tilt_read_options {
    /// HDF5 in a process of its own, see answer_of_child(): for files that come from elsewhere.
    bool guarded = false;
};

namespace detail {

inline std::vector<tilt_stack> guarded_hdf5_tilt_stacks(const std::filesystem::path& path) {
    // Compressed series grow on reading; the most that deflate makes of a byte is 1032.
    constexpr std::uint64_t least = std::uint64_t{1} << 26, growth = 1032;
    const std::uint64_t most = least + growth * std::min(input_file_size(path), std::uint64_t{1} << 33);
    const std::string answer = answer_of_child(path, most, [&](wire_writer& wire) { wire(hdf5_tilt_stacks(path)); });
    std::vector<tilt_stack> stacks;
    try {
        wire_reader wire(answer);
        wire(stacks);
    } catch (const wire_error& e) {
        throw read_error(path.string(), "cannot be read as HDF5: " + std::string(e.what()));
    }
    return stacks;
}

}  // namespace detail

/// The tilt series of a file. npz, HDF5 and EMD: every data set of three dimensions by its name, with the angles of its
/// EMD axis, of "<name>_angles", "haadf_angles" or "count_angles", or of "tiltAngles" (beside "tiltSeries", whose axes
/// are x, t, tilt). DM, TIFF, npy and other stacks of images: one series by the file's name; DM files with the angles
/// in their tags. Throws read_error.
inline std::vector<tilt_stack> read_tilt_stacks(const std::filesystem::path& path,
                                                const tilt_read_options& options = {}) {
    std::vector<tilt_stack> stacks;
    switch (recognise(path)) {
        case file_format::hdf5:
            stacks = options.guarded ? detail::guarded_hdf5_tilt_stacks(path) : detail::hdf5_tilt_stacks(path);
            break;
        case file_format::npz:
            stacks = detail::npz_tilt_stacks(path);
            break;
        case file_format::dm:
            stacks = detail::dm_tilt_stacks(path);
            break;
        default:
            stacks = detail::image_tilt_stacks(path);
    }
    if (stacks.empty()) throw read_error(path.string(), "has no tilt series: no data of three dimensions, no stack");
    return stacks;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
