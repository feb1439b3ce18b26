// Everything but input and output: the headers in io/ need their own libraries and are included one by one.
#pragma once

#include <stemfuse/analysis/properties.hpp>
#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/operators/linear_operator.hpp>
#include <stemfuse/operators/mixing.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/published_scheme.hpp>
#include <stemfuse/solvers/stopping.hpp>
#include <stemfuse/terms/elements.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/haadf_response.hpp>
#include <stemfuse/terms/multi_detector_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>
#include <stemfuse/terms/term.hpp>
