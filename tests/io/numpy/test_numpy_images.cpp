#include <doctest/doctest.h>

#include <string>

#include <stemfuse/io/numpy/npz_images.hpp>
#include <stemfuse/io/numpy/numpy_images.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

const xt::xtensor<double, 2> small{{1, 2, 3}, {4, 5, 6}};

using npy_memory = io::npy_reader<io::memory_input>;

}  // namespace

TEST_CASE("an npy file in memory, cut at any length") {
    const std::string whole = io::npy_bytes(small);
    const npy_memory reader({scratch::bytes_of(whole), "Fe"});
    REQUIRE(reader.contents().images.size() == 1);
    CHECK(reader.contents().images[0].name == "Fe");
    CHECK(reader.contents().images[0].element == "Fe");
    CHECK(reader.read<double>(reader.contents().images[0]) == small);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const std::string cut = whole.substr(0, length);
        support::check_throws<read_error>([&] { npy_memory({scratch::bytes_of(cut), "Fe"}); }, "Fe: ");
    }
}

TEST_CASE("stacks in column-major order give their slices") {
    std::string header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3, 4), }\n";
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size());
    bytes += '\0';
    bytes += header;
    // element (k, y, x) is 100 k + 10 y + x
    for (int x = 0; x < 4; ++x) {
        for (int y = 0; y < 3; ++y) {
            for (int k = 0; k < 2; ++k) bytes += {'\0', static_cast<char>(100 * k + 10 * y + x)};
        }
    }
    const npy_memory reader({scratch::bytes_of(bytes), "stack"});
    REQUIRE(reader.contents().images.size() == 2);
    CHECK(reader.contents().images[1].name == "1");
    CHECK(reader.contents().images[1].element == "");
    const auto slice = reader.read<float>(reader.contents().images[1]);
    bool right = slice.shape() == image_shape{3, 4};
    for (std::size_t y = 0; y < 3; ++y) {
        for (std::size_t x = 0; x < 4; ++x) right = right && slice(y, x) == static_cast<float>(100 + 10 * y + x);
    }
    CHECK(right);
}

TEST_CASE("an npz file in memory, cut at any length") {
    const scratch::folder dir;
    {
        io::npz_writer writer(dir / "a.npz");
        writer.add("HAADF", small);
        writer.add("O", small);
        writer.commit();
    }
    const std::string whole = scratch::read(dir / "a.npz");
    const auto open = [](const std::string& bytes) {
        return io::npz_images(io::npz_reader(io::memory_input{scratch::bytes_of(bytes), "x.npz"}));
    };
    const auto images = open(whole);
    REQUIRE(images.contents().images.size() == 2);
    CHECK(images.contents().images[1].element == "O");
    CHECK(images.read<double>(images.contents().images[1]) == small);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const std::string cut = whole.substr(0, length);
        support::check_throws<read_error>([&] { open(cut); }, "x.npz: ");
    }
}

TEST_CASE("a small archive of many slices has no large list") {
    const scratch::folder dir;
    {
        io::npz_writer writer(dir / "a.npz");
        for (int i = 0; i < 30; ++i) writer.add("a" + std::to_string(i), xt::xtensor<float, 3>({10000, 0, 2}));
        writer.add("image", small);
        writer.commit();
    }
    const io::npz_images reader(io::npz_reader(dir / "a.npz"));
    const auto& contents = reader.contents();
    CHECK(contents.images.size() > 100'000);
    CHECK(contents.images.size() < 140'000);
    CHECK(contents.images.back().name == "image");
    REQUIRE(!contents.others.empty());
    CHECK(contents.others.back().line() == "a29 (10000, 0, 2): too many images to list");
}

TEST_CASE("slices of a long name are listed up to fewer") {
    const scratch::folder dir;
    const std::string name(30'000, 'x');
    {
        io::npz_writer writer(dir / "a.npz");
        writer.add(name, xt::xtensor<float, 3>({5000, 2, 2}, 0.0f));
        writer.add(name + "y", small);
        writer.commit();
    }
    const io::npz_images reader(io::npz_reader(dir / "a.npz"));
    REQUIRE(reader.contents().images.size() == 1);
    CHECK(reader.contents().images[0].name == name + "y");
    CHECK(reader.contents().others.at(0).line() == name.substr(0, 100) + " (5000, 2, 2): too many images to list");
}
