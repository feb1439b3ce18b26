// stemfuse simulate: a measurement with known truth, as a file.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include <stemfuse/core/joined.hpp>
#include <stemfuse/core/number_text.hpp>
#include <stemfuse/elements/atomic_weights.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/hdf5/hdf5_writer.hpp>
#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/simulate/catalogue.hpp>
#include <stemfuse/simulate/spectra.hpp>

#include "commands.hpp"

namespace program {

namespace {

// What the file holds: images by name, and how they came about.
struct simulated_file {
    std::vector<std::pair<std::string, xt::xtensor<float, 2>>> images, truth;
    std::vector<std::pair<std::string, stemfuse::io::parameter_value>> parameters;
    std::string fuse_options;  // what is known of background and sensitivities, as stemfuse fuse takes it
};

simulated_file simulated(const stemfuse::catalogue_entry<float>& entry, std::size_t ny, std::size_t nx,
                         const simulate_options& o) {
    const auto sample = entry.make(ny, nx);
    const auto conditions = stemfuse::at_dose(entry.usual, o.dose, static_cast<std::uint64_t>(o.seed));
    const auto acquired = stemfuse::acquire(sample, conditions);
    const auto background = stemfuse::background_counts(sample, conditions);
    simulated_file f;
    f.images.emplace_back("HAADF", acquired.haadf);
    std::string sensitivities, factors;
    for (std::size_t i = 0; i < sample.elements.size(); ++i) {
        const std::string& element = sample.elements[i];
        f.images.emplace_back(element, xt::view(acquired.maps, i));
        f.truth.emplace_back(element, xt::view(sample.truth, i));
        const double sensitivity = conditions.sensitivities[i];
        sensitivities += (i == 0 ? "" : ",") + element + "=" + stemfuse::to_string(sensitivity);
        // Of atoms, a count stands for 1 / sensitivity.
        const double factor = stemfuse::atomic_weight(element) / sensitivity;
        factors += (i == 0 ? "" : ",") + element + "=" + stemfuse::to_string(factor);
    }
    const bool varies = sample.background_profile.size() > 0;
    f.fuse_options =
        (varies ? "" : "--background " + stemfuse::to_string(conditions.background) + " ") + "--k-factors " + factors;
    if (varies) {
        for (std::size_t i = 0; i < sample.elements.size(); ++i)
            f.images.emplace_back(sample.elements[i] + "_background", xt::view(background, i));
    }
    f.parameters = {{"specimen", std::string(entry.name)},
                    {"dose", o.dose},
                    {"seed", o.seed},
                    {"background", varies ? xt::mean<double>(background)() : conditions.background},
                    {"sensitivities", sensitivities},
                    {"haadf_noise", conditions.haadf_noise},
                    {"haadf_gain", conditions.haadf_gain},
                    {"haadf_offset", conditions.haadf_offset},
                    {"stemfuse_version", std::string(STEMFUSE_VERSION)}};
    return f;
}

void write_hdf5(const std::filesystem::path& path, const simulated_file& f) {
    stemfuse::io::atomic_file target(path);
    const stemfuse::io::hdf5_silence silence;
    const stemfuse::io::detail::hdf5_writer file(target);
    const auto add = [&](hid_t group, const auto& images) {
        for (const auto& [name, image] : images) {
            file.image(group, name, image.data(), stemfuse::image_shape{image.shape(0), image.shape(1)}, "");
        }
    };
    add(file.root(), f.images);
    const auto truth = file.group("truth");
    add(truth.get(), f.truth);
    for (const auto& [name, value] : f.parameters) file.parameter(name, value);
    target.write(file.bytes());
    target.commit();
}

// Spectra of the specimen, the HAADF image, and as the stack /truth the mean counts of every element.
void write_spectra(const stemfuse::catalogue_entry<float>& entry, std::size_t ny, std::size_t nx,
                   const simulate_options& o) {
    using namespace stemfuse;
    spectral_acquisition_options options;
    options.counts = at_dose(entry.usual, o.dose, static_cast<std::uint64_t>(o.seed));
    const auto acquired = acquire_spectra(entry.make(ny, nx), options);
    io::atomic_file target(o.file);
    const io::hdf5_silence silence;
    const io::detail::hdf5_writer file(target);
    const image_shape shape{ny, nx};
    file.image(file.root(), "HAADF", acquired.haadf.data(), shape, "");
    file.spectra(file.root(), "EDS", acquired.spectra.data(), {ny, nx, options.axis.channels}, options.axis.first,
                 options.axis.step);
    // A stack without symbols: files with maps of their own are fused by these.
    file.stack(file.root(), "truth", acquired.expected.data(), {acquired.elements.size(), ny, nx});
    std::string elements;
    for (const std::string& e : acquired.elements) elements += (elements.empty() ? "" : ",") + e;
    const std::vector<std::pair<std::string, io::parameter_value>> parameters{
        {"specimen", std::string(entry.name)},
        {"dose", o.dose},
        {"seed", o.seed},
        {"energy_shift_kev", options.shift},
        {"energy_gain", options.gain},
        {"resolution_ev", options.detector.resolution},
        {"bremsstrahlung", options.background},
        {"truth_order", elements},
        {"stemfuse_version", std::string(STEMFUSE_VERSION)}};
    for (const auto& [name, value] : parameters) file.parameter(name, value);
    target.write(file.bytes());
    target.commit();
    std::printf("%s: spectra of %s (%s), %zu x %zu pixels, dose %g\n", io::terminal_text(o.file).c_str(),
                o.specimen.c_str(), elements.c_str(), ny, nx, o.dose);
    std::printf("to fuse: stemfuse fuse %s -o fused --elements auto\n", io::shell_path(o.file).c_str());
}

// The numbers among the parameters become arrays of one number.
void write_npz(const std::filesystem::path& path, const simulated_file& f) {
    stemfuse::io::npz_writer file(path);
    for (const auto& [name, image] : f.images) file.add(name, image);
    for (const auto& [name, image] : f.truth) file.add("truth/" + name, image);
    for (const auto& [name, value] : f.parameters) {
        if (const double* const number = std::get_if<double>(&value)) file.add(name, xt::xtensor<double, 1>{*number});
        if (const auto* const number = std::get_if<std::int64_t>(&value))
            file.add(name, xt::xtensor<double, 1>{static_cast<double>(*number)});
    }
    file.commit();
}

// Throws usage_error and write_error where the file cannot be made.
void check_output(const simulate_options& o) {
    require_simulated(o.dose, o.seed);
    const std::filesystem::path path = o.file;
    const std::string ending = path.extension().string();
    if (ending != ".h5" && ending != ".hdf5" && ending != ".npz")
        throw usage_error("--output: is \"" + o.file + "\", must be a file name that ends in .h5, .hdf5 or .npz");
    if (o.spectra && (o.tilts || ending == ".npz"))
        throw usage_error(o.tilts ? std::string("--spectra: is given with --tilts, must be without")
                                  : "--output: is \"" + o.file + "\", must end in .h5 or .hdf5 with --spectra");
    if (!o.overwrite && std::filesystem::exists(std::filesystem::symlink_status(path)))
        throw usage_error("--output: " + o.file + " is there already: name another file, or give --overwrite");
    {
        const stemfuse::io::atomic_file trial(path);
        stemfuse::io::remove_leftovers(path.has_parent_path() ? path.parent_path() : ".");
    }
}

}  // namespace

void simulate(const simulate_options& o) {
    if (o.list && o.tilts) return simulate_tilts(o, 0);
    if (o.list) {
        for (const auto& entry : stemfuse::specimen_catalogue<float>())
            std::printf("%-20s %s\n", std::string(entry.name).c_str(), std::string(entry.summary).c_str());
        return;
    }
    if (o.tilts) {
        const auto [n, other] = parse_size(o.size == "256x256" ? "64x64" : o.size);
        if (n != other || n < 8)
            throw usage_error("--size: is \"" + o.size + "\", must be NxN with --tilts, N 8 or more");
        check_output(o);
        return simulate_tilts(o, n);
    }
    const auto entry = [&] {
        try {
            return stemfuse::specimen_by_name<float>(o.specimen);
        } catch (const stemfuse::value_error& unknown) {
            throw usage_error(unknown.what());
        }
    }();
    const auto [ny, nx] = parse_size(o.spectra && o.size == "256x256" ? "128x128" : o.size);
    check_output(o);
    if (o.spectra) return write_spectra(entry, ny, nx, o);
    const std::filesystem::path path = o.file;
    const std::string ending = path.extension().string();
    const auto file = simulated(entry, ny, nx, o);
    ending == ".npz" ? write_npz(path, file) : write_hdf5(path, file);
    const std::string elements = stemfuse::joined(file.truth, ",", [](const auto& map) { return map.first; });
    std::printf("%s: %s, %zu x %zu pixels, dose %g\n", stemfuse::io::terminal_text(o.file).c_str(), o.specimen.c_str(),
                ny, nx, o.dose);
    std::printf("to fuse: stemfuse fuse %s -o fused --elements %s %s\n", stemfuse::io::shell_path(o.file).c_str(),
                elements.c_str(), file.fuse_options.c_str());
}

}  // namespace program
