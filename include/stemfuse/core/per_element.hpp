// An argument that is one number for all elements, or one for each.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// One number for all elements, or one for each. Made of either without being named.
class per_element {
public:
    /// The same for all.
    per_element(double all) : values_{all}, same_(true) {}
    /// One for each, as {1, 2}.
    per_element(std::initializer_list<double> each) : values_(each), same_(false) {}
    /// One for each.
    per_element(std::vector<double> each) : values_(std::move(each)), same_(false) {}

    /// One for each of n elements. Throws shape_error where there are as many numbers as another number of elements.
    std::vector<double> of(std::size_t n, std::string_view argument) const {
        if (same_) return std::vector<double>(n, values_[0]);
        require_count(values_.size(), n, argument, "numbers", "one for each element");
        return values_;
    }

private:
    std::vector<double> values_;
    bool same_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
