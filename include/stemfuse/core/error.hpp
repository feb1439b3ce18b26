// The library's exceptions. What is wrong with an argument is thrown before any work starts; divergence_error,
// cancelled and file_error may come later. A message names the argument, says what it is and what it must be.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <stemfuse/core/number_text.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Base of all exceptions of the library. Those of the standard library, such as std::bad_alloc, pass through it.
class error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// An argument that cannot be used; what() begins with its name.
class argument_error : public error {
public:
    /// what() is "argument: message".
    argument_error(std::string_view argument, std::string_view message)
        : error(std::string(argument) + ": " + std::string(message)), argument_(argument) {}

    /// The name of the argument.
    const std::string& argument() const noexcept { return argument_; }

private:
    std::string argument_;
};

/// The shape of an array does not fit.
class shape_error : public argument_error {
public:
    /// From the name of the argument and the message.
    using argument_error::argument_error;
};

/// A number, or a pixel of an array, is outside of what is allowed.
class value_error : public argument_error {
public:
    /// From the name of the argument and the message.
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
    /// what() is "path: message".
    file_error(std::string_view path, std::string_view message)
        : error(std::string(path) + ": " + std::string(message)), path_(path) {}

    /// The path as it was given.
    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

/// A file cannot be read: it is missing, truncated or of another format.
class read_error : public file_error {
public:
    /// From the path and the message.
    using file_error::file_error;
};

/// A file cannot be written.
class write_error : public file_error {
public:
    /// From the path and the message.
    using file_error::file_error;
};

/// A shape as text: "(3, 256, 256)".
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

}  // namespace stemfuse::inline STEMFUSE_ABI
