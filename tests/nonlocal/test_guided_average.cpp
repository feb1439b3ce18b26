#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <stemfuse/nonlocal/guided_average.hpp>
#include <stemfuse/testing/properties.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

using neighbour = std::tuple<float, int, int, int>;  // squared distance, length^2, dy, dx

// All pixels in the window, sorted; of whole numbers, so that every sum is exact.
std::vector<neighbour> brute_force(const patch_descriptors& d, std::size_t y, std::size_t x, int half_window) {
    std::vector<neighbour> all;
    const auto ny = static_cast<int>(d.values.shape(1)), nx = static_cast<int>(d.values.shape(2));
    for (int dy = -half_window; dy <= half_window; ++dy) {
        for (int dx = -half_window; dx <= half_window; ++dx) {
            const int v = static_cast<int>(y) + dy, u = static_cast<int>(x) + dx;
            if (v < 0 || v >= ny || u < 0 || u >= nx) continue;
            float sum = 0;
            for (std::size_t k = 0; k < d.values.shape(0); ++k) {
                const float difference =
                    d.values(k, y, x) - d.values(k, static_cast<std::size_t>(v), static_cast<std::size_t>(u));
                sum += difference * difference;
            }
            all.emplace_back(sum, dy * dy + dx * dx, dy, dx);
        }
    }
    std::sort(all.begin(), all.end());
    return all;
}

patch_descriptors whole_numbers(std::size_t dimensions, std::size_t ny, std::size_t nx, int largest) {
    patch_descriptors d{xt::xtensor<float, 3>({dimensions, ny, nx}), 2.0 * static_cast<double>(dimensions)};
    const auto random = support::random_array<double, 3>({dimensions, ny, nx}, 0, largest);
    std::transform(random.begin(), random.end(), d.values.begin(), [](double v) { return std::floor(v); });
    return d;
}

template <class T>
std::vector<guide_image<T>> guides_of(const std::vector<xt::xtensor<T, 2>>& images, T noise) {
    std::vector<guide_image<T>> guides;
    for (const auto& image : images) guides.push_back({as_view(image), noise});
    return guides;
}

}  // namespace

TEST_CASE_TEMPLATE("with all dimensions kept, distances are those of the weighted patches", T, float, double) {
    const std::vector<xt::xtensor<T, 2>> images{support::random_array<T, 2>({9, 11}, 0, 3, 1),
                                                support::random_array<T, 2>({9, 11}, 5, 6, 2)};
    const patch_options options{.half = 2, .spread = 1.5, .dimensions = 1000};
    const auto d = describe_patches(guides_of(images, T(0.5)), options);
    CHECK(d.values.shape(0) == 50);
    double weights = 0;
    const auto distance = [&](std::size_t y, std::size_t x, std::size_t v, std::size_t u) {
        double sum = 0;
        weights = 0;
        for (const auto& image : images) {
            for (std::ptrdiff_t dy = -2; dy <= 2; ++dy) {
                for (std::ptrdiff_t dx = -2; dx <= 2; ++dx) {
                    const double w = std::exp(-static_cast<double>(dy * dy + dx * dx) / 4.5);
                    const auto at = [&](std::size_t r, std::size_t c) {
                        return static_cast<double>(image(mirrored(static_cast<std::ptrdiff_t>(r) + dy, 9),
                                                         mirrored(static_cast<std::ptrdiff_t>(c) + dx, 11)));
                    };
                    sum += w * std::pow((at(y, x) - at(v, u)) / 0.5, 2);
                    weights += w;
                }
            }
        }
        return sum;
    };
    for (const auto& [y, x, v, u] : {std::array<std::size_t, 4>{0, 0, 8, 10}, {4, 5, 4, 6}, {7, 1, 2, 9}}) {
        double sum = 0;
        for (std::size_t k = 0; k < d.values.shape(0); ++k)
            sum += std::pow(static_cast<double>(d.values(k, y, x)) - static_cast<double>(d.values(k, v, u)), 2);
        CHECK(std::abs(sum - distance(y, x, v, u)) <= 1e-4 * sum);
    }
    CHECK(std::abs(d.noise - 2 * weights) <= 1e-9 * weights);
}

