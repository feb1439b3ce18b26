// Many dual iterations of the TV prox in one sweep over a tile of an image.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/priors/tv_rows.hpp>

namespace stemfuse::detail {

// The duals p, and r, from which the next iteration starts: r = p where there is no momentum. Each is a pair of images,
// y (its last row always 0) and x (its last column always 0). Null views stand for zero.
template <class T>
struct tv_state {
    image_view<T> py, px, ry, rx;
};

// Zero-initialised rows with room before and behind each for the neighbours that kernels look at.
template <class T>
class tv_row_buffer {
public:
    void reset(std::size_t count, std::size_t n) {
        stride_ = (n + tv_lanes - 1) / tv_lanes * tv_lanes + 2 * tv_lanes;
        memory_.assign(count * stride_ + tv_lanes, T(0));
    }
    T* operator()(std::size_t i) { return memory_.data() + i * stride_ + tv_lanes; }

private:
    std::size_t stride_ = 0;
    std::vector<T> memory_;
};

struct tv_tile {
    std::size_t y0, y1, x0, x1;
};

// The iterations of one tile as a wavefront: while row y passes through iteration k, row y - 1 passes through iteration
// k + 1, so an iteration needs only two rows of its predecessor's duals, and all of them stay in cache however large
// the image. v is read once and u written once; the duals never touch main memory when they start at zero and are not
// asked for. The tile is computed with a halo of as many pixels as there are iterations, and one; what happens at the
// halo's border travels one pixel an iteration and never arrives. Every pixel sees the same operations for every cut
// into tiles.
template <tv_norm Norm, bool Chambolle, bool NonNegative, class T>
class tv_wavefront {
public:
    // momenta: one for each iteration. `in` and `out`: the duals before and after; `out` may have null views. u may be
    // null.
    tv_wavefront(const image_view<const T>& v, T t, std::span<const T> momenta, const tv_state<T>& in,
                 const tv_state<T>& out, const image_view<T>& u)
        : v_(v), t_(t), step_(std::min(1 / (8 * t), T(1e12))), momenta_(momenta), in_(in), out_(out), u_(u) {}

    void run(const tv_tile& tile) {
        tile_ = tile;
        const std::size_t halo = iterations() + 1;
        top_ = tile.y0 > halo ? tile.y0 - halo : 0;
        left_ = tile.x0 > halo ? tile.x0 - halo : 0;
        height_ = std::min(v_.shape[0], tile.y1 + halo) - top_;
        width_ = std::min(v_.shape[1], tile.x1 + halo) - left_;
        rows_.reset(per_level * (iterations() + 1) + iterations() + 3, width_);
        for (std::size_t s = 0; s < height_ + iterations() + 1; ++s) {
            if (s < height_) load(s);
            for (std::size_t k = 0; k < std::min(iterations(), s + 1); ++k) advance(k, s - k);
            if (s >= iterations()) finish(s - iterations());
        }
    }

private:
    static constexpr std::size_t per_level = 10;

    std::size_t iterations() const { return momenta_.size(); }

    // Two rows each of the duals that iteration k starts from (k = iterations(): the last ones) and of its u.
    T* ry(std::size_t k, std::size_t y) { return rows_(per_level * k + y % 2); }
    T* rx(std::size_t k, std::size_t y) { return rows_(per_level * k + 2 + y % 2); }
    T* py(std::size_t k, std::size_t y) { return rows_(per_level * k + 4 + y % 2); }
    T* px(std::size_t k, std::size_t y) { return rows_(per_level * k + 6 + y % 2); }
    T* u(std::size_t k, std::size_t y) { return rows_(per_level * k + 8 + y % 2); }
    T* v(std::size_t y) { return rows_(per_level * (iterations() + 1) + y % (iterations() + 1)); }
    T* zero() { return rows_(per_level * (iterations() + 1) + iterations() + 1); }
    T* last() { return rows_(per_level * (iterations() + 1) + iterations() + 2); }

    void load(std::size_t y) {
        std::copy_n(v_.row(top_ + y) + left_, width_, v(y));
        if (in_.py.data == nullptr) return;
        std::copy_n(in_.py.row(top_ + y) + left_, width_, py(0, y));
        std::copy_n(in_.px.row(top_ + y) + left_, width_, px(0, y));
        std::copy_n(in_.ry.row(top_ + y) + left_, width_, ry(0, y));
        std::copy_n(in_.rx.row(top_ + y) + left_, width_, rx(0, y));
    }

    // Iteration k: u in row y, and with it the dual of row y - 1.
    void advance(std::size_t k, std::size_t y) {
        if (y > height_) return;
        if (y < height_) {
            T* const row = u(k, y);
            tv_primal_row<NonNegative>(v(y), ry(k, y), y > 0 ? ry(k, y - 1) : zero(), rx(k, y), t_, row, width_);
            row[width_] = row[width_ - 1];
        }
        if (y == 0) return;
        const std::size_t d = y - 1;
        tv_dual_row<Norm, Chambolle>(u(k, d), y < height_ ? u(k, y) : u(k, d), ry(k, d), rx(k, d), py(k, d), px(k, d),
                                     step_, momenta_[k], py(k + 1, d), px(k + 1, d), ry(k + 1, d), rx(k + 1, d),
                                     width_);
    }

    // The result in row y, which has been through all iterations.
    void finish(std::size_t y) {
        const std::size_t k = iterations(), row = top_ + y;
        if (y >= height_ || row < tile_.y0 || row >= tile_.y1) return;
        const std::size_t skip = tile_.x0 - left_, n = tile_.x1 - tile_.x0;
        if (u_.data != nullptr) {
            tv_primal_row<NonNegative>(v(y), py(k, y), y > 0 ? py(k, y - 1) : zero(), px(k, y), t_, last(), width_);
            std::copy_n(last() + skip, n, u_.row(row) + tile_.x0);
        }
        const auto store = [&](const image_view<T>& out, const T* from) {
            if (out.data != nullptr) std::copy_n(from + skip, n, out.row(row) + tile_.x0);
        };
        store(out_.py, py(k, y));
        store(out_.px, px(k, y));
        store(out_.ry, ry(k, y));
        store(out_.rx, rx(k, y));
    }

    const image_view<const T>& v_;
    T t_, step_;
    std::span<const T> momenta_;
    const tv_state<T>& in_;
    const tv_state<T>& out_;
    const image_view<T>& u_;
    tv_tile tile_{};
    std::size_t top_ = 0, left_ = 0, height_ = 0, width_ = 0;
    tv_row_buffer<T> rows_;
};

}  // namespace stemfuse::detail
