// The elastic term for several detectors at once, such as bright field, low-angle and high-angle annular dark field.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/operators/mixing.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(x) = 1/2 sum_d || sum_i A_di x_i^gamma_d - b_d ||^2 for maps x >= 0 of shape (n_elements, n_y, n_x), detector
/// images b of shape (n_detectors, n_y, n_x), a mixing matrix A of shape (n_detectors, n_elements) and one exponent a
/// detector. One row of A with the weights w_i is the HAADF model. Detectors that share an exponent share its powers
/// and one matrix product. Stack is the type that holds b. The constructor throws shape_error where A, gammas and b
/// disagree, value_error for NaN or infinity and for gamma outside [1, 3].
template <stack Stack>
class multi_detector_model : public pixel_local<multi_detector_model<Stack>, value_type_t<Stack>> {
public:
    /// Scalar that the term is computed in, that of b: float or double.
    using value_type = value_type_t<Stack>;

    /// images: b. mixing: A, shape (n_detectors, n_elements). gammas: one for each detector.
    template <stack A>
    multi_detector_model(A&& images, const xt::xtensor<double, 2>& mixing, const std::vector<double>& gammas)
        : images_(std::forward<A>(images), "images"), n_elements_(mixing.shape(1)) {
        const auto view = images_.view();
        require_not_empty(view, "images");
        require_finite(view, "images");
        if (n_elements_ == 0 || mixing.shape(0) != view.shape[0]) {
            throw shape_error("mixing", "has shape " + to_string(mixing.shape()) + ", must have shape (" +
                                            std::to_string(view.shape[0]) + " detectors, elements)");
        }
        require_count(gammas.size(), view.shape[0], "gammas", "numbers", "one for each detector");
        for (const double a : mixing) {
            if (!std::isfinite(a)) throw value_error("mixing", "has " + to_string(a) + ", must have finite numbers");
        }
        std::map<double, std::vector<std::size_t>> detectors_of;
        for (std::size_t d = 0; d < gammas.size(); ++d) {
            require_in_range(gammas[d], 1, 3, "gammas");
            detectors_of[gammas[d]].push_back(d);
        }
        for (const auto& [gamma, detectors] : detectors_of) {
            group g{static_cast<value_type>(gamma), powers<value_type>(gamma - 1), detectors,
                    xt::xtensor<value_type, 2>({detectors.size(), n_elements_})};
            for (std::size_t k = 0; k < detectors.size(); ++k) {
                for (std::size_t i = 0; i < n_elements_; ++i)
                    g.mixing(k, i) = static_cast<value_type>(mixing(detectors[k], i));
            }
            groups_.push_back(std::move(g));
        }
    }

    /// (n_elements, n_y, n_x): as many elements as columns of A.
    stack_shape shape() const {
        const auto view = images_.view();
        return {n_elements_, view.shape[1], view.shape[2]};
    }

    /// See pixel_local_term.
    double row_value(row_segment segment, const value_type* const* x) const {
        return for_each_piece(segment, x, [](auto&&...) {});
    }

    /// See pixel_local_term.
    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const {
        buffer back(n_elements_ * piece);
        return for_each_piece(
            segment, x, [&](const group& of, std::size_t first, std::size_t n, buffer& powers, buffer& r) {
                multiply_rows(of.mixing, true, r.data(), back.data(), n);
                const value_type factor = scale * of.gamma;
                for (std::size_t i = 0; i < n_elements_; ++i) {
                    value_type* const out = g[i] + first;
                    for_each_pack<value_type>(n, [&](auto at) {
                        at.store(out, at.load(out) + factor * at.load(&powers[i * n]) * at.load(&back[i * n]));
                    });
                }
            });
    }

