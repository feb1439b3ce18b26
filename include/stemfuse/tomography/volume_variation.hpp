// Isotropic total variation of volumes, of each element or of all together.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/column_sums.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/tomography/variation_rows.hpp>
#include <stemfuse/tomography/volume_differences.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How the elements' edges weigh together. `joint`: one root over elements and axes, which favours edges that elements
/// share (default); `separate`: the sum of the elements' own variations.
enum class variation_coupling { joint, separate };

/// R(x) = sum over voxels of sqrt( sum_e t_e^2 |grad x_e|^2 ), joint, or sum_e t_e TV(x_e), separate; forward
/// differences along z, y and x, zero past the border. Volumes are stacks (n_e, n_z n_y, n_x). A prior.
class volume_variation {
public:
    /// `weights` t_e, one an element. Throws shape_error for no voxel or element, value_error for a weight that is
    /// negative or not finite.
    volume_variation(std::size_t n_z, std::size_t n_y, std::vector<double> weights,
                     variation_coupling coupling = variation_coupling::joint)
        : n_z_(n_z), n_y_(n_y), weights_(std::move(weights)), coupling_(coupling) {
        if (n_z == 0 || n_y == 0 || weights_.empty()) {
            throw shape_error("volume", "has " + std::to_string(weights_.size()) + " elements of " +
                                            std::to_string(n_z) + " x " + std::to_string(n_y) +
                                            " voxels, must have at least one");
        }
        for (const double t : weights_) require_non_negative(t, "weights");
    }

    std::size_t iterations = 100;  ///< of the dual, in prox(), 1 to iteration_ceiling

    /// Voxels along z.
    std::size_t n_z() const noexcept { return n_z_; }
    /// Voxels along y.
    std::size_t n_y() const noexcept { return n_y_; }
    /// t_e, one an element.
    const std::vector<double>& weights() const noexcept { return weights_; }
    /// How the elements' edges weigh together.
    variation_coupling coupling() const noexcept { return coupling_; }

    /// R(x). Throws shape_error for another number of elements or of rows.
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        using T = scalar_type_t<X>;
        const readable<T, 3> in(x, "volume");
        const auto sums = value_of_columns(in.view(), static_cast<const T*>(nullptr), 1.0, exec);
        return std::accumulate(sums.begin(), sums.end(), 0.0);
    }

    /// scale R(x) of every column x. Past the last column comes `right`, (n_e, n_z n_y), where it is not null.
    template <class T>
    std::vector<double> value_of_columns(const stack_view<const T>& x, const T* right, double scale,
                                         const execution& exec) const {
        check(x.shape, "volume");
        const std::size_t n = x.shape[0], nx = x.shape[2];
        return column_sums(n_z_ * n_y_, nx, n_y_, exec, [&](std::size_t r, double* sums) {
            std::vector<T> squares(nx), ahead(nx + 1);
            const auto add_roots = [&] {
                for_each_pack<T>(nx, [&](auto at) { at.store(squares.data(), square_root(at.load(squares.data()))); });
                for (std::size_t c = 0; c < nx; ++c) sums[c] += static_cast<double>(squares[c]);
            };
            for (std::size_t e = 0; e < n; ++e) {
                const detail::neighbour_rows<T> rows = neighbours(x, right, e, r, ahead.data());
                detail::add_squares(nx, rows, static_cast<T>(scale * weights_[e]), squares.data());
                if (coupling_ == variation_coupling::separate) {
                    add_roots();
                    std::fill(squares.begin(), squares.end(), T(0));
                }
            }
            if (coupling_ == variation_coupling::joint) add_roots();
        });
    }

    /// Writes argmin_{u >= 0} 1/2 ||u - v||^2 + t R(u): FGP on the dual, Beck & Teboulle (2009),
    /// doi 10.1109/TIP.2009.2028250, with step 1 / (12 t max(t_e)^2).
    template <stack V, stack Out>
    void prox(const V& v, double t, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        const readable<T, 3> in(v, "v");
        writable<T, 3, std::remove_reference_t<Out>> result(out, "output");
        check(in.view().shape, "v");
        require_shape(result.view().shape, in.view().shape, "output", "v");
        require_non_negative(t, "t");
        require_iterations(iterations, "iterations");
        fgp<T>(in.view(), t, result.view(), exec);
        result.commit();
    }

    /// Row r = z n_y + y of element e with its neighbours; `ahead`, n_x + 1 numbers, receives the row moved by one.
    template <class T>
    detail::neighbour_rows<T> neighbours(const stack_view<const T>& x, const T* right, std::size_t e, std::size_t r,
                                         T* ahead) const {
        const std::size_t nx = x.shape[2], rows = n_z_ * n_y_;
        const T* const here = x.row(e, r);
        std::copy_n(here + 1, nx - 1, ahead);
        ahead[nx - 1] = right == nullptr ? here[nx - 1] : right[e * rows + r];
        return {here, r + n_y_ < rows ? x.row(e, r + n_y_) : here, r % n_y_ + 1 < n_y_ ? x.row(e, r + 1) : here, ahead};
    }

