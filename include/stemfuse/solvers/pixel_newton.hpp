// The proximal step of pixel-local terms: a few projected Newton steps in every pixel.
#pragma once

#include <cstddef>
#include <span>

#include <stemfuse/core/rows.hpp>
#include <stemfuse/simd/few.hpp>
#include <stemfuse/simd/padded_rows.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// x' = about argmin_{x >= 0} of M(x | a) + C(x) + lambda <x, q> + sum_i w_i / 2 ||x_i - z_i||^2, pixel by pixel, from x
// = z on, with M the convex majoriser of an objective's elastic term and C its chemical term, both weighted. See
// majorised_term and separable_convex_term.
template <class Objective>
class pixel_newton {
public:
    using T = typename Objective::value_type;
    static constexpr std::size_t longest = 128;  // of a segment: five images of it stay in a first-level cache

    // inertia: w_i > 0.
    pixel_newton(const Objective& f, std::span<const T> inertia, std::size_t steps)
        : f_(f), inertia_(inertia), steps_(steps), n_(inertia.size()), images_(5, n_, longest) {}

    // Where the caller writes q, from its first pixel on.
    T* const* pull() const { return images_(0); }

    // x, z when it begins, becomes x'; 2 x' - z is left in `ahead`, whose rows begin at column 0. The other pointers
    // point to the segment's first pixel.
    void operator()(row_segment segment, const T* const* tangent, T* const* x, T* const* ahead) const {
        run(segment, tangent, x, ahead, true);
    }

    // The same for a z of its own, which lies in `ahead` when it begins: the steps start from x.
    void from_centre(row_segment segment, const T* const* tangent, T* const* x, T* const* ahead) const {
        run(segment, tangent, x, ahead, false);
    }

private:
    void run(row_segment segment, const T* const* tangent, T* const* x, T* const* ahead, bool x_is_centre) const {
        const T lambda_haadf = static_cast<T>(f_.lambda_haadf());
        const bool coupled = lambda_haadf > 0;
        for (std::size_t k = 0; k < steps_; ++k) {
            prepare(segment, x_is_centre && k == 0, x, ahead);
            if (coupled) f_.elastic().row_majoriser(segment, tangent, x, g(), d(), u(), lambda_haadf);
            f_.chemical().row_newton(segment, x, g(), d(), lowest(), static_cast<T>(f_.lambda_chemical()));
            T* const* const z = k + 1 == steps_ ? ahead : nullptr;
            with_few(n_, [&]<std::size_t Few>() {
                coupled ? step<Few, true>(segment, x, z) : step<Few, false>(segment, x, z);
            });
        }
    }

    T* const* g() const { return images_(1); }
    T* const* d() const { return images_(2); }
    T* const* u() const { return images_(3); }
    T* const* lowest() const { return images_(4); }

    // Gradient and second derivatives of the last two parts, and the bound of 0; z goes to `ahead`.
    [[gnu::flatten]] void prepare(row_segment segment, bool first, const T* const* x, T* const* ahead) const {
        const pack<T> lambda = broadcast(static_cast<T>(f_.lambda_tv()));
        for (std::size_t i = 0; i < n_; ++i) {
            const T *const q = pull()[i], *const xi = x[i];
            T *const gi = g()[i], *const di = d()[i], *const li = lowest()[i], *const z = ahead[i] + segment.x0;
            const pack<T> w = broadcast(inertia_[i]);
            for_each_pack<T>(segment.n, [=](auto at) {
                if (first) at.store(z, at.load(xi));
                at.store(gi, lambda * at.load(q) + w * (at.load(xi) - at.load(z)));
                at.store(di, w);
                at.store(li, pack<T>{});
            });
        }
    }

    // x - (diag(d) + u u^T)^-1 g over the elements that are not held at 0, by Sherman and Morrison's formula; u is 0 if
    // not Coupled. Few: number of elements at compile time; 0: at run time. Where there is a z, which is at column 0,
    // it becomes 2 x - z.
    template <std::size_t Few, bool Coupled>
    [[gnu::flatten]] void step(row_segment segment, T* const* x, T* const* z) const {
        const std::size_t n = Few > 0 ? Few : n_;
        const auto zero = pack<T>{};
        T *const *const gradient = g(), *const *const diagonal = d(), *const *const vector = u(),
                        *const *const least = lowest();
        held_packs<Few, T> inverse(n);
        for_each_pack<T>(segment.n, [&](auto at) {
            pack<T> ug = zero, uu = zero;
            for (std::size_t i = 0; i < n; ++i) {
                inverse[i].value = T(1) / at.load(diagonal[i]);
                if (!Coupled) continue;
                const pack<T> gi = at.load(gradient[i]), ui = at.load(vector[i]);
                const pack<T> free_u = at.load(x[i]) > zero ? ui : (gi < zero ? ui : zero),
                              scaled = free_u * inverse[i].value;
                ug += scaled * gi;
                uu += scaled * ui;
            }
            const pack<T> f = ug / (uu + T(1));
            for (std::size_t i = 0; i < n; ++i) {
                const pack<T> gi = at.load(gradient[i]), xi = at.load(x[i]);
                const pack<T> length = (Coupled ? gi - f * at.load(vector[i]) : gi) * inverse[i].value;
                const pack<T> next = pack_max(xi - length, at.load(least[i]));
                const pack<T> chosen = xi > zero ? next : (gi < zero ? next : zero);
                at.store(x[i], chosen);
                if (z != nullptr) at.store(z[i] + segment.x0, chosen + (chosen - at.load(z[i] + segment.x0)));
            }
        });
    }

    const Objective& f_;
    std::span<const T> inertia_;
    std::size_t steps_, n_;
    padded_row_slots<T> images_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
