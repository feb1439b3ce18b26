// Amounts of elements from their counts, by Cliff and Lorimer's k-factors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/joined.hpp>
#include <stemfuse/elements/atomic_weights.hpp>
#include <stemfuse/quantify/stoichiometry.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What fractions are parts of.
enum class fraction_kind {
    atomic,  ///< the number of atoms
    weight   ///< the weight
};

/// The k-factors of elements, weight-based: C_A / C_B = (k_A I_A) / (k_B I_B), C the weight fractions, I the net
/// counts. Cliff & Lorimer, J. Microsc. 103, 203 (1975), doi 10.1111/j.1365-2818.1975.tb03895.x. A common factor drops
/// out.
class k_factors {
public:
    /// The factors by name, in any order, exactly one for each of the elements. Throws shape_error for no element;
    /// value_error, naming the element, for an unknown symbol, an element that is there twice, a factor that is
    /// missing, is there twice, is of no element, or is not finite and above 0.
    k_factors(std::vector<std::string> elements, const std::vector<std::pair<std::string, double>>& factors)
        : elements_(std::move(elements)) {
        require_some<shape_error>(elements_, "elements");
        require_distinct(elements_, "elements");
        for (const auto& element : elements_) {
            weights_.push_back(atomic_weight(element));
        }
        factors_.assign(elements_.size(), 0);
        for (const auto& [element, factor] : factors) set(element, factor);
        for (std::size_t i = 0; i < factors_.size(); ++i) {
            if (factors_[i] == 0)
                throw value_error("k_factors", "has none for " + elements_[i] + ", must have one for each element");
        }
    }

    /// The symbols, in the order of the maps.
    const std::vector<std::string>& elements() const noexcept { return elements_; }
    /// How many elements there are.
    std::size_t size() const noexcept { return elements_.size(); }

    /// What a net count of element i stands for: k_i in weight, k_i / (atomic weight) in atoms.
    double amount(std::size_t i, fraction_kind kind) const {
        return kind == fraction_kind::weight ? factors_[i] : factors_[i] / weights_[i];
    }

private:
    void set(const std::string& element, double factor) {
        const auto found = std::find(elements_.begin(), elements_.end(), element);
        if (found == elements_.end())
            throw value_error("k_factors", "has one for " + element + ", must be those of " + joined(elements_));
        double& mine = factors_[static_cast<std::size_t>(found - elements_.begin())];
        if (mine != 0) throw value_error("k_factors", "has two for " + element + ", must have one for each element");
        if (!(factor > 0 && std::isfinite(factor))) {
            throw value_error("k_factors", is_but_must_be(factor, "a finite number above 0") + " (" + element + ")");
        }
        mine = factor;
    }

    std::vector<std::string> elements_;
    std::vector<double> factors_, weights_;
};

/// The sums over all pixels of the counts of each element, and of the background in them.
struct count_totals {
    std::vector<double> counts,  ///< one sum an element
        background;              ///< the same of the background in these counts

    /// The counts of element i less their background; below 0 where noise has it so.
    double net(std::size_t i) const { return counts[i] - background[i]; }
};

/// Counts and background, both (n, n_y, n_x) in counts. Throws shape_error for an empty stack and shapes that differ;
/// value_error for NaN, infinity and negative numbers.
template <stack A, stack B>
count_totals total_counts(const A& counts, const B& background) {
    const readable<double, 3> m(counts, "counts"), b(background, "background");
    require_not_empty(m.view(), "counts");
    require_shape(b.view().shape, m.view().shape, "background", "the counts'");
    require_counts(m.view(), "counts");
    require_counts(b.view(), "background");
    return {detail::element_sums(m.view()), detail::element_sums(b.view())};
}

/// The same with a constant background in counts per pixel, one number for each element or one for all.
template <stack A>
count_totals total_counts(const A& counts, const std::vector<double>& background) {
    const readable<double, 3> m(counts, "counts");
    require_not_empty(m.view(), "counts");
    require_counts(m.view(), "counts");
    const auto [n, ny, nx] = m.view().shape;
    if (background.size() != n && background.size() != 1) {
        throw shape_error("background", "has " + std::to_string(background.size()) + " numbers, must have 1 or " +
                                            std::to_string(n) + ", one for each map of counts");
    }
    count_totals totals{detail::element_sums(m.view()), std::vector<double>(n)};
    for (std::size_t i = 0; i < n; ++i) {
        const double rate = background[background.size() == 1 ? 0 : i];
        require_non_negative(rate, "background");
        totals.background[i] = rate * static_cast<double>(ny * nx);
    }
    return totals;
}

namespace detail {

// Throws shape_error unless there are n totals of both kinds, value_error unless they are finite and 0 or more.
inline void require_totals(const count_totals& totals, std::size_t n) {
    require_count(totals.counts.size(), n, "totals", "counts", "one for each element");
    require_count(totals.background.size(), n, "totals", "backgrounds", "one for each element");
    for (std::size_t i = 0; i < n; ++i) {
        require_non_negative(totals.counts[i], "totals");
        require_non_negative(totals.background[i], "totals");
    }
}

}  // namespace detail

