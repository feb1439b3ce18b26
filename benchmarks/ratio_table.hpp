// A console reporter that keeps every time and at the end says how much faster each case is than the plain formulation
// of the same case in the same run.
#pragma once

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

// Cases are named <what>/ours/<case>/<n>thread and <what>/plain/<case>/1thread.
class ratio_table : public benchmark::ConsoleReporter {
public:
    ratio_table() : ConsoleReporter(OO_Tabular) {}

    void ReportRuns(const std::vector<Run>& runs) override {
        ConsoleReporter::ReportRuns(runs);
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
            const std::string& name = run.run_name.function_name;
            const double seconds = run.real_accumulated_time / static_cast<double>(run.iterations);
            const auto [at, is_new] = seconds_.try_emplace(name, seconds);
            if (is_new) names_.push_back(name);
            at->second = std::min(at->second, seconds);
        }
    }

    // One line a case of ours that has its plain counterpart; of repetitions the fastest counts.
    void print() const {
        std::printf("\n%-44s %12s %12s %9s\n", "case", "ours", "plain", "ratio");
        for (const std::string& name : names_) {
            const auto plain = seconds_.find(plain_name(name));
            if (plain == seconds_.end() || plain->first == name) continue;
            const double ours = seconds_.at(name);
            std::printf("%-44s %9.3f ms %9.3f ms %8.2fx\n", name.c_str(), 1e3 * ours, 1e3 * plain->second,
                        plain->second / ours);
        }
    }

private:
    static std::string plain_name(std::string name) {
        const std::string ours = "/ours/";
        const auto at = name.find(ours);
        if (at == std::string::npos) return name;
        name.replace(at, ours.size(), "/plain/");
        return name.substr(0, name.rfind('/')) + "/1thread";
    }

    std::vector<std::string> names_;
    std::map<std::string, double> seconds_;
};
