// Many dual iterations of the TV prox in one sweep over a tile of an image.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/dual_steps.hpp>
#include <stemfuse/priors/tv/tv_rows.hpp>
#include <stemfuse/simd/padded_rows.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// The duals p, and r, from which the next iteration starts. Each is a pair of images, y (its last row always 0) and x
// (its last column always 0). Null views of p stand for zero, null views of r for r = p.
template <class T>
struct tv_state {
    image_view<T> py, px, ry, rx;
};

// One image of a sweep: v, the duals before, the duals after (null if not wanted).
template <class T>
struct tv_image {
    image_view<const T> v;
    tv_state<const T> before;
    tv_state<T> after;
};

struct tv_tile {
    std::size_t y0, y1, x0, x1;
};

// The iterations on one tile as a wavefront: while row y passes through iteration k, row y - 1 passes through iteration
// k + 1, so an iteration needs only two rows of its predecessor's duals, and all of them stay in cache however large
// the image. v is read once; the duals never touch main memory when they start at zero and are not asked for. The tile
// is computed with a halo of as many pixels as there are iterations, and one; what happens at the halo's border travels
// one pixel an iteration and arrives neither in the tile nor in the row below and the column right of it. Every pixel
// sees the same operations for every cut into tiles.
template <class T>
class tv_wavefront {
public:
    // momenta: one for each iteration.
    tv_wavefront(const tv_kernels<T>& kernels, const tv_image<T>& image, T t, std::span<const T> momenta,
                 const tv_tile& tile)
        : kernels_(kernels), image_(image), t_(t), step_(dual_step<T>(8, t)), momenta_(momenta), tile_(tile) {
        const std::size_t halo = iterations() + 1;
        top_ = tile.y0 > halo ? tile.y0 - halo : 0;
        left_ = tile.x0 > halo ? tile.x0 - halo : 0;
        height_ = std::min(image.v.shape[0], tile.y1 + halo) - top_;
        width_ = std::min(image.v.shape[1], tile.x1 + halo) - left_;
        cold_ = image.before.py.data == nullptr;
        rows_.reset(per_level * (iterations() + 1) + iterations() + 4, width_);
    }

    // The result in image row y, from column x0 on to x1, and one pixel more, which repeats the last one where the
    // image ends. Rows are asked for in order, y0 to y1 (the last one only where the image has it); two of them stay.
    const T* row(std::size_t y) {
        while (finished_ <= y - top_) step();
        return last(y - top_) + (tile_.x0 - left_);
    }

private:
    static constexpr std::size_t per_level = 9;

    std::size_t iterations() const { return momenta_.size(); }

    // Two rows each of the duals that iteration k starts from (k = iterations(): the last ones), and one of its u.
    // Where nothing but p is known, r is p.
    T* ry(std::size_t k, std::size_t y) { return rows_(per_level * k + y % 2); }
    T* rx(std::size_t k, std::size_t y) { return rows_(per_level * k + 2 + y % 2); }
    T* py(std::size_t k, std::size_t y) { return rows_(per_level * k + (has_momentum(k) ? 4 : 0) + y % 2); }
    T* px(std::size_t k, std::size_t y) { return rows_(per_level * k + (has_momentum(k) ? 6 : 2) + y % 2); }
    T* u(std::size_t k) { return rows_(per_level * k + 8); }
    T* v(std::size_t y) { return rows_(per_level * (iterations() + 1) + y % (iterations() + 1)); }
    T* last(std::size_t y) { return rows_(per_level * (iterations() + 1) + iterations() + 1 + y % 2); }
    T* zero() { return rows_(per_level * (iterations() + 1) + iterations() + 3); }

    // Whether r differs from p at the start of iteration k.
    bool has_momentum(std::size_t k) const {
        if (k == 0) return image_.before.ry.data != nullptr;
        return momenta_[k - 1] != 0 && (k < iterations() || image_.after.ry.data != nullptr);
    }

    void step() {
        if (step_count_ < height_) load(step_count_);
        for (std::size_t k = 0; k < std::min(iterations(), step_count_ + 1); ++k) advance(k, step_count_ - k);
        if (step_count_ >= iterations()) finish(step_count_ - iterations());
        ++step_count_;
    }

    void load(std::size_t y) {
        const auto copy = [&](const image_view<const T>& from, T* to) {
            if (from.data != nullptr) std::copy_n(from.row(top_ + y) + left_, width_, to);
        };
        copy(image_.v, v(y));
        if (y + 2 < height_) prefetch_row(image_.v.row(top_ + y + 2) + left_, width_);
        copy(image_.before.py, py(0, y));
        copy(image_.before.px, px(0, y));
        copy(image_.before.ry, ry(0, y));
        copy(image_.before.rx, rx(0, y));
    }

    // Iteration k: u in row y, and with it the dual of row y - 1.
    void advance(std::size_t k, std::size_t y) {
        if (y > height_) return;
        if (y == 0) return kernels_.primal(v(0), ry(k, 0), zero(), rx(k, 0), t_, u(k), width_);
        const std::size_t d = y - 1;
        const tv_row_step<T> rows{v(y),         ry(k, y),     rx(k, y), u(k),         ry(k, d),
                                  rx(k, d),     py(k, d),     px(k, d), py(k + 1, d), px(k + 1, d),
                                  ry(k + 1, d), rx(k + 1, d), t_,       step_,        momenta_[k]};
        const bool momentum = has_momentum(k + 1);
        if (y == height_) {
            (momentum ? kernels_.dual_with_momentum : kernels_.dual)(rows, width_);
        } else if (cold_ && k == 0) {
            kernels_.first(rows, width_);
        } else {
            (momentum ? kernels_.step_with_momentum : kernels_.step)(rows, width_);
        }
    }

    // The result in row y, which has been through all iterations.
    void finish(std::size_t y) {
        const std::size_t k = iterations();
        finished_ = y + 1;
        if (y >= height_) return;
        kernels_.primal(v(y), py(k, y), y > 0 ? py(k, y - 1) : zero(), px(k, y), t_, last(y), width_);
        const std::size_t row = top_ + y;
        if (row < tile_.y0 || row >= tile_.y1) return;
        const auto store = [&](const image_view<T>& out, const T* from) {
            if (out.data != nullptr) std::copy_n(from + tile_.x0 - left_, tile_.x1 - tile_.x0, out.row(row) + tile_.x0);
        };
        store(image_.after.py, py(k, y));
        store(image_.after.px, px(k, y));
        store(image_.after.ry, ry(k, y));
        store(image_.after.rx, rx(k, y));
    }

    tv_kernels<T> kernels_;
    tv_image<T> image_;
    T t_, step_;
    std::span<const T> momenta_;
    tv_tile tile_;
    bool cold_ = true;
    std::size_t top_ = 0, left_ = 0, height_ = 0, width_ = 0, step_count_ = 0, finished_ = 0;
    padded_rows<T> rows_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
