// Writes what the fuzzers start from into the folder "seeds", one folder a format.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <filesystem>

#include "io/corpus.hpp"

TEST_CASE("write the seeds") {
    for (const corpus::format& f : corpus::formats) {
        const auto folder = std::filesystem::path("seeds") / f.name;
        std::filesystem::create_directories(folder);
        for (const corpus::sample& s : f.files()) scratch::write(folder / s.name, s.bytes);
    }
}
