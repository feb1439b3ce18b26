// Images of any file that is read: the format is recognised by content, the images are listed and read by name.
#pragma once

#include <algorithm>
#include <concepts>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/channel_sums.hpp>
#include <stemfuse/io/base/file_format.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/dm/dm.hpp>
#include <stemfuse/io/guard/child_reader.hpp>
#include <stemfuse/io/numpy/numpy_images.hpp>
#include <stemfuse/io/raw/csv.hpp>
#include <stemfuse/io/raw/mrc.hpp>
#include <stemfuse/io/raw/rpl.hpp>

// Every format is there if the headers of its library are.
#if __has_include(<zip.h>)
#include <stemfuse/io/numpy/npz_images.hpp>
#endif
#if __has_include(<zip.h>) && __has_include(<zlib.h>) && __has_include(<nlohmann/json.hpp>)
#define STEMFUSE_HAS_ZARR 1
#include <stemfuse/io/zarr/zarr_reader.hpp>
#endif
#if __has_include(<tiffio.h>)
#include <stemfuse/io/tiff/tiff_reader.hpp>
#endif
#if __has_include(<hdf5.h>)
#include <stemfuse/io/hdf5/dm5.hpp>
#include <stemfuse/io/hdf5/emd.hpp>
#include <stemfuse/io/hdf5/h5oina.hpp>
#include <stemfuse/io/hdf5/hspy.hpp>
#include <stemfuse/io/hdf5/plain_hdf5.hpp>
#if __has_include(<nlohmann/json.hpp>)
#include <stemfuse/io/velox/velox.hpp>
#endif
#endif

namespace stemfuse::inline STEMFUSE_ABI::io {

/// How a file is read.
struct read_options {
    /// HDF5 in a process of its own, see child_reader: for files that come from elsewhere. Without it the HDF5 library
    /// reads in this process, and a damaged file can end it, or worse.
    bool guarded = false;
    /// The axes of arrays that do not name them, slowest first, as letters: y, x, e (energies), n (images), 1 (left
    /// out).
    std::string axes{};
};

namespace detail {

[[noreturn]] inline void throw_without(const std::filesystem::path& path, const char* format, const char* library) {
    throw read_error(path.string(), "is a " + std::string(format) + " file: stemfuse was built without " + library);
}

using any_reader = std::variant<npy_reader<>, dm_reader<>, mrc_reader<>, rpl_reader<>, csv_reader<>, child_reader
#if __has_include(<zip.h>)
                                ,
                                npz_images
#endif
#ifdef STEMFUSE_HAS_ZARR
                                ,
                                zarr_reader<zarr_folder>, zarr_reader<zarr_zip>
#endif
#if __has_include(<tiffio.h>)
                                ,
                                tiff_reader<>
#endif
#if __has_include(<hdf5.h>)
                                ,
                                hdf5_images
#if __has_include(<nlohmann/json.hpp>)
                                ,
                                velox_reader
#endif
#endif
                                >;

template <class... Readers>
consteval bool all_are_readers(const std::variant<Readers...>*) {
    return (image_reader<Readers> && ...);
}
static_assert(all_are_readers(static_cast<const any_reader*>(nullptr)),
              "stemfuse: every reader must have contents() and read<T>(image, frames), see image_reader");

inline any_reader open_hdf5_images(const std::filesystem::path& path, const read_options& options) {
#if __has_include(<hdf5.h>)
    hdf5_images images(path, options.axes);
    if (images.file().object("Version") && images.file().object("Data")) {
#if __has_include(<nlohmann/json.hpp>)
        if (is_velox(images.file())) return velox_reader(std::move(images));
#else
        throw_without(path, "Velox", "nlohmann-json");
#endif
    }
    if (is_hspy(images.file())) {
        list_hspy(images);
    } else if (is_emd(images.file())) {
        list_emd(images);
    } else if (is_dm5(images.file())) {
        list_dm5(images);
    } else if (is_h5oina(images.file())) {
        list_h5oina(images);
    } else {
        list_plain_hdf5(images);
    }
    return images;
#else
    static_cast<void>(options);
    throw_without(path, "HDF5", "HDF5");
#endif
}

inline any_reader open_zarr(const std::filesystem::path& path, const read_options& options) {
#ifdef STEMFUSE_HAS_ZARR
    return zarr_reader<zarr_folder>(zarr_folder(path), options.axes);
#else
    static_cast<void>(options);
    throw_without(path, "zarr", "zlib, libzip and nlohmann-json");
#endif
}

// A zip archive is one of zarr or of npy arrays.
inline any_reader open_npz_images(const std::filesystem::path& path, const read_options& options) {
#ifdef STEMFUSE_HAS_ZARR
    if (zarr_zip archive(path); archive.is_zarr()) return zarr_reader<zarr_zip>(std::move(archive), options.axes);
#endif
#if __has_include(<zip.h>)
    return npz_images(npz_reader(path), options.axes);
#else
    static_cast<void>(options);
    throw_without(path, "npz", "libzip");
#endif
}

inline any_reader open_tiff_images(const std::filesystem::path& path) {
#if __has_include(<tiffio.h>)
    return tiff_reader<>(file_input{path});
#else
    throw_without(path, "TIFF", "libtiff");
#endif
}

// Of the pair of files, either may be named.
inline any_reader open_rpl_images(const std::filesystem::path& path) {
    const auto beside = [&](const char* small, const char* capital) {
        std::filesystem::path other = path;
        std::error_code absent;
        return std::filesystem::exists(other.replace_extension(capital), absent) ? other
                                                                                 : other.replace_extension(small);
    };
    const bool numbers = lower_case(path.extension().string()) == ".raw";
    return rpl_reader<>(file_input{numbers ? beside(".rpl", ".RPL") : path},
                        file_input{numbers ? path : beside(".raw", ".RAW")});
}

}  // namespace detail

/// A file of any format that is read. Throws read_error for any other, and for a damaged one.
class image_file {
public:
    /// Recognises the format by the first bytes and lists what the file holds. Throws read_error, see the class.
    explicit image_file(const std::filesystem::path& path, const read_options& options = {})
        : path_(path.has_filename() ? path : path.parent_path()), reader_(open<detail::any_reader>(path_, options)) {}

