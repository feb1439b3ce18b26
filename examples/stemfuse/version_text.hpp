// What stemfuse --version says.
#pragma once

#include <string>

namespace program {

// The version, how the program was built, and the libraries that it runs with, a line each.
std::string version_text();

}  // namespace program
