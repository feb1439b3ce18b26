// Projections of volumes under tilts, and their exact adjoint.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/simd/simd.hpp>
#include <stemfuse/tomography/strip_weights.hpp>
#include <stemfuse/tomography/tilt_geometry.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// n numbers that begin on a cache line, not initialised.
template <class T>
class aligned_numbers {
public:
    explicit aligned_numbers(std::size_t n)
        : data_(static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64}))) {}
    T* data() const { return data_.get(); }

private:
    struct release {
        void operator()(T* p) const { ::operator delete(p, std::align_val_t{64}); }
    };
    std::unique_ptr<T, release> data_;
};

// So many registers R of numbers along x go through a line together: `strip_width` columns of the volume. Where the
// bins advance, a processor guesses wrongly every few voxels: the more columns share that, the better. Three bins of R
// registers each must stay in registers, of which there are 16, or 32 of 64 bytes.
inline constexpr std::size_t wide_registers = simd_bytes >= 32 ? 4 : 2, narrow_registers = 2;
template <class T, std::size_t R>
inline constexpr std::size_t strip_width = R * lanes<T>;

// A window of three bins that moves along a line of voxels, in registers. The bins rise by 0 or 1 from voxel to voxel
// in the direction in which the line is walked.
template <class T>
struct strip_walk {
    strip_walk(const strip_line<T>& weights, bool falling)
        : line(weights),
          n(static_cast<std::ptrdiff_t>(weights.last - weights.first)),
          step(falling ? -1 : 1),
          begin(static_cast<std::ptrdiff_t>(falling ? weights.last - 1 : weights.first)) {}

    static strip_walk of(const strip_line<T>& w) { return {w, w.last > w.first && w.bin[w.last - 1] < w.bin[w.first]}; }

    const strip_line<T>& line;
    std::ptrdiff_t n, step, begin;
};

// bins += weights * voxels, for strip_width columns; voxel k at x + k * strip_width, bin i at p + i * strip_width.
template <std::size_t R, class T>
void project_line(const strip_walk<T>& walk, const T* x, T* p) {
    constexpr std::size_t L = lanes<T>, W = strip_width<T, R>;
    const auto& line = walk.line;
    std::ptrdiff_t k = walk.begin;
    int at = line.bin[static_cast<std::size_t>(k)];
    T* bins = p + static_cast<std::ptrdiff_t>(at) * static_cast<std::ptrdiff_t>(W);
    pack<T> a[R], b[R], c[R];
    for (std::size_t r = 0; r < R; ++r) {
        a[r] = load(bins + r * L);
        b[r] = load(bins + W + r * L);
        c[r] = load(bins + 2 * W + r * L);
    }
    for (std::ptrdiff_t i = 0; i < walk.n; ++i, k += walk.step) {
        const auto voxel = static_cast<std::size_t>(k);
        if (line.bin[voxel] != at) {
            for (std::size_t r = 0; r < R; ++r) store(bins + r * L, a[r]);
            bins += W;
            ++at;
            for (std::size_t r = 0; r < R; ++r) {
                a[r] = b[r];
                b[r] = c[r];
                c[r] = load(bins + 2 * W + r * L);
            }
        }
        const T u = line.near[voxel], v = line.middle[voxel], w = line.far[voxel];
        const T* const values = x + voxel * W;
        for (std::size_t r = 0; r < R; ++r) {
            const pack<T> value = load(values + r * L);
            a[r] += u * value;
            b[r] += v * value;
            c[r] += w * value;
        }
    }
    for (std::size_t r = 0; r < R; ++r) {
        store(bins + r * L, a[r]);
        store(bins + W + r * L, b[r]);
        store(bins + 2 * W + r * L, c[r]);
    }
}

// voxels += weights * bins
template <std::size_t R, class T>
void back_project_line(const strip_walk<T>& walk, T* x, const T* p) {
    constexpr std::size_t L = lanes<T>, W = strip_width<T, R>;
    const auto& line = walk.line;
    std::ptrdiff_t k = walk.begin;
    int at = line.bin[static_cast<std::size_t>(k)];
    const T* bins = p + static_cast<std::ptrdiff_t>(at) * static_cast<std::ptrdiff_t>(W);
    pack<T> a[R], b[R], c[R];
    for (std::size_t r = 0; r < R; ++r) {
        a[r] = load(bins + r * L);
        b[r] = load(bins + W + r * L);
        c[r] = load(bins + 2 * W + r * L);
    }
    for (std::ptrdiff_t i = 0; i < walk.n; ++i, k += walk.step) {
        const auto voxel = static_cast<std::size_t>(k);
        if (line.bin[voxel] != at) {
            bins += W;
            ++at;
            for (std::size_t r = 0; r < R; ++r) {
                a[r] = b[r];
                b[r] = c[r];
                c[r] = load(bins + 2 * W + r * L);
            }
        }
        const T u = line.near[voxel], v = line.middle[voxel], w = line.far[voxel];
        T* const values = x + voxel * W;
        for (std::size_t r = 0; r < R; ++r) {
            store(values + r * L, load(values + r * L) + (u * a[r] + (v * b[r] + w * c[r])));
        }
    }
}

