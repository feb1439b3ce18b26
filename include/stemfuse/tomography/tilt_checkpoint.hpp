// A file from which an interrupted fusion of tilt series goes on, with any number of ranks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <stemfuse/core/column_stream.hpp>
#include <stemfuse/core/communicator.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/tomography/tilt_duals.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Where a fusion is.
template <scalar T>
struct tilt_progress {
    std::uint64_t segment = 0,      ///< part of the recipe
        done = 0;                   ///< iterations of that part
    std::vector<double> numbers{};  ///< what else the recipe goes on from, in its own order
    xt::xtensor<T, 3> maps{};       ///< (n_e, n_z n_y, columns of this rank)
    tilt_duals<T> duals{};          ///< of the scheme
};

/// Goes on with a hash by bytes, as FNV-1a does but by words of 8 bytes, each followed by a shift that carries high
/// bits down: tells one measurement from another.
inline std::uint64_t add_to_hash(std::uint64_t hash, std::span<const std::byte> bytes) {
    for (std::size_t k = 0; k < bytes.size(); k += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + k, std::min<std::size_t>(8, bytes.size() - k));
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash;
}

namespace detail {

struct checkpoint_header {
    char magic[16] = "stemfuse tilts1";
    std::uint64_t scalar_bytes = 0, key = 0, n_x = 0, column = 0, segment = 0, done = 0, numbers = 0;
};

template <class T>
std::vector<stack_view<const T>> checkpoint_stacks(const tilt_progress<T>& p) {
    std::vector<stack_view<const T>> stacks;
    for (const auto* a : {&p.maps, &p.duals.relaxed, &p.duals.variation, &p.duals.counts, &p.duals.haadf}) {
        if (a->size() > 0) stacks.push_back(as_view(*a));
    }
    return stacks;
}

}  // namespace detail

/// Writes the progress of all ranks to `path`: rank 0 writes, to another name first, so that the file before stays
/// whole until this one is. `key` tells measurement and parameters. Throws write_error, on every rank, where that
/// fails.
template <scalar T, communicator C>
void save_progress(const std::filesystem::path& path, const tilt_progress<T>& p, std::uint64_t key, std::size_t n_x,
                   const C& ranks) {
    const auto stacks = detail::checkpoint_stacks(p);
    const std::filesystem::path part = path.string() + ".part";
    std::string failure;
    std::ofstream file;
    if (ranks.rank() == 0) {
        file.open(part, std::ios::binary | std::ios::trunc);
        detail::checkpoint_header h;
        h.scalar_bytes = sizeof(T);
        h.key = key;
        h.n_x = n_x;
        for (const auto& s : stacks) h.column += s.shape[0] * s.shape[1];
        h.segment = p.segment;
        h.done = p.done;
        h.numbers = p.numbers.size();
        file.write(reinterpret_cast<const char*>(&h), sizeof(h));
        file.write(reinterpret_cast<const char*>(p.numbers.data()),
                   static_cast<std::streamsize>(p.numbers.size() * sizeof(double)));
    }
    stream_columns<T>(stacks, n_x, ranks, [&](std::size_t, std::span<const T> column) {
        file.write(reinterpret_cast<const char*>(column.data()), static_cast<std::streamsize>(column.size_bytes()));
    });
    if (ranks.rank() == 0) {
        file.close();
        std::error_code problem;
        if (file) std::filesystem::rename(part, path, problem);
        if (!file || problem) {
            std::filesystem::remove(part, problem);
            failure = path.string() + ": the checkpoint cannot be written; is the disk full?";
        }
    }
    ranks.agree(failure);
}

/// Reads what save_progress wrote, this rank's columns of it, whose shapes `p` has: its arrays are filled. False where
/// there is no such file. Throws read_error for a file that is no checkpoint, is cut short, or is of another
/// measurement or other parameters.
template <scalar T, communicator C>
bool load_progress(const std::filesystem::path& path, tilt_progress<T>& p, std::uint64_t key, std::size_t n_x,
                   const C& ranks) {
    if (!std::filesystem::exists(path)) return false;
    std::ifstream file(path, std::ios::binary);
    detail::checkpoint_header h, expected;
    file.read(reinterpret_cast<char*>(&h), sizeof(h));
    if (!file || std::memcmp(h.magic, expected.magic, sizeof(h.magic)) != 0) {
        throw read_error(path.string(), "is no checkpoint of tilt series");
    }
    std::size_t numbers = 0;
    for (const auto& s : detail::checkpoint_stacks(p)) numbers += s.shape[0] * s.shape[1];
    if (h.key != key || h.scalar_bytes != sizeof(T) || h.n_x != n_x || h.column > numbers) {
        throw read_error(path.string(), "is a checkpoint of another measurement or of other parameters");
    }
    const std::uint64_t size = std::filesystem::file_size(path);  // no more numbers than the file has room for
    if (h.numbers > size / sizeof(double) ||
        size != sizeof(h) + h.numbers * sizeof(double) + n_x * h.column * sizeof(T)) {
        throw read_error(path.string(), "is cut short");
    }
    p.segment = h.segment;
    p.done = h.done;
    p.numbers.resize(h.numbers);
    file.read(reinterpret_cast<char*>(p.numbers.data()), static_cast<std::streamsize>(h.numbers * sizeof(double)));
    if (h.column < numbers) p.duals.haadf = {};  // before the HAADF series takes part
    const index_range columns = slab_of(n_x, ranks);
    file.seekg(static_cast<std::streamoff>(columns.first * h.column * sizeof(T)), std::ios::cur);
    std::vector<T> column(h.column);
    for (std::size_t c = 0; c < columns.size(); ++c) {
        file.read(reinterpret_cast<char*>(column.data()), static_cast<std::streamsize>(column.size() * sizeof(T)));
        std::size_t at = 0;
        for (auto* a : {&p.maps, &p.duals.relaxed, &p.duals.variation, &p.duals.counts, &p.duals.haadf}) {
            if (a->size() == 0) continue;
            const std::size_t nx = a->shape()[2];
            for (std::size_t r = 0; r < a->size() / nx; ++r) a->data()[r * nx + c] = column[at++];
        }
    }
    if (!file) throw read_error(path.string(), "is cut short");
    return true;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
