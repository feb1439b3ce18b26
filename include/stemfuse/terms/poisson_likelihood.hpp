// The chemical term for counts: the negative Poisson log-likelihood.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse {

// f(x) = sum ( x_i - b_i log(x_i + eps_i) ) over elements and pixels, for maps x >= 0 and measured maps b >= 0 of shape
// (n_elements, n_y, n_x). eps_i >= 0 is the background rate, in the units of b: one number, or one per element.
// Schwartz et al., npj Comput. Mater. 8, 16 (2022), doi 10.1038/s41524-021-00692-5, eq. 3 and 4.
// Stack is the type that holds b. The constructor throws shape_error for empty maps or another number of backgrounds,
// value_error for NaN, infinity or negative counts, a negative background, and a background of 0 where counts are 0
// (the term is not finite there).
template <stack Stack>
class poisson_likelihood : public pixel_local<poisson_likelihood<Stack>, value_type_t<Stack>> {
public:
    using value_type = value_type_t<Stack>;

    template <stack A>
    poisson_likelihood(A&& maps, std::vector<double> background) : maps_(std::forward<A>(maps), "maps") {
        require_not_empty(maps_.view(), "maps");
        require_counts(maps_.view(), "maps");
        set_background(std::move(background));
    }

    template <stack A>
    poisson_likelihood(A&& maps, double background) : maps_(std::forward<A>(maps), "maps") {
        require_not_empty(maps_.view(), "maps");
        require_counts(maps_.view(), "maps");
        set_background(std::vector<double>(maps_.view().shape[0], background));
    }

    stack_shape shape() const { return maps_.view().shape; }

    // The measured maps b.
    stack_view<const value_type> measured() const { return maps_.view(); }

    double row_value(row_segment segment, const value_type* const* x) const {
        double sum = 0;
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type* const b = maps.row(i, segment.y) + segment.x0;
            for (std::size_t c = 0; c < segment.n; ++c) sum += pixel_value(x[i][c], b[c], background_[i]);
        }
        return sum;
    }

    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const {
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type* const b = maps.row(i, segment.y) + segment.x0;
            for (std::size_t c = 0; c < segment.n; ++c) g[i][c] += scale * (1 - b[c] / (x[i][c] + background_[i]));
        }
        return row_value(segment, x);
    }

    void row_curvature(row_segment segment, const value_type* const* x, value_type* const* curvature) const {
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type* const b = maps.row(i, segment.y) + segment.x0;
            for (std::size_t c = 0; c < segment.n; ++c) {
                const value_type rate = x[i][c] + background_[i];
                curvature[i][c] = b[c] / (rate * rate);
            }
        }
    }

private:
    static double pixel_value(value_type x, value_type b, value_type background) {
        return static_cast<double>(x - b * std::log(x + background));
    }

    void set_background(const std::vector<double>& background) {
        const auto maps = maps_.view();
        if (background.size() != maps.shape[0]) {
            throw shape_error("background", "has " + std::to_string(background.size()) +
                                                " values, takes one number or one for " + "each of " +
                                                std::to_string(maps.shape[0]) + " elements");
        }
        for (std::size_t i = 0; i < background.size(); ++i) {
            require_non_negative(background[i], "background");
            background_.push_back(static_cast<value_type>(background[i]));
            if (background_[i] > 0) continue;
            detail::require_pixels(maps.image(i), "maps",
                                   "counts above 0 where the background is 0 (element " + std::to_string(i) +
                                       "); or give a background above 0",
                                   [](auto b) { return b > 0; });
        }
    }

    held_array<Stack, 3> maps_;
    std::vector<value_type> background_;
};

template <stack A, class B>
poisson_likelihood(A&&, B) -> poisson_likelihood<held_t<std::remove_cvref_t<A>, 3>>;

}  // namespace stemfuse
