// Ranks of MPI as a communicator.
#pragma once

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX
#endif
#include <mpi.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <stemfuse/core/communicator.hpp>
#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI::mpi {

/// Starts MPI and ends it with the program. One of them lives in main().
class session {
public:
    /// Takes the arguments of main(), from which MPI may remove its own. Only the thread that calls it may use MPI.
    session(int& argc, char**& argv) {
        int provided = 0;
        MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    }
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    /// Ends MPI.
    ~session() { MPI_Finalize(); }
};

/// A communicator of the ranks of an MPI one, which must outlive it. All calls are made by the thread that started MPI.
/// Every span that is sent or received at once has at most 2^31 - 1 elements: else value_error.
class mpi_communicator {
public:
    /// The messages that begin_exchange() has on their way: two that come, then two that go.
    struct exchange {
        std::array<MPI_Request, 4> requests{MPI_REQUEST_NULL, MPI_REQUEST_NULL, MPI_REQUEST_NULL,
                                            MPI_REQUEST_NULL};  ///< for end_exchange()
    };

    /// Between the constructor of `session` and its destructor.
    explicit mpi_communicator(MPI_Comm comm = MPI_COMM_WORLD) : comm_(comm) {
        MPI_Comm_rank(comm, &rank_);
        MPI_Comm_size(comm, &size_);
    }

    /// This one, 0 .. size() - 1.
    std::size_t rank() const noexcept { return static_cast<std::size_t>(rank_); }
    /// How many ranks there are.
    std::size_t size() const noexcept { return static_cast<std::size_t>(size_); }

    /// Starts to send to the ranks below (left) and above (right) and to receive from them; the memory must stay until
    /// end_exchange(). A span has as many bytes as the neighbour's for it; those past the outer ranks are not used.
    exchange begin_exchange(std::span<const std::byte> to_left, std::span<const std::byte> to_right,
                            std::span<std::byte> from_left, std::span<std::byte> from_right) const {
        exchange e;
        const int left = rank_ > 0 ? rank_ - 1 : MPI_PROC_NULL, right = rank_ + 1 < size_ ? rank_ + 1 : MPI_PROC_NULL;
        MPI_Irecv(from_right.data(), count(from_right.size()), MPI_BYTE, right, 0, comm_, &e.requests[0]);
        MPI_Irecv(from_left.data(), count(from_left.size()), MPI_BYTE, left, 1, comm_, &e.requests[1]);
        MPI_Isend(to_left.data(), count(to_left.size()), MPI_BYTE, left, 0, comm_, &e.requests[2]);
        MPI_Isend(to_right.data(), count(to_right.size()), MPI_BYTE, right, 1, comm_, &e.requests[3]);
        return e;
    }
    /// Waits until all four messages have arrived.
    void end_exchange(exchange& e) const { MPI_Waitall(4, e.requests.data(), MPI_STATUSES_IGNORE); }

    /// The numbers of all ranks in the order of ranks, on every rank. Collective.
    std::vector<double> gather(std::span<const double> own) const {
        const int mine = count(own.size());
        std::vector<int> counts(size()), starts(size());
        MPI_Allgather(&mine, 1, MPI_INT, counts.data(), 1, MPI_INT, comm_);
        for (std::size_t k = 1; k < size(); ++k) starts[k] = starts[k - 1] + counts[k - 1];
        std::vector<double> all(static_cast<std::size_t>(starts.back() + counts.back()));
        MPI_Allgatherv(own.data(), mine, MPI_DOUBLE, all.data(), counts.data(), starts.data(), MPI_DOUBLE, comm_);
        return all;
    }

    /// Sends bytes to rank 0, which calls receive_from(). Any number of them: in messages of at most 1 GiB.
    void send_to_root(std::span<const std::byte> own) const {
        for (std::size_t at = 0; at < own.size(); at += most) {
            MPI_Send(own.data() + at, count(std::min(most, own.size() - at)), MPI_BYTE, 0, 2, comm_);
        }
    }
    /// On rank 0: as many bytes as `out` has, which that rank sends by send_to_root().
    void receive_from(std::size_t rank, std::span<std::byte> out) const {
        for (std::size_t at = 0; at < out.size(); at += most) {
            MPI_Recv(out.data() + at, count(std::min(most, out.size() - at)), MPI_BYTE, static_cast<int>(rank), 2,
                     comm_, MPI_STATUS_IGNORE);
        }
    }

    /// Throws error on every rank with the message of the first rank whose failure is not empty. Collective.
    void agree(const std::string& failure) const {
        int first = failure.empty() ? size_ : rank_, all = size_;
        MPI_Allreduce(&first, &all, 1, MPI_INT, MPI_MIN, comm_);
        if (all == size_) return;
        int length = count(failure.size());
        MPI_Bcast(&length, 1, MPI_INT, all, comm_);
        std::string text = rank_ == all ? failure : std::string(static_cast<std::size_t>(length), ' ');
        MPI_Bcast(text.data(), length, MPI_CHAR, all, comm_);
        throw error(text);
    }

    /// Ends every rank with one message on stderr. Ranks above 0 wait first: where all fail alike, rank 0 speaks.
    [[noreturn]] void end_all(const std::string& message, int code) const {
        if (rank_ > 0) std::this_thread::sleep_for(std::chrono::seconds(2));
        std::fprintf(stderr, "%s%s\n", message.c_str(),
                     size_ > 1 ? (" (rank " + std::to_string(rank_) + ")").c_str() : "");
        std::fflush(stderr);
        MPI_Abort(comm_, code);
        std::terminate();
    }

private:
    // Bytes of a message: MPI counts them in an int.
    static constexpr std::size_t most = std::size_t{1} << 30;

    static int count(std::size_t n) {
        if (n > 0x7fffffff) throw value_error("message", "has " + std::to_string(n) + " bytes, must be below 2 GiB");
        return static_cast<int>(n);
    }

    MPI_Comm comm_;
    int rank_ = 0, size_ = 1;
};

static_assert(communicator<mpi_communicator>);

}  // namespace stemfuse::inline STEMFUSE_ABI::mpi
