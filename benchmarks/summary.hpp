// Prints each case as it is done and, at the end, what it is worth: in bytes of triad, beside the plain formulation,
// and of two threads beside one, all from the same run.
#pragma once

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "timed_case.hpp"

namespace bench {

class summary : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context&) override { return true; }

    void ReportRuns(const std::vector<Run>& runs) override {
        std::string name;
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration) continue;
            name = run.run_name.function_name;
            if (const auto ns = run.counters.find("ns_per_pixel"); ns != run.counters.end()) {
                const auto [at, is_new] = ns_.try_emplace(name, ns->second.value);
                at->second = std::min(at->second, ns->second.value);
            }
            if (const auto bytes = run.counters.find("bytes_per_second"); bytes != run.counters.end()) {
                double& best = triad_[name];
                best = std::max(best, bytes->second.value);
            }
        }
        if (ns_.contains(name)) std::printf("%-52s %9.3f ns\n", name.c_str(), ns_[name]);
        if (triad_.contains(name)) std::printf("%-52s %9.2f GB/s\n", name.c_str(), 1e-9 * triad_[name]);
        std::fflush(stdout);
    }

    void print(const std::vector<timed_case>& cases) const {
        if (ns_.empty()) return;
        std::printf(
            "\nns: of one pixel of one map and one iteration (of the prox, or outer), the fastest call of all.\n"
            "triad: the bytes that a[i] = b[i] + s c[i] moves meanwhile on as many threads, 12 for each i in\n"
            "float; its best of the start and the end of the run. plain: the time of the plain formulation on\n"
            "1 thread over ours on 1. 1 thread: the time on 1 thread over this one.\n\n");
        std::printf("%-17s %-6s %-12s %6s %7s %-10s %9s %8s %8s %7s %8s\n", "case", "scalar", "size", "iters",
                    "threads", "tile", "ms", "ns", "triad B", "plain", "1 thread");
        for (const timed_case& c : cases) {
            const auto ns = find(c.name());
            if (!ns || c.plain) continue;
            const double ms = 1e-6 * *ns * static_cast<double>(c.size() * c.iterations);
            const auto plain = find(c.of_plain().name()), alone = find(c.with_threads(1).name());
            std::printf("%-17s %-6s %-12s %6s %7zu %-10s %9.3f %8.3f %8s %7s %8s\n", to_string(c.what),
                        c.scalar().c_str(), c.shape_text().c_str(), c.iterations_text().c_str(), c.threads,
                        c.tile().c_str(), ms, *ns, text(bytes_of_triad(c, *ns)).c_str(),
                        text(c.threads == 1 && plain ? std::optional(*plain / *ns) : std::nullopt).c_str(),
                        text(c.threads > 1 && alone ? std::optional(*alone / *ns) : std::nullopt).c_str());
        }
    }

private:
    std::optional<double> find(const std::string& name) const {
        const auto at = ns_.find(name);
        return at == ns_.end() ? std::nullopt : std::optional(at->second);
    }

    std::optional<double> bytes_of_triad(const timed_case& c, double ns) const {
        double best = 0;
        for (const char* when : {"start", "end"}) {
            const auto at = triad_.find(triad_name(when, c.in_double, c.threads));
            if (at != triad_.end()) best = std::max(best, at->second);
        }
        return best > 0 ? std::optional(1e-9 * ns * best) : std::nullopt;
    }

    static std::string text(const std::optional<double>& number) {
        if (!number) return "-";
        char buffer[32];
        std::snprintf(buffer, sizeof(buffer), "%.2f", *number);
        return buffer;
    }

    std::map<std::string, double> ns_, triad_;  // of repetitions, the best
};

}  // namespace bench
