// The chemical term of spectra: Poisson counts in bins of channels, to which every element adds by its signature.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(x) = sum over pixels and bins of r - y log r, r_k = sum_i a_ki x_i + b_k c, the negative logarithm of the Poisson
/// likelihood of counts y, shape (n_bins, n_y, n_x), but for a constant. Maps x >= 0, shape (n_elements, n_y, n_x), are
/// expected counts of the elements in all bins together; a_ki >= 0, matrix (n_bins, n_elements + 1), are their
/// signatures, with that of the background in the last column; the background c, shape (n_y, n_x), is expected
/// counts in all bins, taken as 1e-4 where it is less. Stack is the type that holds y. Couples elements, not pixels:
/// overlapping lines are separated by all bins that they share. The constructor throws shape_error where shapes
/// disagree, value_error for negative or not finite counts, signatures and background, and for an element without a
/// signature.
template <stack Stack>
class spectral_likelihood : public pixel_local<spectral_likelihood<Stack>, value_type_t<Stack>> {
public:
    /// Scalar that the term is computed in, that of y: float or double.
    using value_type = value_type_t<Stack>;

    /// counts: y. signatures: a_ki, the background in the last column. background: c, which is copied.
    template <stack A, image B>
    spectral_likelihood(A&& counts, const xt::xtensor<double, 2>& signatures, const B& background)
        : counts_(std::forward<A>(counts), "counts"),
          signatures_(xt::cast<value_type>(signatures)),
          background_(detail::packed_copy<value_type, 2>(background, "background")) {
        const auto y = counts_.view();
        require_not_empty(y, "counts");
        require_counts(y, "counts");
        if (signatures_.shape(0) != y.shape[0] || signatures_.shape(1) < 2) {
            throw shape_error("signatures", "has shape " + to_string(signatures.shape()) + ", must be (" +
                                                std::to_string(y.shape[0]) +
                                                " bins, one or more elements and the background)");
        }
        require_shape(as_view(background_).shape, {y.shape[1], y.shape[2]}, "background", "the counts'");
        require_counts(as_view(background_), "background");
        for (value_type& b : background_) b = std::max(b, least_background);
        totals_.resize(signatures_.shape(1));
        for (std::size_t k = 0; k < signatures_.shape(0); ++k) {
            for (std::size_t i = 0; i < totals_.size(); ++i) {
                require_non_negative(signatures(k, i), "signatures");
                totals_[i] += signatures_(k, i);
            }
        }
        for (const value_type t : totals_) require_positive(static_cast<double>(t), "signatures");
    }

    /// (n_elements, n_y, n_x).
    stack_shape shape() const {
        const auto y = counts_.view();
        return {signatures_.shape(1) - 1, y.shape[1], y.shape[2]};
    }

    /// The binned counts y.
    stack_view<const value_type> counts() const { return counts_.view(); }
    /// The sum of an element's signature over the bins: 1 where all of its counts are in them.
    double total(std::size_t element) const { return static_cast<double>(totals_[element]); }

    /// See pixel_local_term.
    double row_value(row_segment segment, const value_type* const* x) const {
        return visit(segment, x, [](std::size_t, std::size_t, const value_type*) {});
    }

    /// See pixel_local_term.
    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const {
        return visit(segment, x, [&](std::size_t first, std::size_t n, const value_type* back) {
            for (std::size_t i = 0; i + 1 < totals_.size(); ++i) {
                value_type* const out = g[i] + first;
                const value_type* const ratio = back + i * n;
                const value_type total = totals_[i];
                for (std::size_t c = 0; c < n; ++c) out[c] += scale * (total - ratio[c]);
            }
        });
    }

