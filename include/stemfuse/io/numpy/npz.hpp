// Sets of named arrays in numpy's .npz format (a zip archive of .npy members), in and out, through libzip.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zip.h>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/numpy/npy.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

struct discard_zip {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct close_zip_member {
    void operator()(zip_file_t* member) const { zip_fclose(member); }
};
using zip_handle = std::unique_ptr<zip_t, discard_zip>;

inline zip_handle open_zip(const std::filesystem::path& path, int flags, std::string& reason) {
    int code = 0;
    zip_handle archive(zip_open(path.string().c_str(), flags, &code));
    if (!archive) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        reason = zip_error_strerror(&error);
        zip_error_fini(&error);
    }
    return archive;
}

// An archive in memory, which must outlive it.
inline zip_handle open_zip(std::span<const std::byte> bytes, std::string& reason) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    zip_handle archive(source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error));
    if (!archive) {
        reason = zip_error_strerror(&error);
        zip_source_free(source);
    }
    zip_error_fini(&error);
    return archive;
}

}  // namespace detail

/// One member of an archive, inflated as it is read. The archive must outlive it.
class npz_member_source {
public:
    /// Opens member number `index` of an archive of `archive_size` bytes; `path` is for messages. Throws read_error
    /// where its directory entry cannot be true.
    npz_member_source(zip_t* archive, zip_uint64_t index, std::uint64_t archive_size, const std::filesystem::path& path)
        : path_(path), name_(zip_get_name(archive, index, 0)) {
        zip_stat_t stat;
        zip_stat_init(&stat);
        constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
        if (zip_stat_index(archive, index, 0, &stat) != 0 || (stat.valid & needed) != needed) {
            fail("has no size in the archive's directory");
        }
        // Deflate shrinks at most 1032-fold: more is not there, whatever the directory says.
        if (stat.comp_size > archive_size) fail("announces more compressed bytes than the archive has");
        if (stat.size / 1032 > stat.comp_size) fail("announces more bytes than its compressed data can give");
        remaining_ = stat.size;
        member_.reset(zip_fopen_index(archive, index, 0));
        if (!member_) fail(std::string("cannot be read: ") + zip_strerror(archive));
    }

    /// The next bytes, inflated; returns how many. Throws read_error where the data are damaged.
    std::size_t read(std::span<std::byte> buffer) {
        const zip_int64_t count = zip_fread(member_.get(), buffer.data(), buffer.size());
        if (count < 0) {
            fail(std::string("cannot be read: ") + zip_error_strerror(zip_file_get_error(member_.get())));
        }
        remaining_ -= std::min(static_cast<std::uint64_t>(count), remaining_);
        return static_cast<std::size_t>(count);
    }
    /// How many inflated bytes are left, by the archive's directory.
    std::uint64_t remaining() const { return remaining_; }
    /// Passes over n bytes, which must be inflated for it. Throws read_error.
    void skip(std::uint64_t n) {
        std::vector<std::byte> sink(1 << 16);
        while (n > 0) {
            const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(n, sink.size()));
            const std::size_t count = read(std::span(sink).first(step));
            if (count == 0) return;
            n -= count;
        }
    }
    /// Reads to the end, where libzip compares the checksum.
    void finish() {
        skip(remaining_);
        std::array<std::byte, 1> beyond;
        if (read(beyond) > 0) fail("has more bytes than the archive announces");
    }
    /// Throws read_error that names the archive and the member.
    [[noreturn]] void fail(std::string_view message) const {
        throw read_error(path_.string(), name_ + " " + std::string(message));
    }

private:
    std::filesystem::path path_;
    std::string name_;
    std::uint64_t remaining_ = 0;
    std::unique_ptr<zip_file_t, detail::close_zip_member> member_;
};

