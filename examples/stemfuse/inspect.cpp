// stemfuse inspect: what files hold, and the command that fuses it.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <stemfuse/core/joined.hpp>
#include <stemfuse/io/describe.hpp>

#include "commands.hpp"
#include "measurement.hpp"
#include "spectral.hpp"

namespace program {

namespace {

// Describes what can be read; one line on stderr for a file that cannot, where there are others. Returns the paths that
// were read. Throws read_error for a single file.
std::vector<std::string> describe_files(const std::vector<std::string>& paths) {
    std::vector<std::string> read;
    for (const std::string& path : paths) {
        try {
            std::printf("%s", stemfuse::io::describe(stemfuse::io::image_file(path, {.guarded = true})).c_str());
            read.push_back(path);
        } catch (const stemfuse::read_error& e) {
            if (paths.size() == 1) throw;
            std::fflush(stdout);
            std::fprintf(stderr, "stemfuse: %s\n", stemfuse::io::one_line(e.what()).c_str());
        }
    }
    return read;
}

// Which images of several files have the same shape.
void print_shapes(const input_files& files) {
    std::map<stemfuse::image_shape, std::vector<std::string>> names;
    for (std::size_t i = 0; i < files.size(); ++i) {
        std::map<stemfuse::image_shape, std::vector<stemfuse::io::image_info>> images;
        for (const auto& image : files[i].contents().images) images[image.shape].push_back(image);
        for (const auto& [shape, same] : images) {
            for (const auto& name : stemfuse::io::short_names(same))
                names[shape].push_back(files[i].path().filename().string() + ":" + name);
        }
    }
    for (const auto& [shape, all] : names) {
        if (all.size() < 2) continue;
        std::printf("in all files, of shape %s: %s\n", stemfuse::to_string(shape).c_str(),
                    stemfuse::io::one_line(stemfuse::io::joined(all)).c_str());
    }
}

// The command that fuses the files, where it is tried and all that it reads can be read; else why not.
void print_command(const input_files& files, const std::vector<std::string>& paths) {
    const auto contents = files.contents();
    std::string command;
    for (const std::string& path : paths) command += " " + stemfuse::io::shell_path(path);
    try {
        fusion_plan plan = plan_fusion(files, {}, {}, {});
        const auto measured = read_measurement<float>(files, plan, {});
        std::vector<std::string> names;
        for (const auto& map : plan.maps) names.push_back(map.image.name);
        for (const auto& line : plan.xrays.lines)
            names.push_back(line.element + " " + std::string(line.line.name) + " of " + plan.xrays.spectrum.name);
        const std::string maps = stemfuse::joined(names);
        std::printf("taken for maps: %s\n", stemfuse::io::one_line(maps).c_str());
        for (const std::string& warning : plan.warnings) {
            const bool shown = std::any_of(contents.begin(), contents.end(), [&](const auto& c) {
                return std::find(c.warnings.begin(), c.warnings.end(), warning) != c.warnings.end();
            });
            if (!shown) std::printf("%s\n", stemfuse::io::one_line(warning).c_str());
        }
        std::printf("to fuse: stemfuse fuse%s -o fused\n", command.c_str());
    } catch (const stemfuse::error& e) {
        std::printf("cannot be fused: %s\n", stemfuse::io::one_line(e.what()).c_str());
    }
}

void print_choice(const input_files& files, const std::vector<std::string>& paths) {
    const auto contents = files.contents();
    std::vector<const stemfuse::io::file_contents*> all;
    std::size_t images = 0, spectra = 0, xrays = 0, of_sample = 0;
    for (const auto& c : contents) {
        all.push_back(&c), images += c.images.size(), spectra += c.spectra.size();
        for (const auto& s : c.spectra) xrays += s.unit == "keV", of_sample += s.unit == "keV" && !s.elements.empty();
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        for (const auto& s : files[i].contents().spectra) {
            if (s.unit == "keV")
                std::printf("spectra %s: %s\n", stemfuse::io::one_line(s.name).c_str(),
                            elements_in_words(files[i], s).c_str());
        }
    }
    auto choice = stemfuse::io::choose_images(all);
    if (choice.haadf) {
        std::printf("taken for HAADF: %s\n", stemfuse::io::one_line(choice.haadf->image.name).c_str());
    } else if (images > 0 && choice.notes.empty()) {
        std::printf("no image is called HAADF: name the one that is by --haadf\n");
    } else if (images == 0 && spectra == 0) {
        std::printf("nothing to fuse%s\n", stemfuse::io::without_image);
    } else if (images == 0) {
        std::printf("no image: name the file of the HAADF image, too\n");
    }
    if (choice.haadf && (!choice.maps.empty() || of_sample > 0)) return print_command(files, paths);
    for (const std::string& note : choice.notes) std::printf("%s\n", stemfuse::io::one_line(note).c_str());
    if (!choice.haadf) return;
    std::printf("no image of its shape is called by an element symbol: name %s\n",
                xrays > 0 ? "the elements whose X-ray lines are in the spectra, as --elements Symbol,..., or none for "
                            "all that they show"
                : spectra > 0 ? "windows of energies in the spectra, as --windows Symbol=LOW-HIGHeV,..."
                              : "the maps as --elements NAME=Symbol,...");
}

}  // namespace

void inspect(const std::vector<std::string>& paths) {
    const auto read = describe_files(paths);
    if (!read.empty()) {
        const input_files files(read);
        if (read.size() > 1) print_shapes(files);
        print_choice(files, read);
    }
    if (read.size() == paths.size()) return;
    std::fflush(stdout);
    throw stemfuse::read_error(
        std::to_string(paths.size() - read.size()) + " of " + std::to_string(paths.size()) + " files",
        "cannot be read");
}

}  // namespace program
