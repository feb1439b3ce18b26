// A fuzzer of one format, STEMFUSE_FUZZED: reads all of its input. Anything but data or a read_error is a finding.
#include <cstddef>
#include <cstdint>
#include <span>

#include <stemfuse/core/error.hpp>

#include "io/read_all.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        read_all::STEMFUSE_FUZZED(std::as_bytes(std::span(data, size)));
    } catch (const stemfuse::read_error&) {
    }
    return 0;
}
