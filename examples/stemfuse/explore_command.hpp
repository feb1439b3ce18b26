// stemfuse explore, or what to install for it.
#pragma once

#include <CLI/App.hpp>

#include "explore_options.hpp"

#ifdef STEMFUSE_HAS_HTTPLIB
#include "explore.hpp"
#else
namespace program {

// Throws usage_error.
inline void explore(const CLI::App&, const input_options&, const recipe_options&, const explore_options&) {
    throw usage_error(
        "explore: built without cpp-httplib: install it (Debian: libcpp-httplib-dev), configure and build");
}

}  // namespace program
#endif
