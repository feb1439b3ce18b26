// Total variation that uses structure: edges that several maps share, and edges that an image of the same area shows.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/directional_field.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/priors/dual_prox.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/priors/structured_rows.hpp>
#include <stemfuse/simd/few.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What the norm of a pixel's Jacobian is taken over.
enum class coupling {
    none,     ///< every map's gradient alone: the sum of their lengths
    joint,    ///< all of them together: the Frobenius norm, small where edges of different maps coincide
    nuclear,  ///< the sum of its singular values: up to sqrt(2) times the joint norm, which it is for parallel
              ///< gradients
};

/// R(x) = sum over pixels of the norm of ( A grad x_i ), i = 1..n, with the forward differences of total_variation,
/// zero past the border, and A = 1 - q q^T of the directional field, 1 where there is none. Joint: Bresson & Chan,
/// Inverse Probl. Imaging 2, 455 (2008), doi 10.3934/ipi.2008.2.455; directional: Ehrhardt & Betcke, SIAM J. Imaging
/// Sci. 9, 1084 (2016), doi 10.1137/15M1047325; nuclear: Holt, IEEE Trans. Image Process. 23, 3975 (2014), doi
/// 10.1109/TIP.2014.2332397. Coupled maps share one norm, so they should be of like size: divided by a scale of
/// their own.
template <coupling Coupling, scalar T>
struct structured_total_variation {
    directional_field<T> direction = {};  ///< of the maps' n_y and n_x
    std::size_t iterations = 10;          ///< of the prox, 1 to iteration_ceiling
    bool report_gap = false;              ///< the report of prox has the duality gap
    bool non_negative = true;             ///< the prox is the minimum over u >= 0, else over all u

    /// The dual variables, shape (2 n, n_y, n_x): the n images of their parts along y, then those along x; empty until
    /// first used.
    template <scalar S>
    using duals = xt::xtensor<S, 3>;

    /// R of a stack (n, n_y, n_x). Throws shape_error where it is empty or the direction is of another shape.
    template <stack X>
    double value(const X& x, const execution& exec = {}) const;

    /// Writes argmin_u 1/2 ||u - v||^2 + t R(u), over u >= 0 if non_negative, to `out` after so many iterations of FGP,
    /// see dual_prox; shapes (n, n_y, n_x), not overlapping. The duals start at zero. Throws shape_error where shapes
    /// differ, value_error for t < 0 and for 0 iterations or more than iteration_ceiling.
    template <stack V, stack Out>
        requires std::same_as<value_type_t<Out>, T>
    prox_report prox(const V& v, double t, Out&& out, const execution& exec = {}) const {
        duals<T> state;
        return prox(v, t, out, state, exec);
    }

    /// The same, starting from `state` and leaving the last duals there. Throws shape_error where they belong to
    /// another shape.
    template <stack V, stack Out>
        requires std::same_as<value_type_t<Out>, T>
    prox_report prox(const V& v, double t, Out&& out, duals<T>& state, const execution& exec = {}) const;

    /// Bytes that prox allocates for a v of this shape, without the result and the duals.
    template <scalar S>
    std::size_t working_memory(const stack_shape& v, const execution& = {}) const {
        return 2 * v[0] * v[1] * v[2] * sizeof(S);
    }

    /// Throws shape_error where the direction is not of the shape (n_y, n_x) of such maps.
    void require_direction(const stack_shape& maps) const {
        if (!direction.empty()) require_shape(direction.shape(), {2, maps[1], maps[2]}, "direction", "the maps take");
    }
};

/// K the forward differences of all maps, turned by A, and P the unit ball of the dual norm in every pixel.
template <coupling Coupling, scalar T>
struct dual_kernels<structured_total_variation<Coupling, T>> {
    const structured_total_variation<Coupling, T>& prior;  ///< must outlive the kernels

    static constexpr std::size_t images_per_map = 2;                  ///< the parts along y and along x
    static constexpr double norm2 = 8;                                ///< of the differences; A only shortens them
    static constexpr bool couples_maps = Coupling != coupling::none;  ///< whether maps share a norm

    /// The prior with the directions at half the resolution, see directional_field.
    structured_total_variation<Coupling, T> coarser() const {
        structured_total_variation<Coupling, T> half = prior;
        half.direction = prior.direction.coarser();
        return half;
    }

