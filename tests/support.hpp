// Shared by the tests: tolerances by scalar type, seeded arrays, and comparison of messages.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/error.hpp>

namespace support {

template <class T>
struct tolerance;
template <>
struct tolerance<double> {
    static constexpr double adjoint = 1e-12, reference = 1e-5, rounding = 1e-13, prox = 1e-8, difference = 1e-4;
};
template <>
struct tolerance<float> {
    static constexpr double adjoint = 1e-6, reference = 1e-3, rounding = 1e-5, prox = 1e-5, difference = 1e-3;
};

// The seed of every random array; STEMFUSE_TEST_SEED sets another.
inline std::uint32_t seed() {
    static const std::uint32_t value = [] {
        const char* const text = std::getenv("STEMFUSE_TEST_SEED");
        const auto s = text == nullptr ? 20240131u : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
        MESSAGE("seed ", s, " (set STEMFUSE_TEST_SEED for another)");
        return s;
    }();
    return value;
}

template <class T, std::size_t N>
xt::xtensor<T, N> random_array(const std::array<std::size_t, N>& shape, double lowest = 0, double highest = 1,
                               std::uint32_t stream = 0) {
    std::mt19937_64 engine(seed() + 1000003u * stream);
    xt::xtensor<T, N> a(shape);
    for (auto& v : a) {
        v = static_cast<T>(lowest + (highest - lowest) * (static_cast<double>(engine() >> 11) / 9007199254740992.0));
    }
    return a;
}

// || a - b || / || b ||
template <class A, class B>
double relative_difference(const A& a, const B& b) {
    REQUIRE(a.size() == b.size());
    double difference = 0, norm = 0;
    auto p = a.begin();
    for (const auto v : b) {
        difference += std::pow(static_cast<double>(*p++) - static_cast<double>(v), 2);
        norm += std::pow(static_cast<double>(v), 2);
    }
    return norm == 0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

// Expects `call` to throw Error with a message that has every one of the texts in it.
template <class Error, class F, class... Texts>
void check_throws(F&& call, const Texts&... texts) {
    std::string message;
    try {
        call();
    } catch (const Error& e) {
        message = e.what();
    }
    REQUIRE_MESSAGE(!message.empty(), "nothing of the expected type was thrown");
    INFO("message: ", message);
    for (const std::string_view text : {std::string_view(texts)...}) {
        CAPTURE(text);
        CHECK(message.find(text) != std::string::npos);
    }
    CHECK(message.find('\n') == std::string::npos);
}

}  // namespace support
