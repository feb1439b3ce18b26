#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "io/corpus.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

using pixels = std::vector<double>;

// All of a file; none for a read_error, which names its input in one line. Anything else gets through.
std::optional<pixels> read(const corpus::format& format, const std::string& bytes) {
    try {
        return format.read(scratch::bytes_of(bytes));
    } catch (const read_error& e) {
        const std::string message = e.what();
        INFO("message: ", message);
        CHECK(message.find('\n') == std::string::npos);
        CHECK(message.starts_with("memory: "));
        return std::nullopt;
    }
}

bool same(const pixels& a, const pixels& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

// One to four bytes changed, or a piece left out, repeated or put elsewhere.
std::string damaged(std::string bytes, std::mt19937& random) {
    const auto up_to = [&](std::size_t n) { return random() % (n + 1); };
    const std::size_t at = up_to(bytes.size() - 1), length = up_to(std::min<std::size_t>(16, bytes.size() - at));
    const std::size_t to = up_to(bytes.size() - length);
    switch (up_to(5)) {
        case 0:
            return bytes.erase(at, length);
        case 1:
            return bytes.insert(to, bytes.substr(at, length));
        case 2:
            return bytes.replace(to, length, bytes.substr(at, length));
        default:
            constexpr std::string_view extremes("\x00\x01\x7f\x80\xff\xfe", 6);
            for (std::size_t n = up_to(3) + 1; n > 0; --n)
                bytes[up_to(bytes.size() - 1)] =
                    random() % 2 == 0 ? extremes[up_to(extremes.size() - 1)] : static_cast<char>(random());
            return bytes;
    }
}

}  // namespace

TEST_CASE("small files of every format, cut at any length: read_error or the same data, and nothing on stderr") {
    const scratch::folder dir;
    const std::string printed = scratch::printed_to_stderr(dir, [] {
        for (const corpus::format& format : corpus::formats) {
            const auto of_nothing = read(format, "");
            for (const corpus::sample& sample : format.files()) {
                const auto whole = read(format, sample.bytes);
                CAPTURE(sample.name);
                REQUIRE((whole || sample.name == "record.npy"));
                for (std::size_t length = 0; length < sample.bytes.size(); ++length) {
                    CAPTURE(length);
                    const auto cut = read(format, sample.bytes.substr(0, length));
                    const bool good = !cut || !format.knows_its_end || (whole && same(*cut, *whole)) ||
                                      (of_nothing && same(*cut, *of_nothing));
                    CHECK(good);
                }
            }
        }
    });
    CHECK(printed == "");
}

TEST_CASE("small files of every format, damaged: read_error or data, and nothing on stderr") {
    const scratch::folder dir;
    std::size_t runs = 0, errors = 0;
    const std::string printed = scratch::printed_to_stderr(dir, [&] {
        for (const corpus::format& format : corpus::formats) {
            std::mt19937 random(support::seed());
            for (const corpus::sample& sample : format.files()) {
                for (int n = 0; n < 3000; ++n, ++runs) {
                    CAPTURE(sample.name);
                    CAPTURE(n);
                    std::string bytes = damaged(sample.bytes, random);
                    if (n % 2 == 1 && !bytes.empty()) bytes = damaged(std::move(bytes), random);
                    if (!read(format, bytes)) ++errors;
                }
            }
        }
    });
    CHECK(printed == "");
    CHECK(errors > runs / 10);
    CHECK(errors < runs);
}
