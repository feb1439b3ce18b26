// Mixing of images by a dense matrix: several detectors, each of which sees every element with its own weight.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse {

// A: (k, n_y, n_x) -> (m, n_y, n_x), pixel by pixel out = matrix in, for a matrix of shape (m, k).
template <scalar T>
class mixing_operator {
public:
    mixing_operator(xt::xtensor<T, 2> matrix, const image_shape& image) : matrix_(std::move(matrix)), image_(image) {
        if (matrix_.size() == 0) throw shape_error("matrix", "is empty: shape " + to_string(matrix_.shape()));
    }

    stack_shape domain_shape() const { return {matrix_.shape(1), image_[0], image_[1]}; }
    stack_shape range_shape() const { return {matrix_.shape(0), image_[0], image_[1]}; }

    void apply(const stack_view<const T>& x, const stack_view<T>& out, const execution& exec = {}) const {
        require_shape(x.shape, domain_shape(), "input", "the operator's domain");
        require_shape(out.shape, range_shape(), "output", "the operator's range");
        multiply(x, out, false, exec);
    }

    void adjoint(const stack_view<const T>& y, const stack_view<T>& out, const execution& exec = {}) const {
        require_shape(y.shape, range_shape(), "input", "the operator's range");
        require_shape(out.shape, domain_shape(), "output", "the operator's domain");
        multiply(y, out, true, exec);
    }

private:
    void multiply(const stack_view<const T>& in, const stack_view<T>& out, bool transposed,
                  const execution& exec) const {
        constexpr std::size_t segment = 1024;
        for_each_row_block(image_[0], image_[1], exec, [&](std::size_t first, std::size_t last) {
            std::vector<T> gathered(in.shape[0] * segment), mixed(out.shape[0] * segment);
            for (std::size_t y = first; y < last; ++y) {
                for (std::size_t x0 = 0; x0 < image_[1]; x0 += segment) {
                    const std::size_t n = std::min(segment, image_[1] - x0);
                    for (std::size_t i = 0; i < in.shape[0]; ++i) {
                        std::copy_n(in.row(i, y) + x0, n, gathered.data() + i * n);
                    }
                    multiply_rows(matrix_, transposed, gathered.data(), mixed.data(), n);
                    for (std::size_t i = 0; i < out.shape[0]; ++i) {
                        std::copy_n(mixed.data() + i * n, n, out.row(i, y) + x0);
                    }
                }
            }
        });
    }

    xt::xtensor<T, 2> matrix_;
    image_shape image_;
};

}  // namespace stemfuse
