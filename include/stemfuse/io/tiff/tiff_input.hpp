// A TIFF file that libtiff reads from any of our inputs, keeping its messages.
#pragma once

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tiffio.h>

#include <stemfuse/io/base/byte_source.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// An input as libtiff reads it: any part at any time, by sources that only go forwards.
template <class Input>
class tiff_stream {
public:
    explicit tiff_stream(const Input& input) : input_(input), source_(input.open()), size_(source_.remaining()) {}

    tmsize_t read(void* to, tmsize_t count) {
        if (count <= 0 || at_ > size_) return 0;
        const std::uint64_t here = size_ - source_.remaining();
        if (here > at_) source_ = input_.open();
        source_.skip(at_ - (here > at_ ? 0 : here));
        const std::size_t got = source_.read({static_cast<std::byte*>(to), static_cast<std::size_t>(count)});
        at_ += got;
        return static_cast<tmsize_t>(got);
    }
    toff_t seek(toff_t offset, int from) {
        at_ = from == SEEK_SET ? offset : from == SEEK_CUR ? at_ + offset : size_ + offset;
        return at_;
    }
    std::uint64_t size() const { return size_; }

private:
    Input input_;
    decltype(std::declval<const Input&>().open()) source_;
    std::uint64_t size_, at_ = 0;
};

struct close_read_tiff {
    void operator()(TIFF* file) const { TIFFClose(file); }
};

// An open TIFF file that keeps libtiff's first message and prints none.
template <class Input>
class open_tiff {
public:
    explicit open_tiff(const Input& input) : stream_(input) {
        using stream = tiff_stream<Input>;
        const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                                   TIFFOpenOptionsFree);
        const auto keep = [](TIFF*, void* first, const char*, const char* format, va_list values) -> int {
            std::array<char, 256> text{};
            std::vsnprintf(text.data(), text.size(), format, values);
            if (static_cast<std::string*>(first)->empty()) *static_cast<std::string*>(first) = text.data();
            return 1;
        };
        TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep, &reason_);
        TIFFOpenOptionsSetWarningHandlerExtR(
            options.get(), [](TIFF*, void*, const char*, const char*, va_list) -> int { return 1; }, nullptr);
        TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_memory(stream_.size()));
        file_.reset(TIFFClientOpenExt(
            "input", "rm", &stream_,
            [](thandle_t s, void* to, tmsize_t n) { return static_cast<stream*>(s)->read(to, n); },
            [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; },
            [](thandle_t s, toff_t offset, int from) { return static_cast<stream*>(s)->seek(offset, from); },
            [](thandle_t) { return 0; }, [](thandle_t s) -> toff_t { return static_cast<stream*>(s)->size(); },
            [](thandle_t, void**, toff_t*) { return 0; }, [](thandle_t, void*, toff_t) {}, options.get()));
    }
    open_tiff(const open_tiff&) = delete;
    open_tiff& operator=(const open_tiff&) = delete;

    TIFF* get() const { return file_.get(); }
    std::uint64_t size() const { return stream_.size(); }
    bool failed() const { return !reason_.empty(); }
    std::string reason() const { return reason_.empty() ? "libtiff gives no reason" : reason_; }

    // Bytes of the file; fewer at its end.
    std::vector<std::uint8_t> bytes_at(std::uint64_t offset, std::size_t count) {
        std::vector<std::uint8_t> bytes(count);
        stream_.seek(offset, SEEK_SET);
        bytes.resize(static_cast<std::size_t>(stream_.read(bytes.data(), static_cast<tmsize_t>(count))));
        return bytes;
    }

    // Whether the file ends before the link that follows the entries of the current directory; libtiff then takes the
    // directory for the last.
    bool ends_before_link() {
        const bool big = TIFFIsBigTIFF(get()) != 0;
        const std::uint64_t at = TIFFCurrentDirOffset(get()), entry_bytes = big ? 20 : 12, link_bytes = big ? 8 : 4;
        std::array<std::byte, 8> raw{};
        const std::size_t count_bytes = big ? 8 : 2;
        stream_.seek(at, SEEK_SET);
        stream_.read(raw.data(), static_cast<tmsize_t>(count_bytes));
        std::uint64_t entries = 0;
        for (std::size_t i = 0; i < count_bytes; ++i)
            entries |= std::to_integer<std::uint64_t>(raw[i]) << 8 * (TIFFIsBigEndian(get()) ? count_bytes - 1 - i : i);
        return entries > size() / entry_bytes || at + count_bytes + entries * entry_bytes + link_bytes > size();
    }

    // What compressed data of a file can become at most (deflate: 1032-fold, and a buffer that libtiff rounds up).
    static tmsize_t most_memory(std::uint64_t file_size) {
        return static_cast<tmsize_t>(std::min<std::uint64_t>(1032 * file_size + 65536, std::uint64_t(1) << 40));
    }

private:
    tiff_stream<Input> stream_;
    std::string reason_;
    std::unique_ptr<TIFF, close_read_tiff> file_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
