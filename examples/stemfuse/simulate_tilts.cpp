// stemfuse simulate --tilts: tilt series with known volumes, as a file.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include <stemfuse/core/joined.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/hdf5/hdf5_writer.hpp>
#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/simulate/tilt_series.hpp>

#include "commands.hpp"

namespace program {

namespace {

// Calls stack(name, values, (n, rows, columns)) for every array of three dimensions, curve(name, values) for the
// others.
template <class Stack, class Curve>
void for_each_array(const stemfuse::simulated_tilts<float>& s, std::size_t n, Stack&& stack, Curve&& curve) {
    const auto of = [&](const xt::xtensor<float, 3>& a, std::size_t e) {
        const std::size_t rows = a.shape()[1];
        xt::xtensor<float, 3> out(stemfuse::stack_shape{rows / n, n, n});
        std::copy_n(a.data() + e * rows * n, rows * n, out.data());
        return out;
    };
    stack("HAADF", of(s.haadf, 0));
    for (std::size_t e = 0; e < s.elements.size(); ++e) stack(s.elements[e], of(s.counts, e));
    for (std::size_t e = 0; e < s.elements.size(); ++e) stack("truth/" + s.elements[e], of(s.truth, e));
    curve("haadf_angles", s.haadf_angles);
    curve("count_angles", s.count_angles);
    curve("truth_weights", s.weights);
}

}  // namespace

void simulate_tilts(const simulate_options& o, std::size_t size) {
    const auto specimens = stemfuse::tilt_specimens();
    const auto found =
        std::find_if(specimens.begin(), specimens.end(), [&](const auto& s) { return s.name == o.specimen; });
    if (o.list || found == specimens.end()) {
        for (const auto& s : specimens) {
            if (o.list) std::printf("%-20s %s\n", std::string(s.name).c_str(), std::string(s.summary).c_str());
        }
        if (o.list) return;
        const std::string names = stemfuse::joined(specimens, ", ", [](const auto& s) { return s.name; });
        throw usage_error("the specimen is \"" + o.specimen + "\", must be one of " + names + " with --tilts");
    }
    const auto s = stemfuse::simulate_tilts<float>(
        *found, {.size = size, .counts = o.dose, .seed = static_cast<std::uint64_t>(o.seed)});
    const std::filesystem::path path = o.file;
    if (path.extension() == ".npz") {
        stemfuse::io::npz_writer file(path);
        for_each_array(
            s, size, [&](const std::string& name, const auto& a) { file.add(name, a); },
            [&](const std::string& name, const std::vector<double>& v) {
                xt::xtensor<double, 1> numbers(std::array<std::size_t, 1>{v.size()});
                std::copy(v.begin(), v.end(), numbers.begin());
                file.add(name, numbers);
            });
        file.commit();
    } else {
        stemfuse::io::atomic_file target(path);
        const stemfuse::io::hdf5_silence silence;
        const stemfuse::io::detail::hdf5_writer file(target);
        const auto truth = file.group("truth");
        for_each_array(
            s, size,
            [&](const std::string& name, const xt::xtensor<float, 3>& a) {
                const bool known = name.starts_with("truth/");
                file.stack(known ? truth.get() : file.root(), known ? name.substr(6) : name, a.data(),
                           stemfuse::as_view(a).shape);
            },
            [&](const std::string& name, const std::vector<double>& v) { file.curve(file.root(), name.c_str(), v); });
        target.write(file.bytes());
        target.commit();
    }
    std::printf("%s: %s, %zu voxels a side, %zu + %zu tilts, dose %g\n", stemfuse::io::terminal_text(o.file).c_str(),
                o.specimen.c_str(), size, s.haadf_angles.size(), s.count_angles.size(), o.dose);
    std::printf("to fuse: stemfuse tomo %s -o fused --elements %s\n", stemfuse::io::shell_path(o.file).c_str(),
                stemfuse::joined(s.elements, ",").c_str());
}

}  // namespace program
