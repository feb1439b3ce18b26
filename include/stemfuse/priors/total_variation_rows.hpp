// The passes over one image of which the proximal operator of total variation is made.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse {

enum class tv_norm {
    isotropic,    // sqrt(dy^2 + dx^2): independent of the direction of an edge
    anisotropic,  // |dy| + |dx|: favours edges along the axes
};

namespace detail {

// The norm of the differences, summed over one row; `below` is the row itself in the last row of an image.
template <class T>
double tv_row(tv_norm norm, const T* row, const T* below, std::size_t nx) {
    double sum = 0;
    for (std::size_t c = 0; c < nx; ++c) {
        const T dy = below[c] - row[c], dx = c + 1 < nx ? row[c + 1] - row[c] : T(0);
        sum += static_cast<double>(norm == tv_norm::isotropic ? std::sqrt(dy * dy + dx * dx)
                                                              : std::abs(dy) + std::abs(dx));
    }
    return sum;
}

// One dual variable an image: y (last row always 0) and x (last column always 0).
template <class T>
struct tv_dual {
    image_view<T> y, x;
};

// The duals p, and those of the momentum r where the algorithm has one. p is zero, or belongs to the caller.
template <class T>
class tv_workspace {
public:
    tv_workspace(const image_shape& shape, bool own_p, bool own_r)
        : own_p_(own_p), own_r_(own_r), memory_({2 * std::size_t{own_p} + 2 * std::size_t{own_r}, shape[0], shape[1]}) {
        const auto view = view_in_place<3>(memory_, "workspace");
        if (own_p_) p = {view.image(0), view.image(1)};
        if (own_r_) r_ = {view.image(own_p_ ? 2 : 0), view.image(own_p_ ? 3 : 1)};
    }
    tv_workspace(const tv_workspace&) = delete;
    tv_workspace& operator=(const tv_workspace&) = delete;

    // Sets p to zero where it is the workspace's, r to p; returns r, or p where there is no momentum.
    const tv_dual<T>& start() {
        if (own_p_) memory_.fill(T(0));
        if (!own_r_) return p;
        if (!own_p_) {
            for (std::size_t y = 0; y < r_.y.shape[0]; ++y) {
                std::copy_n(p.y.row(y), r_.y.shape[1], r_.y.row(y));
                std::copy_n(p.x.row(y), r_.x.shape[1], r_.x.row(y));
            }
        }
        return r_;
    }

    tv_dual<T> p;

private:
    bool own_p_, own_r_;
    xt::xtensor<T, 3> memory_;
    tv_dual<T> r_;
};

// min_u 1/2 ||u - v||^2 + t TV(u) for one image v (n_y, n_x), seen from its dual.
template <class T>
struct tv_problem {
    const image_view<const T>& v;
    T t;
    tv_norm norm;
    bool non_negative;
    const execution& exec;

    // u = P(v - t K^T p)
    void primal(const tv_dual<T>& p, const image_view<T>& u) const {
        for_each_row(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
            const std::size_t nx = v.shape[1];
            const T* const b = v.row(y);
            const T* const py = p.y.row(y);
            const T* const above = y > 0 ? p.y.row(y - 1) : nullptr;
            const T* const px = p.x.row(y);
            T* const out = u.row(y);
            out[0] = -px[0];
            for (std::size_t c = 1; c < nx; ++c) out[c] = px[c - 1] - px[c];
            for (std::size_t c = 0; c < nx; ++c)
                out[c] = b[c] - t * (out[c] - py[c] + (above != nullptr ? above[c] : T(0)));
            if (non_negative) {
                for (std::size_t c = 0; c < nx; ++c) out[c] = std::max(out[c], T(0));
            }
        });
    }

    // q = projection of r + K u / (8 t) on the unit ball; then r = q + momentum (q - p) and p = q. r may be p itself.
    void projected_step(const image_view<T>& u, const tv_dual<T>& r, const tv_dual<T>& p, T momentum) const {
        for_each_difference(u, [&](std::size_t y, std::size_t c, T dy, T dx) {
            T qy = r.y.row(y)[c] + dy / (8 * t), qx = r.x.row(y)[c] + dx / (8 * t);
            if (norm == tv_norm::isotropic) {
                const T length = std::max(T(1), std::sqrt(qy * qy + qx * qx));
                qy /= length;
                qx /= length;
            } else {
                qy = std::clamp(qy, T(-1), T(1));
                qx = std::clamp(qx, T(-1), T(1));
            }
            const T py = p.y.row(y)[c], px = p.x.row(y)[c];
            p.y.row(y)[c] = qy;
            p.x.row(y)[c] = qx;
            if (r.y.data == p.y.data) return;
            r.y.row(y)[c] = qy + momentum * (qy - py);
            r.x.row(y)[c] = qx + momentum * (qx - px);
        });
    }

    // p = (p + K u / (8 t)) / (1 + |K u| / (8 t))
    void chambolle_step(const image_view<T>& u, const tv_dual<T>& p) const {
        for_each_difference(u, [&](std::size_t y, std::size_t c, T dy, T dx) {
            T& py = p.y.row(y)[c];
            T& px = p.x.row(y)[c];
            const T sy = dy / (8 * t), sx = dx / (8 * t);
            const bool isotropic = norm == tv_norm::isotropic;
            const T length = isotropic ? std::sqrt(sy * sy + sx * sx) : T(0);
            py = (py + sy) / (1 + (isotropic ? length : std::abs(sy)));
            px = (px + sx) / (1 + (isotropic ? length : std::abs(sx)));
        });
    }

    // t sum( |K u| - K u . p ), the duality gap for u = primal(p).
    double gap(const image_view<T>& u, const tv_dual<T>& p) const {
        return static_cast<double>(t) * sum_over_rows(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
                   const std::size_t nx = v.shape[1];
                   const T* const row = u.row(y);
                   const T* const below = y + 1 < v.shape[0] ? u.row(y + 1) : row;
                   const T* const py = p.y.row(y);
                   const T* const px = p.x.row(y);
                   double sum = tv_row(norm, row, below, nx);
                   for (std::size_t c = 0; c < nx; ++c) {
                       const T dx = c + 1 < nx ? row[c + 1] - row[c] : T(0);
                       sum -= static_cast<double>((below[c] - row[c]) * py[c] + dx * px[c]);
                   }
                   return sum;
               });
    }

    double half_norm2() const {
        return 0.5 * sum_over_rows(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
                   double sum = 0;
                   for (std::size_t c = 0; c < v.shape[1]; ++c)
                       sum += static_cast<double>(v.row(y)[c]) * static_cast<double>(v.row(y)[c]);
                   return sum;
               });
    }

private:
    template <class F>
    void for_each_difference(const image_view<T>& u, F&& f) const {
        for_each_row(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
            const std::size_t nx = v.shape[1];
            const T* const row = u.row(y);
            const T* const below = y + 1 < v.shape[0] ? u.row(y + 1) : row;
            for (std::size_t c = 0; c + 1 < nx; ++c) f(y, c, below[c] - row[c], row[c + 1] - row[c]);
            f(y, nx - 1, below[nx - 1] - row[nx - 1], T(0));
        });
    }
};

}  // namespace detail
}  // namespace stemfuse