    /// K^T p in a row segment, see the primary dual_kernels.
    void adjoint(row_segment at, std::size_t n, const T* const* p, const T* const* above, T* const* out) const {
        const std::size_t x0 = at.x0;
        with_direction(at.y, [&](auto here, auto up) {
            for (std::size_t i = 0; i < n; ++i) {
                detail::structured_adjoint<decltype(here), T>(here.from(x0), up.from(x0), at.n, x0 == 0, p[i] + x0,
                                                              p[n + i] + x0, above[i] + x0, above[n + i] + x0, out[i]);
            }
        });
    }

    /// The dual step in a whole row, see the primary dual_kernels.
    void ascend(row_segment row, std::size_t n, const T* const* x, const T* const* below, T* const* p,
                const T* steps) const {
        with_direction(row.y, [&](auto here, auto) {
            const auto ascend = [&]<std::size_t Few>(std::size_t i) {
                detail::structured_ascend<norm, Few>(here, row.n, n, x + i, below + i, p + i, p + n + i, steps[i]);
            };
            if constexpr (!couples_maps) {
                for (std::size_t i = 0; i < n; ++i) ascend.template operator()<1>(i);
            } else {
                detail::with_few<8>(n, [&]<std::size_t Few>() { ascend.template operator()<Few>(0); });
            }
        });
    }

    /// The row's part of R, see the primary dual_kernels.
    double value(row_segment row, std::size_t n, const T* const* x, const T* const* below) const {
        double sum = 0;
        with_direction(row.y, [&](auto here, auto) {
            const std::size_t together = couples_maps ? n : 1;
            for (std::size_t i = 0; i < n; i += together) {
                sum += detail::structured_value<norm>(here, row.n, together, x + i, below + i);
            }
        });
        return sum;
    }

    /// As that of dual_kernels<total_variation>.
    void spread(const stack_view<const T>& coarse, const stack_view<T>& fine, const execution& exec) const {
        dual_kernels<total_variation>{plain}.spread(coarse, fine, exec);
    }

    /// As that of dual_kernels<total_variation>. Throws shape_error where the direction is of another shape than p.
    void rest(const stack_view<T>& p) const {
        prior.require_direction(p.shape);
        dual_kernels<total_variation>{plain}.rest(p);
    }

private:
    using norm =
        std::conditional_t<Coupling == coupling::nuclear, detail::nuclear_coupling<T>, detail::joint_coupling<T>>;
    static constexpr total_variation plain{};

    // Calls f with what A does in row y and in the row above it.
    template <class F>
    void with_direction(std::size_t y, F&& f) const {
        const auto& q = prior.direction;
        if (q.empty()) return f(detail::undirected{}, detail::undirected{});
        const std::size_t up = y > 0 ? y - 1 : 0;
        f(detail::directed<T>{q.row(0, y), q.row(1, y)}, detail::directed<T>{q.row(0, up), q.row(1, up)});
    }
};

template <coupling Coupling, scalar T>
template <stack X>
double structured_total_variation<Coupling, T>::value(const X& x, const execution& exec) const {
    const readable<T, 3> in(x, "maps");
    require_not_empty(in.view(), "maps");
    require_direction(in.view().shape);
    const std::size_t n = in.view().shape[0], ny = in.view().shape[1], nx = in.view().shape[2];
    return sum_over_rows(ny, n * nx, exec, [&](std::size_t y) {
        row_pointers<const T> rows(in.view()), below(in.view());
        return dual_kernels<structured_total_variation>{*this}.value({y, 0, nx}, n, rows.at(y),
                                                                     below.at(std::min(y + 1, ny - 1)));
    });
}

template <coupling Coupling, scalar T>
template <stack V, stack Out>
    requires std::same_as<value_type_t<Out>, T>
prox_report structured_total_variation<Coupling, T>::prox(const V& v, double t, Out&& out, duals<T>& state,
                                                          const execution& exec) const {
    const readable<T, 3> in(v, "v");
    writable<T, 3, std::remove_reference_t<Out>> result(out, "out");
    const stack_shape shape = in.view().shape, dual_shape{2 * shape[0], shape[1], shape[2]};
    require_not_empty(in.view(), "v");
    require_non_negative(t, "t");
    require_iterations(iterations, "iterations");
    require_shape(result.view().shape, shape, "out", "v");
    require_apart(result.view(), in.view(), "out", "v");
    require_direction(shape);
    if (state.size() == 0) {
        state = xt::zeros<T>(dual_shape);
    } else {
        require_shape({state.shape(0), state.shape(1), state.shape(2)}, dual_shape, "duals", "v's");
    }
    const prox_report report =
        dual_prox(*this, {iterations, non_negative, report_gap}, in.view(), t, result.view(), as_view(state), exec);
    result.commit();
    return report;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
