// The peak of this process's memory, as Linux counts it.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

#include <sys/resource.h>

namespace bench {

// Resets VmHWM, the peak of resident memory, to what is resident now (proc(5), /proc/[pid]/clear_refs). Returns whether
// the kernel did.
inline bool reset_peak() {
    std::ofstream clear("/proc/self/clear_refs");
    clear << 5 << std::flush;
    return clear.good();
}

// VmHWM in bytes; 0 where /proc does not tell.
inline std::size_t resettable_peak() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return 1024 * std::stoul(line.substr(6));
    }
    return 0;
}

// The peak since the program began, in bytes.
inline std::size_t lifelong_peak() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return 1024 * static_cast<std::size_t>(usage.ru_maxrss);
}

// The peak of resident memory from its making on.
class peak_memory {
public:
    peak_memory() : resets_(reset_peak() && resettable_peak() > 0), before_(now()) {}

    // Bytes beyond what was resident at the start.
    std::size_t growth() const { return now() - before_; }

    const char* source() const { return resets_ ? "VmHWM" : "getrusage, the peak since the program began"; }

private:
    std::size_t now() const { return resets_ ? resettable_peak() : lifelong_peak(); }

    bool resets_;
    std::size_t before_;
};

}  // namespace bench
