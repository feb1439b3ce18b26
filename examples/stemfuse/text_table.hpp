// A table for a terminal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/io/base/text_sinks.hpp>

namespace program {

// Rows of cells, the first row the header; columns are as wide as their widest cell, two spaces apart. Cells of digits
// stand to the right. Empty for no rows.
inline std::string text_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    std::vector<bool> numbers;
    const auto is_number = [](const std::string& cell) {
        return !cell.empty() && cell.find_first_not_of("0123456789.+- e%") == std::string::npos;
    };
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        numbers.resize(widths.size(), true);
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
            if (&row != &rows.front() && !is_number(row[i])) numbers[i] = false;
        }
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string gap(widths[i] - row[i].size(), ' '), cell = stemfuse::io::terminal_text(row[i]);
            line += (i == 0 ? "" : "  ") + (numbers[i] ? gap + cell : cell + gap);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace program
