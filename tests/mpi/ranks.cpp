// A fusion of a small simulated tilt series on the ranks of MPI: prints the hash of its maps and of its costs. See
// run.cmake for how it is called.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>

#include <stemfuse/core/column_stream.hpp>
#include <stemfuse/mpi/mpi_communicator.hpp>
#include <stemfuse/recipes/tomography.hpp>
#include <stemfuse/simulate/tilt_series.hpp>

using namespace stemfuse;

namespace {

void fuse(const mpi::mpi_communicator& ranks, unsigned threads, const std::string& mode,
          const std::string& checkpoint) {
    constexpr std::size_t size = 18;
    auto s = simulate_tilts<float>(core_shell_tilts(), {.size = size, .counts = 5});
    if (mode == "wrong-on-one" && ranks.rank() == 1) s.counts(0, 3, 4) = -1;
    if (mode == "wrong") s.haadf_angles.pop_back();
    const tilt_measurement<float> m{
        s.elements, size, s.haadf, s.counts, radians(s.haadf_angles), radians(s.count_angles), {}, {}};
    tomography_options o{.iterations = 12, .chemistry_iterations = 6, .refits = 1};
    o.checkpoint = checkpoint;
    o.checkpoint_every = 4;
    thread_pool pool(threads);
    const auto result = fuse_tilt_series(m, o, pool, ranks, [&](const recipe_progress& now) {
        const std::size_t at = now.iteration->iteration;
        if (mode == "kill" && now.stage == recipe_stage::fusing && at == 9 && ranks.rank() + 1 == ranks.size()) {
            std::raise(SIGKILL);
        }
        return mode != "cancel" || ranks.rank() != 1 || at < 3;
    });
    const auto maps = gather_columns(as_view(std::as_const(result.maps)), size, ranks);
    if (ranks.rank() != 0) return;
    std::uint64_t hash = add_to_hash(1, std::as_bytes(std::span(maps.data(), maps.size())));
    for (const costs& c : result.report.history) hash = add_to_hash(hash, std::as_bytes(std::span(&c, 1)));
    std::printf("hash %016llx iterations %zu resumed %zu\n", static_cast<unsigned long long>(hash),
                result.report.iterations, result.resumed);
}

}  // namespace

int main(int argc, char** argv) {
    const mpi::session session(argc, argv);
    const mpi::mpi_communicator ranks;
    try {
        fuse(ranks, argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1, argc > 2 ? argv[2] : "",
             argc > 3 ? argv[3] : "");
    } catch (const std::exception& e) {
        ranks.end_all(e.what(), 3);
    }
    return 0;
}