// n <= W columns from or to a packed row; what is past them is 0.
template <std::size_t W, class T>
void pack_columns(const T* from, std::size_t n, T* to) {
    std::memcpy(to, from, n * sizeof(T));
    if (n < W) std::memset(to + n, 0, (W - n) * sizeof(T));
}

}  // namespace detail

/// A: volumes (n, n_z n_y, n_x), row z n_y + y, to projections (n, tilts bins, n_x), row tilt bins + t. x runs along
/// the tilt axis and is contiguous: every x is a problem of its own in two dimensions, and packs of x go through the
/// same weights together. The weights are exact areas (see strip_weights), the adjoint is exact, and the bits depend
/// neither on the number of threads nor on which columns x are computed together. A linear_operator in float and
/// double.
class tilt_projector {
public:
    /// For `images` volumes of `n_x` columns. Throws shape_error where one of them is 0.
    tilt_projector(tilt_geometry geometry, std::size_t images, std::size_t n_x)
        : geometry_(std::move(geometry)), images_(images), n_x_(n_x) {
        if (images == 0 || n_x == 0) {
            throw shape_error("volume", "has shape " + to_string(domain_shape()) + ", must not be empty");
        }
    }

    /// Where voxels fall on bins.
    const tilt_geometry& geometry() const noexcept { return geometry_; }
    /// (n, n_z n_y, n_x)
    stack_shape domain_shape() const { return {images_, geometry_.n_z() * geometry_.n_y(), n_x_}; }
    /// (n, tilts bins, n_x)
    stack_shape range_shape() const { return {images_, geometry_.tilts() * geometry_.bins(), n_x_}; }

    /// out = A x. Throws shape_error for other shapes.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        const readable<T, 3> in(x, "volume");
        writable<T, 3, std::remove_reference_t<Out>> result(out, "projections");
        require_shape(in.view().shape, domain_shape(), "volume", "the projector's domain");
        require_shape(result.view().shape, range_shape(), "projections", "the projector's range");
        const strip_weights<T> weights(geometry_);
        for_each_slab<T>(exec, [&](auto registers, std::size_t image, index_range columns) {
            project_slab<T, registers()>(weights, in.view().image(image), result.view().image(image), columns);
        });
        result.commit();
    }

    /// out = A^T y. Throws shape_error for other shapes.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        const readable<T, 3> in(y, "projections");
        writable<T, 3, std::remove_reference_t<Out>> result(out, "volume");
        require_shape(in.view().shape, range_shape(), "projections", "the projector's range");
        require_shape(result.view().shape, domain_shape(), "volume", "the projector's domain");
        const strip_weights<T> weights(geometry_);
        for_each_slab<T>(exec, [&](auto registers, std::size_t image, index_range columns) {
            back_project_slab<T, registers()>(weights, in.view().image(image), result.view().image(image), columns);
        });
        result.commit();
    }

