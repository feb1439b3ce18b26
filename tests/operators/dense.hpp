// Linear operators as dense matrices, column by column, to compare with.
#pragma once

#include <cstddef>

#include <stemfuse/operators/linear_operator.hpp>

namespace operators {

using matrix = xt::xtensor<double, 2>;

template <class Op>
matrix dense(const Op& op) {
    xt::xtensor<double, 3> x = xt::zeros<double>(op.domain_shape()), y(op.range_shape());
    matrix m({y.size(), x.size()});
    for (std::size_t j = 0; j < x.size(); ++j) {
        x.data()[j] = 1;
        op.apply(stemfuse::as_view(std::as_const(x)), stemfuse::as_view(y), stemfuse::execution{});
        x.data()[j] = 0;
        for (std::size_t i = 0; i < y.size(); ++i) m(i, j) = y.data()[i];
    }
    return m;
}

inline matrix multiply(const matrix& a, const matrix& b) {
    matrix c = xt::zeros<double>({a.shape(0), b.shape(1)});
    for (std::size_t i = 0; i < a.shape(0); ++i) {
        for (std::size_t k = 0; k < a.shape(1); ++k) {
            for (std::size_t j = 0; j < b.shape(1); ++j) c(i, j) += a(i, k) * b(k, j);
        }
    }
    return c;
}

}  // namespace operators
