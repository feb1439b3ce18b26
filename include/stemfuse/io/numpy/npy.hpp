// Arrays in numpy's .npy format, in and out.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/stored_numbers.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/numpy/npy_header.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// The row-major places of an array's elements in column-major order.
template <std::size_t N>
class fortran_counter {
public:
    explicit fortran_counter(const std::array<std::size_t, N>& shape) : shape_(shape) {
        std::size_t stride = 1;
        for (std::size_t d = N; d-- > 0; stride *= shape[d]) strides_[d] = stride;
    }
    std::size_t next() {
        const std::size_t here = place_;
        for (std::size_t d = 0; d < N; ++d) {
            place_ += strides_[d];
            if (++index_[d] < shape_[d]) break;
            place_ -= strides_[d] * shape_[d];
            index_[d] = 0;
        }
        return here;
    }

private:
    std::array<std::size_t, N> shape_, strides_{}, index_{};
    std::size_t place_ = 0;
};

template <byte_source S>
void require_numbers(S& source, const npy_header& header) {
    if (!header.type) {
        source.fail("holds dtype " + shown_text(header.descr) +
                    ", must hold bool, integers, or floats of 16, 32 or 64 bits");
    }
}

// The elements after a header as an array of the header's shape.
template <scalar T, std::size_t N, byte_source S>
xt::xtensor<T, N> read_npy_elements(S& source, const npy_header& header) {
    require_numbers(source, header);
    if (header.shape.size() != N) {
        source.fail("has shape " + to_string(header.shape) + ", must have " + std::to_string(N) + " dimensions");
    }
    std::array<std::size_t, N> shape;
    for (std::size_t d = 0; d < N; ++d) shape[d] = header.shape[d];
    xt::xtensor<T, N> out(shape);
    if (header.fortran_order) {
        fortran_counter<N> place(shape);
        read_numbers<T>(source, *header.type, out.size(), [&](std::uint64_t, T v) { out.data()[place.next()] = v; });
    } else {
        read_numbers<T>(source, *header.type, out.size(), [&](std::uint64_t i, T v) { out.data()[i] = v; });
    }
    source.finish();
    return out;
}

// Slice number `slice` along the first axis of a column-major array, picked from all of its elements.
template <scalar T, byte_source S>
xt::xtensor<T, 2> read_npy_fortran_slice(S& source, const npy_header& header, std::size_t slice) {
    const std::size_t n = header.shape[0], ny = header.shape[1], nx = header.shape[2];
    xt::xtensor<T, 2> out(image_shape{ny, nx});
    fortran_counter<3> place({n, ny, nx});
    read_numbers<T>(source, *header.type, header.count().value(), [&](std::uint64_t, T v) {
        const std::size_t k = place.next();
        if (k / (ny * nx) == slice) out.data()[k % (ny * nx)] = v;
    });
    source.finish();
    return out;
}

}  // namespace detail

/// The array of N dimensions at the start of `source`, converted to T (integers above 2^53, and what float cannot hold,
/// are rounded). Bytes after it are ignored, as numpy does, which lets several arrays follow one another in a file.
/// Throws read_error for anything but a whole numeric array of N dimensions; NaN and infinity are let through.
template <scalar T, std::size_t N, byte_source S>
xt::xtensor<T, N> read_npy(S& source) {
    const npy_header header = read_npy_header(source);
    return detail::read_npy_elements<T, N>(source, header);
}

/// The same for a file at a path. Throws read_error.
template <scalar T, std::size_t N>
xt::xtensor<T, N> read_npy(const std::filesystem::path& path) {
    file_source source(path);
    return read_npy<T, N>(source);
}

/// The image (n_y, n_x) in a two-dimensional array, or slice number `slice` along the first axis of a three-dimensional
/// one. Throws read_error as read_npy, and where there is no such slice.
template <scalar T, byte_source S>
xt::xtensor<T, 2> read_npy_image(S& source, std::size_t slice = 0) {
    npy_header header = read_npy_header(source);
    const std::size_t rank = header.shape.size();
    if (rank != 3) return detail::read_npy_elements<T, 2>(source, header);
    detail::require_numbers(source, header);
    if (slice >= header.shape[0]) {
        source.fail("has shape " + to_string(header.shape) + ", no slice " + std::to_string(slice));
    }
    if (header.fortran_order) return detail::read_npy_fortran_slice<T>(source, header, slice);
    header.shape.erase(header.shape.begin());
    source.skip(slice * header.count().value() * header.type->size);
    return detail::read_npy_elements<T, 2>(source, header);
}

/// An array of float or double of any rank as the bytes of a .npy file, version 1.0, in C order.
template <class A>
    requires stemfuse::detail::xexpression<A> && scalar<value_type_t<A>>
std::string npy_bytes(const A& array) {
    using T = value_type_t<A>;
    std::string shape;
    for (const auto extent : array.shape()) shape += std::to_string(extent) + ", ";
    shape.resize(shape.size() - std::min<std::size_t>(array.dimension(), 2));  // "(2,)", "(2, 3)"
    const std::string order = std::endian::native == std::endian::little ? "<" : ">";
    std::string header = "{'descr': '" + order + "f" + std::to_string(sizeof(T)) +
                         "', 'fortran_order': False, 'shape': (" + shape + "), }";
    constexpr std::size_t before = 10, alignment = 64;
    header.append(alignment - (before + header.size() + 1) % alignment, ' ');
    header += '\n';
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size() & 255);
    bytes += static_cast<char>(header.size() >> 8);
    bytes += header;
    bytes.reserve(bytes.size() + array.size() * sizeof(T));
    const auto last = array.template end<xt::layout_type::row_major>();
    for (auto it = array.template begin<xt::layout_type::row_major>(); it != last; ++it) {
        const T value = *it;
        bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
    }
    return bytes;
}

/// Writes an array of float or double of any rank. Throws write_error; the file is whole or not there.
template <class A>
void write_npy(const std::filesystem::path& path, const A& array) {
    write_file(path, npy_bytes(array));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
