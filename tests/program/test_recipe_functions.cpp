// The recipes as library functions give the bits that the program writes.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/recipes/published.hpp>

#include "program/session.hpp"

using namespace stemfuse;
using program_test::session;

namespace {

const std::vector<std::string> elements{"Co", "Mn", "O"};

struct measured {
    xt::xtensor<float, 2> haadf;
    xt::xtensor<float, 3> maps{};

    explicit measured(const std::filesystem::path& file) : haadf(io::read_image<float>(file, "HAADF")) {
        maps.resize({elements.size(), haadf.shape(0), haadf.shape(1)});
        for (std::size_t i = 0; i < elements.size(); ++i) xt::view(maps, i) = io::read_image<float>(file, elements[i]);
    }
};

template <class Stack>
void check_written(const std::filesystem::path& file, const Stack& maps, const xt::xtensor<float, 2>& projected) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
        CAPTURE(elements[i]);
        const xt::xtensor<float, 2> own = xt::view(maps, i);
        CHECK(io::read_image<float>(file, "fused/" + elements[i]) == own);
    }
    CHECK(io::read_image<float>(file, "fused/HAADF") == projected);
}

}  // namespace

TEST_CASE("fuse_published() gives the bits that stemfuse fuse writes") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --size 40x32").code == 0);
    const measured m(s.path("scan.h5"));
    REQUIRE(s.run("fuse scan.h5 -o out --elements Co,Mn,O --quiet --recipe published --iterations 5 --lambda-tv 0.1 "
                  "--tv-iterations 4 --start-threshold 0.1 --weights z-over-sum --threads 3")
                .code == 0);
    const auto fused = fuse_published(m.haadf, m.maps,
                                      {.elements = elements,
                                       .weights = weighting::z_over_sum,
                                       .lambda_tv = 0.1,
                                       .iterations = 5,
                                       .prior = {.iterations = 4},
                                       .start_threshold = 0.1});
    check_written(s.path("out/fused.h5"), fused.maps, fused.projected);
    CHECK(fused.history.size() == 6);
}

TEST_CASE("fuse_measured_counts() gives the bits that stemfuse fuse writes, composition included") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --size 32x24 --dose 10").code == 0);
    const measured m(s.path("scan.h5"));
    const std::string fuse = "fuse scan.h5 --elements Co,Mn,O --quiet --recipe counts --background 0.2 ";
    REQUIRE(s.run(fuse + "--threads 3 -o averaged").code == 0);
    REQUIRE(s.run(fuse + "--no-averaging --k-factors Co=1.2,Mn=1.1,O=1.9 -o plain").code == 0);
    count_recipe_options options{.elements = elements, .background = {0.2, 0.2, 0.2}};
    const auto averaged = fuse_measured_counts(m.haadf, m.maps, options);
    check_written(s.path("averaged/fused.h5"), averaged.maps, averaged.projected);
    const xt::xtensor<float, 2> share = xt::view(averaged.nonlocal_fraction, 1);
    CHECK(io::read_image<float>(s.path("averaged/fused.h5"), "averaging/Mn_share") == share);
    options.averaging = false;
    options.factors.emplace(elements,
                            std::vector<std::pair<std::string, double>>{{"Co", 1.2}, {"Mn", 1.1}, {"O", 1.9}});
    const auto plain = fuse_measured_counts(m.haadf, m.maps, options);
    check_written(s.path("plain/fused.h5"), plain.maps, plain.projected);
    REQUIRE(plain.composition);
    const xt::xtensor<double, 2> errors = xt::view(plain.composition->errors, 2);
    CHECK(io::read_image<double>(s.path("plain/fused.h5"), "composition/O_error") == errors);
}
