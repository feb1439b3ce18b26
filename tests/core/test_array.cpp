#include <doctest/doctest.h>

#include <vector>

#include <stemfuse/core/array_access.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace test_array {

// A column-major matrix that knows nothing of xtensor.
struct column_matrix {
    std::size_t rows, columns;
    std::vector<float> values;
};

}  // namespace test_array

using test_array::column_matrix;

template <>
struct stemfuse::array_traits<column_matrix> {
    using value_type = float;
    static constexpr std::size_t rank = 2;
    template <class M>
    static auto view(M& m) {
        using element = std::remove_reference_t<decltype(m.values[0])>;
        return array_view<element, 2>{m.values.data(), {m.rows, m.columns}, {1, static_cast<std::ptrdiff_t>(m.rows)}};
    }
};

static_assert(image<xt::xtensor<float, 2>> && image<xt::xtensor<int, 2>> && image<xt::xarray<double>>);
static_assert(stack<xt::xtensor<double, 3>> && stack<stack_view<const float>> && !stack<xt::xtensor<float, 2>>);
static_assert(!image<xt::xtensor<long double, 2>> && !image<std::vector<float>> && !image<const float*>);

TEST_CASE("arrays with contiguous rows are read in place, others from a packed copy") {
    const auto cube = support::random_array<float, 3>({4, 5, 6});
    CHECK(readable<float, 3>(cube).view().data == cube.data());

    const auto crop = xt::view(cube, xt::range(1, 3), xt::range(1, 4), xt::range(2, 6));
    const readable<float, 3> in_place(crop);
    CHECK(in_place.view().data == &cube(1, 1, 2));
    CHECK(in_place.view().row(1, 2)[3] == cube(2, 3, 5));

    const auto stepped = xt::view(cube, xt::all(), xt::all(), xt::range(0, 6, 2));
    const readable<float, 3> packed(stepped);
    CHECK(packed.view().shape == stack_shape{4, 5, 3});
    CHECK(packed.view().row(3, 4)[2] == cube(3, 4, 4));

    const readable<float, 3> lazy(cube + 1.0f);
    CHECK(lazy.view().row(2, 3)[4] == cube(2, 3, 4) + 1.0f);

    const readable<double, 3> converted(cube);
    CHECK(converted.view().row(1, 1)[1] == static_cast<double>(cube(1, 1, 1)));

    xt::xtensor<float, 2, xt::layout_type::column_major> columns({3, 4});
    for (std::size_t y = 0; y < 3; ++y) {
        for (std::size_t x = 0; x < 4; ++x) columns(y, x) = static_cast<float>(10 * y + x);
    }
    CHECK(readable<float, 2>(columns).view().row(2)[3] == 23);

    std::vector<double> buffer{1, 2, 3, 4, 5, 6};
    const double* const foreign = buffer.data();
    const auto adapted = xt::adapt(foreign, 6, xt::no_ownership(), std::array<std::size_t, 2>{2, 3});
    CHECK(readable<double, 2>(adapted).view().data == buffer.data());
}

TEST_CASE_TEMPLATE("xarray of the right rank is taken, of another refused with both ranks", T, float, double) {
    const xt::xarray<T> good = xt::ones<T>({2, 3, 4});
    CHECK(readable<T, 3>(good).view().data == good.data());
    const xt::xarray<T> flat = xt::ones<T>({2, 3});
    support::check_throws<shape_error>([&] { readable<T, 3>(flat, "maps"); }, "maps", "2 dimensions", "must have 3");
}

TEST_CASE("arrays of extent 1 are viewed with the strides that rows need") {
    const xt::xtensor<float, 3> line = xt::ones<float>({2, 7, 1});
    const readable<float, 3> in(line);
    CHECK(in.view().data == line.data());
    CHECK(in.view().row(1, 3) == &line(1, 3, 0));
    const xt::xtensor<float, 3> row = xt::ones<float>({1, 1, 7});
    CHECK(readable<float, 3>(row).view().row(0, 0) == row.data());
}

TEST_CASE("an output whose rows are not contiguous is written back on commit") {
    xt::xtensor<float, 2> a = xt::zeros<float>({3, 6});
    auto stepped = xt::view(a, xt::all(), xt::range(0, 6, 3));
    writable<float, 2, decltype(stepped)> out(stepped);
    out.view().row(2)[1] = 5;
    out.commit();
    CHECK(a(2, 3) == 5);
    CHECK(a(2, 1) == 0);

    column_matrix m{2, 3, {1, 2, 3, 4, 5, 6}};
    CHECK(readable<float, 2>(m).view().row(1)[2] == 6);
    writable<float, 2, column_matrix> mine(m);
    CHECK(mine.view().row(0)[1] == 3);
    mine.view().row(0)[1] = 9;
    mine.commit();
    CHECK(m.values[2] == 9);
}

TEST_CASE("a held array owns what it was given by value and refers to what was adapted") {
    std::vector<float> buffer(12, 1.0f);
    const auto adapted = xt::adapt(buffer.data(), 12, xt::no_ownership(), std::array<std::size_t, 2>{3, 4});
    const held_array<held_t<std::remove_cvref_t<decltype(adapted)>, 2>, 2> held(adapted, "haadf");
    CHECK(held.view().data == buffer.data());

    xt::xtensor<float, 2> image = xt::ones<float>({3, 4});
    const float* const before = image.data();
    using holder = held_array<xt::xtensor<float, 2>, 2>;
    const holder copied(image, "haadf");
    CHECK(copied.view().data != before);
    const holder moved(std::move(image), "haadf");
    CHECK(moved.view().data == before);
    const holder again = moved;
    CHECK(again.view().data != moved.view().data);

    const xt::xtensor<int, 2> counts{{1, 2}, {3, 4}};
    const held_array<held_t<xt::xtensor<int, 2>, 2>, 2> converted(counts, "maps");
    static_assert(std::same_as<decltype(converted)::value_type, double>);
    CHECK(converted.view().row(1)[0] == 3.0);
}
