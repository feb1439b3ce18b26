// The same mathematics as whole-array xtensor expressions, one array operation after another: what the library's fused
// row sweeps are measured against.
#pragma once

#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include <stemfuse/core/xtensor.hpp>
#if __has_include(<xtensor/core/xnoalias.hpp>)
#include <xtensor/core/xmath.hpp>
#include <xtensor/core/xnoalias.hpp>
#else
#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>
#endif

namespace plain {

template <class T>
using image = xt::xtensor<T, 2>;
template <class T>
using stack = xt::xtensor<T, 3>;

struct terms {
    double haadf, chemical, tv;
};

// The image with its last row, its last column, its first row, its first column left out.
template <class A>
auto but_last_row(A& a) {
    return xt::view(a, xt::range(std::size_t{0}, a.shape(0) - 1), xt::all());
}
template <class A>
auto but_last_column(A& a) {
    return xt::view(a, xt::all(), xt::range(std::size_t{0}, a.shape(1) - 1));
}
template <class A>
auto but_first_row(A& a) {
    return xt::view(a, xt::range(std::size_t{1}, a.shape(0)), xt::all());
}
template <class A>
auto but_first_column(A& a) {
    return xt::view(a, xt::all(), xt::range(std::size_t{1}, a.shape(1)));
}

template <class T>
double total_variation(const image<T>& u) {
    image<T> dy = xt::zeros<T>(u.shape()), dx = xt::zeros<T>(u.shape());
    but_last_row(dy) = but_first_row(u) - but_last_row(u);
    but_last_column(dx) = but_first_column(u) - but_last_column(u);
    return xt::sum<double>(xt::sqrt(dy * dy + dx * dx))();
}

// u = max(0, b - t L(p, q)) with Beck & Teboulle's L (doi 10.1109/TIP.2009.2028250, section 4.1).
template <class T>
void primal(const image<T>& b, const image<T>& p, const image<T>& q, T t, image<T>& u) {
    xt::noalias(u) = p + q;
    but_first_row(u) -= but_last_row(p);
    but_first_column(u) -= but_last_column(q);
    xt::noalias(u) = xt::maximum(T(0), b - t * u);
}

struct tv_options {
    std::size_t iterations;
    bool anisotropic = false;
};

// FGP for the prox of t TV over u >= 0 of one image, from the duals that the last call left. The arrays serve every
// iteration.
template <class T>
class fgp {
public:
    explicit fgp(const typename image<T>::shape_type& shape)
        : p(shape), q(shape), r(shape), s(shape), p_next(shape), q_next(shape), length(shape), u(shape) {
        start_cold();
    }

    void start_cold() {
        p.fill(T(0));
        q.fill(T(0));
    }

    const image<T>& prox(const image<T>& b, T t, const tv_options& options) {
        xt::noalias(r) = p;
        xt::noalias(s) = q;
        double momentum = 1;
        for (std::size_t k = 0; k < options.iterations; ++k) {
            primal(b, r, s, t, u);
            xt::noalias(p_next) = r;
            xt::noalias(q_next) = s;
            but_last_row(p_next) += (but_last_row(u) - but_first_row(u)) / (8 * t);
            but_last_column(q_next) += (but_last_column(u) - but_first_column(u)) / (8 * t);
            project(options.anisotropic);
            const double next = (1 + std::sqrt(1 + 4 * momentum * momentum)) / 2;
            const T m = static_cast<T>((momentum - 1) / next);
            xt::noalias(r) = p_next + m * (p_next - p);
            xt::noalias(s) = q_next + m * (q_next - q);
            std::swap(p, p_next);
            std::swap(q, q_next);
            momentum = next;
        }
        primal(b, p, q, t, u);
        return u;
    }

private:
    // Of the next duals, onto |p| <= 1 and |q| <= 1, or onto sqrt(p^2 + q^2) <= 1.
    void project(bool anisotropic) {
        if (anisotropic) {
            xt::noalias(p_next) = xt::clip(p_next, T(-1), T(1));
            xt::noalias(q_next) = xt::clip(q_next, T(-1), T(1));
        } else {
            xt::noalias(length) = xt::maximum(T(1), xt::sqrt(p_next * p_next + q_next * q_next));
            p_next /= length;
            q_next /= length;
        }
    }

    image<T> p, q, r, s, p_next, q_next, length, u;
};

// The prox of every image of a stack, each with its own duals (warm) or all with one set (cold).
template <class T>
class stack_prox {
public:
    stack_prox(const stack<T>& like, bool warm)
        : warm_(warm),
          image_({like.shape(1), like.shape(2)}),
          each_(warm ? like.shape(0) : 1, fgp<T>(image_.shape())) {}

    stack<T> operator()(const stack<T>& b, T t, const tv_options& options) {
        stack<T> u(b.shape());
        for (std::size_t i = 0; i < b.shape(0); ++i) {
            fgp<T>& one = each_[warm_ ? i : 0];
            if (!warm_) one.start_cold();
            xt::noalias(image_) = xt::view(b, i, xt::all(), xt::all());
            xt::noalias(xt::view(u, i, xt::all(), xt::all())) = one.prox(image_, t, options);
        }
        return u;
    }

private:
    bool warm_;
    image<T> image_;
    std::vector<fgp<T>> each_;
};

// What the published fusion minimises; the arrays are referred to.
template <class T>
struct problem {
    const image<T>& haadf;
    const stack<T>& maps;
    const std::vector<double>& weights;
    T gamma, background, lambda_haadf, lambda_chemical, lambda_tv;

    // The three terms at x, and the gradient of the weighted smooth ones.
    std::pair<terms, stack<T>> value_and_gradient(const stack<T>& x) const {
        const std::size_t n = x.shape(0);
        const stack<T> power = xt::pow(x, gamma - 1);
        image<T> residual = -haadf;
        for (std::size_t i = 0; i < n; ++i) {
            residual += weight(i) * xt::view(x, i, xt::all(), xt::all()) * xt::view(power, i, xt::all(), xt::all());
        }
        stack<T> gradient = lambda_chemical * (1 - maps / (x + background));
        terms at{0.5 * xt::sum<double>(residual * residual)(), xt::sum<double>(x - maps * xt::log(x + background))(),
                 0};
        for (std::size_t i = 0; i < n; ++i) {
            xt::view(gradient, i, xt::all(), xt::all()) +=
                lambda_haadf * gamma * weight(i) * xt::view(power, i, xt::all(), xt::all()) * residual;
            at.tv += total_variation<T>(xt::view(x, i, xt::all(), xt::all()));
        }
        return {at, std::move(gradient)};
    }

    // The published scheme from x = maps; the terms before the first and after every iteration.
    std::pair<std::vector<terms>, stack<T>> fuse(std::size_t iterations, std::size_t tv_iterations) const {
        stack<T> x = maps;
        stack_prox<T> prox(x, false);
        auto [at, gradient] = value_and_gradient(x);
        std::vector<terms> history{at};
        for (std::size_t k = 0; k < iterations; ++k) {
            const stack<T> v = xt::maximum(T(0), x - gradient);
            x = prox(v, lambda_tv, {tv_iterations});
            std::tie(at, gradient) = value_and_gradient(x);
            history.push_back(at);
        }
        return {std::move(history), std::move(x)};
    }

private:
    T weight(std::size_t i) const { return static_cast<T>(weights[i]); }
};

}  // namespace plain
