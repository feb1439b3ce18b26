// The elastic term of a tilt series.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/column_sums.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/terms/haadf_response.hpp>
#include <stemfuse/tomography/tilt_projector.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// 1/2 || A s(x) - b ||^2 with the voxel-wise model s = sum_e w_e x_e^gamma and A the projections of a HAADF tilt
/// series. A smooth_term of volumes (n_e, n_z n_y, n_x). gamma = 1 makes it convex.
template <scalar T>
class tilt_haadf {
public:
    /// float or double.
    using value_type = T;

    /// `measured` has shape (1, tilts bins, n_x). Throws shape_error where it does not fit the geometry, value_error
    /// for NaN or infinity and for a gamma outside [1, 2].
    tilt_haadf(xt::xtensor<T, 3> measured, tilt_geometry geometry, haadf_response response)
        : measured_(std::move(measured)),
          response_(std::move(response)),
          projector_(std::move(geometry), 1, measured_.shape()[2]) {
        require_shape(as_view(std::as_const(measured_)).shape, projector_.range_shape(), "haadf", "the tilt geometry");
        require_finite(as_view(std::as_const(measured_)), "haadf");
        require_in_range(response_.gamma(), 1, 2, "gamma");
    }

    /// Shape of x, (n_e, n_z n_y, n_x).
    stack_shape shape() const {
        const stack_shape one = projector_.domain_shape();
        return {response_.weights().size(), one[1], one[2]};
    }
    /// A, of one volume s.
    const tilt_projector& projector() const noexcept { return projector_; }
    /// The weights w and gamma.
    const haadf_response& response() const noexcept { return response_; }
    /// The measured b, (1, tilts bins, n_x).
    stack_view<const T> projections() const { return as_view(measured_); }

    /// The term at x. Throws shape_error for another shape.
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        const readable<T, 3> in(x, "volume");
        require_shape(in.view().shape, shape(), "volume", "the term's");
        xt::xtensor<T, 3> s(projector_.domain_shape()), p(projector_.range_shape());
        synthesise(in.view(), as_view(s), exec);
        projector_.apply(s, p, exec);
        return residual(as_view(p), exec);
    }

    /// The term at x; writes its gradient. Throws shape_error for other shapes.
    template <stack X, stack G>
    double value_and_gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        const readable<T, 3> in(x, "volume");
        writable<T, 3, std::remove_reference_t<G>> out(gradient, "gradient");
        require_shape(in.view().shape, shape(), "volume", "the term's");
        require_shape(out.view().shape, shape(), "gradient", "the term's");
        xt::xtensor<T, 3> s(projector_.domain_shape()), p(projector_.range_shape());
        synthesise(in.view(), as_view(s), exec);
        projector_.apply(s, p, exec);
        const double value = residual(as_view(p), exec);
        projector_.adjoint(p, s, exec);
        const std::size_t rows = shape()[1], nx = shape()[2];
        for_each_row(shape()[0] * rows, nx, exec, [&](std::size_t r) {
            const std::size_t e = r / rows;
            T* const g = out.view().row(e, r % rows);
            std::fill_n(g, nx, T(0));
            row_slope(e, nx, in.view().row(e, r % rows), s.data() + r % rows * nx, g);
        });
        out.commit();
        return value;
    }

    /// s = sum_e w_e max(x_e, 0)^gamma (without the maximum for gamma 1), of shape (1, n_z n_y, n_x).
    void synthesise(const stack_view<const T>& x, const stack_view<T>& s, const execution& exec) const {
        for_each_row(x.shape[1], x.shape[2], exec, [&](std::size_t r) {
            std::fill_n(s.row(0, r), x.shape[2], T(0));
            for (std::size_t e = 0; e < x.shape[0]; ++e) row_synthesise(e, x.shape[2], x.row(e, r), s.row(0, r));
        });
    }

    /// Adds element e's part of s to a row.
    void row_synthesise(std::size_t e, std::size_t n, const T* x, T* s) const {
        const auto w = static_cast<T>(response_.weights()[e]);
        for_each_pack<T>(n, [&](auto at) { at.store(s, at.load(s) + w * power_(at.load(x))); });
    }

    /// Adds w_e gamma max(x_e, 0)^(gamma - 1) back to g, `back` being a row of the residual's back projection.
    void row_slope(std::size_t e, std::size_t n, const T* x, const T* back, T* g) const {
        const auto w = static_cast<T>(response_.weights()[e] * response_.gamma());
        if (response_.gamma() == 1) {
            for_each_pack<T>(n, [&](auto at) { at.store(g, at.load(g) + w * at.load(back)); });
        } else {
            for_each_pack<T>(n, [&](auto at) {
                at.store(g, at.load(g) + w * slope_(pack_max(at.load(x), pack<T>{})) * at.load(back));
            });
        }
    }

    /// The dual of row r in the relaxed primal-dual step: y is the dual, ax the row of A s, step its sigma; `out`
    /// receives 2 p - y, p the proximal point, and y moves by relaxation (p - y).
    void row_dual_step(std::size_t r, T step, T lambda, T relaxation, const T* ax, T* y, T* out) const {
        const T* const b = measured_.data() + r * measured_.shape()[2];
        const T shrink = 1 / (1 + step / lambda);
        for_each_pack<T>(measured_.shape()[2], [&](auto at) {
            const pack<T> old = at.load(y), p = (old + step * (at.load(ax) - at.load(b))) * shrink;
            at.store(out, p + (p - old));
            at.store(y, old + relaxation * (p - old));
        });
    }

    /// Adds 1/2 (a - b)^2 of row r to the columns' sums, a the row of projections.
    void row_cost(std::size_t r, const T* a, double* sums) const {
        const std::size_t n = measured_.shape()[2];
        const T* const b = measured_.data() + r * n;
        for (std::size_t x = 0; x < n; ++x) {
            const double d = static_cast<double>(a[x]) - static_cast<double>(b[x]);
            sums[x] += 0.5 * d * d;
        }
    }

private:
    // p becomes p - b
    double residual(const stack_view<T>& p, const execution& exec) const {
        const auto sums = column_sums(p.shape[1], p.shape[2], projector_.geometry().bins(), exec,
                                      [&](std::size_t r, double* column) { row_cost(r, p.row(0, r), column); });
        for_each_row(p.shape[1], p.shape[2], exec, [&](std::size_t r) {
            const T* const b = measured_.data() + r * p.shape[2];
            for (std::size_t x = 0; x < p.shape[2]; ++x) p.row(0, r)[x] -= b[x];
        });
        return sum_of_columns(sums, serial_communicator{});
    }

    xt::xtensor<T, 3> measured_;
    haadf_response response_;
    tilt_projector projector_;
    powers<T> power_{response_.gamma()}, slope_{response_.gamma() - 1};
};

}  // namespace stemfuse::inline STEMFUSE_ABI