TEST_CASE("patches that are turned are the same in an image that is turned or mirrored") {
    const auto image = support::random_array<double, 2>({12, 15}, 0, 3, 5),
               other = support::random_array<double, 2>({12, 15}, 0, 1, 6);
    // All eight turns of both, side by side, apart enough for patches of 5 x 5 pixels; between them noise.
    std::vector<xt::xtensor<double, 2>> guides{support::random_array<double, 2>({16, 8 * 20}, 0, 3, 7),
                                               support::random_array<double, 2>({16, 8 * 20}, 0, 1, 8)};
    const auto place = [](std::size_t turn, std::size_t y, std::size_t x) {
        if (turn & 1) x = 14 - x;
        if (turn & 2) y = 11 - y;
        if (turn & 4) std::swap(y, x);
        return std::array<std::size_t, 2>{y, turn * 20 + x};
    };
    for (std::size_t turn = 0; turn < 8; ++turn) {
        for (std::size_t y = 0; y < 12; ++y) {
            for (std::size_t x = 0; x < 15; ++x) {
                const auto [v, u] = place(turn, y, x);
                guides[0](v, u) = image(y, x);
                guides[1](v, u) = other(y, x);
            }
        }
    }
    const auto apart = [&](const patch_descriptors& d, std::size_t turn, std::size_t y, std::size_t x) {
        const auto [v, u] = place(turn, y, x);
        double sum = 0;
        for (std::size_t k = 0; k < d.values.shape(0); ++k)
            sum += std::pow(static_cast<double>(d.values(k, v, u)) - static_cast<double>(d.values(k, y, x)), 2);
        return sum;
    };
    const patch_options lying{.half = 2, .spread = 1.3, .dimensions = 12};
    patch_options turning = lying;
    turning.turned = true;
    const auto as_they_lie = describe_patches(guides_of(guides, 0.1), lying),
               in_turns = describe_patches(guides_of(guides, 0.1), turning);
    for (std::size_t turn = 1; turn < 8; ++turn) {
        CAPTURE(turn);
        for (std::size_t y = 2; y < 10; ++y) {
            for (std::size_t x = 2; x < 13; ++x) {
                CHECK(apart(in_turns, turn, y, x) < 1e-6 * in_turns.noise);
                CHECK(apart(as_they_lie, turn, y, x) > as_they_lie.noise);
            }
        }
    }
}

TEST_CASE("patches of noise alone are as far apart as the noise says, in few dimensions too") {
    xt::xtensor<double, 2> noise({96, 96});
    for (std::size_t y = 0; y < 96; ++y) {
        for (std::size_t x = 0; x < 96; ++x) noise(y, x) = 3 + 0.2 * random_stream(4, 1, y, x).normal();
    }
    const auto d = describe_patches<double>({{as_view(std::as_const(noise)), 0.2}}, {.half = 3, .dimensions = 8});
    CHECK(d.values.shape(0) == 8);
    double mean = 0;
    int pairs = 0;
    for (std::size_t y = 4; y < 90; y += 3) {
        for (std::size_t x = 4; x < 40; ++x, ++pairs) {
            for (std::size_t k = 0; k < 8; ++k)
                mean +=
                    std::pow(static_cast<double>(d.values(k, y, x)) - static_cast<double>(d.values(k, y, x + 48)), 2);
        }
    }
    mean /= pairs;
    // The directions are those in which this noise varies most: somewhat more than another noise would.
    CHECK(mean > 0.9 * d.noise);
    CHECK(mean < 1.3 * d.noise);
}

