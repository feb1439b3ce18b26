// A parameter of a fusion, as files and reports keep it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

using parameter_value = std::variant<bool, std::int64_t, double, std::string>;

}  // namespace stemfuse::inline STEMFUSE_ABI::io
