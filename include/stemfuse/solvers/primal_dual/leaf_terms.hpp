// The single terms that an objective is made of, and what a primal-dual scheme can do with each.
#pragma once

#include <cstddef>
#include <type_traits>

#include <stemfuse/core/rows.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/dualisable_term.hpp>
#include <stemfuse/terms/sum_of_terms.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

template <class>
inline constexpr bool is_sum = false;
template <class... Terms>
inline constexpr bool is_sum<sum_of_terms<Terms...>> = true;

// f(K x) with a likelihood f whose conjugate has a proximal operator in closed form.
template <class>
inline constexpr bool is_dual_leaf = false;
template <class Term, class Operator>
inline constexpr bool is_dual_leaf<composed_term<Term, Operator>> =
    dualisable_term<Term, typename composed_term<Term, Operator>::value_type>;

// Terms that stay with the maps: a Newton step in every pixel takes them.
template <class Term>
inline constexpr bool is_convex_leaf = separable_convex_term<Term, typename Term::value_type>;
template <class Term>
inline constexpr bool is_majorised_leaf = majorised_term<Term, typename Term::value_type> && !is_convex_leaf<Term>;

// How many majorised terms there are in a term, and whether all of its leaves are of one of the three kinds.
template <class Term>
struct leaves_of {
    static constexpr std::size_t majorised = is_majorised_leaf<Term> ? 1 : 0;
    static constexpr bool known = is_dual_leaf<Term> || is_convex_leaf<Term> || is_majorised_leaf<Term>;
};
template <class... Terms>
struct leaves_of<sum_of_terms<Terms...>> {
    static constexpr std::size_t majorised = (leaves_of<Terms>::majorised + ...);
    static constexpr bool known = (leaves_of<Terms>::known && ...);
};

// Calls visit(leaf, weight) for every term that is no sum and whose weight is above 0, in order.
template <class Term, class F>
void for_each_leaf(const Term& term, double weight, F&& visit) {
    if constexpr (is_sum<Term>) {
        term.for_each([&](const auto& part, double own) { for_each_leaf(part, weight * own, visit); });
    } else {
        if (weight > 0) visit(term, weight);
    }
}
template <class Objective, class F>
void for_each_leaf_of(const Objective& f, F&& visit) {
    for_each_leaf(f.elastic(), f.lambda_haadf(), visit);
    for_each_leaf(f.chemical(), f.lambda_chemical(), visit);
}

// Calls visit(leaf, weight, k) for leaf k of those after an operator.
template <class Objective, class F>
void for_each_dual_leaf(const Objective& f, F&& visit) {
    std::size_t k = 0;
    for_each_leaf_of(f, [&](const auto& leaf, double weight) {
        if constexpr (is_dual_leaf<std::remove_cvref_t<decltype(leaf)>>) visit(leaf, weight, k++);
    });
}

// The terms of an objective that stay with the maps, as pixel_newton takes them: weights are in them already.
template <class Objective>
class pixel_terms {
public:
    using value_type = typename Objective::value_type;

    explicit pixel_terms(const Objective& f) : f_(&f) {
        for_each_leaf_of(f, [&](const auto& leaf, double) {
            if constexpr (is_majorised_leaf<std::remove_cvref_t<decltype(leaf)>>) {
                majorised_ = true;
                tangent_images_ = leaf.tangent_images();
            }
        });
    }

    const pixel_terms& elastic() const { return *this; }
    const pixel_terms& chemical() const { return *this; }
    double lambda_haadf() const { return majorised_ ? 1 : 0; }
    double lambda_chemical() const { return 1; }
    double lambda_tv() const { return 1; }
    std::size_t tangent_images() const { return tangent_images_; }

    void row_tangent(row_segment segment, const value_type* const* a, value_type* const* tangent) const {
        for_each_leaf_of(*f_, [&](const auto& leaf, double) {
            if constexpr (is_majorised_leaf<std::remove_cvref_t<decltype(leaf)>>) leaf.row_tangent(segment, a, tangent);
        });
    }

    void row_majoriser(row_segment segment, const value_type* const* tangent, const value_type* const* x,
                       value_type* const* g, value_type* const* d, value_type* const* u, value_type) const {
        for_each_leaf_of(*f_, [&](const auto& leaf, double weight) {
            if constexpr (is_majorised_leaf<std::remove_cvref_t<decltype(leaf)>>)
                leaf.row_majoriser(segment, tangent, x, g, d, u, static_cast<value_type>(weight));
        });
    }

    void row_newton(row_segment segment, const value_type* const* x, value_type* const* g, value_type* const* d,
                    value_type* const* lowest, value_type) const {
        for_each_leaf_of(*f_, [&](const auto& leaf, double weight) {
            if constexpr (is_convex_leaf<std::remove_cvref_t<decltype(leaf)>>)
                leaf.row_newton(segment, x, g, d, lowest, static_cast<value_type>(weight));
        });
    }

private:
    const Objective* f_;
    bool majorised_ = false;
    std::size_t tangent_images_ = 0;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
