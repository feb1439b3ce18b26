// What the command line says: parsed here, checked before anything is read.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/terms/haadf_response.hpp>

namespace program {

// A mistake on the command line; main() ends with exit code 2.
class usage_error : public stemfuse::error {
public:
    using error::error;
};

inline constexpr std::array<std::pair<std::string_view, stemfuse::tv_algorithm>, 3> tv_algorithm_names{
    {{"fgp", stemfuse::tv_algorithm::fgp},
     {"gp", stemfuse::tv_algorithm::gp},
     {"chambolle", stemfuse::tv_algorithm::chambolle}}};

inline constexpr std::array<std::pair<std::string_view, stemfuse::tv_norm>, 2> tv_norm_names{
    {{"isotropic", stemfuse::tv_norm::isotropic}, {"anisotropic", stemfuse::tv_norm::anisotropic}}};

inline constexpr std::array<std::pair<std::string_view, std::size_t>, 2> precision_names{
    {{"float", sizeof(float)}, {"double", sizeof(double)}}};

template <class Names>
std::string joined_names(const Names& names) {
    std::string text;
    for (const auto& entry : names) text += (text.empty() ? "" : ", ") + std::string(entry.first);
    return text;
}

// The value that `text` names. Throws usage_error with the names there are.
template <class Names>
auto by_name(const Names& names, const std::string& text, const std::string& option) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == text; });
    if (found == names.end()) throw usage_error(option + ": got \"" + text + "\", takes one of " + joined_names(names));
    return found->second;
}

// One map to fuse: the name of its data set in the file, and its element.
struct element_source {
    std::string data_set, symbol;
};

// The published recipe; the defaults are the tutorial's for DyScO3.
struct recipe_options {
    double gamma = 1.6;
    std::string weights = "z-over-mean";
    double lambda_chemical = 0.08;
    double lambda_tv = 0.15;
    double background = 0.24;
    std::size_t iterations = 30;
    std::string tv = "fgp";
    std::string tv_norm = "isotropic";
    std::size_t tv_iterations = 3;
    double start_threshold = 0;
    std::string precision = "float";
    std::size_t threads = 0;
};

struct output_options {
    std::string folder;
    bool quiet = false;
};

// "Sc,Dy,O" or "NAME=Symbol,...". Throws usage_error for an empty or repeated entry and an unknown symbol.
inline std::vector<element_source> parse_elements(const std::vector<std::string>& entries) {
    std::vector<element_source> elements;
    for (const std::string& entry : entries) {
        const auto equals = entry.rfind('=');
        element_source e{entry.substr(0, equals), equals == std::string::npos ? entry : entry.substr(equals + 1)};
        if (e.data_set.empty() || e.symbol.empty()) {
            throw usage_error("--elements: got \"" + entry + "\", takes symbols or NAME=Symbol, separated by commas");
        }
        try {
            stemfuse::atomic_number(e.symbol);
        } catch (const stemfuse::value_error& unknown) {
            throw usage_error(
                "--" + std::string(unknown.what()) +
                (equals == std::string::npos ? "; a data set of another name is given as NAME=Symbol" : ""));
        }
        for (const auto& earlier : elements) {
            if (earlier.symbol == e.symbol)
                throw usage_error("--elements: got " + e.symbol + " twice, takes each element once");
        }
        elements.push_back(std::move(e));
    }
    if (elements.empty()) throw usage_error("--elements: got none, takes one symbol or more, such as Sc,Dy,O");
    return elements;
}

// Checks every number and name. Throws usage_error that names the option.
inline void check(const recipe_options& o) {
    const auto checked = [](auto&& check) {
        try {
            check();
        } catch (const stemfuse::value_error& e) {
            throw usage_error(e.what());
        }
    };
    const auto in_range = [&](double value, double lowest, double highest, const char* option) {
        checked([&] { stemfuse::require_in_range(value, lowest, highest, option); });
    };
    in_range(o.gamma, 1, 3, "--gamma");
    checked([&] { stemfuse::require_non_negative(o.lambda_chemical, "--lambda-chemical"); });
    checked([&] { stemfuse::require_non_negative(o.lambda_tv, "--lambda-tv"); });
    in_range(static_cast<double>(o.iterations), 1, 1e9, "--iterations");
    in_range(static_cast<double>(o.tv_iterations), 1, 1e9, "--tv-iterations");
    in_range(static_cast<double>(o.threads), 0, 1024, "--threads");
    in_range(o.start_threshold, 0, 1, "--start-threshold");
    if (!(o.background > 0 && std::isfinite(o.background))) {
        throw usage_error("--background: got " + stemfuse::to_string(o.background) +
                          ", takes a number above 0: maps scaled to [0, 1] have pixels without counts");
    }
    by_name(stemfuse::weighting_names, o.weights, "--weights");
    by_name(tv_algorithm_names, o.tv, "--tv");
    by_name(tv_norm_names, o.tv_norm, "--tv-norm");
    by_name(precision_names, o.precision, "--precision");
}

}  // namespace program
