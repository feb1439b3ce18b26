// Prior and maps of a primal-dual step in one sweep over memory, in place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/tomography/tilt_haadf.hpp>
#include <stemfuse/tomography/variation_rows.hpp>
#include <stemfuse/tomography/volume_variation.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// The columns of the neighbouring slabs, (n_e, n_z n_y) each; left.data() is null at the volume's border.
template <class T>
struct slab_ghosts {
    std::vector<T> left, right;  // of x
    std::vector<T> left_duals;   // (3 n_e, n_z n_y), of the left neighbour's last column
    std::vector<T> right_point;  // of the proximal point

    const T* right_or_null() const { return right.empty() ? nullptr : right.data(); }
    const T* right_point_or_null() const { return right_point.empty() ? nullptr : right_point.data(); }
};

// Steps of the sweep, an element each.
template <class T>
struct sweep_steps {
    std::vector<T> tau;
    std::vector<variation_step<T>> variation;
    T relaxation;
    bool joint;
};

// One step of the dual of volume_variation and of the maps. x is the relaxed iterate; `gradient` holds the counts' back
// projection and receives the proximal point; `shared` holds the HAADF's back projection and receives s(x) of the new
// x. The dual step of row (z, y) comes first, then the maps of the row, whose old values no row after it reads but
// through the extended duals that are kept: of one plane along z, one row along y, one voxel along x. Bands of planes
// go to different threads; what a band needs of its neighbours is computed or copied before.
template <class T>
class tilt_sweep {
public:
    tilt_sweep(const volume_variation& prior, const tilt_haadf<T>& haadf, const sweep_steps<T>& steps, bool with_haadf)
        : prior_(prior), haadf_(haadf), steps_(steps), with_haadf_(with_haadf) {}

    void run(const stack_view<T>& x, const stack_view<T>& gradient, const stack_view<T>& shared,
             const stack_view<T>& duals, slab_ghosts<T>& ghosts, const execution& exec) const {
        const std::size_t n = x.shape[0], ny = prior_.n_y(), nz = prior_.n_z(), nx = x.shape[2];
        const std::vector<T> left = ghosts.left.empty() ? std::vector<T>() : left_border(x, ghosts);
        const partition bands(nz, exec.concurrency());
        std::vector<band> memory(bands.size());
        exec.for_each(bands.size(), [&](std::size_t b) {
            memory[b].extended.assign(n * ny * nx, T(0));
            if (b == 0) return;
            memory[b - 1].next.resize(n * ny * nx);
            for (std::size_t e = 0; e < n; ++e) {
                for (std::size_t y = 0; y < ny; ++y) {
                    std::copy_n(x.row(e, bands[b].first * ny + y), nx, memory[b - 1].next.data() + (e * ny + y) * nx);
                }
            }
            row_memory rows(n, nx);
            for (std::size_t y = 0; y < ny; ++y) {
                dual_step(x, duals, ghosts, nullptr, (bands[b].first - 1) * ny + y, T(0), rows);
                for (std::size_t e = 0; e < n; ++e) {
                    std::copy_n(rows.z(e), nx, memory[b].extended.data() + (e * ny + y) * nx);
                }
            }
        });
        exec.for_each(bands.size(), [&](std::size_t b) {
            row_memory rows(n, nx);
            for (std::size_t z = bands[b].first; z < bands[b].last; ++z) {
                const bool last = z + 1 == bands[b].last && !memory[b].next.empty();
                rows.clear_y();
                for (std::size_t y = 0; y < ny; ++y) {
                    const std::size_t r = z * ny + y;
                    dual_step(x, duals, ghosts, last ? memory[b].next.data() : nullptr, r, steps_.relaxation, rows);
                    maps_step(x, gradient, shared, left, r, memory[b].extended.data(), rows);
                }
            }
        });
    }

private:
    struct band {
        std::vector<T> extended, next;  // of the plane before it along z; the first plane after it
    };

    // Rows of an element: extended duals along z, y and x (with one more before it), those along y of the row before.
    struct row_memory {
        row_memory(std::size_t images, std::size_t n_x)
            : n(images), stride((n_x + 2 * lanes<T> + 1) / lanes<T> * lanes<T>), numbers((4 * n + 3) * stride) {}

        T* z(std::size_t e) { return numbers.data() + (4 * e) * stride; }
        T* y(std::size_t e) { return numbers.data() + (4 * e + 1) * stride; }
        T* x(std::size_t e) { return numbers.data() + (4 * e + 2) * stride + lanes<T>; }
        T* y_before(std::size_t e) { return numbers.data() + (4 * e + 3) * stride; }
        T* squares() { return numbers.data() + 4 * n * stride; }
        T* ahead() { return numbers.data() + (4 * n + 1) * stride; }
        T* sum() { return numbers.data() + (4 * n + 2) * stride; }
        void clear_y() {
            for (std::size_t e = 0; e < n; ++e) std::fill_n(y_before(e), stride, T(0));
        }

        std::size_t n, stride;
        std::vector<T> numbers;
    };