    /// The path as it was given.
    const std::filesystem::path& path() const noexcept { return path_; }

    /// The file, and the files in its folder that are read with it: the .raw of an .rpl, what links and virtual data
    /// sets of HDF5 name.
    std::vector<std::filesystem::path> sources() const {
        auto all = files_beside(path_, contents());
        all.insert(all.begin(), path_);
        return all;
    }

    /// Images, spectra, what is left out, and warnings.
    const file_contents& contents() const {
        return std::visit([](const auto& reader) -> const file_contents& { return reader.contents(); }, reader_);
    }

    /// The image that `name` means: the one of that name or place, else the only one whose name ends in it after a "/"
    /// ("HAADF" for "Data/HAADF"), else the only one of that element. Throws read_error, naming the images that are
    /// there, where there is none or several.
    const image_info& find(std::string_view name) const;

    /// The images that `name` may mean, see find().
    std::vector<image_info> matches(std::string_view name) const;

    /// An image of contents(), shape (n_y, n_x), its frames as chosen, in the unit of its intensities. Throws
    /// read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const;

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(). Throws value_error for invalid
    /// windows (see require_windows()), and read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const;

private:
    // f of a reader of spectra. Throws read_error for one that has none.
    template <class F>
    auto with_spectra(F&& f) const {
        using result_type = std::invoke_result_t<F&, const child_reader&>;
        return std::visit(
            [&]<class Reader>(const Reader& reader) -> result_type {
                if constexpr (spectrum_reader<Reader> || std::same_as<Reader, child_reader>) {
                    return f(reader);
                } else {
                    throw read_error(path_.string(), "has no spectra that are read");
                }
            },
            reader_);
    }

public:
    /// The sum of all spectra of a spectrum of contents(): a number a channel. Throws read_error.
    std::vector<double> read_sum_spectrum(const spectrum_info& spectrum) const {
        return with_spectra([&](const auto& reader) {
            if constexpr (requires { reader.read_sum_spectrum(spectrum); }) {
                return reader.read_sum_spectrum(spectrum);
            } else {
                return sum_spectrum_of(reader, spectrum);
            }
        });
    }

    /// Weighted sums of the channels of every pixel, (n_sums, n_y, n_x), in one pass and without a cube. Throws
    /// value_error for weights that do not fit (see require_weights()), and read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_channel_sums(const spectrum_info& spectrum, const channel_weights& weights) const;

private:
    template <class Reader>
    static Reader open(const std::filesystem::path& path, const read_options& options);

    // In a process that may read the files beside that a first look finds, and those that these name.
    static child_reader open_guarded(const std::filesystem::path& path, const read_options& options) {
        const auto open_hdf5 = [options](const std::filesystem::path& file) {
            return detail::open_hdf5_images(file, options);
        };
        std::vector<std::filesystem::path> beside;
        constexpr int most_looks = 8;
        for (int look = 1;; ++look) {
            child_reader reader(path, open_hdf5, {}, beside);
            auto named = files_beside(path, reader.contents());
            if (named.size() == beside.size() || look == most_looks) return reader;
            beside = std::move(named);
        }
    }

    // The HDF5 files that the file names and that are there.
    static std::vector<std::filesystem::path> files_beside(const std::filesystem::path& path,
                                                           const file_contents& contents) {
        std::vector<std::filesystem::path> there;
        for (const std::string& name : contents.beside) {
            const auto other = path.parent_path() / name;
            std::error_code absent;
            if (name == path.filename() || name.find('/') != std::string::npos ||
                !std::filesystem::is_regular_file(other, absent))
                continue;
            there.push_back(other);
        }
        return there;
    }

