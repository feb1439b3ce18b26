// bench_tomography [N]: the projector against a product with the sparse matrix, stored and multiplied as scipy does,
// and against the peak of multiply-adds; the sweep of prior and maps; one iteration of N^3 x 3 with 47 + 11 tilts. One
// thread, CPU time: compare ratios.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <utility>
#include <vector>

#include <stemfuse/tomography/tilt_scheme.hpp>

using namespace stemfuse;

namespace {

double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class F>
double best_of(int runs, F&& f) {
    double best = std::numeric_limits<double>::infinity();
    for (int k = 0; k < runs; ++k) {
        const double begin = cpu_seconds();
        f();
        best = std::min(best, cpu_seconds() - begin);
    }
    return best;
}

std::vector<double> spread(std::size_t n, double end) {
    std::vector<double> angles;
    for (std::size_t k = 0; k < n; ++k)
        angles.push_back(-end + 2 * end * static_cast<double>(k) / static_cast<double>(n - 1));
    return radians(angles);
}

struct csr_matrix {
    std::vector<std::size_t> row_starts;
    std::vector<int> columns;
    std::vector<float> weights;
};

csr_matrix matrix_of(const tilt_geometry& g) {
    const strip_weights<float> weights(g);
    strip_line<float> line(g.n_y());
    std::vector<std::vector<std::pair<int, float>>> rows(g.tilts() * g.bins());
    for (std::size_t a = 0; a < g.tilts(); ++a) {
        for (std::size_t z = 0; z < g.n_z(); ++z) {
            weights.line(a, z, line);
            for (std::size_t k = line.first; k < line.last; ++k) {
                const float w[3] = {line.near[k], line.middle[k], line.far[k]};
                for (int j = 0; j < 3; ++j) {
                    const int bin = line.bin[k] + j - static_cast<int>(strip_weights<float>::margin);
                    if (w[j] == 0 || bin < 0 || bin >= static_cast<int>(g.bins())) continue;
                    rows[a * g.bins() + static_cast<std::size_t>(bin)].push_back(
                        {static_cast<int>(z * g.n_y() + k), w[j]});
                }
            }
        }
    }
    csr_matrix m;
    for (const auto& row : rows) {
        m.row_starts.push_back(m.columns.size());
        for (const auto& [column, weight] : row) {
            m.columns.push_back(column);
            m.weights.push_back(weight);
        }
    }
    m.row_starts.push_back(m.columns.size());
    return m;
}

// scipy's csr_matvecs: y += A x for x of n_x columns.
void multiply(const csr_matrix& m, std::size_t n_x, const float* x, float* y) {
    for (std::size_t r = 0; r + 1 < m.row_starts.size(); ++r) {
        float* const out = y + r * n_x;
        for (std::size_t k = m.row_starts[r]; k < m.row_starts[r + 1]; ++k) {
            const float* const in = x + static_cast<std::size_t>(m.columns[k]) * n_x;
            for (std::size_t c = 0; c < n_x; ++c) out[c] += m.weights[k] * in[c];
        }
    }
}

// Multiply-adds a second that registers alone allow.
double peak() {
    constexpr int chains = 12;
    pack<float> a[chains]{}, x = broadcast(0.999F), y = broadcast(1e-3F);
    constexpr std::size_t rounds = 20000000;
    const double seconds = best_of(2, [&] {
        for (std::size_t k = 0; k < rounds; ++k) {
            asm volatile("" : "+m"(x), "+m"(y));
            for (auto& v : a) v = v * x + y;
        }
        asm volatile("" : : "m"(a));
    });
    return static_cast<double>(rounds * chains * lanes<float>) / seconds;
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t n = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 128, columns = 64;
    const tilt_geometry haadf(n, n, n, spread(47, 69 * 1.0)), chemistry(n, n, n, spread(11, 65 * 1.0));
    {
        const tilt_projector a(haadf, 1, columns);
        xt::xtensor<float, 3> x = xt::ones<float>(a.domain_shape()), y = xt::zeros<float>(a.range_shape());
        const auto xv = as_view(x), yv = as_view(y);
        const double all = static_cast<double>(n * n * columns * haadf.tilts());
        const double forward = best_of(3, [&] { a.apply(xv, yv); }), back = best_of(3, [&] { a.adjoint(yv, xv); });
        const csr_matrix m = matrix_of(haadf);
        const double plain = best_of(2, [&] { multiply(m, columns, x.data(), y.data()); });
        const double most = peak();
        std::printf("projector, %zu^2 x %zu, 47 tilts, ns a voxel and angle: forward %.3f, adjoint %.3f, CSR %.3f\n", n,
                    columns, forward / all * 1e9, back / all * 1e9, plain / all * 1e9);
        std::printf("CSR / forward %.1f, CSR / adjoint %.1f; of the peak of multiply-adds (3 each): %.0f%%, %.0f%%\n",
                    plain / forward, plain / back, 100 * 3 * all / forward / most, 100 * 3 * all / back / most);
    }
    const std::size_t elements = 3;
    xt::xtensor<float, 3> counts = xt::ones<float>(stack_shape{elements, 11 * n, n});
    xt::xtensor<float, 3> image = xt::ones<float>(stack_shape{1, 47 * n, n});
    const fusion_solver solver(tilt_haadf<float>(image, haadf, haadf_response::from_weights({4.4, 1, 0.3}, 1)),
                               tilt_counts<float>(counts, chemistry), volume_variation(n, n, {1.7, 1.7, 2.3}),
                               tilt_scheme<>({.levels = {0.3, 0.3, 0.2}}), cost_weights{0.1, 1, 1});
    const auto& f = solver.terms();
    xt::xtensor<float, 3> x(f.shape());
    for (std::size_t k = 0; k < x.size(); ++k) x.data()[k] = static_cast<float>(k * 2654435761u >> 9 & 255) / 2550;
    const auto view = as_view(x);
    auto state = solver.scheme().start(f, view, tilt_duals<float>{}, execution{});
    const double sweep = best_of(3, [&] {
        detail::tilt_sweep<float>(f.prior_term(), f.elastic(), state.steps, true)
            .run(view, as_view(state.gradient), as_view(state.shared), as_view(state.duals.variation), state.ghosts,
                 execution{});
    });
    const double iteration = best_of(2, [&] { solver.scheme().advance(f, state, view, execution{}); });
    const double voxels = static_cast<double>(n * n * n);
    std::printf("sweep of prior and maps: %.2f ns a voxel and element\n", sweep / voxels / elements * 1e9);
    std::printf("one iteration of %zu^3 x 3, 47 + 11 tilts: %.3f CPU s, %.2f ms a slice; %.0f bytes a voxel\n", n,
                iteration, iteration / static_cast<double>(n) * 1e3,
                static_cast<double>(solver.working_memory()) / voxels);
    return 0;
}
