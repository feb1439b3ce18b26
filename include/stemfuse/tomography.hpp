// Fused tomography of tilt series.
#pragma once

#include <stemfuse/recipes/aligned_series.hpp>
#include <stemfuse/recipes/published_tilts.hpp>
#include <stemfuse/recipes/tilt_holdout.hpp>
#include <stemfuse/recipes/tilt_warning.hpp>
#include <stemfuse/recipes/tomography.hpp>
#include <stemfuse/recipes/tomography_options.hpp>
#include <stemfuse/simulate/tilt_series.hpp>
#include <stemfuse/tomography/haadf_fit.hpp>
#include <stemfuse/tomography/sirt.hpp>
#include <stemfuse/tomography/strip_weights.hpp>
#include <stemfuse/tomography/tilt_alignment.hpp>
#include <stemfuse/tomography/tilt_checkpoint.hpp>
#include <stemfuse/tomography/tilt_counts.hpp>
#include <stemfuse/tomography/tilt_defaults.hpp>
#include <stemfuse/tomography/tilt_duals.hpp>
#include <stemfuse/tomography/tilt_geometry.hpp>
#include <stemfuse/tomography/tilt_haadf.hpp>
#include <stemfuse/tomography/tilt_projector.hpp>
#include <stemfuse/tomography/tilt_scheme.hpp>
#include <stemfuse/tomography/tilt_sweep.hpp>
#include <stemfuse/tomography/variation_rows.hpp>
#include <stemfuse/tomography/volume_differences.hpp>
#include <stemfuse/tomography/volume_variation.hpp>
