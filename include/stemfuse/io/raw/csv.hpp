// Maps as tables of numbers in text, as AZtec and EDAX TSL export them: a row of pixels a line.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/base/number_table.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Reads a table of numbers: one image by the file's name. Lines before the first one of numbers are a heading; then
/// all have to have as many numbers. Throws read_error for any other text.
template <class Input = file_input>
class csv_reader {
public:
    /// Counts rows and columns; read() parses the numbers again, so that none are kept. Throws read_error for what is
    /// no table.
    explicit csv_reader(Input input) : input_(std::move(input)) {
        std::size_t rows = 0, columns = 0;
        for_lines([&](std::string_view line) {
            const auto count = detail::numbers_of_line(line, [](std::size_t, double) {});
            if (rows == 0 && (!count || *count < 2)) return;  // of the heading
            if (count == std::size_t(0)) return;
            if (rows > 0 && count != columns)
                input_.open().fail("row " + std::to_string(rows) + " of its table has " +
                                   (count ? std::to_string(*count) + " numbers" : "what is no number") +
                                   ", must have " + std::to_string(columns) + " numbers");
            columns = *count, ++rows;
        });
        if (rows < 2) input_.open().fail("has " + std::to_string(rows) + " rows of numbers, must have 2 or more");
        contents_.format = "table of numbers";
        image_info image;
        image.name = image.label = one_line(input_.stem());
        image.element = element_of(image.label);
        image.shape = {rows, columns};
        image.type = "text";
        contents_.images.push_back(std::move(image));
    }

    /// The one image.
    const file_contents& contents() const { return contents_; }

    /// The image of contents(), shape (n_y, n_x). Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice = frame_choice::mean) const {
        xt::xtensor<T, 2> out(image.shape);
        std::size_t row = 0;
        for_lines([&](std::string_view line) {
            const auto count = detail::numbers_of_line(line, [](std::size_t, double) {});
            if (row == image.shape[0] || count != image.shape[1]) return;
            detail::numbers_of_line(line, [&](std::size_t x, double v) { out(row, x) = static_cast<T>(v); });
            ++row;
        });
        return out;
    }

private:
    // Calls f with every line, read in parts of 64 KiB; a longer line than 16 MiB belongs to no table.
    template <class F>
    void for_lines(F&& f) const {
        constexpr std::size_t part = 1 << 16, longest = 1 << 24;
        auto source = input_.open();
        std::string buffer;
        for (;;) {
            const std::size_t had = buffer.size();
            buffer.resize(had + part);
            buffer.resize(had + source.read(std::as_writable_bytes(std::span(buffer).subspan(had))));
            std::size_t at = 0;
            for (std::size_t end; (end = buffer.find('\n', at)) != std::string::npos; at = end + 1)
                f(std::string_view(buffer).substr(at, end - at));
            const bool ended = buffer.size() == had;
            buffer.erase(0, at);
            if (buffer.size() > longest) source.fail("has a line of more than 16 MiB");
            if (!ended) continue;
            if (!buffer.empty()) f(std::string_view(buffer));
            return;
        }
    }

    Input input_;
    file_contents contents_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
