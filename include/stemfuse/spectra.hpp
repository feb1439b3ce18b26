// From spectra of X-rays and of energy losses to fused maps.
#pragma once

#include <stemfuse/elements/eels_edges.hpp>
#include <stemfuse/elements/xray_emissions.hpp>
#include <stemfuse/recipes/losses.hpp>
#include <stemfuse/recipes/spectra.hpp>
#include <stemfuse/recipes/spectral_recipe.hpp>
#include <stemfuse/spectra/binned_spectra.hpp>
#include <stemfuse/spectra/calibrate_axis.hpp>
#include <stemfuse/spectra/crop_losses.hpp>
#include <stemfuse/spectra/edge_cross_section.hpp>
#include <stemfuse/spectra/edx_detector.hpp>
#include <stemfuse/spectra/identify_elements.hpp>
#include <stemfuse/spectra/loss_signatures.hpp>
#include <stemfuse/spectra/signature_bins.hpp>
#include <stemfuse/spectra/spectrum_axis.hpp>
#include <stemfuse/spectra/spectrum_filter.hpp>
#include <stemfuse/spectra/spectrum_model.hpp>
#include <stemfuse/spectra/sum_fit.hpp>
#include <stemfuse/terms/correlated_likelihood.hpp>
#include <stemfuse/terms/spectral_likelihood.hpp>