    std::filesystem::path path_;
    detail::any_reader reader_;
};

template <class Reader>
Reader image_file::open(const std::filesystem::path& path, const read_options& options) {
    switch (recognise(path)) {
        case file_format::npy:
            return npy_reader<>(file_input{path}, options.axes);
        case file_format::npz:
            return detail::open_npz_images(path, options);
        case file_format::dm:
            return dm_reader<>(file_input{path});
        case file_format::tiff:
            return detail::open_tiff_images(path);
        case file_format::mrc:
            return mrc_reader<>(file_input{path});
        case file_format::rpl:
            return detail::open_rpl_images(path);
        case file_format::csv:
            return csv_reader<>(file_input{path});
        case file_format::zarr:
            return detail::open_zarr(path, options);
        case file_format::hdf5:
            break;
    }
    if (options.guarded) return open_guarded(path, options);
    return detail::open_hdf5_images(path, options);
}

template <scalar T>
xt::xtensor<T, 2> image_file::read(const image_info& image, frame_choice frames) const {
    return std::visit([&](const auto& reader) { return reader.template read<T>(image, frames); }, reader_);
}

template <scalar T>
xt::xtensor<T, 3> image_file::read_windows(const spectrum_info& spectrum,
                                           const std::vector<energy_window>& windows) const {
    return std::visit(
        [&]<class Reader>(const Reader& reader) -> xt::xtensor<T, 3> {
            if constexpr (requires { reader.template read_windows<T>(spectrum, windows); }) {
                return reader.template read_windows<T>(spectrum, windows);
            } else {
                throw read_error(path_.string(), "has no spectra that are read");
            }
        },
        reader_);
}

template <scalar T>
xt::xtensor<T, 3> image_file::read_channel_sums(const spectrum_info& spectrum, const channel_weights& weights) const {
    return with_spectra([&](const auto& reader) {
        if constexpr (requires { reader.template read_channel_sums<T>(spectrum, weights); }) {
            return reader.template read_channel_sums<T>(spectrum, weights);
        } else {
            return channel_sums_of<T>(reader, spectrum, weights);
        }
    });
}

// All readers at once are much to compile: a program of several units compiles them in one, see cmake/compiled/io.
#ifdef STEMFUSE_COMPILED_IO
extern template detail::any_reader image_file::open<detail::any_reader>(const std::filesystem::path&,
                                                                        const read_options&);
extern template xt::xtensor<float, 2> image_file::read(const image_info&, frame_choice) const;
extern template xt::xtensor<double, 2> image_file::read(const image_info&, frame_choice) const;
extern template xt::xtensor<float, 3> image_file::read_windows(const spectrum_info&,
                                                               const std::vector<energy_window>&) const;
extern template xt::xtensor<double, 3> image_file::read_windows(const spectrum_info&,
                                                                const std::vector<energy_window>&) const;
extern template xt::xtensor<float, 3> image_file::read_channel_sums(const spectrum_info&, const channel_weights&) const;
extern template xt::xtensor<double, 3> image_file::read_channel_sums(const spectrum_info&,
                                                                     const channel_weights&) const;
#endif

/// The names of images, slices of one array in short: "HAADF", "EDS[0] to EDS[63]".
inline std::vector<std::string> short_names(const std::vector<image_info>& images) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < images.size();) {
        std::size_t last = i;
        while (last + 1 < images.size() && images[last + 1].place == images[i].place) ++last;
        names.push_back(images[i].name + (last > i ? " to " + images[last].name : ""));
        i = last + 1;
    }
    return names;
}

inline std::vector<image_info> image_file::matches(std::string_view name) const {
    if (name.starts_with('/')) name.remove_prefix(1);
    const auto& images = contents().images;
    const std::string ending = "/" + std::string(name);
    const auto matching = [&](auto&& fits) {
        std::vector<image_info> found;
        std::copy_if(images.begin(), images.end(), std::back_inserter(found), fits);
        return found;
    };
    auto found = matching([&](const image_info& i) { return i.name == name; });
    if (found.empty()) found = matching([&](const image_info& i) { return i.place == name; });
    if (found.empty()) found = matching([&](const image_info& i) { return i.name.ends_with(ending); });
    if (found.empty()) found = matching([&](const image_info& i) { return i.element == name && !name.empty(); });
    return found;
}

inline const image_info& image_file::find(std::string_view name) const {
    const std::string wanted = "\"" + std::string(name) + "\"";
    const auto& images = contents().images;
    const auto found = matches(name);
    if (found.empty())
        throw read_error(path_.string(), "has no image " + wanted + ", has " + joined(short_names(images)));
    if (found.size() > 1)
        throw read_error(path_.string(),
                         "has several images " + wanted + ", name one of " + joined(short_names(found)));
    return *std::find_if(images.begin(), images.end(), [&](const image_info& i) { return i.name == found[0].name; });
}

/// The images of a file. Throws read_error.
inline std::vector<image_info> list_images(const std::filesystem::path& path) {
    return image_file(path).contents().images;
}

/// The image `name` (see image_file::find), shape (n_y, n_x), converted to T. Throws read_error.
template <scalar T>
xt::xtensor<T, 2> read_image(const std::filesystem::path& path, std::string_view name) {
    const image_file file(path);
    return file.read<T>(file.find(name));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