private:
    // So many lines of the volume are packed at a time, and stay in cache while all tilts go over them.
    static constexpr std::size_t block_lines = 4;

    // Slabs of 256 bytes of columns, of wide strips, share the weights of a line; narrow ones where there would be too
    // few for the threads, or where they would be half empty.
    template <class T, class F>
    void for_each_slab(const execution& exec, F&& f) const {
        using wide = std::integral_constant<std::size_t, detail::wide_registers>;
        using narrow = std::integral_constant<std::size_t, detail::narrow_registers>;
        constexpr std::size_t few = detail::strip_width<T, narrow::value>;
        constexpr std::size_t many = std::max(detail::strip_width<T, wide::value>, 256 / sizeof(T));
        const std::size_t threads = exec.concurrency(), slabs_of_many = images_ * block_partition(n_x_, many).size();
        const bool in_narrow = n_x_ <= few || (threads > 1 && slabs_of_many < 2 * threads);
        const block_partition slabs(n_x_, in_narrow ? few : many);
        exec.for_each(images_ * slabs.size(), [&](std::size_t task) {
            const index_range columns = slabs[task % slabs.size()];
            if (in_narrow) {
                f(narrow{}, task / slabs.size(), columns);
            } else {
                f(wide{}, task / slabs.size(), columns);
            }
        });
    }

    // Calls f(begin, count, strip) for the strips of strip_width columns of a slab.
    template <std::size_t W, class F>
    static void for_each_strip(index_range columns, F&& f) {
        for (std::size_t x = columns.first, strip = 0; x < columns.last; x += W, ++strip) {
            f(x, std::min(W, columns.last - x), strip);
        }
    }

    // Calls f(lines, z of the first, tilt, weights of the lines) for every block of lines and every tilt; before the
    // tilts of a block `begin(z, lines)`, after them `end(z, lines)`.
    template <class T, class Begin, class F, class End>
    void for_each_block(const strip_weights<T>& weights, Begin&& begin, F&& f, End&& end) const {
        strip_line<T> line(geometry_.n_y());
        for (std::size_t z = 0; z < geometry_.n_z(); z += block_lines) {
            const std::size_t lines = std::min(block_lines, geometry_.n_z() - z);
            begin(z, lines);
            for (std::size_t tilt = 0; tilt < geometry_.tilts(); ++tilt) {
                for (std::size_t l = 0; l < lines; ++l) {
                    weights.line(tilt, z + l, line);
                    if (line.first < line.last) f(l, tilt, detail::strip_walk<T>::of(line));
                }
            }
            end(z, lines);
        }
    }

    template <class T, std::size_t W>
    struct slab_memory {
        slab_memory(const tilt_geometry& g, std::size_t columns)
            : strips((columns + W - 1) / W),
              tilt_numbers((g.bins() + 2 * strip_weights<T>::margin) * W),
              line_numbers(g.n_y() * W),
              bins(strips * g.tilts() * tilt_numbers),
              voxels(strips * block_lines * line_numbers),
              tilts(g.tilts()) {
            std::fill_n(bins.data(), strips * tilts * tilt_numbers, T(0));
        }

        T* tilt(std::size_t strip, std::size_t a) const { return bins.data() + (strip * tilts + a) * tilt_numbers; }
        // The first bin of the detector itself.
        T* bin(std::size_t strip, std::size_t a, std::size_t i) const {
            return tilt(strip, a) + (strip_weights<T>::margin + i) * W;
        }
        T* line(std::size_t strip, std::size_t l) const {
            return voxels.data() + (strip * block_lines + l) * line_numbers;
        }

        std::size_t strips, tilt_numbers, line_numbers;
        detail::aligned_numbers<T> bins, voxels;
        std::size_t tilts;
    };

    template <class T, std::size_t R>
    void project_slab(const strip_weights<T>& weights, const image_view<const T>& volume, const image_view<T>& out,
                      index_range columns) const {
        constexpr std::size_t W = detail::strip_width<T, R>;
        const slab_memory<T, W> memory(geometry_, columns.size());
        const std::size_t ny = geometry_.n_y(), bins = geometry_.bins();
        for_each_block<T>(
            weights,
            [&](std::size_t z, std::size_t lines) {
                for_each_strip<W>(columns, [&](std::size_t x, std::size_t n, std::size_t strip) {
                    for (std::size_t l = 0; l < lines; ++l) {
                        for (std::size_t y = 0; y < ny; ++y) {
                            detail::pack_columns<W>(volume.row((z + l) * ny + y) + x, n, memory.line(strip, l) + y * W);
                        }
                    }
                });
            },
            [&](std::size_t l, std::size_t tilt, const detail::strip_walk<T>& walk) {
                for (std::size_t s = 0; s < memory.strips; ++s) {
                    detail::project_line<R>(walk, memory.line(s, l), memory.tilt(s, tilt));
                }
            },
            [](std::size_t, std::size_t) {});
        for_each_strip<W>(columns, [&](std::size_t x, std::size_t n, std::size_t strip) {
            for (std::size_t row = 0; row < geometry_.tilts() * bins; ++row) {
                std::memcpy(out.row(row) + x, memory.bin(strip, row / bins, row % bins), n * sizeof(T));
            }
        });
    }

    template <class T, std::size_t R>
    void back_project_slab(const strip_weights<T>& weights, const image_view<const T>& in, const image_view<T>& volume,
                           index_range columns) const {
        constexpr std::size_t W = detail::strip_width<T, R>;
        const slab_memory<T, W> memory(geometry_, columns.size());
        const std::size_t ny = geometry_.n_y(), bins = geometry_.bins();
        for_each_strip<W>(columns, [&](std::size_t x, std::size_t n, std::size_t strip) {
            for (std::size_t row = 0; row < geometry_.tilts() * bins; ++row) {
                detail::pack_columns<W>(in.row(row) + x, n, memory.bin(strip, row / bins, row % bins));
            }
        });
        for_each_block<T>(
            weights,
            [&](std::size_t, std::size_t lines) {
                for (std::size_t s = 0; s < memory.strips; ++s) {
                    std::fill_n(memory.line(s, 0), lines * memory.line_numbers, T(0));
                }
            },
            [&](std::size_t l, std::size_t tilt, const detail::strip_walk<T>& walk) {
                for (std::size_t s = 0; s < memory.strips; ++s) {
                    detail::back_project_line<R>(walk, memory.line(s, l), memory.tilt(s, tilt));
                }
            },
            [&](std::size_t z, std::size_t lines) {
                for_each_strip<W>(columns, [&](std::size_t x, std::size_t n, std::size_t strip) {
                    for (std::size_t l = 0; l < lines; ++l) {
                        for (std::size_t y = 0; y < ny; ++y) {
                            std::memcpy(volume.row((z + l) * ny + y) + x, memory.line(strip, l) + y * W, n * sizeof(T));
                        }
                    }
                });
            });
    }

    tilt_geometry geometry_;
    std::size_t images_, n_x_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