    /// Writes the completed counts z_i = x_i sum_k a_ki y_k / r_k to `completed`, of the maps' shape: the counts of
    /// each element that x expects among those measured. They make f(x) separable: with s_i = total(i),
    ///     Q(x | x') = sum_i s_i x_i - z_i(x') log x_i + const >= f(x), equal to f and of the same gradient at x = x',
    /// which is the likelihood of counts z with scales s, see count_likelihood: what lowers Q lowers f. Dempster, Laird
    /// & Rubin, J. R. Stat. Soc. B 39, 1 (1977); Shepp & Vardi, IEEE Trans. Med. Imaging 1, 113 (1982), doi
    /// 10.1109/TMI.1982.4307558. Throws shape_error for other shapes.
    template <stack X, stack Z>
    void complete(const X& x, Z&& completed, const execution& exec = {}) const {
        const readable<value_type, 3> in(x, "maps");
        writable<value_type, 3, std::remove_reference_t<Z>> out(completed, "completed");
        require_shape(in.view().shape, shape(), "maps", "the term's");
        require_shape(out.view().shape, shape(), "completed", "the term's");
        const std::size_t ny = shape()[1], nx = shape()[2];
        for_each_row_block(ny, nx, exec, [&](std::size_t begin, std::size_t end) {
            row_pointers<const value_type> x_rows(in.view());
            row_pointers<value_type> z_rows(out.view());
            for (std::size_t y = begin; y < end; ++y) {
                const value_type* const* const from = x_rows.at(y);
                value_type* const* const to = z_rows.at(y);
                visit<false>({y, 0, nx}, from, [&](std::size_t first, std::size_t n, const value_type* back) {
                    for (std::size_t i = 0; i + 1 < totals_.size(); ++i) {
                        for (std::size_t c = 0; c < n; ++c) to[i][first + c] = from[i][first + c] * back[i * n + c];
                    }
                });
            }
        });
        out.commit();
    }

private:
    // A pixel without background and elements still expects this many counts, so that every logarithm is finite.
    static constexpr value_type least_background = value_type(1e-4);
    static constexpr std::size_t piece = 256;  // pixels: rates of 48 bins stay in a second-level cache

    // For every piece of the segment: calls f(first, n, A^T (y / r)), n numbers for each element. Returns sum r - y log
    // r, or 0 unless Value.
    template <bool Value = true, class F>
    double visit(row_segment segment, const value_type* const* x, F&& f) const {
        const auto y = counts_.view();
        const std::size_t bins = y.shape[0], columns = totals_.size();
        std::vector<value_type> maps(columns * piece), rates(bins * piece), back(columns * piece);
        double value = 0;
        for (std::size_t first = 0; first < segment.n; first += piece) {
            const std::size_t n = std::min(piece, segment.n - first);
            for (std::size_t i = 0; i + 1 < columns; ++i) std::copy_n(x[i] + first, n, maps.data() + i * n);
            std::copy_n(&background_(segment.y, segment.x0 + first), n, maps.data() + (columns - 1) * n);
            multiply_rows(signatures_, false, maps.data(), rates.data(), n);
            for (std::size_t k = 0; k < bins; ++k) {
                const value_type* const measured = y.row(k, segment.y) + segment.x0 + first;
                value_type* const r = rates.data() + k * n;
                pack_sum<value_type> sum;
                for_each_pack<value_type>(n, [&](auto at) {
                    const pack<value_type> rate = at.load(r), m = at.load(measured);
                    if (Value) sum.add(at.keep(rate - (m > 0 ? m * natural_log(rate) : pack<value_type>{})));
                    at.store(r, m > 0 ? m / rate : pack<value_type>{});
                });
                if (Value) value += sum.total();
            }
            multiply_rows(signatures_, true, rates.data(), back.data(), n);
            f(first, n, static_cast<const value_type*>(back.data()));
        }
        return value;
    }

    held_array<Stack, 3> counts_;
    xt::xtensor<value_type, 2> signatures_;
    xt::xtensor<value_type, 2> background_;
    std::vector<value_type> totals_;
};

template <stack A, image B>
spectral_likelihood(A&&, const xt::xtensor<double, 2>&, const B&)
    -> spectral_likelihood<held_t<std::remove_cvref_t<A>, 3>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
