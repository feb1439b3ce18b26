// The published scheme of fused tomography, with its steps and its early stop.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/recipes/tomography.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The parameters as published; they belong to series scaled by their maxima and to the early stop.
struct published_tilt_options {
    std::size_t n_z = 0;                     ///< thickness of the volume in voxels; 0: as wide as the detector
    double gamma = 1.6;                      ///< exponent of the HAADF model, 1 to 2
    std::vector<double> weights{};           ///< of the elements in HAADF; Z / sum(Z) where none are given
    double lambda_haadf = 10,                ///< of the HAADF step
        lambda_chemical = 0.05,              ///< of the chemical step
        lambda_tv = 1e-4,                    ///< of total variation of each element
        epsilon = 0.1;                       ///< of the chemical step, in units of the scaled counts
    std::size_t chemistry_iterations = 100,  ///< of the chemical step alone
        iterations = 50,                     ///< of the fusion
        sirt_steps = 5,                      ///< in an iteration, for the HAADF step
        tv_steps = 5;                        ///< of FGP in an iteration
};

namespace detail {

// The scheme on series scaled by their maxima. Serial over ranks: its volumes are whole.
template <class T>
class published_tilt_run {
public:
    published_tilt_run(const tilt_measurement<T>& m, const published_tilt_options& o, const execution& exec)
        : o_(o),
          exec_(exec),
          n_(m.elements.size()),
          n_z_(o.n_z == 0 ? m.bins : o.n_z),
          haadf_(tilt_geometry(n_z_, m.bins, m.bins, m.haadf_angles, m.haadf_shifts), 1, m.haadf.shape()[2]),
          chemical_(tilt_geometry(n_z_, m.bins, m.bins, m.count_angles, m.count_shifts), n_, m.haadf.shape()[2]),
          image_(m.haadf),
          counts_(m.counts) {
        const auto response = o.weights.empty() ? haadf_response(m.elements, weighting::z_over_sum, o.gamma)
                                                : haadf_response::from_weights(o.weights, o.gamma);
        weights_ = response.weights();
        for (T& v : image_) v = std::max(v, T(0));
        scale(image_.data(), image_.size());
        const std::size_t each = counts_.size() / n_;
        for (std::size_t e = 0; e < n_; ++e) most_.push_back(scale(counts_.data() + e * each, each));
        x_ = xt::zeros<T>(chemical_.domain_shape());
        gradient_.resize(chemical_.domain_shape());
        const auto rays = ray_lengths(chemical_.geometry());
        step_ = 1 / largest_back_projection(rays);
    }

    tomography_result<T> run(const recipe_observer& observer) {
        tomography_result<T> result;
        const auto tell = [&](recipe_stage stage, std::size_t k, std::size_t of, std::size_t before, const costs& at) {
            const progress now{k, of, at};
            const double all = static_cast<double>(o_.chemistry_iterations + o_.iterations);
            observer.tell({stage, static_cast<double>(before + k) / all, &now});
        };
        for (std::size_t k = 0; k < o_.chemistry_iterations; ++k) {
            chemical_gradient();
            for (std::size_t i = 0; i < x_.size(); ++i) {
                x_.data()[i] = std::max(x_.data()[i] - step(o_.lambda_chemical) * gradient_.data()[i], T(0));
            }
            tell(recipe_stage::preparing, k + 1, o_.chemistry_iterations, 0, {});
        }
        result.start = in_counts();
        scale_image_to_model();
        double lambda = o_.lambda_chemical;
        auto& history = result.report.history;
        for (std::size_t k = 0; k < o_.iterations; ++k) {
            history.push_back(fuse_once(lambda));
            if (k > 0 && history[k].haadf > history[k - 1].haadf) lambda *= 0.95;
            tell(recipe_stage::fusing, k + 1, o_.iterations, o_.chemistry_iterations, history.back());
        }
        result.report.iterations = o_.iterations;
        result.maps = in_counts();
        result.weights = weights_;
        result.lambda_haadf = o_.lambda_haadf;
        result.n_z = n_z_;
        result.n_y = haadf_.geometry().n_y();
        result.haadf_shifts = haadf_.geometry().shifts();
        result.count_shifts = chemical_.geometry().shifts();
        return result;
    }

private:
    T step(double lambda) const { return static_cast<T>(lambda * step_); }

    // Divides by the maximum, which it returns; 1 where there is nothing.
    static T scale(T* values, std::size_t n) {
        const T most = *std::max_element(values, values + n);
        if (!(most > 0)) return T(1);
        for (std::size_t k = 0; k < n; ++k) values[k] /= most;
        return most;
    }

    // The largest value of A^T A 1 of a volume of ones.
    double largest_back_projection(const std::vector<double>& rays) const {
        const tilt_projector one(chemical_.geometry(), 1, 1);
        xt::xtensor<double, 3> p(one.range_shape()), v(one.domain_shape());
        std::copy(rays.begin(), rays.end(), p.begin());
        one.adjoint(p, v);
        return *std::max_element(v.begin(), v.end());
    }

