// Fusion of spectra by the fit of all lines or edges.
#pragma once

#include <string>
#include <vector>

#include "count_options.hpp"
#include "figure_options.hpp"
#include "fusion_plan.hpp"
#include "input_files.hpp"
#include "options.hpp"

namespace program {

// Whether spectra are fused by the fit, and why it is so or not.
struct spectral_choice {
    bool fit = false;
    std::string reason;  // said where the spectra could have been fused the other way
};

// Chooses between the fit and windows. Throws usage_error and read_error.
spectral_choice choose_fit(const input_files& files, const input_options& input,
                           const std::vector<element_source>& elements, const std::vector<window_source>& windows,
                           const recipe_request& request);

// Reads, models and fuses the spectra of a plan whose xrays.fit is set, and writes all results; `elements` are those
// asked for, none for all that the spectrum shows. Throws what fuse() throws.
void fuse_by_fit(const input_files& files, fusion_plan plan, const std::vector<element_source>& elements,
                 const input_options& input, const recipe_request& request, const output_options& output);

// The elements that the X-ray spectra of a file show, a line for people.
std::string elements_in_words(const stemfuse::io::image_file& file, const stemfuse::io::spectrum_info& spectrum);

}  // namespace program
