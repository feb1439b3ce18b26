// The one place that includes xtensor: its headers moved into folders at 0.26.
#pragma once

#if __has_include(<xtensor/containers/xtensor.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif

#include <cstddef>
#include <type_traits>

#if XTENSOR_VERSION_MAJOR == 0 && XTENSOR_VERSION_MINOR < 26
// g++ in C++20 picks the wrong specialisation inside xtensor < 0.26 and then computes wrong numbers without a warning;
// clang 19 finds the choice ambiguous and stops.
static_assert(
    std::is_same_v<xt::detail::xtype_for_shape<xt::svector<std::size_t, 4>>::type<double, xt::layout_type::row_major>,
                   xt::xarray<double>>,
    "stemfuse: xtensor before 0.26 needs g++ with -fno-new-ttp-matching, clang 19 and later with "
    "-fno-relaxed-template-template-args (the CMake target stemfuse::stemfuse and stemfuse.pc carry the flag), or take "
    "xtensor 0.26 or later");
#endif
