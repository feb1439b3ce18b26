// The version of the library. CMakeLists.txt reads the three numbers here.
#pragma once

#include <string_view>

#include <stemfuse/core/abi.hpp>

#define STEMFUSE_VERSION_MAJOR 0
#define STEMFUSE_VERSION_MINOR 2
#define STEMFUSE_VERSION_PATCH 0

/// Whether the library is this version or a later one: `#if STEMFUSE_VERSION_AT_LEAST(0, 2, 0)`.
#define STEMFUSE_VERSION_AT_LEAST(major, minor, patch)                                            \
    (STEMFUSE_VERSION_MAJOR * 1000000 + STEMFUSE_VERSION_MINOR * 1000 + STEMFUSE_VERSION_PATCH >= \
     (major) * 1000000 + (minor) * 1000 + (patch))

#define STEMFUSE_DETAIL_TEXT_OF(major, minor, patch) #major "." #minor "." #patch
#define STEMFUSE_DETAIL_VERSION_TEXT(major, minor, patch) STEMFUSE_DETAIL_TEXT_OF(major, minor, patch)

namespace stemfuse::inline STEMFUSE_ABI {

/// Of the headers that this was compiled with, as "0.2.0". Names and paths may change from one minor version to the
/// next.
inline constexpr std::string_view version =
    STEMFUSE_DETAIL_VERSION_TEXT(STEMFUSE_VERSION_MAJOR, STEMFUSE_VERSION_MINOR, STEMFUSE_VERSION_PATCH);

}  // namespace stemfuse::inline STEMFUSE_ABI

#undef STEMFUSE_DETAIL_VERSION_TEXT
#undef STEMFUSE_DETAIL_TEXT_OF
