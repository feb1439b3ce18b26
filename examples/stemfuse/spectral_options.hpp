// What the command line says of spectra.
#pragma once

#include <CLI/App.hpp>

#include "options.hpp"

namespace program {

inline void add_spectral_options(CLI::App& command, spectral_options& o) {
    const auto one_of = [](const auto& names) { return ", one of " + joined_names(names); };
    command
        .add_option("--spectra", o.mode,
                    "How maps come from spectra: by the fit of all lines, by windows of one line each, or as the files "
                    "suggest" +
                        one_of(spectra_names))
        ->capture_default_str();
    command.add_option("--beam-energy", o.beam_energy, "Energy of the beam, in keV (fit of spectra)")
        ->capture_default_str();
    command
        .add_option(
            "--axis", o.axis,
            "Energy axis and line width by the sum spectrum, or as the files say (fit of spectra)" + one_of(axis_names))
        ->capture_default_str();
    command
        .add_option("--detector-window", o.window,
                    "Window of the X-ray detector (fit of spectra)" + one_of(window_names))
        ->capture_default_str();
    command.add_option("--bins", o.bins, "Bins that spectra are fused in; 0: 32, or 48 from 8 elements on")
        ->capture_default_str();
    command
        .add_option("--collection-angle", o.collection_angle,
                    "Semi-angle of collection of energy losses, in mrad (fit of spectra)")
        ->capture_default_str();
    command.add_option("--low-loss", o.low_loss,
                       "Name of the spectra with the losses from 0 on; by default those that have 0 eV; none: without");
}

}  // namespace program
