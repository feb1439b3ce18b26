// The library's exceptions. Every one is raised before any work starts and says which argument, what it got, what it
// takes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stemfuse {

/// Base of everything that stemfuse throws.
class error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// An argument that cannot be used; what() begins with its name.
class argument_error : public error {
public:
    argument_error(std::string_view argument, std::string_view message)
        : error(std::string(argument) + ": " + std::string(message)), argument_(argument) {}

    const std::string& argument() const noexcept { return argument_; }

private:
    std::string argument_;
};

/// The shape of an array does not fit.
class shape_error : public argument_error {
public:
    using argument_error::argument_error;
};

/// A number, or a pixel of an array, is outside of what the argument takes.
class value_error : public argument_error {
public:
    using argument_error::argument_error;
};

/// The iterates left the finite numbers: the step or the weights are too large for the data.
class divergence_error : public error {
public:
    using error::error;
};

/// The work was stopped because the executor asked for it, see execution::throw_if_stopped: nothing is wrong with it.
class cancelled : public error {
public:
    cancelled() : error("stopped by request before the work was done") {}
};

/// A file cannot be read (missing, truncated, of another format), or written; what() begins with its path.
class file_error : public error {
public:
    file_error(std::string_view path, std::string_view message)
        : error(std::string(path) + ": " + std::string(message)), path_(path) {}

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

class read_error : public file_error {
public:
    using file_error::file_error;
};

class write_error : public file_error {
public:
    using file_error::file_error;
};

/// "(3, 256, 256)"
template <class Shape>
std::string to_string(const Shape& shape)
    requires requires { shape.begin(); }
{
    std::string text = "(";
    for (const auto extent : shape) {
        text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    }
    return text + ")";
}

/// A number as a message shows it: six significant digits, no trailing zeros.
inline std::string to_string(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%g", value);
    return text.data();
}

}  // namespace stemfuse
