// A weighted sum of terms of the same maps.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// The whole-array calls of a sum some of whose terms couple pixels.
template <class Sum, scalar T>
class sum_by_arrays {
public:
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        const readable<T, 3> in(x, "maps");
        require_shape(in.view().shape, self().shape(), "maps", "the terms'");
        double sum = 0;
        self().for_each([&](const auto& term, double weight) { sum += weight * term.value(in.view(), exec); });
        return sum;
    }

    template <stack X, stack G>
    double value_and_gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        const readable<T, 3> in(x, "maps");
        writable<T, 3, std::remove_reference_t<G>> out(gradient, "gradient");
        require_shape(in.view().shape, self().shape(), "maps", "the terms'");
        require_shape(out.view().shape, self().shape(), "gradient", "the terms'");
        const stack_view<T>& g = out.view();
        const std::size_t ny = g.shape[1], nx = g.shape[2];
        xt::xtensor<T, 3> part(g.shape);
        const auto p = as_view(part);
        double sum = 0;
        bool first = true;
        self().for_each([&](const auto& term, double weight) {
            sum += weight * term.value_and_gradient(in.view(), p, exec);
            const T w = static_cast<T>(weight);
            for_each_row(g.shape[0] * ny, nx, exec, [&](std::size_t r) {
                T* const to = g.row(r / ny, r % ny);
                const T* const from = p.row(r / ny, r % ny);
                for (std::size_t c = 0; c < nx; ++c) to[c] = first ? w * from[c] : to[c] + w * from[c];
            });
            first = false;
        });
        out.commit();
        return sum;
    }

    template <stack X, stack G>
    void gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        value_and_gradient(x, gradient, exec);
    }

private:
    const Sum& self() const { return static_cast<const Sum&>(*this); }
};

template <class... Terms>
using first_value_type = typename std::tuple_element_t<0, std::tuple<Terms...>>::value_type;

template <class... Terms>
inline constexpr bool all_pixel_local = (pixel_local_term<Terms, first_value_type<Terms...>> && ...);

template <class Sum, class... Terms>
using sum_calls = std::conditional_t<all_pixel_local<Terms...>, pixel_local<Sum, first_value_type<Terms...>>,
                                     sum_by_arrays<Sum, first_value_type<Terms...>>>;

template <class>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;

}  // namespace detail

/// f(x) = sum_k weight_k f_k(x) for smooth terms f_k of the same maps x: several signals of one specimen, such as EDX
/// and EELS, or several detectors. A sum of pixel-local terms is pixel-local, and of separable convex terms separable
/// convex, so that solvers take it in one sweep as they take one term. The constructors throw shape_error where the
/// terms' shapes differ, value_error for a weight that is negative or not finite.
template <class... Terms>
class sum_of_terms : public detail::sum_calls<sum_of_terms<Terms...>, Terms...> {
public:
    /// Scalar that all terms are computed in: float or double.
    using value_type = detail::first_value_type<Terms...>;
    static_assert((std::same_as<typename Terms::value_type, value_type> && ...),
                  "stemfuse: the terms of a sum must have the same scalar type (all float, or all double)");
    static_assert((smooth_term<Terms, value_type> && ...),
                  "stemfuse: each term of a sum needs shape(), value(x, execution) and "
                  "value_and_gradient(x, g, execution)");

    /// Every weight is 1.
    explicit sum_of_terms(Terms... terms)
        requires(!(detail::is_array<Terms> || ...))
        : terms_(std::move(terms)...) {
        weights_.fill(1);
        check();
    }

    /// weights: one for each term, in their order.
    sum_of_terms(const std::array<double, sizeof...(Terms)>& weights, Terms... terms)
        requires(!(detail::is_array<Terms> || ...))
        : weights_(weights), terms_(std::move(terms)...) {
        check();
    }

    /// (n_elements, n_y, n_x), the same for all terms.
    stack_shape shape() const { return std::get<0>(terms_).shape(); }
    /// The terms f_k, in order.
    const std::tuple<Terms...>& terms() const noexcept { return terms_; }
    /// The weights, in the order of the terms.
    const std::array<double, sizeof...(Terms)>& weights() const noexcept { return weights_; }

    /// Calls f(term, weight) for every term, in order.
    template <class F>
    void for_each(F&& f) const {
        std::apply(
            [&](const Terms&... terms) {
                std::size_t k = 0;
                (f(terms, weights_[k++]), ...);
            },
            terms_);
    }

    /// See pixel_local_term; only where all terms are pixel-local.
    double row_value(row_segment segment, const value_type* const* x) const
        requires detail::all_pixel_local<Terms...>
    {
        double sum = 0;
        for_each([&](const auto& term, double weight) { sum += weight * term.row_value(segment, x); });
        return sum;
    }

    /// See pixel_local_term; only where all terms are pixel-local.
    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const
        requires detail::all_pixel_local<Terms...>
    {
        double sum = 0;
        for_each([&](const auto& term, double weight) {
            sum += weight * term.row_value_and_gradient(segment, x, g, scale * static_cast<value_type>(weight));
        });
        return sum;
    }

    /// See separable_convex_term; only where all terms are. Terms of weight 0 take no part.
    void row_newton(row_segment segment, const value_type* const* x, value_type* const* g, value_type* const* d,
                    value_type* const* lowest, value_type scale) const
        requires(separable_convex_term<Terms, value_type> && ...)
    {
        for_each([&](const auto& term, double weight) {
            if (weight > 0) term.row_newton(segment, x, g, d, lowest, scale * static_cast<value_type>(weight));
        });
    }

    /// The weighted sum of the bounds of all terms of weight above 0; only where all terms have one.
    double curvature_bound(const execution& exec = {}) const
        requires(bounded_curvature<Terms> && ...)
    {
        double sum = 0;
        for_each([&](const auto& term, double weight) {
            if (weight > 0) sum += weight * term.curvature_bound(exec);
        });
        return sum;
    }

    /// The sum of the coarser terms, with the same weights.
    auto coarser() const
        requires(has_coarser<Terms> && ...)
    {
        return std::apply(
            [&](const Terms&... terms) {
                return sum_of_terms<decltype(terms.coarser())...>(weights_, terms.coarser()...);
            },
            terms_);
    }

private:
    void check() const {
        std::size_t k = 0;
        for_each([&](const auto& term, double weight) {
            require_non_negative(weight, "weights");
            require_shape(stack_shape(term.shape()), shape(), "term " + std::to_string(k++) + " of the sum",
                          "the first term");
        });
    }

    std::array<double, sizeof...(Terms)> weights_;
    std::tuple<Terms...> terms_;
};

template <class... Terms>
sum_of_terms(std::array<double, sizeof...(Terms)>, Terms...) -> sum_of_terms<Terms...>;

}  // namespace stemfuse::inline STEMFUSE_ABI
