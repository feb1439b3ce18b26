// Images, element maps and spectra of Velox EMD files (HDF5), versions up to 13.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>
#include <stemfuse/io/velox/velox_json.hpp>
#include <stemfuse/io/velox/velox_spectra.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Versions of the format: the last one that is known here, and the first one whose displays refer to shared properties.
inline constexpr double newest_velox = 13, first_with_shared_properties = 11;

// The label of every image by the path of its group, without a leading "/".
inline std::map<std::string, std::string> velox_labels(const hdf5_reader& file, bool shared_properties) {
    std::map<std::string, std::string> labels;
    const auto add = [&](std::string path, const std::string& label) {
        if (path.starts_with('/')) path.erase(0, 1);
        if (!path.empty() && !label.empty()) labels.emplace(path, label);
    };
    const std::string displays = shared_properties ? "Displays/ImageDisplay" : "Presentation/Displays/ImageDisplay";
    for (const std::string& name : file.members(displays)) {
        const velox_json display(velox_text_at(file, displays + "/" + name));
        if (shared_properties) {
            const std::string reference = display.text({"data"});
            if (reference.empty()) continue;  // a mixture of others
            add(velox_json(velox_text_at(file, reference)).text({"dataPath"}), display.text({"id"}));
        } else {
            add(display.text({"dataPath"}), display.text({"display", "label"}));
        }
    }
    const std::string inputs = "Operations/StemInputOperation";
    for (const std::string& name : file.members(inputs)) {
        const velox_json input(velox_text_at(file, inputs + "/" + name));
        add(input.text({"dataPath"}), input.text({"detector"}));
    }
    return labels;
}

}  // namespace detail

/// Whether Velox wrote the file, by the JSON of its data set Version.
inline bool is_velox(const hdf5_reader& file) {
    return velox_json(detail::velox_text_at(file, "Version")).text({"format"}) == "Velox";
}

/// Reads a Velox file: images with their frames, and maps of energy windows from its EDS event streams and EELS
/// spectrum images. Throws read_error.
class velox_reader {
public:
    /// Opens the file and lists what it holds. Throws read_error.
    explicit velox_reader(const std::filesystem::path& path) : velox_reader(hdf5_images(path)) {}

    /// Of a file that is open already. Throws read_error.
    explicit velox_reader(hdf5_images opened) : images_(std::move(opened)) {
        const velox_json header(detail::velox_text_at(file(), "Version"));
        const std::string version = header.text({"version"});
        const double number = header.number({"version"}).value_or(0);
        const std::string shown = version.empty() ? "unknown" : version;
        images_.contents().format = "Velox EMD, version " + shown;
        if (!(number >= 1 && number <= detail::newest_velox)) {
            images_.contents().warnings.push_back("Velox version " + shown + " is not one of 1 to 13, read as 13");
        }
        list_images(number < 1 || number >= detail::first_with_shared_properties);
        detail::list_velox_eds(images_);
        detail::list_velox_eels(images_);
    }

    /// Images, the EDS of all detectors as one spectrum, and EELS spectrum images.
    const file_contents& contents() const noexcept { return images_.contents(); }

    /// An image of contents(), shape (n_y, n_x), its frames as chosen. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        return images_.read<T>(image, frames);
    }

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(): X-ray counts of all detectors
    /// and frames, or electrons of an energy loss. Throws value_error for no window, more than 64 and one that is
    /// empty, read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        require_windows(windows);
        for (const std::string& place : spectrum.places) file().require_plausible(place + "/Data");
        xt::xtensor<T, 3> maps({windows.size(), spectrum.shape[0], spectrum.shape[1]}, T(0));
        for (const std::string& place : spectrum.places) {
            if (spectrum.unit == "keV") {
                detail::add_velox_events(file(), place, windows, maps);
            } else {
                detail::add_velox_losses(file(), place, spectrum.channels, windows, maps);
            }
        }
        return maps;
    }

    /// See spectrum_reader. Events of several detectors go to the channels of the spectrum that are next to theirs.
    template <class F>
    void for_spectra(const spectrum_info& spectrum, F&& f) const {
        for (const std::string& place : spectrum.places) {
            file().require_plausible(place + "/Data");
            if (spectrum.unit == "keV") {
                detail::for_velox_counts(file(), place, spectrum, f);
            } else {
                detail::for_velox_losses(file(), place, spectrum, f);
            }
        }
    }

private:
    const hdf5_reader& file() const { return images_.file(); }

    void list_images(bool shared_properties) {
        const auto labels = detail::velox_labels(file(), shared_properties);
        struct found {
            image_info image;
            int order;  // detectors first, then elements by atomic number
        };
        std::vector<found> all;
        for (const std::string& name : file().members("Data/Image")) {
            const std::string group = "Data/Image/" + name;
            const auto array = file().describe(group + "/Data");
            if (!array || array->shape.size() != 3 || array->shape[2] == 0) {
                const std::string reason = file().why_not(group + "/Data");
                images_.other(group, reason.empty() ? "no image" : reason, file().shape_of(group + "/Data"));
                continue;
            }
            const velox_metadata meta = detail::velox_metadata_at(file(), group);
            image_info image;
            const auto label = labels.find(group);
            image.label = label != labels.end() ? label->second : meta.detector.empty() ? name : meta.detector;
            image.element = meta.measured ? "" : element_of(image.label);
            image.shape = {array->shape[0], array->shape[1]};
            image.frames = array->shape[2];
            image.type = array->type;
            image.scale = meta.scale.in_shown_unit(array->shape[1]);
            image.intensity = meta.intensity;
            image.place = group + "/Data";
            if (!has_room(contents(), image, all.size() + 1)) {
                images_.other(name.substr(0, 100), "too many images to list");
                continue;
            }
            all.push_back({image, image.element.empty() ? 0 : atomic_number(image.element)});
        }
        std::stable_sort(all.begin(), all.end(), [](const found& a, const found& b) { return a.order < b.order; });
        for (found& f : all) images_.add(std::move(f.image), {0, 1, {0, 0, 0}}, 2);
        name_by_labels(images_.contents().images);
    }

    hdf5_images images_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
