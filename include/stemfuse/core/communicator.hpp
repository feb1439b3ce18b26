// How processes that share one volume talk: what a communicator is, and the one of a single process.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/core/partition.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Ranks 0 .. size() - 1 that hold consecutive slabs of columns x of one volume, rank k beside ranks k - 1 and k + 1.
///     begin_exchange(to_left, to_right, from_left, from_right)
///         starts to send bytes to both neighbours and to receive theirs; nothing goes past the outer ranks. Returns an
///         exchange; end_exchange(exchange) waits until all of it is done. The memory stays as it is in between.
///     gather(own)         the numbers of all ranks in the order of ranks, on every rank
///     send_to_root(own)   called by a rank above 0, receive_from(rank, out) by rank 0: as many bytes as the span has
///     agree(failure)      throws error with the message of the first rank whose failure is not empty, on every rank
/// All but send and receive are collective: every rank calls them in the same order.
template <class C>
concept communicator = requires(const C& c, std::span<const std::byte> out, std::span<std::byte> in,
                                std::span<const double> own, typename C::exchange exchange, const std::string& text) {
    { c.rank() } -> std::convertible_to<std::size_t>;
    { c.size() } -> std::convertible_to<std::size_t>;
    { c.begin_exchange(out, out, in, in) } -> std::same_as<typename C::exchange>;
    c.end_exchange(exchange);
    { c.gather(own) } -> std::same_as<std::vector<double>>;
    c.send_to_root(out);
    c.receive_from(std::size_t{}, in);
    c.agree(text);
};

/// One process on its own: rank 0 of 1, without neighbours.
class serial_communicator {
public:
    struct exchange {};  ///< nothing to wait for

    /// Always 0.
    std::size_t rank() const noexcept { return 0; }
    /// Always 1.
    std::size_t size() const noexcept { return 1; }
    /// Sends and receives nothing: there are no neighbours, and the memory stays as it is.
    exchange begin_exchange(std::span<const std::byte>, std::span<const std::byte>, std::span<std::byte>,
                            std::span<std::byte>) const {
        return {};
    }
    /// Returns at once.
    void end_exchange(exchange&) const {}
    /// A copy of its own numbers.
    std::vector<double> gather(std::span<const double> own) const { return {own.begin(), own.end()}; }
    /// Does nothing; no rank above 0 calls it.
    void send_to_root(std::span<const std::byte>) const {}
    /// Does nothing; there is no rank to receive from.
    void receive_from(std::size_t, std::span<std::byte>) const {}
    /// Throws error with the message unless it is empty.
    void agree(const std::string& failure) const {
        if (!failure.empty()) throw error(failure);
    }
};

/// The columns of a volume of n_x that a rank holds. Throws value_error where there are fewer columns than ranks.
template <communicator C>
index_range slab_of(std::size_t n_x, const C& c) {
    if (c.size() > n_x) {
        throw value_error("ranks", "are " + std::to_string(c.size()) + ", must be at most " + std::to_string(n_x) +
                                       ", the number of slices along the tilt axis");
    }
    return partition(n_x, c.size())[c.rank()];
}

}  // namespace stemfuse::inline STEMFUSE_ABI
