// A reader in a process of its own: a file that breaks its library breaks nothing else.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/channel_sums.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/guard/child_process.hpp>
#include <stemfuse/io/guard/child_server.hpp>
#include <stemfuse/io/guard/sandbox.hpp>
#include <stemfuse/io/guard/wire.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What a child process may take: `memory` bytes and `seconds` of processor time beyond what it does for every byte of
/// the file and of the result; `wall_factor` times as long in all.
struct child_limits {
    std::uint64_t memory = std::uint64_t{512} << 20;  ///< bytes: what libraries and metadata take beside pixels
    double seconds = 2;                               ///< of processor time, to open the file and for each request
    double wall_factor = 20;  ///< the time by the clock, as a multiple: a slow disk or a busy machine makes it wait
};

/// Lists and reads the images of one file in a process of its own: with limits on memory and time, without network, and
/// with no file but this one and those `beside` that are named (enter_sandbox). A signal or a limit there becomes a
/// read_error here, "cannot be read as HDF5: ...". The constructor forks: threads of the caller do not matter, as long
/// as none holds a lock of the library that reads; the file's reader is made in the child alone. Calls may come from
/// any thread, and wait for one another.
class child_reader {
public:
    /// open(path) gives a variant of readers. Throws read_error.
    template <class Open>
    child_reader(const std::filesystem::path& path, Open open, const child_limits& limits = {},
                 const std::vector<std::filesystem::path>& beside = {})
        : state_(std::make_unique<state>(path, limits, detail::child_process(path, [&](int in, int out) {
                                             detail::serve_reader(path, beside, in, out, open);
                                         }))) {
        for (const auto& p : beside) state_->file_size += input_file_size(p);
        // Far more than has_room() lets a listing take.
        constexpr std::uint64_t most_contents = std::uint64_t{1} << 28;
        const std::string answer = wait(most_contents, 0);
        wire_reader wire(answer);
        check([&] {
            std::uint8_t kind = 0;
            wire(kind);
            refuse(kind, wire);
            wire(state_->contents);
        });
    }

    /// What the child listed when the file was opened.
    const file_contents& contents() const noexcept { return state_->contents; }

    /// As hdf5_images has it.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        wire_writer wire;
        wire(static_cast<std::uint8_t>(detail::child_request::image), static_cast<std::uint8_t>(sizeof(T)), image,
             static_cast<std::uint8_t>(frames));
        xt::xtensor<T, 2> result;
        ask(wire.bytes, image.shape, image_shape{image.shape[0], image.shape[1]}, result);
        return result;
    }

    /// As hdf5_images has it.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        wire_writer wire;
        wire(static_cast<std::uint8_t>(detail::child_request::windows), static_cast<std::uint8_t>(sizeof(T)), spectrum,
             windows);
        xt::xtensor<T, 3> result;
        ask(wire.bytes, spectrum.shape, stack_shape{windows.size(), spectrum.shape[0], spectrum.shape[1]}, result);
        return result;
    }

    /// As image_file has it.
    std::vector<double> read_sum_spectrum(const spectrum_info& spectrum) const {
        wire_writer wire;
        wire(static_cast<std::uint8_t>(detail::child_request::sum_spectrum), std::uint8_t{sizeof(double)}, spectrum);
        xt::xtensor<double, 1> result;
        ask(wire.bytes, spectrum.shape, std::array<std::size_t, 1>{spectrum.channels}, result, cube_bytes(spectrum));
        return {result.begin(), result.end()};
    }

    /// As image_file has it.
    template <scalar T>
    xt::xtensor<T, 3> read_channel_sums(const spectrum_info& spectrum, const channel_weights& weights) const {
        wire_writer wire;
        wire(static_cast<std::uint8_t>(detail::child_request::channel_sums), static_cast<std::uint8_t>(sizeof(T)),
             spectrum, weights);
        xt::xtensor<T, 3> result;
        ask(wire.bytes, spectrum.shape, stack_shape{weights.sums, spectrum.shape[0], spectrum.shape[1]}, result,
            cube_bytes(spectrum));
        return result;
    }

private:
    // What a whole cube of these spectra takes: all of it may have to be inflated, whatever the file's size.
    static std::uint64_t cube_bytes(const spectrum_info& s) {
        constexpr double most = 1e12;  // a listing that announces more gets no more time for it
        const double bytes = static_cast<double>(s.shape[0]) * static_cast<double>(s.shape[1]) *
                             static_cast<double>(s.channels) * static_cast<double>(s.detectors);
        return static_cast<std::uint64_t>(std::min(bytes, most));
    }

    struct state {
        state(const std::filesystem::path& of, const child_limits& given, detail::child_process running)
            : path(of), limits(given), child(std::move(running)) {}

        std::filesystem::path path;
        child_limits limits;
        detail::child_process child;
        std::uint64_t file_size = input_file_size(path), address_space = address_space_bytes();
        double seconds_given = 0;
        file_contents contents{};
        std::mutex mutex{};
    };

    // Allows what the next answer may take, and waits for it.
    std::string wait(std::uint64_t most, std::uint64_t result_bytes, std::uint64_t cube_bytes = 0) const {
        auto& s = *state_;
        constexpr double bytes_a_second = 2e7;  // below the pace of any format: only what hangs meets the limit
        const double seconds =
            s.limits.seconds + static_cast<double>(s.file_size + 4 * result_bytes + cube_bytes) / bytes_a_second;
        s.seconds_given += seconds;  // the system counts from the child's start
        s.child.allow({s.address_space + s.limits.memory + 2 * s.file_size + 6 * result_bytes,
                       static_cast<std::uint64_t>(s.seconds_given) + 1});
        return s.child.receive(most, seconds * s.limits.wall_factor);
    }

    template <class F>
    void check(F&& f) const {
        try {
            f();
        } catch (const wire_error& e) {
            state_->child.fail_for_good(e.what());
        }
    }

    void refuse(std::uint8_t kind, wire_reader& wire) const {
        const auto what = static_cast<detail::child_answer>(kind);
        if (what == detail::child_answer::good) return;
        std::string first, second;
        if (what == detail::child_answer::no_memory) state_->child.fail_for_good("takes too much memory");
        wire(first);
        if (what == detail::child_answer::read_failure) throw read_error(state_->path.string(), first);
        wire(second);
        throw value_error(first, second);
    }

    template <class Shape, class Result>
    void ask(const std::string& request, const image_shape& shape, const Shape& result_shape, Result& result,
             std::uint64_t cube_bytes = 0) const {
        const std::lock_guard lock(state_->mutex);
        using T = typename Result::value_type;
        constexpr std::uint64_t most = std::uint64_t{1} << 40;
        std::uint64_t bytes = sizeof(T);
        for (const std::size_t n : result_shape) {
            if (n > 0 && bytes > most / n)
                throw read_error(state_->path.string(), "has shape " + to_string(shape) + ", too large to be read");
            bytes *= n;
        }
        state_->child.send(request);
        const std::string answer = wait(bytes + 65536, bytes, cube_bytes);
        wire_reader wire(answer);
        check([&] {
            std::uint8_t kind = 0;
            wire(kind);
            refuse(kind, wire);
            if (answer.size() != bytes + 1) throw wire_error();
        });
        result.resize(result_shape);
        std::copy_n(answer.data() + 1, bytes, reinterpret_cast<char*>(result.data()));
    }

    std::unique_ptr<state> state_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