    // A^T ((A x - b) / (A x + epsilon))
    void chemical_gradient() {
        xt::xtensor<T, 3> p(chemical_.range_shape());
        chemical_.apply(x_, p, exec_);
        const auto epsilon = static_cast<T>(o_.epsilon);
        for (std::size_t k = 0; k < p.size(); ++k) {
            p.data()[k] = (p.data()[k] - counts_.data()[k]) / (p.data()[k] + epsilon);
        }
        chemical_.adjoint(p, gradient_, exec_);
    }

    xt::xtensor<T, 3> model() const {
        xt::xtensor<T, 3> s = xt::zeros<T>(haadf_.domain_shape());
        for (std::size_t k = 0; k < x_.size(); ++k) {
            s.data()[k % s.size()] += static_cast<T>(weights_[k / s.size()]) * std::pow(x_.data()[k], gamma());
        }
        return s;
    }
    T gamma() const { return static_cast<T>(o_.gamma); }

    // Every HAADF tilt to the maximum of the model's.
    void scale_image_to_model() {
        xt::xtensor<T, 3> p(haadf_.range_shape());
        haadf_.apply(model(), p, exec_);
        const std::size_t tilt = haadf_.geometry().bins() * p.shape()[2];
        for (std::size_t first = 0; first < p.size(); first += tilt) {
            const T most = *std::max_element(p.data() + first, p.data() + first + tilt);
            scale(image_.data() + first, tilt);
            for (std::size_t k = first; k < first + tilt; ++k) image_.data()[k] *= most;
        }
    }

    // One iteration; the HAADF cost before it.
    costs fuse_once(double lambda_chemical) {
        const auto s = model();
        auto moved = s;
        xt::xtensor<T, 3> p(haadf_.range_shape());
        haadf_.apply(s, p, exec_);
        costs at;
        for (std::size_t k = 0; k < p.size(); ++k) {
            at.haadf += 0.5 * std::pow(static_cast<double>(p.data()[k]) - static_cast<double>(image_.data()[k]), 2);
        }
        at.total = at.haadf;
        sirt_from(moved, haadf_, image_, o_.sirt_steps, exec_);
        chemical_gradient();
        for (std::size_t k = 0; k < x_.size(); ++k) {
            const std::size_t voxel = k % s.size();
            const auto weight = static_cast<T>(o_.lambda_haadf * weights_[k / s.size()] * o_.gamma);
            const T haadf = weight * std::pow(x_.data()[k], gamma() - 1) * (moved.data()[voxel] - s.data()[voxel]);
            x_.data()[k] = std::max(x_.data()[k] - step(lambda_chemical) * gradient_.data()[k] + haadf, T(0));
        }
        volume_variation prior(n_z_, haadf_.geometry().n_y(), std::vector<double>(n_, 1.0),
                               variation_coupling::separate);
        prior.iterations = o_.tv_steps;
        prior.prox(x_, o_.lambda_tv, gradient_, exec_);
        std::swap(x_, gradient_);
        return at;
    }

    xt::xtensor<T, 3> in_counts() const {
        xt::xtensor<T, 3> maps = x_;
        const std::size_t each = maps.size() / n_;
        for (std::size_t k = 0; k < maps.size(); ++k) maps.data()[k] *= most_[k / each];
        return maps;
    }

    const published_tilt_options& o_;
    const execution& exec_;
    std::size_t n_, n_z_;
    tilt_projector haadf_, chemical_;
    xt::xtensor<T, 3> image_, counts_, x_, gradient_;
    std::vector<double> weights_;
    std::vector<T> most_;
    double step_ = 0;
};

}  // namespace detail

/// The published scheme, for comparison: counts alone by gradient steps of A^T((Ax - b)/(Ax + epsilon)), then, in every
/// iteration, such a step with a HAADF step towards what a few iterations of SIRT make of the model, and total
/// variation of each element. It stops early, its weights belong to that, and it is no minimum of a stated objective:
/// history has the HAADF cost. Schwartz et al., Nat. Commun. 15, 3555 (2024). On one rank. Throws shape_error and
/// value_error for series that do not fit each other or cannot be, and for options out of range; `cancelled` where the
/// observer ends it.
template <scalar T>
tomography_result<T> fuse_published_tilts(const tilt_measurement<T>& m, const published_tilt_options& o = {},
                                          const execution& exec = {}, const recipe_observer& observer = {}) {
    if (m.elements.empty()) throw shape_error("elements", "are none, must be one or more");
    detail::check_tilt_measurement(m, tomography_options{.iterations = o.iterations, .weights = o.weights});
    require_counts(as_view(m.counts), "counts");
    require_in_range(o.gamma, 1, 2, "gamma");
    require_positive(o.epsilon, "epsilon");
    for (const double weight : {o.lambda_haadf, o.lambda_chemical, o.lambda_tv}) require_non_negative(weight, "lambda");
    return detail::published_tilt_run<T>(m, o, exec).run(observer);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