    /// d2f/dx_i^2 = sum_d (gamma_d A_di x_i^(gamma_d - 1))^2 + gamma_d (gamma_d - 1) A_di x_i^(gamma_d - 2) r_d with
    /// the residuals r_d; x_i below the scalar's epsilon is taken as epsilon, as in haadf_model.
    void row_curvature(row_segment segment, const value_type* const* x, value_type* const* curvature) const {
        const auto floor = broadcast(std::numeric_limits<value_type>::epsilon());
        buffer back(n_elements_ * piece);
        for (std::size_t i = 0; i < n_elements_; ++i) std::fill_n(curvature[i], segment.n, value_type(0));
        for_each_piece(segment, x, [&](const group& of, std::size_t first, std::size_t n, buffer&, buffer& r) {
            multiply_rows(of.mixing, true, r.data(), back.data(), n);
            for (std::size_t i = 0; i < n_elements_; ++i) {
                value_type squares = 0;
                for (std::size_t d = 0; d < of.detectors.size(); ++d) squares += of.mixing(d, i) * of.mixing(d, i);
                value_type* const out = curvature[i] + first;
                for_each_pack<value_type>(n, [&](auto at) {
                    const pack<value_type> xc = pack_max(at.load(x[i] + first), floor), slope = of.gamma * of.power(xc);
                    at.store(out, at.load(out) + squares * slope * slope +
                                      (of.gamma - 1) * slope / xc * at.load(&back[i * n]));
                });
            }
        });
    }

    /// ||A||^2 where every exponent is 1; infinity else.
    double curvature_bound(const execution& = {}) const {
        if (groups_.size() > 1 || groups_[0].gamma > 1) return std::numeric_limits<double>::infinity();
        const double norm = detail::matrix_norm_bound(groups_[0].mixing);
        return norm * norm;
    }

private:
    // Pixels that are worked on at a time, and room for so many of a few elements or detectors on the stack.
    static constexpr std::size_t piece = detail::longest_mixed_piece;
    using buffer = detail::scratch<value_type, 8 * piece>;

    struct group {
        value_type gamma;
        powers<value_type> power;  // x^(gamma-1)
        std::vector<std::size_t> detectors;
        xt::xtensor<value_type, 2> mixing;
    };

    // For every exponent and piece of the segment: the powers x_i^(gamma-1) and residuals r_d, given to
    // visit(group, first, n, powers, residuals), both with n pixels a row. Returns 1/2 sum r^2.
    template <class F>
    double for_each_piece(row_segment segment, const value_type* const* x, F&& visit) const {
        const auto images = images_.view();
        buffer x_powers(n_elements_ * piece), terms(n_elements_ * piece), r(images.shape[0] * piece);
        double sum = 0;
        for (const group& g : groups_) {
            detail::for_each_mixed_piece(segment.n, g.mixing.size(), [&](std::size_t first, std::size_t n) {
                for (std::size_t i = 0; i < n_elements_; ++i) {
                    for_each_pack<value_type>(n, [&](auto at) {
                        const pack<value_type> xi = at.load(x[i] + first), power = g.power(xi);
                        at.store(&x_powers[i * n], power);
                        at.store(&terms[i * n], xi * power);
                    });
                }
                multiply_rows(g.mixing, false, terms.data(), r.data(), n);
                for (std::size_t k = 0; k < g.detectors.size(); ++k) {
                    const value_type* const b = images.row(g.detectors[k], segment.y) + segment.x0 + first;
                    value_type* const rk = &r[k * n];
                    for (std::size_t c = 0; c < n; ++c) {
                        rk[c] -= b[c];
                        sum += static_cast<double>(rk[c]) * static_cast<double>(rk[c]);
                    }
                }
                visit(g, first, n, x_powers, r);
            });
        }
        return sum / 2;
    }

    held_array<Stack, 3> images_;
    std::size_t n_elements_;
    std::vector<group> groups_;
};

template <stack A>
multi_detector_model(A&&, const xt::xtensor<double, 2>&, const std::vector<double>&)
    -> multi_detector_model<held_t<std::remove_cvref_t<A>, 3>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
