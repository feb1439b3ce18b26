#include <doctest/doctest.h>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/record/image_set.hpp>

#include "io/scratch.hpp"
#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("images by name, written and read back", T, float, double) {
    const scratch::folder folder;
    const auto path = folder / "set.h5";
    const auto maps = support::random_array<T, 3>({2, 5, 7}, -1, 1);
    io::write_image_set(path, {"Co", "HAADF"}, maps);
    CHECK(io::list_images(path).size() == 2);
    const auto read = io::read_image<T>(path, "HAADF");
    CHECK(read == xt::view(maps, 1, xt::all(), xt::all()));
    const auto window = xt::view(maps, xt::all(), xt::range(1, 4), xt::range(0, 7, 2));
    io::write_image_set(path, {"Co", "HAADF"}, window);
    CHECK(io::read_image<T>(path, "Co")(2, 3) == maps(0, 3, 6));
}

TEST_CASE("names and folders that cannot be") {
    const scratch::folder folder;
    const auto path = folder / "set.h5";
    const xt::xtensor<float, 3> maps = xt::ones<float>({2, 5, 7});
    support::check_throws<shape_error>([&] { io::write_image_set(path, {"Co"}, maps); }, "names", "1 names",
                                       "must have 2, one for each image");
    support::check_throws<value_error>([&] { io::write_image_set(path, {"Co", "Co"}, maps); }, "names", "\"Co\"");
    support::check_throws<value_error>([&] { io::write_image_set(path, {"Co", "a/b"}, maps); }, "names", "\"a/b\"");
    support::check_throws<write_error>([&] { io::write_image_set(path / "below", {"a", "b"}, maps); }, "set.h5");
    CHECK(!std::filesystem::exists(path));
}