private:
    void check(const stack_shape& shape, std::string_view name) const {
        if (shape[0] != weights_.size() || shape[1] != n_z_ * n_y_ || shape[2] == 0) {
            throw shape_error(name, "has shape " + to_string(shape) + ", must be (" + std::to_string(weights_.size()) +
                                        ", " + std::to_string(n_z_ * n_y_) + ", n_x)");
        }
    }

    // The dual is that of t_e K x_e, so that its balls have radius 1.
    template <class T>
    void fgp(const stack_view<const T>& v, double t, const stack_view<T>& u, const execution& exec) const {
        const double largest = *std::max_element(weights_.begin(), weights_.end());
        const std::size_t n = v.shape[0], rows = v.shape[1], nx = v.shape[2];
        const volume_differences k(n, n_z_, n_y_, nx);
        xt::xtensor<T, 3> dual = xt::zeros<T>(k.range_shape()), ahead = dual, gradient(k.range_shape());
        const auto p = as_view(dual), q = as_view(ahead), g = as_view(gradient);
        const auto to_primal = [&](const stack_view<const T>& d) {
            k.adjoint(d, u, exec);
            for_each_row(n * rows, nx, exec, [&](std::size_t r) {
                T* const out = u.row(r / rows, r % rows);
                const T* const from = v.row(r / rows, r % rows);
                const auto scale = static_cast<T>(t * weights_[r / rows]);
                for (std::size_t c = 0; c < nx; ++c) out[c] = std::max(from[c] - scale * out[c], T(0));
            });
        };
        double momentum = 1;
        for (std::size_t i = 0; t * largest > 0 && i < iterations; ++i) {
            exec.throw_if_stopped();
            to_primal(q);
            k.apply(stack_view<const T>(u), g, exec);
            const double next = (1 + std::sqrt(1 + 4 * momentum * momentum)) / 2, beyond = (momentum - 1) / next;
            momentum = next;
            for_each_row(rows, nx, exec, [&](std::size_t r) {
                project_row(p, q, g, r, 1 / (12 * t * largest * largest), static_cast<T>(beyond));
            });
        }
        to_primal(p);
    }

    // Row r: q + step t_e g onto the balls, then p and q.
    template <class T>
    void project_row(const stack_view<T>& p, const stack_view<T>& q, const stack_view<T>& g, std::size_t r, double step,
                     T beyond) const {
        const std::size_t n = weights_.size(), nx = p.shape[2];
        const bool joint = coupling_ == variation_coupling::joint;
        std::vector<T> squares(nx);
        for (std::size_t e = 0; e < n; ++e) {
            const auto scale = static_cast<T>(step * weights_[e]);
            for (std::size_t i = e; i < 3 * n; i += n) {
                T* const moved = g.row(i, r);
                const T* const from = q.row(i, r);
                for (std::size_t c = 0; c < nx; ++c) {
                    moved[c] = from[c] + scale * moved[c];
                    squares[c] += moved[c] * moved[c];
                }
            }
            if (joint && e + 1 < n) continue;
            detail::into_factors(nx, squares.data());
            for (std::size_t i = 0; i < 3 * n; ++i) {
                if (!joint && i % n != e) continue;
                T *const before = p.row(i, r), *const to = q.row(i, r);
                const T* const moved = g.row(i, r);
                for (std::size_t c = 0; c < nx; ++c) {
                    const T now = moved[c] * squares[c];
                    to[c] = now + beyond * (now - before[c]);
                    before[c] = now;
                }
            }
            std::fill(squares.begin(), squares.end(), T(0));
        }
    }

    std::size_t n_z_, n_y_;
    std::vector<double> weights_;
    variation_coupling coupling_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
