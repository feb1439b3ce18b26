// The element that a label of an image names.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/elements/elements.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

inline std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    return lower;
}

// Where a symbol is in the list of elements, counted from 1; 0 for any other word.
inline std::size_t number_of_symbol(std::string_view word) {
    const auto found = std::find(element_symbols.begin(), element_symbols.end(), word);
    return found == element_symbols.end() ? 0
                                          : static_cast<std::size_t>(std::distance(element_symbols.begin(), found)) + 1;
}

// Symbols of atomic numbers; empty where one is none.
inline std::vector<std::string> symbols_of(const std::vector<double>& numbers) {
    std::vector<std::string> symbols;
    for (const double z : numbers) {
        if (!(z >= 1 && z <= static_cast<double>(element_symbols.size()) && z == std::floor(z))) return {};
        symbols.emplace_back(element_symbols[static_cast<std::size_t>(z) - 1]);
    }
    return symbols;
}

inline std::vector<std::string_view> label_words(std::string_view label) {
    constexpr std::string_view separators = " _-.:/\\()[]=\"'%\t";
    std::vector<std::string_view> words;
    while (!label.empty()) {
        const auto begin = std::min(label.find_first_not_of(separators), label.size());
        label.remove_prefix(begin);
        const std::string_view word = label.substr(0, label.find_first_of(separators));
        if (!word.empty()) words.push_back(word);
        label.remove_prefix(word.size());
    }
    return words;
}

// "K", "Ka", "La1", "Lb1,2", "L2,3", "K" with a Greek letter: a line or a shell.
inline bool is_line(std::string_view word) {
    if (word.empty() || std::string_view("KLMN").find(word[0]) == std::string_view::npos) return false;
    word.remove_prefix(1);
    for (const std::string_view greek : {"\u03b1", "\u03b2", "\u03b3", "\u03b6", "\u03b7", "alpha", "beta", "gamma"}) {
        if (word.starts_with(greek))
            return word.find_first_not_of("0123456789,+\xce\xb1\xb2", greek.size()) == word.npos;
    }
    if (!word.empty() && std::string_view("abgznl").find(word[0]) != std::string_view::npos) word.remove_prefix(1);
    return word.find_first_not_of("0123456789,+") == std::string_view::npos;
}

// Whether element number z has lines of a shell: no "C L" and no "O M".
inline bool has_shell(std::size_t z, char shell) {
    return z >= (shell == 'K' ? 3u : shell == 'L' ? 11u : shell == 'M' ? 19u : 37u);
}

// Words beside a symbol that say what of the element an image shows.
inline bool tells_of_a_map(std::string_view word) {
    constexpr std::array<std::string_view, 47> words{
        "eels",       "eds",           "edx",      "xeds",      "map",        "maps",
        "counts",     "count",         "net",      "at",        "wt",         "atomic",
        "weight",     "mass",          "percent",  "of",        "intensity",  "intensities",
        "element",    "elemental",     "signal",   "extracted", "image",      "quant",
        "quantified", "concentration", "the",      "x",         "ray",        "xray",
        "line",       "window",        "integral", "area",      "peak",       "raw",
        "fraction",   "ratio",         "series",   "edge",      "integrated", "norm",
        "normalized", "normalised",    "stem",     "tem",       "sem"};
    const std::string lower = lower_case(word);
    return std::find(words.begin(), words.end(), lower) != words.end() ||
           word.find_first_not_of("0123456789,") == std::string_view::npos;
}

inline bool tells_of_no_map(std::string_view word) {
    constexpr std::array<std::string_view, 9> words{"background", "bkg",   "bg",          "residual", "residuals",
                                                    "error",      "sigma", "uncertainty", "noise"};
    const std::string lower = lower_case(word);
    return std::find(words.begin(), words.end(), lower) != words.end();
}

// "Fe" of "FeKa", "FeK": a symbol of two letters and a line, or of one letter and a line with its letter, as one word.
inline std::string_view symbol_before_line(std::string_view word) {
    for (const std::size_t n : {2u, 1u}) {
        if (word.size() <= n) continue;
        const std::size_t z = number_of_symbol(word.substr(0, n));
        const std::string_view line = word.substr(n);
        if (z > 0 && (n == 2 || line.size() > 1) && is_line(line) && has_shell(z, line[0])) return word.substr(0, n);
    }
    return {};
}

// How likely a label is that of the HAADF image: 0 where it does not say so.
inline int haadf_rank(std::string_view text) {
    const std::string label = lower_case(text);
    if (label == "haadf") return 5;
    if (label.find("haadf") != std::string::npos) return 4;
    if (label.find("adf") != std::string::npos) return 3;
    if (label.starts_with("df") || label.find("dark") != std::string::npos) return 2;
    return 0;
}

}  // namespace detail

/// The element that a label names: by a line or shell after a symbol ("Co_K", "O Ka1", "Map: Pt-L", "Extracted Signal
/// (O K)", "X-ray line intensity of EDS: Fe_Ka at 6.40 keV", "FeKa"), or by a symbol beside words that tell of a map
/// ("Ti map", "Fe-EELS", "atomic percent of Fe"). Empty for any other text ("In focus" is no indium), for a label of
/// several elements, and for that of a background or an error.
inline std::string element_of(std::string_view label) {
    using namespace detail;
    const auto words = label_words(label);
    if (words.empty() || std::any_of(words.begin(), words.end(), tells_of_no_map)) return "";
    std::vector<std::string_view> of_lines, alone;
    bool others_tell = true;
    const auto add = [](std::vector<std::string_view>& list, std::string_view symbol) {
        if (std::find(list.begin(), list.end(), symbol) == list.end()) list.push_back(symbol);
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::size_t z = number_of_symbol(words[i]);
        if (z > 0 && i + 1 < words.size() && is_line(words[i + 1]) && has_shell(z, words[i + 1][0])) {
            add(of_lines, words[i]);
            ++i;
        } else if (const std::string_view symbol = symbol_before_line(words[i]); z == 0 && !symbol.empty()) {
            add(of_lines, symbol);
        } else if (words[i] == "At" && words.size() > 1) {  // "Fe At%": atomic per cent, no astatine
            continue;
        } else if (z > 0 && lower_case(words[i]) != "x") {
            add(alone, words[i]);
        } else {
            others_tell = others_tell && tells_of_a_map(words[i]);
        }
    }
    if (!of_lines.empty()) return of_lines.size() == 1 ? std::string(of_lines[0]) : "";
    if (alone.size() != 1) return "";
    if (alone[0] == "No" && words.size() > 1) return "";  // "No 1" counts images; nobelium is in no specimen
    const bool first_two = words[0] == alone[0] && words.size() > 1 && tells_of_a_map(words[1]);
    return others_tell || first_two ? std::string(alone[0]) : "";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
