// What both translation units compute, each with its own flags: it is static, so that only the library's functions
// could be shared by the linker.
#pragma once

#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/terms/haadf_model.hpp>

static double value_here() {
    using namespace stemfuse;
    xt::xtensor<float, 3> maps({2, 9, 37});
    const xt::xtensor<float, 2> image({9, 37}, 0.5F);
    for (std::size_t k = 0; k < maps.size(); ++k) maps.data()[k] = static_cast<float>(k * 7 % 23) / 23;
    const haadf_model term(image, haadf_response::from_weights({1, 0.5}, 1.6));
    return term.value(maps) + total_variation{}.value(maps);
}
