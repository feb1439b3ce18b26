// Mixing of images by a dense matrix: several detectors, each of which sees every element with its own weight.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse {

/// A: (k, n_y, n_x) -> (m, n_y, n_x), pixel by pixel out = matrix in, for a matrix of shape (m, k).
template <scalar T>
class mixing_operator {
public:
    mixing_operator(xt::xtensor<T, 2> matrix, const image_shape& image) : matrix_(std::move(matrix)), image_(image) {
        if (matrix_.size() == 0) throw shape_error("matrix", "is empty: shape " + to_string(matrix_.shape()));
    }

    stack_shape domain_shape() const { return {matrix_.shape(1), image_[0], image_[1]}; }
    stack_shape range_shape() const { return {matrix_.shape(0), image_[0], image_[1]}; }

    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        multiply(x, out, false, exec);
    }

    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        multiply(y, out, true, exec);
    }

private:
    template <class In, class Out>
    void multiply(const In& input, Out& output, bool transposed, const execution& exec) const {
        const readable<T, 3> readable_input(input, "input");
        writable<T, 3, Out> writable_output(output, "output");
        const auto& in = readable_input.view();
        const auto& out = writable_output.view();
        require_shape(in.shape, transposed ? range_shape() : domain_shape(), "input", "the operator's");
        require_shape(out.shape, transposed ? domain_shape() : range_shape(), "output", "the operator's");
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
        writable_output.commit();
    }

    xt::xtensor<T, 2> matrix_;
    image_shape image_;
};

}  // namespace stemfuse