TEST_CASE("neighbours are those of a search through the whole window, ties by length") {
    for (const auto& [ny, nx, half_window, wanted] :
         {std::array<std::size_t, 4>{23, 37, 6, 20}, {40, 19, 127, 64}, {3, 5, 40, 64}, {1, 1, 2, 4}, {17, 65, 0, 3}}) {
        for (const std::size_t dimensions : {std::size_t{1}, std::size_t{5}, std::size_t{12}}) {
            CAPTURE(dimensions);
            const auto d = whole_numbers(dimensions, ny, nx, 4);
            const auto list = find_neighbours(d, {.half_window = half_window, .neighbours = wanted});
            const std::size_t reach = half_window + 1;
            REQUIRE(list.count == std::min(wanted, std::min(ny, reach) * std::min(nx, reach)));
            CHECK(list.offsets.size() * 6 ==
                  neighbour_bytes(ny, nx, {.half_window = half_window, .neighbours = wanted}));
            std::size_t wrong = 0;
            for (std::size_t p = 0; p < ny * nx; ++p) {
                auto expected = brute_force(d, p / nx, p % nx, static_cast<int>(half_window));
                expected.resize(list.count);
                std::vector<neighbour> found;
                for (std::size_t k = p * list.count; k < (p + 1) * list.count; ++k) {
                    const int dy = list.offsets[k].dy, dx = list.offsets[k].dx;
                    found.emplace_back(list.distances[k], dy * dy + dx * dx, dy, dx);
                }
                std::sort(found.begin(), found.end());
                wrong += found != expected;
            }
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("the same neighbours and averages on 1 to 16 threads") {
    const auto image = support::random_array<float, 2>({45, 50}, 0, 4, 3);
    const auto stack = support::random_array<float, 3>({2, 45, 50}, 0, 9, 4);
    const auto run = [&](const execution& exec) {
        const auto d = describe_patches<float>({{as_view(image), 0.3f}}, {}, exec);
        const auto list =
            std::make_shared<const neighbour_list>(find_neighbours(d, {.half_window = 9, .neighbours = 30}, exec));
        const guided_average<float> k(list, d.noise, 6);
        xt::xtensor<float, 3> there(stack.shape()), back(stack.shape());
        k.apply(as_view(stack), as_view(there), exec);
        k.adjoint(as_view(stack), as_view(back), exec);
        return std::tuple(list->distances, there, back, k.fraction_beyond(3, exec));
    };
    const auto serial = run({});
    for (const std::size_t threads : {2u, 3u, 7u, 16u}) {
        thread_pool pool(threads);
        CHECK(run(pool) == serial);
    }
}

TEST_CASE_TEMPLATE("an average over neighbours: its weights, its adjoint, constants", T, float, double) {
    const auto image = support::random_array<T, 2>({21, 30}, 0, 4, 5);
    const auto d = describe_patches<T>({{as_view(image), T(0.7)}}, {.half = 2, .spread = 1.5, .dimensions = 9});
    const auto list = std::make_shared<const neighbour_list>(find_neighbours(d, {.half_window = 8, .neighbours = 21}));
    const guided_average<T> k(list, d.noise, 3, 2);
    CHECK(linear_operator<guided_average<T>, T>);
    CHECK(adjoint_mismatch<T>(k) < 1e-6);  // the weights are float
    const xt::xtensor<T, 3> one = xt::ones<T>({2, 21, 30});
    xt::xtensor<T, 3> out(one.shape());
    k.apply(as_view(one), as_view(out));
    for (const T v : out) CHECK(std::abs(static_cast<double>(v) - 1) <= 1e-5);

    const auto stack = support::random_array<T, 3>({2, 21, 30}, 0, 9, 6);
    k.apply(as_view(stack), as_view(out));
    const auto effective = k.effective_neighbours(), far = k.fraction_beyond(3);
    for (std::size_t p = 0; p < 21 * 30; p += 13) {
        double sum = 0, total = 0, squares = 0, beyond = 0;
        for (std::size_t n = p * 21; n < (p + 1) * 21; ++n) {
            const int dy = list->offsets[n].dy, dx = list->offsets[n].dx;
            const double w =
                std::exp(-std::max(static_cast<double>(list->distances[n]) - d.noise, 0.0) / (3 * d.noise));
            const auto y = static_cast<std::size_t>(static_cast<int>(p / 30) + dy),
                       x = static_cast<std::size_t>(static_cast<int>(p % 30) + dx);
            sum += w * static_cast<double>(stack(1, y, x));
            total += w;
            squares += w * w;
            if (dy * dy + dx * dx > 9) beyond += w;
        }
        CHECK(std::abs(static_cast<double>(out(1, p / 30, p % 30)) - sum / total) <= 1e-5 * sum / total);
        CHECK(std::abs(static_cast<double>(effective(p / 30, p % 30)) - total * total / squares) <= 1e-4 * 21);
        CHECK(std::abs(static_cast<double>(far(p / 30, p % 30)) - beyond / total) <= 1e-5);
    }
}

TEST_CASE("a guide of one constant averages the nearest pixels alike") {
    const xt::xtensor<float, 2> flat = xt::ones<float>({20, 24});
    const auto d = describe_patches<float>({{as_view(flat), 1.0f}});
    const auto list = std::make_shared<const neighbour_list>(find_neighbours(d, {.half_window = 10, .neighbours = 13}));
    const guided_average<float> k(list, d.noise, 6);
    const std::size_t p = (10 * 24 + 12) * 13;
    int longest = 0;
    for (std::size_t n = p; n < p + 13; ++n)
        longest =
            std::max(longest, list->offsets[n].dy * list->offsets[n].dy + list->offsets[n].dx * list->offsets[n].dx);
    CHECK(longest == 4);
    for (const float v : k.effective_neighbours()) CHECK(std::abs(v - 13) <= 1e-4f);
}

TEST_CASE("patches wider than the image, and what descriptors and neighbours do not take") {
    const xt::xtensor<float, 2> tiny{{1, 2}, {3, 4}};
    const auto d = describe_patches<float>({{as_view(tiny), 1.0f}}, {.half = 6, .spread = 4, .dimensions = 24});
    CHECK(xt::all(xt::isfinite(d.values)));
    CHECK(find_neighbours(d).count == 4);

    const xt::xtensor<float, 2> other = xt::ones<float>({2, 3}), hole{{1, NAN}, {0, 1}};
    using guides = std::vector<guide_image<float>>;
    CHECK_THROWS_WITH_AS(describe_patches(guides{}), doctest::Contains("guides"), value_error);
    CHECK_THROWS_WITH_AS(describe_patches(guides{{as_view(tiny), 0.0f}}), doctest::Contains("standard_deviation"),
                         value_error);
    CHECK_THROWS_AS(describe_patches(guides{{as_view(tiny), 1.0f}, {as_view(other), 1.0f}}), shape_error);
    CHECK_THROWS_AS(describe_patches(guides{{as_view(hole), 1.0f}}), value_error);
    CHECK_THROWS_WITH_AS(describe_patches(guides{{as_view(tiny), 1.0f}}, {.spread = 0}), doctest::Contains("spread"),
                         value_error);
    CHECK_THROWS_WITH_AS(describe_patches(guides{{as_view(tiny), 1.0f}}, {.dimensions = 0}),
                         doctest::Contains("dimensions"), value_error);
    CHECK_THROWS_WITH_AS(find_neighbours(d, {.half_window = 128}), doctest::Contains("128"), value_error);
    CHECK_THROWS_WITH_AS(find_neighbours(d, {.neighbours = 0}), doctest::Contains("neighbours"), value_error);
    const auto list = std::make_shared<const neighbour_list>(find_neighbours(d));
    CHECK_THROWS_WITH_AS(guided_average<float>(nullptr, 1, 1), doctest::Contains("list"), value_error);
    CHECK_THROWS_WITH_AS(guided_average<float>(list, 1, 0), doctest::Contains("softness"), value_error);
    const guided_average<float> k(list, 1, 1);
    xt::xtensor<float, 3> in({1, 2, 3}), out({1, 2, 2});
    CHECK_THROWS_AS(k.apply(as_view(std::as_const(in)), as_view(out)), shape_error);
}
