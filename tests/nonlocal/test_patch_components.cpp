#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/core/random.hpp>
#include <stemfuse/nonlocal/patch_components.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// Two channels of one wave, the second twice as strong, under noise of variance 1.
xt::xtensor<double, 3> waves(bool noisy) {
    xt::xtensor<double, 3> map({2, 40, 52});
    for (std::size_t c = 0; c < 2; ++c) {
        for (std::size_t y = 0; y < 40; ++y) {
            for (std::size_t x = 0; x < 52; ++x) {
                map(c, y, x) = (c == 0 ? 2 : 4) * std::sin(0.7 * double(x) + 0.4 * double(y));
                if (noisy) map(c, y, x) += random_stream(1, stream_of("waves"), y + 40 * c, x).normal();
            }
        }
    }
    return map;
}

double error_of(const xt::xtensor<double, 2>& map, const xt::xtensor<double, 3>& truth, std::size_t c) {
    return std::sqrt(xt::mean(xt::square(map - xt::view(truth, c)))());
}

}  // namespace

TEST_CASE("all components give the channels back") {
    const auto map = waves(true);
    const patch_components<double> all(as_view(map), 1, 1000);
    CHECK(all.components() == 18);
    for (std::size_t c = 0; c < 2; ++c) CHECK(error_of(all.channel(c, 1000), map, c) < 1e-12);
}

TEST_CASE("a wave has two components, and what is made of them has a fifth of the noise") {
    const auto truth = waves(false), measured = waves(true);
    const patch_components<double> clean(as_view(truth), 2, 4), noisy(as_view(measured), 2, 2);
    for (std::size_t c = 0; c < 2; ++c) {
        // Patches mirrored at the border hold something else.
        const auto found = clean.channel(c, 2);
        double worst = 0;
        for (std::size_t y = 6; y < 34; ++y) {
            for (std::size_t x = 6; x < 46; ++x) worst = std::max(worst, std::abs(found(y, x) - truth(c, y, x)));
        }
        CHECK(worst < 0.02);
        CHECK(error_of(noisy.channel(c, 2), truth, c) < 0.35);
    }
}

TEST_CASE("constant channels stay, threads change no bit, what does not fit is refused") {
    const xt::xtensor<float, 3> flat = xt::zeros<float>({1, 9, 11}) + 3;
    const auto same = patch_components<float>(as_view(flat), 3, 2).channel(0, 1);
    for (const float v : same) CHECK(std::abs(v - 3) < 1e-5f);
    const auto map = waves(true);
    thread_pool pool(3);
    CHECK(patch_components<double>(as_view(map), 2, 5, pool).channel(1, 3, pool) ==
          patch_components<double>(as_view(map), 2, 5).channel(1, 3));
    CHECK_THROWS_AS(patch_components<double>(as_view(map), 2, 0), value_error);
    CHECK_THROWS_AS(patch_components<double>(as_view(map), 99, 1), value_error);
}
