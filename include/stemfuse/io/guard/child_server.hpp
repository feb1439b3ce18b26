// What runs in the child of a child_reader: it opens the file, lists it, and answers requests.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/channel_sums.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/guard/child_process.hpp>
#include <stemfuse/io/guard/sandbox.hpp>
#include <stemfuse/io/guard/wire.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

enum class child_request : std::uint8_t { image, windows, sum_spectrum, channel_sums };
enum class child_answer : std::uint8_t { good, read_failure, value_failure, no_memory };

// Reads `count` bytes; false where they end before.
inline bool read_fully(int descriptor, char* to, std::size_t count) {
    while (count > 0) {
        const ssize_t n = ::read(descriptor, to, count);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        to += n, count -= static_cast<std::size_t>(n);
    }
    return true;
}

// The message of what work(wire) puts into it, or of the error that it throws.
template <class Work>
std::string message_of(Work&& work) {
    wire_writer wire;
    const auto failed = [&](child_answer how, const auto&... texts) {
        wire.bytes.clear();
        wire(static_cast<std::uint8_t>(how), texts...);
    };
    try {
        wire(static_cast<std::uint8_t>(child_answer::good));
        work(wire);
    } catch (const read_error& e) {
        const std::string text = e.what(), prefix = e.path() + ": ";
        failed(child_answer::read_failure, text.starts_with(prefix) ? text.substr(prefix.size()) : text);
    } catch (const value_error& e) {
        failed(child_answer::value_failure, e.argument(), std::string(e.what()).substr(e.argument().size() + 2));
    } catch (const std::bad_alloc&) {
        failed(child_answer::no_memory);
    } catch (const std::exception& e) {
        failed(child_answer::read_failure, std::string(e.what()));
    }
    return std::move(wire.bytes);
}

// Puts what a request asks of spectra into `wire`, by add(values).
template <class T, class Reader, class Add>
void answer_spectra(const Reader& reader, child_request what, wire_reader& request, Add&& add) {
    spectrum_info spectrum;
    request(spectrum);
    if constexpr (spectrum_reader<Reader>) {
        if (what == child_request::sum_spectrum) {
            const auto sum = sum_spectrum_of(reader, spectrum);
            return add(std::vector<T>(sum.begin(), sum.end()));
        }
        if (what == child_request::channel_sums) {
            channel_weights weights;
            request(weights);
            return add(channel_sums_of<T>(reader, spectrum, weights));
        }
        std::vector<energy_window> windows;
        request(windows);
        add(reader.template read_windows<T>(spectrum, windows));
    } else {
        throw read_error("", "has no spectra that are read");
    }
}

// Puts the pixels that a request asks for, as they are in memory, into `wire`.
template <class T, class Reader>
void answer_request(const Reader& reader, child_request what, wire_reader& request, wire_writer& wire) {
    const auto add = [&](const auto& values) {
        wire.bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    };
    if (what == child_request::image) {
        image_info image;
        std::uint8_t frames = 0;
        request(image, frames);
        add(reader.template read<T>(image, static_cast<frame_choice>(frames)));
        return;
    }
    answer_spectra<T>(reader, what, request, add);
}

// In the child: lists the file, then waits for requests and answers them, until the parent closes. open(path) gives a
// variant of readers, which may read the files `beside`, too.
template <class Open>
void serve_reader(const std::filesystem::path& path, const std::vector<std::filesystem::path>& beside, int in, int out,
                  Open&& open) {
    const auto answer = [&](auto&& work) {
        const std::string message = message_of(work);  // it may be large: its size goes before it, not into a copy
        const std::uint64_t size = message.size();
        return write_fully(out, {reinterpret_cast<const char*>(&size), sizeof size}) && write_fully(out, message);
    };
    std::vector<sandbox_file> files;
    const auto allow = [&](const std::filesystem::path& p) {
        const int file = ::open(p.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file >= 0) files.push_back({file, p.string()});
        return file >= 0;
    };
    if (allow(path)) {
        for (const auto& p : beside) allow(p);
        enter_sandbox(std::move(files));
    }
    using reader_type = std::decay_t<decltype(open(path))>;
    std::unique_ptr<reader_type> reader;
    const bool listed = answer([&](wire_writer& wire) {
        // Opened twice: where the library wrote past its memory, the closing of the first one mostly shows it.
        {
            const reader_type trial = open(path);
        }
        reader = std::make_unique<reader_type>(open(path));
        std::visit([&](const auto& r) { wire(r.contents()); }, *reader);
    });
    if (!listed || !reader) return;
    for (std::uint64_t size = 0; read_fully(in, reinterpret_cast<char*>(&size), sizeof size);) {
        std::string bytes(size, '\0');
        if (!read_fully(in, bytes.data(), size)) return;
        const bool answered = answer([&](wire_writer& wire) {
            wire_reader request(bytes);
            std::uint8_t what = 0, scalar_size = 0;
            request(what, scalar_size);
            const auto kind = static_cast<child_request>(what);
            std::visit(
                [&](const auto& r) {
                    if (scalar_size == sizeof(float)) {
                        answer_request<float>(r, kind, request, wire);
                    } else {
                        answer_request<double>(r, kind, request, wire);
                    }
                },
                *reader);
        });
        if (!answered) return;
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