/// Reads a .npz file. Throws read_error for what is no whole zip archive, and for one without arrays.
class npz_reader {
public:
    /// Opens a file. Throws read_error, see the class.
    explicit npz_reader(const std::filesystem::path& path) : path_(path), size_(input_file_size(path)) {
        std::string reason;
        archive_ = detail::open_zip(path, ZIP_RDONLY, reason);
        require_arrays(reason);
    }
    /// Opens an archive in memory, which must outlive the reader. Throws read_error.
    explicit npz_reader(const memory_input& input) : path_(input.name), size_(input.bytes.size()) {
        std::string reason;
        archive_ = detail::open_zip(input.bytes, reason);
        require_arrays(reason);
    }

    /// The names of all members, without ".npy".
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for_each_array([&](zip_uint64_t, const std::string& name) { names.push_back(name); });
        return names;
    }

    /// The numeric arrays of any rank. Throws read_error where a member's header is damaged.
    std::vector<array_info> arrays() const {
        std::vector<array_info> found;
        for_each_array([&](zip_uint64_t index, const std::string& name) {
            npz_member_source source(archive_.get(), index, size_, path_);
            const npy_header header = read_npy_header(source);
            if (header.type) found.push_back({name, header.shape, type_name(header), ""});
        });
        return found;
    }

    /// One member, before its numbers are read.
    struct member_header {
        std::string name;   ///< of the array: without .npy
        npy_header header;  ///< type, order and shape
    };

    /// The headers of all members, also of those that hold no numbers. Throws read_error where one is damaged.
    std::vector<member_header> members() const {
        std::vector<member_header> found;
        for_each_array([&](zip_uint64_t index, const std::string& name) {
            npz_member_source source(archive_.get(), index, size_, path_);
            found.push_back({name, read_npy_header(source)});
        });
        return found;
    }

    /// The bytes of an array, from its header on. Throws read_error where there is none of that name.
    npz_member_source open(std::string_view name) const { return member(name); }

    /// The numbers of an array of up to `most`; empty where it has more.
    std::vector<double> read_numbers_of(std::string_view name, std::size_t most) const {
        npz_member_source source = member(name);
        const npy_header header = read_npy_header(source);
        std::vector<double> numbers;
        if (!header.type || header.count().value() > most) return numbers;
        read_numbers<double>(source, *header.type, *header.count(),
                             [&](std::uint64_t, double v) { numbers.push_back(v); });
        return numbers;
    }

    /// The texts of an array of texts, up to 4096 of up to 256 characters, in ASCII; empty for any other.
    std::vector<std::string> read_texts(std::string_view name) const {
        npz_member_source source = member(name);
        const npy_header header = read_npy_header(source);
        const auto kind = header.descr.find_first_of("US");
        const std::uint64_t count = header.count().value_or(0);
        if (header.type || kind == std::string::npos || kind > 1 || count > 4096) return {};
        std::size_t length = 0;
        for (const char c : header.descr.substr(kind + 1, 4)) length = 10 * length + static_cast<std::size_t>(c - '0');
        if (length == 0 || length > 256) return {};
        const std::size_t bytes = header.descr[kind] == 'U' ? 4 : 1, low = header.descr[0] == '>' ? bytes - 1 : 0;
        std::vector<std::string> texts;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto raw = read_exactly(source, length * bytes);
            std::string& text = texts.emplace_back();
            for (std::size_t k = 0; k < length; ++k) {
                const char c = static_cast<char>(raw[k * bytes + low]);
                if (c != '\0') text += c;
            }
        }
        return texts;
    }

    /// The text of a member that is no array, up to 1 MiB; empty where there is none.
    std::string text_of(const std::string& name) const {
        const zip_int64_t index = zip_name_locate(archive_.get(), name.c_str(), 0);
        if (index < 0) return "";
        npz_member_source source(archive_.get(), static_cast<zip_uint64_t>(index), size_, path_);
        if (source.remaining() > (1 << 20)) return "";
        const auto bytes = read_exactly(source, source.remaining());
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    /// The array `name`, with or without ".npy"; see read_npy. Throws read_error, also where there is none of that
    /// name.
    template <scalar T, std::size_t N>
    xt::xtensor<T, N> read(std::string_view name) const {
        npz_member_source source = member(name);
        return read_npy<T, N>(source);
    }

    /// The image `name`, or a slice of the three-dimensional array `name`; see read_npy_image.
    template <scalar T>
    xt::xtensor<T, 2> read_image(std::string_view name, std::size_t slice = 0) const {
        npz_member_source source = member(name);
        return read_npy_image<T>(source, slice);
    }

private:
    void require_arrays(const std::string& reason) const {
        if (!archive_) throw read_error(path_.string(), "cannot be read as npz: " + reason);
        if (names().empty()) throw read_error(path_.string(), "is a zip archive without .npy members: unpack it first");
    }

    template <class F>
    void for_each_array(F&& f) const {
        const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
        for (zip_int64_t i = 0; i < count; ++i) {
            const auto index = static_cast<zip_uint64_t>(i);
            const char* const text = zip_get_name(archive_.get(), index, 0);
            const std::string name = text == nullptr ? "" : text;
            if (name.ends_with(".npy")) f(index, name.substr(0, name.size() - 4));
        }
    }

    npz_member_source member(std::string_view name) const {
        for (const std::string& candidate : {std::string(name) + ".npy", std::string(name)}) {
            const zip_int64_t index = zip_name_locate(archive_.get(), candidate.c_str(), 0);
            if (index >= 0) return {archive_.get(), static_cast<zip_uint64_t>(index), size_, path_};
        }
        throw read_error(path_.string(), "has no array \"" + std::string(name) + "\", has " + joined(names()));
    }

    std::filesystem::path path_;
    std::uint64_t size_;
    detail::zip_handle archive_;
};

