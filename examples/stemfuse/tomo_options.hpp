// What the command line says of stemfuse tomo.
#pragma once

#include <CLI/App.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace program {

struct tomo_options {
    std::vector<std::string> files, elements, angles, shifts;
    std::string axis = "x", checkpoint, request;
    bool radians = false, flip = false, separate = false, keep_offset = false, align = false, published = false,
         holdout = false, haadf_alone = false;
    std::optional<double> gamma;
    double axis_shift = 0, background = 0.05, variation = 1;
    std::optional<double> lambda_haadf, offset;
    std::vector<double> weights;
    std::size_t thickness = 0, iterations = 80, threads = 0;
};

inline CLI::App* add_tomo(CLI::App& app, tomo_options& o) {
    auto* const c =
        app.add_subcommand("tomo", "Fuse tilt series to volumes of the elements; HAADF alone to one volume");
    c->add_option(
         "FILE", o.files,
         "Files with the series, FILE or NAME=FILE; the NAME is HAADF or an element; several files of one name "
         "are tilts of one series")
        ->required();
    c->add_option("--elements", o.elements, "Symbols, Au,Fe,O; by default all series but HAADF")->delimiter(',');
    c->add_flag("--haadf-alone", o.haadf_alone, "Reconstruct HAADF alone, whatever else the files have");
    c->add_option(
        "--angles", o.angles,
        "Angles, [NAME=]FILE (.rawtlt, .tlt, .mdoc, .txt) or [NAME=]FIRST:LAST in equal steps; NAME is HAADF or "
        "counts; by default as the files say, or the file beside them");
    c->add_flag("--radians", o.radians, "Angles are in radians");
    c->add_flag("--flip-angles", o.flip, "Angles have the opposite sign");
    c->add_option("--tilt-axis", o.axis, "Direction of the tilt axis in the images, x (along rows) or y")
        ->capture_default_str();
    c->add_option("--axis-shift", o.axis_shift, "The tilt axis lies so many pixels beside the middle of the images")
        ->capture_default_str();
    c->add_option("--shifts", o.shifts, "Shifts of the tilts across the axis in pixels, [NAME=]FILE with one a line");
    c->add_flag(
        "--align", o.align,
        "Find the direction of the tilt axis and the shifts of the tilts by re-projection of HAADF, and move all "
        "series by them");
    c->add_option("--thickness", o.thickness, "Voxels along the beam; 0: as wide as the images")->capture_default_str();
    c->add_option("--iterations", o.iterations, "Iterations of the fusion")->capture_default_str();
    c->add_option("--gamma", o.gamma,
                  "Exponent of the HAADF model, 1 to 2, by default 1; above 1 no minimum is promised");
    c->add_option("--weights", o.weights, "Weights of the elements in HAADF; fitted by default")->delimiter(',');
    c->add_option("--lambda-haadf", o.lambda_haadf, "Weight of the HAADF term; by default from noise and counts");
    c->add_flag("--holdout", o.holdout,
                "Choose the weights of total variation and HAADF by counts that are held out; takes 14 fusions");
    c->add_flag(
        "--published", o.published,
        "The published scheme with its steps, 100 + 50 iterations and gamma 1.6, for comparison: no minimum of a "
        "stated objective, and no other options but --weights, --gamma and --thickness");
    c->add_option("--variation", o.variation, "Factor of total variation")->capture_default_str();
    c->add_flag("--separate", o.separate, "Total variation of each element instead of all together");
    c->add_option("--background", o.background, "Counts in a pixel that are none of the element's")
        ->capture_default_str();
    c->add_option("--offset", o.offset, "Constant to take from the HAADF series; found by default");
    c->add_flag("--keep-offset", o.keep_offset, "Take no constant from the HAADF series");
    c->add_option("--checkpoint", o.checkpoint, "File to go on from if it is there, and to write the state to");
    c->add_option("--threads", o.threads, "Threads of a rank; 0 is one for each core")->capture_default_str();
    return c;
}

}  // namespace program
