// What a file says about its arrays before they are read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What a file says about one array.
struct array_info {
    std::string name;                ///< unique in its file; in HDF5 the path without a leading "/"
    std::vector<std::size_t> shape;  ///< slowest axis first
    std::string type;                ///< as stored: "float32", "uint16", "bool"
    std::string unit;                ///< empty where the file has none
};

/// "HAADF, Sc, Dy, O"; of a long list the beginning and how many more there are; "nothing" of an empty one.
inline std::string joined(const std::vector<std::string>& names, std::size_t most = 20) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i > 0 ? ", " : "") + names[i];
    if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
    return names.empty() ? "nothing" : text;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
