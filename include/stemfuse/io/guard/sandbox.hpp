// What a process that reads a file of unknown origin may do.
#pragma once

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/abi.hpp>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#define STEMFUSE_SANDBOX 1
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#endif

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Limits of a process: how much more it may take than it has already.
struct process_limits {
    std::uint64_t memory_bytes;  ///< of address space
    std::uint64_t cpu_seconds;   ///< of processor time
};

/// The address space and processor time that a process has taken, for limits beyond them; 0 where not known.
inline std::uint64_t address_space_bytes() {
    std::uint64_t pages = 0;
    if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
        unsigned long read = 0;
        if (std::fscanf(file, "%lu", &read) == 1) pages = read;
        std::fclose(file);
    }
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// An open file that a process may read in the sandbox.
struct sandbox_file {
    int descriptor;    ///< open for reading
    std::string path;  ///< by which it is opened again, as it is written
};

#ifdef STEMFUSE_SANDBOX

namespace detail {

// The files that the process may open and ask about: every open of a path gives a copy of its descriptor.
inline std::vector<sandbox_file> sandbox_files;

// Answers a system call that the filter held back. Runs in a signal handler.
inline void answer_system_call(int, siginfo_t* info, void* context) {
    auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    auto& result = machine.gregs[REG_RAX];
    const auto path = reinterpret_cast<const char*>(machine.gregs[REG_RSI]);
    const auto buffer = reinterpret_cast<struct stat*>(machine.gregs[REG_RDX]);
#else
    auto& result = machine.regs[0];
    const auto path = reinterpret_cast<const char*>(machine.regs[1]);
    const auto buffer = reinterpret_cast<struct stat*>(machine.regs[2]);
#endif
    long answer = -ENOENT;
    for (const sandbox_file& file : sandbox_files) {
        if (path == nullptr || file.path != path) continue;
        if (info->si_syscall == __NR_openat) {
            ::lseek(file.descriptor, 0, SEEK_SET);  // copies share one position: for one reader at a time
            answer = ::dup(file.descriptor);
        }
        if (info->si_syscall == __NR_newfstatat) answer = ::fstat(file.descriptor, buffer);
        break;
    }
    result = static_cast<std::remove_reference_t<decltype(result)>>(answer);
}

constexpr sock_filter load(std::size_t offset) {
    return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
constexpr sock_filter give(std::uint32_t verdict) { return {BPF_RET | BPF_K, 0, 0, verdict}; }
constexpr std::size_t low_word(std::size_t argument) {
    return offsetof(seccomp_data, args) + 8 * argument;  // both processors are little-endian
}

// Of the calls that are allowed at all.
inline std::vector<std::uint32_t> allowed_system_calls() {
    return {__NR_read,       __NR_pread64, __NR_readv,   __NR_write,        __NR_lseek,          __NR_fstat,
            __NR_munmap,     __NR_mremap,  __NR_brk,     __NR_madvise,      __NR_futex,          __NR_close,
            __NR_dup,        __NR_fcntl,   __NR_flock,   __NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_exit,
            __NR_exit_group, __NR_getpid,  __NR_gettid,  __NR_tgkill,       __NR_getrandom,      __NR_sched_yield,
            __NR_getrusage,  __NR_uname,   __NR_sysinfo, __NR_gettimeofday, __NR_clock_gettime,  __NR_restart_syscall};
}

}  // namespace detail

/// From here on the process can read these open files, by their descriptors or by their paths, and what it has open
/// already; write to what it has open; and compute. Every other file seems to be missing; there is no network, no new
/// program and no new code. Needs nothing but the kernel. False where the kernel does not offer it.
inline bool enter_sandbox(std::vector<sandbox_file> files) {
    using namespace detail;
    sandbox_files = std::move(files);
    struct sigaction action{};
    action.sa_sigaction = answer_system_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    if (::sigaction(SIGSYS, &action, nullptr) != 0) return false;
#if defined(__x86_64__)
    constexpr std::uint32_t machine = AUDIT_ARCH_X86_64;
#else
    constexpr std::uint32_t machine = AUDIT_ARCH_AARCH64;
#endif
    constexpr std::uint16_t equal = BPF_JMP | BPF_JEQ | BPF_K, any_bit = BPF_JMP | BPF_JSET | BPF_K;
    constexpr std::uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
    std::vector<sock_filter> program{load(offsetof(seccomp_data, arch)),
                                     {equal, 1, 0, machine},
                                     give(SECCOMP_RET_KILL_PROCESS),
                                     load(offsetof(seccomp_data, nr))};
    for (const std::uint32_t call : allowed_system_calls()) {
        program.push_back({equal, 0, 1, call});
        program.push_back(give(SECCOMP_RET_ALLOW));
    }
    for (const std::uint32_t call : {std::uint32_t(__NR_mmap), std::uint32_t(__NR_mprotect)}) {  // of no code
        program.insert(program.end(), {{equal, 0, 4, call},
                                       load(low_word(2)),
                                       {any_bit, 0, 1, PROT_EXEC},
                                       give(refused),
                                       give(SECCOMP_RET_ALLOW)});
    }
    program.insert(program.end(), {{equal, 0, 4, __NR_newfstatat},
                                   load(low_word(3)),
                                   {any_bit, 0, 1, AT_EMPTY_PATH},
                                   give(SECCOMP_RET_ALLOW),
                                   give(SECCOMP_RET_TRAP),
                                   {equal, 0, 1, __NR_openat},
                                   give(SECCOMP_RET_TRAP),
                                   give(refused)});
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

#else

/// Elsewhere there is no such filter: nothing is restricted, the result is false.
inline bool enter_sandbox(std::vector<sandbox_file>) { return false; }

#endif

}  // namespace stemfuse::inline STEMFUSE_ABI::io