/// What mass_balance() did to a map.
enum class balance {
    balanced,   ///< it has the sum of the measured counts, less their background
    no_signal,  ///< no more counts than background: the map is 0
    empty_map   ///< the fused map is 0 although there is a signal: it stays 0
};

/// What mass_balance() returns.
template <scalar T>
struct balanced_maps {
    xt::xtensor<T, 3> maps;        ///< (n, n_y, n_x), in counts
    std::vector<double> factors;   ///< by which each fused map was multiplied: 0 without signal, 1 for an empty map
    std::vector<balance> outcome;  ///< what became of each map
};

/// Every fused map (n, n_y, n_x), of any units, times a factor that makes its sum the measured counts' minus their
/// background: fusion moves counts from pixel to pixel and must not change how many there are. Throws shape_error for
/// an empty stack and another number of totals; value_error for NaN, infinity and negative numbers.
template <stack A>
auto mass_balance(const A& fused, const count_totals& totals) {
    using value_type = scalar_type_t<A>;
    balanced_maps<value_type> out{detail::packed_copy<value_type, 3>(fused, "fused"), {}, {}};
    const auto view = as_view(out.maps);
    require_not_empty(view, "fused");
    detail::require_totals(totals, view.shape[0]);
    require_counts(view, "fused");
    const readable<double, 3> maps(out.maps);
    const auto sums = detail::element_sums(maps.view());
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const bool signal = totals.net(i) > 0;
        out.outcome.push_back(!signal ? balance::no_signal : sums[i] > 0 ? balance::balanced : balance::empty_map);
        out.factors.push_back(!signal ? 0 : sums[i] > 0 ? totals.net(i) / sums[i] : 1);
        for (std::size_t y = 0; y < view.shape[1]; ++y) {
            value_type* const row = view.row(i, y);
            for (std::size_t x = 0; x < view.shape[2]; ++x) {
                row[x] = static_cast<value_type>(static_cast<double>(row[x]) * out.factors[i]);
            }
        }
    }
    return out;
}

/// Fractions of one whole and their standard errors, in the order of the elements.
struct composition {
    std::vector<double> fractions,  ///< of sum 1
        standard_errors;            ///< of these, by counting alone
};

/// The composition of amounts of counts, f_i = a_i / sum_j a_j, a_i = amount_i * max(counts_i, 0), with the standard
/// errors that the variances of the counts leave, to first order and without their covariances:
///     var f_i = sum_j (delta_ij - f_i)^2 var a_j / (sum_j a_j)^2.
/// Errors of the k-factors come on top. Throws shape_error for another number of counts or variances; value_error for
/// counts that are not finite, variances that are not finite and 0 or more, and where no counts are above 0.
inline composition composition_of_counts(const k_factors& factors, const std::vector<double>& counts,
                                         const std::vector<double>& count_variances,
                                         fraction_kind kind = fraction_kind::atomic) {
    const std::size_t n = factors.size();
    require_count(counts.size(), n, "counts", "numbers", "one for each element");
    require_count(count_variances.size(), n, "count_variances", "numbers", "one for each element");
    composition found;
    std::vector<double> variances;
    for (std::size_t i = 0; i < n; ++i) {
        require_in_range(counts[i], -1e300, 1e300, "counts");
        require_non_negative(count_variances[i], "count_variances");
        const double amount = factors.amount(i, kind);
        found.fractions.push_back(amount * std::max(counts[i], 0.0));
        variances.push_back(amount * amount * count_variances[i]);
    }
    const double whole = std::accumulate(found.fractions.begin(), found.fractions.end(), 0.0);
    if (!(whole > 0))
        throw value_error("totals", "has no element with more counts than background, must have one or more");
    for (double& f : found.fractions) f /= whole;
    for (std::size_t i = 0; i < n; ++i) {
        double variance = 0;
        for (std::size_t j = 0; j < n; ++j) {
            const double lever = (i == j ? 1 : 0) - found.fractions[i];
            variance += lever * lever * variances[j];
        }
        found.standard_errors.push_back(std::sqrt(variance) / whole);
    }
    return found;
}

/// The composition of the whole image, see composition_of_counts(), of net counts N_i - B_i: N_i has the variance N_i,
/// and B_i, as estimated from windows beside the line, `background_variance` * B_i (1 for windows as wide as the
/// line's, 0 for a background that is known). `background_error` is the standard error of B_i beyond that, as a
/// fraction of it, independent from element to element. Throws shape_error for another number of totals; value_error
/// for totals that are negative or not finite, and where no element has more counts than background.
inline composition global_composition(const k_factors& factors, const count_totals& totals,
                                      fraction_kind kind = fraction_kind::atomic, double background_variance = 1,
                                      double background_error = 0) {
    detail::require_totals(totals, factors.size());
    require_non_negative(background_variance, "background_variance");
    require_non_negative(background_error, "background_error");
    std::vector<double> net, variances;
    for (std::size_t i = 0; i < factors.size(); ++i) {
        net.push_back(totals.net(i));
        variances.push_back(totals.counts[i] + background_variance * totals.background[i] +
                            std::pow(background_error * totals.background[i], 2));
    }
    return composition_of_counts(factors, net, variances, kind);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