/// How the members of a .npz file are stored: as they are, or deflated.
enum class npz_storage { stored, deflated };

/// Writes a .npz file array by array; it appears with commit(), whole or not at all. The same arrays give the same
/// bytes.
class npz_writer {
public:
    /// Throws write_error where the file cannot be written.
    explicit npz_writer(const std::filesystem::path& path, npz_storage storage = npz_storage::deflated)
        : file_(path), storage_(storage) {
        std::string reason;
        archive_ = detail::open_zip(file_.temporary(), ZIP_CREATE | ZIP_TRUNCATE, reason);
        if (!archive_) file_.fail("cannot be written: " + reason);
    }

    /// Adds an array of float or double of any rank. Throws value_error where the name is there already.
    template <class A>
    void add(const std::string& name, const A& array) {
        const std::string member = name + ".npy";
        if (zip_name_locate(archive_.get(), member.c_str(), 0) >= 0) {
            throw value_error("name", is_but_must_be(name, "a name that is not in the archive yet"));
        }
        const std::string& bytes = members_.emplace_back(npy_bytes(array));
        zip_source_t* const source = zip_source_buffer(archive_.get(), bytes.data(), bytes.size(), 0);
        const zip_int64_t index = zip_file_add(archive_.get(), member.c_str(), source, ZIP_FL_ENC_UTF_8);
        if (index < 0) {
            zip_source_free(source);
            fail();
        }
        const auto added = static_cast<zip_uint64_t>(index);
        const bool deflated = storage_ == npz_storage::deflated;
        constexpr zip_uint16_t first_of_january_1980 = 1 << 5 | 1;
        constexpr zip_uint32_t level = 3;  // half the time of zlib's 6 on fused maps, and 3% more bytes
        if (zip_set_file_compression(archive_.get(), added, deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                                     deflated ? level : 0) != 0 ||
            zip_file_set_dostime(archive_.get(), added, 0, first_of_january_1980, 0) != 0) {
            fail();
        }
    }

    /// Throws write_error, e.g. for a full disk.
    void commit() {
        if (zip_close(archive_.get()) != 0) fail();
        static_cast<void>(archive_.release());  // closing has freed it
        file_.commit();
    }

private:
    [[noreturn]] void fail() const { file_.fail(std::string("cannot be written: ") + zip_strerror(archive_.get())); }

    atomic_file file_;
    npz_storage storage_;
    std::list<std::string> members_;  // libzip reads them in commit()
    detail::zip_handle archive_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
