// The search for neighbours beside the plain formulation, on one thread, in one run.
//   bench_neighbours           128 x 128 and 256 x 256 pixels, 12 dimensions, half-width 40, 64 neighbours
// A noisy lattice is what the search is for; noise alone, where nothing looks alike, is its worst case.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include <stemfuse/nonlocal/neighbour_search.hpp>
#include <stemfuse/nonlocal/patch_descriptors.hpp>

namespace {

constexpr std::size_t dimensions = 12, neighbours = 64;
constexpr int half = 40;

// Descriptors of a lattice of columns, `contrast` times as bright as 10 standard deviations of its noise.
stemfuse::patch_descriptors described_lattice(std::size_t side, double contrast) {
    xt::xtensor<float, 2> image({side, side});
    std::uint32_t state = 1;
    for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
            const double u = static_cast<double>(y) / 16.6, v = static_cast<double>(x) / 16.6;
            const double column = std::cos(6.2832 * u) * std::cos(6.2832 * v) + 0.5 * std::cos(6.2832 * (u + v));
            double noise = -6;
            for (int k = 0; k < 12; ++k) {
                state = state * 1664525u + 1013904223u;
                noise += static_cast<double>(state >> 8) / 16777216.0;
            }
            image(y, x) = static_cast<float>(contrast * (column + static_cast<double>(x) / static_cast<double>(side)) +
                                             0.1 * noise);
        }
    }
    return stemfuse::describe_patches<float>({{stemfuse::as_view(std::as_const(image)), 0.1F}},
                                             {.half = 3, .spread = 2, .dimensions = dimensions});
}

// Pixel by pixel, with a heap of the best and an early exit: the sum of all distances, so that it can be compared.
double plain_search(const xt::xtensor<float, 3>& f) {
    const int ny = static_cast<int>(f.shape(1)), nx = static_cast<int>(f.shape(2));
    std::vector<float> by_pixel(f.size());
    for (std::size_t d = 0; d < dimensions; ++d) {
        for (std::size_t p = 0; p < f.size() / dimensions; ++p) {
            by_pixel[p * dimensions + d] = f.data()[d * (f.size() / dimensions) + p];
        }
    }
    double total = 0;
    std::vector<std::pair<float, int>> best;
    for (int y = 0; y < ny; ++y) {
        for (int x = 0; x < nx; ++x) {
            best.clear();
            const float* const own = by_pixel.data() + static_cast<std::size_t>(y * nx + x) * dimensions;
            for (int v = std::max(0, y - half); v <= std::min(ny - 1, y + half); ++v) {
                for (int u = std::max(0, x - half); u <= std::min(nx - 1, x + half); ++u) {
                    const float* const other = by_pixel.data() + static_cast<std::size_t>(v * nx + u) * dimensions;
                    const bool full = best.size() == neighbours;
                    float sum = 0;
                    for (std::size_t d = 0; d < dimensions && !(full && sum >= best.front().first); d += 4) {
                        for (std::size_t e = d; e < d + 4; ++e) sum += (own[e] - other[e]) * (own[e] - other[e]);
                    }
                    if (full && sum >= best.front().first) continue;
                    if (full) {
                        std::pop_heap(best.begin(), best.end());
                        best.pop_back();
                    }
                    best.emplace_back(sum, v * nx + u);
                    std::push_heap(best.begin(), best.end());
                }
            }
            for (const auto& [distance, pixel] : best) total += static_cast<double>(distance);
        }
    }
    return total;
}

template <class F>
double least_microseconds(int calls, F&& f) {
    double least = INFINITY;
    for (int k = 0; k < calls; ++k) {
        const auto start = std::chrono::steady_clock::now();
        f();
        least = std::min(least,
                         std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    return least;
}

bool compare(const char* what, std::size_t side, double contrast) {
    const auto described = described_lattice(side, contrast);
    const auto pixels = static_cast<double>(side * side);
    stemfuse::neighbour_list list;
    double total = 0;
    const double ours = least_microseconds(5, [&] { list = stemfuse::find_neighbours(described); });
    const double plain = least_microseconds(2, [&] { total = plain_search(described.values); });
    double our_total = 0;
    for (const float d : list.distances) our_total += static_cast<double>(d);
    if (!(std::abs(our_total - total) <= 1e-5 * total)) {
        std::printf("the searches disagree: distances sum to %g and %g\n", our_total, total);
        return false;
    }
    std::printf("%-7s %zu x %zu: %.2f us/pixel, plain %.2f us/pixel, ratio %.2f\n", what, side, side, ours / pixels,
                plain / pixels, plain / ours);
    return true;
}

}  // namespace

int main() {
    bool agree = true;
    for (const std::size_t side : {std::size_t{128}, std::size_t{256}}) {
        agree = compare("lattice", side, 1) && agree;
        agree = compare("noise", side, 0) && agree;
    }
    return agree ? 0 : 1;
}
