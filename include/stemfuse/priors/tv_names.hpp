// The names of the algorithms and norms of total variation, as records and command lines have them.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include <stemfuse/priors/tv/tv_rows.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Every tv_algorithm with its name.
inline constexpr std::array<std::pair<std::string_view, tv_algorithm>, 3> tv_algorithm_names{
    {{"fgp", tv_algorithm::fgp}, {"gp", tv_algorithm::gp}, {"chambolle", tv_algorithm::chambolle}}};

/// Every tv_norm with its name.
inline constexpr std::array<std::pair<std::string_view, tv_norm>, 2> tv_norm_names{
    {{"isotropic", tv_norm::isotropic}, {"anisotropic", tv_norm::anisotropic}}};

}  // namespace stemfuse::inline STEMFUSE_ABI