    // The extended duals of row r. `next` is the plane past the band where its maps may have moved on already.
    void dual_step(const stack_view<T>& x, const stack_view<T>& duals, const slab_ghosts<T>& ghosts, const T* next,
                   std::size_t r, T relaxation, row_memory& rows) const {
        const std::size_t nx = x.shape[2], ny = prior_.n_y();
        step_rows(
            nx, rows, relaxation,
            [&](std::size_t e) {
                auto at = prior_.neighbours(stack_view<const T>(x), ghosts.right_or_null(), e, r, rows.ahead());
                if (next != nullptr) at.z = next + (e * ny + r % ny) * nx;
                return at;
            },
            [&](std::size_t e) {
                const std::size_t n = x.shape[0];
                return variation_duals<T>{duals.row(e, r), duals.row(n + e, r), duals.row(2 * n + e, r)};
            });
    }

    template <class Neighbours, class Duals>
    void step_rows(std::size_t nx, row_memory& rows, T relaxation, Neighbours&& neighbours, Duals&& duals) const {
        const std::size_t n = rows.n;
        std::fill_n(rows.squares(), nx, T(0));
        for (std::size_t e = 0; e < n; ++e) {
            const variation_duals<T> out{rows.z(e), rows.y(e), rows.x(e)};
            ascend(nx, neighbours(e), duals(e), steps_.variation[e], out, rows.squares());
            if (steps_.joint && e + 1 < n) continue;
            into_factors(nx, rows.squares());
            for (std::size_t k = steps_.joint ? 0 : e; k <= e; ++k) {
                const variation_duals<T> d = duals(k);
                extend(nx, rows.squares(), d.z, rows.z(k), relaxation);
                extend(nx, rows.squares(), d.y, rows.y(k), relaxation);
                extend(nx, rows.squares(), d.x, rows.x(k), relaxation);
            }
            if (!steps_.joint) std::fill_n(rows.squares(), nx, T(0));
        }
    }

    void maps_step(const stack_view<T>& x, const stack_view<T>& gradient, const stack_view<T>& shared,
                   const std::vector<T>& left, std::size_t r, T* extended, row_memory& rows) const {
        const std::size_t n = x.shape[0], nx = x.shape[2], ny = prior_.n_y();
        if (with_haadf_) std::fill_n(rows.sum(), nx, T(0));
        for (std::size_t e = 0; e < n; ++e) {
            T *const maps = x.row(e, r), *const g = gradient.row(e, r), *const z = extended + (e * ny + r % ny) * nx;
            if (with_haadf_) haadf_.row_slope(e, nx, maps, shared.row(0, r), g);
            T *const ez = rows.z(e), *const ey = rows.y(e), *const ex = rows.x(e), *const before = rows.y_before(e);
            ex[-1] = left.empty() ? T(0) : left[e * x.shape[1] + r];
            for_each_pack<T>(nx, [&](auto at) {
                const pack<T> dz = at.load(ez), dy = at.load(ey), old = at.load(maps);
                const pack<T> divergence = (at.load(z) - dz) + (at.load(before) - dy) + (at.load(ex - 1) - at.load(ex));
                at.store(z, dz);
                at.store(before, dy);
                const pack<T> point = pack_max(old - steps_.tau[e] * (at.load(g) + divergence), pack<T>{});
                at.store(g, point);
                at.store(maps, old + steps_.relaxation * (point - old));
            });
            if (with_haadf_) haadf_.row_synthesise(e, nx, maps, rows.sum());
        }
        if (with_haadf_) std::copy_n(rows.sum(), nx, shared.row(0, r));
    }

    // The extended duals along x of the left neighbour's last column, whose duals step as they do there: rows along y,
    // the same kernels.
    std::vector<T> left_border(const stack_view<T>& x, slab_ghosts<T>& ghosts) const {
        const std::size_t n = x.shape[0], rows_n = x.shape[1], ny = prior_.n_y(), nz = prior_.n_z();
        std::vector<T> out(n * rows_n), own(n * ny);
        row_memory rows(n, ny);
        for (std::size_t z = 0; z < nz; ++z) {
            for (std::size_t e = 0; e < n; ++e) {
                for (std::size_t y = 0; y < ny; ++y) own[e * ny + y] = x.row(e, z * ny + y)[0];
            }
            step_rows(
                ny, rows, steps_.relaxation,
                [&](std::size_t e) {
                    const T* const here = ghosts.left.data() + e * rows_n + z * ny;
                    std::copy_n(here + 1, ny - 1, rows.ahead());
                    rows.ahead()[ny - 1] = here[ny - 1];
                    return neighbour_rows<T>{here, z + 1 < nz ? here + ny : here, rows.ahead(), own.data() + e * ny};
                },
                [&](std::size_t e) {
                    T* const d = ghosts.left_duals.data() + z * ny;
                    return variation_duals<T>{d + e * rows_n, d + (n + e) * rows_n, d + (2 * n + e) * rows_n};
                });
            for (std::size_t e = 0; e < n; ++e) std::copy_n(rows.x(e), ny, out.data() + e * rows_n + z * ny);
        }
        return out;
    }

    const volume_variation& prior_;
    const tilt_haadf<T>& haadf_;
    const sweep_steps<T>& steps_;
    bool with_haadf_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
