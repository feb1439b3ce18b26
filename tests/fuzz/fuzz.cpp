// A fuzzer of every reader that starts from memory: reads all of its input. Anything but data or a read_error is a
// finding. The first argument is the format.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include <stemfuse/core/error.hpp>

#include "io/read_all.hpp"

namespace {

const read_all::named_reader* fuzzed = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
    const std::string_view name = *count > 1 ? (*arguments)[1] : "";
    fuzzed = std::ranges::find(read_all::readers, name, &read_all::named_reader::format);
    if (fuzzed == std::end(read_all::readers)) {
        std::fputs("fuzz FORMAT [libFuzzer's options and folders]; formats:", stderr);
        for (const auto& r : read_all::readers) std::fprintf(stderr, " %s", std::string(r.format).c_str());
        std::fputs("\n", stderr);
        std::exit(2);
    }
    std::rotate(*arguments + 1, *arguments + 2, *arguments + *count);
    --*count;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        fuzzed->read(std::as_bytes(std::span(data, size)));
    } catch (const stemfuse::read_error&) {
    }
    return 0;
}
