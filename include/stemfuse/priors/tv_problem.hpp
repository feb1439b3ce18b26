// The TV prox of one image: its tiles, and what is measured of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/priors/tv_rows.hpp>
#include <stemfuse/priors/tv_sweep.hpp>

namespace stemfuse::detail {

// min_u 1/2 ||u - v||^2 + t TV(u) for one image v (n_y, n_x).
template <class T>
struct tv_problem {
    image_view<const T> v;
    T t;
    tv_norm norm;
    const execution& exec;

    void project(const image_view<T>& u, bool non_negative) const {
        for_each_row(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
            std::transform(v.row(y), v.row(y) + v.shape[1], u.row(y),
                           [=](T w) { return non_negative && w < 0 ? T(0) : w; });
        });
    }

    // t sum( |K u| - K u . p ), the duality gap for u = P(v - t K^T p).
    double gap(const image_view<T>& u, const tv_state<T>& p) const {
        return static_cast<double>(t) * sum_over_rows(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
                   const T* const below = u.row(y + 1 < v.shape[0] ? y + 1 : y);
                   return tv_gap_row(norm, u.row(y), below, p.py.row(y), p.px.row(y), v.shape[1]);
               });
    }

    double half_norm2() const {
        return 0.5 * sum_over_rows(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
                   double sum = 0;
                   for (std::size_t c = 0; c < v.shape[1]; ++c) {
                       sum += static_cast<double>(v.row(y)[c]) * static_cast<double>(v.row(y)[c]);
                   }
                   return sum;
               });
    }
};

template <class T>
void copy_image(const image_view<T>& from, const image_view<T>& to) {
    for (std::size_t y = 0; y < from.shape[0]; ++y) std::copy_n(from.row(y), from.shape[1], to.row(y));
}

template <class T>
void copy_state(const tv_state<T>& from, const tv_state<T>& to) {
    copy_image(from.py, to.py);
    copy_image(from.px, to.px);
    copy_image(from.ry, to.ry);
    copy_image(from.rx, to.rx);
}

// Tiles about 256 pixels wide, whose rows fit in cache, and high enough to keep the halo's share small, but at least
// two for each thread where that leaves them 8 halos high. Results do not depend on the cut.
inline std::vector<tv_tile> tv_tiles(const image_shape& shape, std::size_t halo, std::size_t threads) {
    const std::size_t across = (shape[1] + 255) / 256, width = (shape[1] + across - 1) / across;
    const std::size_t share = threads == 1 ? shape[0] : shape[0] * across / (2 * threads) + 1;
    const std::size_t height = std::min(std::max(share, 8 * halo), std::size_t{1024});
    std::vector<tv_tile> tiles;
    for (std::size_t y = 0; y < shape[0]; y += height) {
        for (std::size_t x = 0; x < shape[1]; x += width) {
            tiles.push_back({y, std::min(shape[0], y + height), x, std::min(shape[1], x + width)});
        }
    }
    return tiles;
}

// Some iterations over the whole image, tile by tile.
template <tv_norm Norm, bool Chambolle, bool NonNegative, class T>
void sweep_image(const tv_problem<T>& problem, std::span<const T> momenta, const tv_state<T>& in,
                 const tv_state<T>& out, const image_view<T>& u) {
    const auto tiles = tv_tiles(problem.v.shape, momenta.size() + 1, problem.exec.concurrency());
    problem.exec.for_each(tiles.size(), [&](std::size_t i) {
        tv_wavefront<Norm, Chambolle, NonNegative, T>(problem.v, problem.t, momenta, in, out, u).run(tiles[i]);
    });
}

}  // namespace stemfuse::detail
