// Operators made of others: the identity, multiples and products.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/linear_operator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// K x = x on stacks of a shape.
class identity_operator {
public:
    /// For stacks of shape (n, n_y, n_x).
    explicit identity_operator(const stack_shape& maps) : shape_(maps) {}

    /// The shape it was made for, as range_shape().
    stack_shape domain_shape() const { return shape_; }
    /// The shape it was made for, as domain_shape().
    stack_shape range_shape() const { return shape_; }
    /// ||K|| = 1.
    double norm_bound() const { return 1; }
    /// Always true: entries are 0 and 1.
    static bool non_negative() { return true; }

    /// Copies x to out. See linear_operator for what it throws.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        detail::map_stack(x, shape_, out, shape_, [&](const auto& in, const auto& result) {
            for_each_row(shape_[0] * shape_[1], shape_[2], exec, [&](std::size_t r) {
                std::copy_n(in.row(r / shape_[1], r % shape_[1]), shape_[2], result.row(r / shape_[1], r % shape_[1]));
            });
        });
    }

    /// Copies y to out.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        apply(y, out, exec);
    }

private:
    stack_shape shape_;
};

/// factor K, such as the counts that maps in other units give. The constructor throws value_error for a factor that is
/// not finite.
template <class Operator>
class scaled {
public:
    /// Throws value_error for a factor that is not finite.
    scaled(Operator op, double factor) : operator_(std::move(op)), factor_(factor) {
        if (!std::isfinite(factor)) throw value_error("factor", "is " + to_string(factor) + ", must be finite");
    }

    /// That of K.
    stack_shape domain_shape() const { return operator_.domain_shape(); }
    /// That of K.
    stack_shape range_shape() const { return operator_.range_shape(); }
    /// |factor| times the norm of K; only where K knows its own.
    double norm_bound() const
        requires has_norm_bound<Operator>
    {
        return std::abs(factor_) * operator_.norm_bound();
    }
    /// Whether factor and all entries of K are 0 or more; only where K says it.
    bool non_negative() const
        requires knows_its_signs<Operator>
    {
        return factor_ >= 0 && operator_.non_negative();
    }

    /// out = factor K x. See linear_operator for what it throws.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        detail::map_stack(x, domain_shape(), out, range_shape(), [&](const auto& in, const auto& result) {
            operator_.apply(in, result, exec);
            multiply(result, exec);
        });
    }

    /// out = factor K^T y.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        detail::map_stack(y, range_shape(), out, domain_shape(), [&](const auto& in, const auto& result) {
            operator_.adjoint(in, result, exec);
            multiply(result, exec);
        });
    }

private:
    template <class T>
    void multiply(const stack_view<T>& a, const execution& exec) const {
        const T factor = static_cast<T>(factor_);
        for_each_row(a.shape[0] * a.shape[1], a.shape[2], exec, [&](std::size_t r) {
            T* const row = a.row(r / a.shape[1], r % a.shape[1]);
            for (std::size_t c = 0; c < a.shape[2]; ++c) row[c] *= factor;
        });
    }

    Operator operator_;
    double factor_;
};

/// A B x = A (B x). Each call allocates one stack of the shape between the two. The constructor throws shape_error
/// unless A takes what B gives.
template <class A, class B>
class operator_product {
public:
    /// Throws shape_error unless the range of b has the shape of the domain of a.
    operator_product(A a, B b) : a_(std::move(a)), b_(std::move(b)) {
        require_shape(stack_shape(b_.range_shape()), stack_shape(a_.domain_shape()), "range of the inner operator",
                      "the domain of the outer one");
    }

    /// That of B, which acts first.
    stack_shape domain_shape() const { return b_.domain_shape(); }
    /// That of A.
    stack_shape range_shape() const { return a_.range_shape(); }
    /// The product of the two norms, which is a bound; only where both know theirs.
    double norm_bound() const
        requires(has_norm_bound<A> && has_norm_bound<B>)
    {
        return a_.norm_bound() * b_.norm_bound();
    }
    /// Whether both say so: then no entry of A B is negative. Only where both say it.
    bool non_negative() const
        requires(knows_its_signs<A> && knows_its_signs<B>)
    {
        return a_.non_negative() && b_.non_negative();
    }

    /// out = A (B x). See linear_operator for what it throws.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        xt::xtensor<value_type_t<Out>, 3> between(b_.range_shape());
        detail::map_stack(x, domain_shape(), out, range_shape(), [&](const auto& in, const auto& result) {
            b_.apply(in, as_view(between), exec);
            a_.apply(as_view(std::as_const(between)), result, exec);
        });
    }

    /// out = B^T (A^T y).
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        xt::xtensor<value_type_t<Out>, 3> between(b_.range_shape());
        detail::map_stack(y, range_shape(), out, domain_shape(), [&](const auto& in, const auto& result) {
            a_.adjoint(in, as_view(between), exec);
            b_.adjoint(as_view(std::as_const(between)), result, exec);
        });
    }

private:
    A a_;
    B b_;
};

/// The product of two or more operators; the last one is the first to act on the maps.
template <class A, class B, class... More>
auto product(A a, B b, More... more) {
    if constexpr (sizeof...(More) == 0) {
        return operator_product<A, B>(std::move(a), std::move(b));
    } else {
        return product(std::move(a), product(std::move(b), std::move(more)...));
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI
