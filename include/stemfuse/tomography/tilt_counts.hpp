// The chemical term of tilt series of counts.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/column_sums.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/simd/square_root.hpp>
#include <stemfuse/tomography/tilt_projector.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// sum over elements and pixels of m - b log m, m = A x_e + background: the Poisson likelihood of tilt series of
/// counts, x in counts per voxel. A smooth_term of volumes (n_e, n_z n_y, n_x); convex. Where A x_e is negative it
/// counts as 0.
template <scalar T>
class tilt_counts {
public:
    /// float or double.
    using value_type = T;

    /// `counts` has shape (n_e, tilts bins, n_x), the background counts per detector pixel. Throws shape_error where
    /// they do not fit the geometry, value_error for a negative count or NaN and a background that is not above 0.
    tilt_counts(xt::xtensor<T, 3> counts, tilt_geometry geometry, double background = 0.05)
        : counts_(std::move(counts)),
          projector_(std::move(geometry), counts_.shape()[0], counts_.shape()[2]),
          background_(background) {
        require_shape(as_view(std::as_const(counts_)).shape, projector_.range_shape(), "counts", "the tilt geometry");
        require_counts(as_view(std::as_const(counts_)), "counts");
        require_positive(background, "background");
    }

    /// Shape of x, (n_e, n_z n_y, n_x).
    stack_shape shape() const { return projector_.domain_shape(); }
    /// A, of all elements.
    const tilt_projector& projector() const noexcept { return projector_; }
    /// The counts b, (n_e, tilts bins, n_x).
    stack_view<const T> projections() const { return as_view(counts_); }
    /// Counts per detector pixel.
    double background() const noexcept { return background_; }

    /// The sum at x. Throws shape_error for another shape.
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        const readable<T, 3> in(x, "volume");
        require_shape(in.view().shape, shape(), "volume", "the term's");
        xt::xtensor<T, 3> p(projector_.range_shape());
        projector_.apply(in.view(), p, exec);
        return cost(as_view(p), exec);
    }

    /// The sum at x; writes its gradient A^T (1 - b / m). Throws shape_error for other shapes.
    template <stack X, stack G>
    double value_and_gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        const readable<T, 3> in(x, "volume");
        require_shape(in.view().shape, shape(), "volume", "the term's");
        xt::xtensor<T, 3> p(projector_.range_shape());
        projector_.apply(in.view(), p, exec);
        const double value = cost(as_view(p), exec);
        for (std::size_t k = 0; k < p.size(); ++k) p.data()[k] = 1 - counts_.data()[k] / model(p.data()[k]);
        projector_.adjoint(p, gradient, exec);
        return value;
    }

    /// The dual of row r of element e in the relaxed primal-dual step, see tilt_haadf. The proximal point has the root
    /// m of the likelihood's optimality condition: Chambolle & Pock, J. Math. Imaging Vis. 40, 120 (2011).
    void row_dual_step(std::size_t e, std::size_t r, T step, T relaxation, const T* ax, T* y, T* out) const {
        const T* const b = counts(e, r);
        const T inverse = 1 / step, base = static_cast<T>(background_);
        for_each_pack<T>(counts_.shape()[2], [&](auto at) {
            const pack<T> old = at.load(y), u = old + step * at.load(ax);
            const pack<T> a = (u - 1) * inverse + base;
            const pack<T> root = square_root(a * a + (4 * inverse) * at.load(b));
            const pack<T> m = T(0.5) * (a + root);
            const pack<T> p = u - step * (m - base);
            at.store(out, p + (p - old));
            at.store(y, old + relaxation * (p - old));
        });
    }

    /// Adds m - b log m of row r of element e to the columns' sums, a the row of projections.
    void row_cost(std::size_t e, std::size_t r, const T* a, double* sums) const {
        const T* const b = counts(e, r);
        const std::size_t n = counts_.shape()[2];
        constexpr std::size_t most = 64;  // columns at a time, on the stack
        T costs[most];
        for (std::size_t first = 0; first < n; first += most) {
            const std::size_t some = std::min(most, n - first);
            for_each_pack<T>(some, [&](auto at) {
                const pack<T> m = pack_max(at.load(a + first), pack<T>{}) + static_cast<T>(background_);
                at.store(costs, m - at.load(b + first) * natural_log(m));
            });
            for (std::size_t x = 0; x < some; ++x) sums[first + x] += static_cast<double>(costs[x]);
        }
    }

private:
    const T* counts(std::size_t e, std::size_t r) const {
        return counts_.data() + (e * counts_.shape()[1] + r) * counts_.shape()[2];
    }
    T model(T a) const { return std::max(a, T(0)) + static_cast<T>(background_); }

    double cost(const stack_view<T>& p, const execution& exec) const {
        const std::size_t rows = p.shape[1];
        const auto sums = column_sums(
            p.shape[0] * rows, p.shape[2], projector_.geometry().bins(), exec,
            [&](std::size_t r, double* column) { row_cost(r / rows, r % rows, p.row(r / rows, r % rows), column); });
        return sum_of_columns(sums, serial_communicator{});
    }

    xt::xtensor<T, 3> counts_;
    tilt_projector projector_;
    double background_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
