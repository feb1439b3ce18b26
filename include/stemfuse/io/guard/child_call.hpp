// One answer of a process of its own: what is read from a file that can break the library that reads it.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/guard/child_process.hpp>
#include <stemfuse/io/guard/child_server.hpp>
#include <stemfuse/io/guard/sandbox.hpp>
#include <stemfuse/io/guard/wire.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What work(wire_writer) writes to the wire in a process of its own, which may read this file, has no network, and up
/// to `most` bytes for its answer. Of child_reader's kind, for what is read once. Throws the read_error or value_error
/// that work threw, and read_error, "cannot be read as HDF5: ...", where the process ends otherwise or takes too long.
template <class Work>
std::string answer_of_child(const std::filesystem::path& path, std::uint64_t most, Work&& work) {
    const std::uint64_t size = input_file_size(path), addresses = address_space_bytes();
    constexpr std::uint64_t libraries = std::uint64_t{512} << 20;
    // Below the pace of any format: only what hangs meets the limit. The clock may run 20 times as long, as on a busy
    // machine.
    const double seconds = 4 + static_cast<double>(size) / 2e6;
    detail::child_process child(path, [&](int, int out) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file >= 0) enter_sandbox({{file, path.string()}});
        detail::write_fully(out, detail::framed(detail::message_of(work)));
    });
    child.allow({addresses + libraries + 2 * size + 4 * most, static_cast<std::uint64_t>(seconds) + 1});
    std::string answer = child.receive(most, 20 * seconds);
    wire_reader wire(answer);
    try {
        std::uint8_t kind = 0;
        wire(kind);
        const auto what = static_cast<detail::child_answer>(kind);
        if (what == detail::child_answer::good) return answer.substr(1);
        if (what == detail::child_answer::no_memory) child.fail_for_good("takes too much memory");
        std::string first, second;
        wire(first);
        if (what == detail::child_answer::read_failure) throw read_error(path.string(), first);
        wire(second);
        throw value_error(first, second);
    } catch (const wire_error& e) {
        child.fail_for_good(e.what());
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
