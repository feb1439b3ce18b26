// A term of what a linear operator makes of the maps: blurred, binned, mixed.
#pragma once

#include <type_traits>
#include <utility>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/linear_operator.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(K x) for a smooth term f and a linear operator K: the maps x have the shape of K's domain, K x that of the term.
/// Where f is a likelihood, K is what the instrument does to the maps before it counts. A likelihood of counts needs
/// K x >= 0, so an operator without negative entries. Couples pixels as K does, and takes part in a fusion by
/// whole-array calls; each allocates two stacks of the term's shape. The constructor throws shape_error unless the
/// operator's range has the term's shape.
template <class Term, class Operator>
class composed_term {
public:
    /// Scalar that the term is computed in, that of f: float or double.
    using value_type = typename Term::value_type;
    static_assert(detail::require_smooth_term<Term, value_type>());
    static_assert(detail::require_linear_operator<Operator, value_type>());

    /// f and K. Throws shape_error unless K's range has the shape of f's maps.
    composed_term(Term term, Operator op) : term_(std::move(term)), operator_(std::move(op)) {
        require_shape(stack_shape(operator_.range_shape()), stack_shape(term_.shape()), "operator range",
                      "the term's maps");
    }

    /// The shape of x: the operator's domain.
    stack_shape shape() const { return operator_.domain_shape(); }

    /// The term f of K x.
    const Term& term() const noexcept { return term_; }
    /// The operator K.
    const Operator& op() const noexcept { return operator_; }

    /// f(K x). Throws shape_error unless x has the shape of the operator's domain.
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        const readable<value_type, 3> in(x, "maps");
        require_shape(in.view().shape, shape(), "maps", "the operator's domain");
        const auto kx = applied(in.view(), exec);
        return term_.value(as_view(kx), exec);
    }

    /// Writes K^T grad f(K x) to `gradient` and returns f(K x). Throws shape_error unless both have the shape of the
    /// operator's domain.
    template <stack X, stack G>
    double value_and_gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        const readable<value_type, 3> in(x, "maps");
        writable<value_type, 3, std::remove_reference_t<G>> out(gradient, "gradient");
        require_shape(in.view().shape, shape(), "maps", "the operator's domain");
        require_shape(out.view().shape, shape(), "gradient", "the operator's domain");
        const auto kx = applied(in.view(), exec);
        xt::xtensor<value_type, 3> slope(kx.shape());
        const double value = term_.value_and_gradient(as_view(kx), as_view(slope), exec);
        operator_.adjoint(as_view(std::as_const(slope)), out.view(), exec);
        out.commit();
        return value;
    }

    /// Writes K^T grad f(K x) to `gradient`; throws as value_and_gradient().
    template <stack X, stack G>
    void gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        value_and_gradient(x, gradient, exec);
    }

    /// The term's bound times ||K||^2, see norm_bound_of.
    double curvature_bound(const execution& exec = {}) const
        requires bounded_curvature<Term>
    {
        const double norm = norm_bound_of<value_type>(operator_, exec);
        return norm == 0 ? 0 : term_.curvature_bound(exec) * norm * norm;
    }

private:
    xt::xtensor<value_type, 3> applied(const stack_view<const value_type>& x, const execution& exec) const {
        xt::xtensor<value_type, 3> kx(term_.shape());
        operator_.apply(x, as_view(kx), exec);
        return kx;
    }

    Term term_;
    Operator operator_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
