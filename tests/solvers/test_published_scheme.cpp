// The published scheme against the plain numpy reference, on both published measurements.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

struct measurement {
    std::string folder;
    std::vector<std::string> elements;
    image_shape shape;
    double background, lambda_chemical, lambda_tv, start_threshold;
    std::size_t tv_iterations;
    costs first, last;  // of the reference's costs.json
};

const std::array<measurement, 2> measurements{{{"dysco3",
                                                {"Sc", "Dy", "O"},
                                                {256, 256},
                                                0.24,
                                                0.08,
                                                0.15,
                                                0,
                                                3,
                                                {1649.3233226829263, 91581.11339310191, 32583.170575780805},
                                                {220.62641339857782, 83335.16683543936, 6031.309934577643}},
                                               {"co3o4_mn3o4",
                                                {"Co", "Mn", "O"},
                                                {400, 400},
                                                0.01,
                                                0.006,
                                                0.022,
                                                0.2,
                                                6,
                                                {5070.979295528337, 14949.357153349541, 9926.282950497443},
                                                {141.4437217844886, 42336.543770380966, 2253.174394846422}}}};

// The reference's files are npy, version 1, little-endian float, C order: a header of 128 bytes, then the data.
template <class T, std::size_t N>
xt::xtensor<T, N> load(const std::filesystem::path& path, const std::array<std::size_t, N>& shape) {
    xt::xtensor<float, N> values(shape);
    const auto bytes = static_cast<std::streamsize>(values.size() * sizeof(float));
    REQUIRE(std::filesystem::file_size(path) == static_cast<std::uintmax_t>(128 + bytes));
    std::ifstream file(path, std::ios::binary);
    file.seekg(128);
    file.read(reinterpret_cast<char*>(values.data()), bytes);
    return xt::cast<T>(values);
}

}  // namespace

TEST_CASE_TEMPLATE("equal to the reference after 1, 10 and 30 iterations", T, float, double) {
    for (const auto& m : measurements) {
        const auto folder = std::filesystem::path(STEMFUSE_SHARED_DIR) / "reference" / m.folder;
        if (!std::filesystem::exists(folder)) {
            MESSAGE("skipped: no reference at ", folder.string());
            continue;
        }
        CAPTURE(m.folder);
        const stack_shape shape{3, m.shape[0], m.shape[1]};
        const auto haadf = load<T, 2>(folder / "haadf.npy", m.shape);
        const auto maps = load<T, 3>(folder / "maps.npy", shape);
        const fusion_solver solver(haadf_model(haadf, haadf_response(m.elements)),
                                   poisson_likelihood(maps, m.background),
                                   total_variation{.iterations = m.tv_iterations},
                                   cost_weights{.lambda_chemical = m.lambda_chemical, .lambda_tv = m.lambda_tv});
        xt::xtensor<T, 3> start = maps;
        for (auto& v : start) v = v < static_cast<T>(m.start_threshold) ? T(0) : v;
        thread_pool pool(2);
        auto result = solver.solve_from(start, {.iterations = 1}, pool);
        const auto compare = [&](const char* file) {
            const double difference = support::relative_difference(result.maps, load<T, 3>(folder / file, shape));
            MESSAGE(m.folder, ", ", std::string(sizeof(T) == 4 ? "float" : "double"), ", ", std::string(file),
                    ": relative difference ", difference);
            CHECK(difference <= support::tolerance<T>::reference);
        };
        const auto close = [](double got, double expected) {
            CHECK(std::abs(got - expected) <= (sizeof(T) == 8 ? 1e-10 : 1e-6) * std::abs(expected));
        };
        const auto compare_costs = [&](const costs& got, const costs& expected) {
            close(got.haadf, expected.haadf);
            close(got.chemical, expected.chemical);
            close(got.tv, expected.tv);
            close(got.total, expected.haadf / 3 + m.lambda_chemical * expected.chemical + m.lambda_tv * expected.tv);
        };
        compare("fused_01.npy");
        compare_costs(result.history.front(), m.first);
        result = solver.solve_from(std::move(result), {.iterations = 9}, pool);
        compare("fused_10.npy");
        result = solver.solve_from(std::move(result), {.iterations = 20}, pool);
        compare("fused_30.npy");
        compare_costs(result.history.back(), m.last);
    }
}
