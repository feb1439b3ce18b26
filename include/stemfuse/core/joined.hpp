// Lists in messages.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The texts text_of(item) of all items, with a separator between any two: "Co, Mn, O".
template <class Items, class TextOf = std::identity>
std::string joined(const Items& items, std::string_view separator = ", ", TextOf text_of = {}) {
    std::string all;
    bool first = true;
    for (const auto& item : items) {
        if (!first) all += separator;
        all += std::string_view(text_of(item));
        first = false;
    }
    return all;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
