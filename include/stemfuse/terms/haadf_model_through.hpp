// The elastic term where the HAADF image is softer or coarser than the maps: an operator after the pixel-wise model.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/operators/linear_operator.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/terms/haadf_response.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(x) = 1/2 || A s(x) - b_H ||^2 with s(x) = sum_i w_i x_i^gamma, for maps x >= 0 of shape (n_elements, n_y, n_x), a
/// linear operator A from (1, n_y, n_x) to (1, m_y, m_x), and a HAADF image b_H of shape (m_y, m_x). With the identity
/// for A it is haadf_model. Takes part in a fusion by whole-array calls. The constructor throws shape_error where A and
/// the image disagree, value_error for NaN or infinity in the image.
template <image Image, class Operator>
class haadf_model_through {
public:
    /// Scalar that the term is computed in, that of b_H: float or double.
    using value_type = value_type_t<Image>;
    static_assert(detail::require_linear_operator<Operator, value_type>());

    /// haadf: b_H. response: weights w_i, one for each element, and gamma. op: A.
    template <image A>
    haadf_model_through(A&& haadf, haadf_response response, Operator op)
        : haadf_(std::forward<A>(haadf), "haadf"),
          response_(std::move(response)),
          operator_(std::move(op)),
          power_(response_.gamma() - 1) {
        const auto b = haadf_.view();
        require_not_empty(b, "haadf");
        require_finite(b, "haadf");
        require_shape(stack_shape(operator_.range_shape()), {1, b.shape[0], b.shape[1]}, "operator range",
                      "the HAADF image");
        const stack_shape domain = operator_.domain_shape();
        require_shape(domain, {1, domain[1], domain[2]}, "operator domain", "one image, sum_i w_i x_i^gamma");
    }

    /// (n_elements, n_y, n_x): rows and columns of the operator's domain.
    stack_shape shape() const {
        const stack_shape domain = operator_.domain_shape();
        return {response_.weights().size(), domain[1], domain[2]};
    }

    /// Weights w_i and exponent gamma.
    const haadf_response& response() const noexcept { return response_; }
    /// The operator A.
    const Operator& op() const noexcept { return operator_; }
    /// The measured image b_H.
    image_view<const value_type> measured() const { return haadf_.view(); }

    /// f(x). Throws shape_error unless x has the shape of the term.
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        const readable<value_type, 3> in(x, "maps");
        require_shape(in.view().shape, shape(), "maps", "the term's");
        return residual(in.view(), exec).value;
    }

    /// Writes grad f(x) to `gradient` and returns f(x). Throws shape_error unless both have the shape of the term.
    template <stack X, stack G>
    double value_and_gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        const readable<value_type, 3> in(x, "maps");
        writable<value_type, 3, std::remove_reference_t<G>> out(gradient, "gradient");
        require_shape(in.view().shape, shape(), "maps", "the term's");
        require_shape(out.view().shape, shape(), "gradient", "the term's");
        const auto [r, value] = residual(in.view(), exec);
        xt::xtensor<value_type, 3> pull(operator_.domain_shape());
        operator_.adjoint(as_view(r), as_view(pull), exec);
        const std::size_t ny = pull.shape(1), nx = pull.shape(2);
        for_each_row(shape()[0] * ny, nx, exec, [&](std::size_t row) {
            const std::size_t i = row / ny, y = row % ny;
            const auto factor = static_cast<value_type>(response_.gamma() * response_.weights()[i]);
            for_each_pack<value_type>(nx, [&](auto at) {
                at.store(out.view().row(i, y), factor * power_(at.load(in.view().row(i, y))) * at.load(&pull(0, y, 0)));
            });
        });
        out.commit();
        return value;
    }

    /// Writes grad f(x) to `gradient`; throws as value_and_gradient().
    template <stack X, stack G>
    void gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        value_and_gradient(x, gradient, exec);
    }

    /// sum_i w_i^2 ||A||^2 where gamma is 1; infinity for other exponents.
    double curvature_bound(const execution& exec = {}) const {
        if (response_.gamma() > 1) return std::numeric_limits<double>::infinity();
        double sum = 0;
        for (const double w : response_.weights()) sum += w * w;
        const double norm = norm_bound_of<value_type>(operator_, exec);
        return sum * norm * norm;
    }

private:
    struct misfit {
        xt::xtensor<value_type, 3> r;  // A s(x) - b
        double value;                  // 1/2 ||r||^2
    };

    misfit residual(const stack_view<const value_type>& x, const execution& exec) const {
        xt::xtensor<value_type, 3> s(operator_.domain_shape());
        misfit at{xt::xtensor<value_type, 3>(operator_.range_shape()), 0};
        const std::size_t nx = x.shape[2];
        for_each_row(x.shape[1], nx, exec, [&](std::size_t y) {
            for_each_pack<value_type>(nx, [&](auto c) {
                pack<value_type> sum{};
                for (std::size_t i = 0; i < x.shape[0]; ++i) {
                    const pack<value_type> xi = c.load(x.row(i, y));
                    sum += static_cast<value_type>(response_.weights()[i]) * (xi * power_(xi));
                }
                c.store(&s(0, y, 0), sum);
            });
        });
        operator_.apply(as_view(std::as_const(s)), as_view(at.r), exec);
        const auto b = haadf_.view();
        at.value = sum_over_rows(b.shape[0], b.shape[1], exec, [&](std::size_t y) {
            double sum = 0;
            for (std::size_t c = 0; c < b.shape[1]; ++c) {
                value_type& r = at.r(0, y, c);
                r -= b.row(y)[c];
                sum += static_cast<double>(r) * static_cast<double>(r);
            }
            return sum / 2;
        });
        return at;
    }

    held_array<Image, 2> haadf_;
    haadf_response response_;
    Operator operator_;
    powers<value_type> power_;  // x^(gamma-1)
};

template <image A, class Operator>
haadf_model_through(A&&, haadf_response, Operator) -> haadf_model_through<held_t<std::remove_cvref_t<A>, 2>, Operator>;

}  // namespace stemfuse::inline STEMFUSE_ABI
