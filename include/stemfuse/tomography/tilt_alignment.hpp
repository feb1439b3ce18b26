// Where the tilts of a series lie against one another: shifts across the tilt axis by re-projection, along it by mass.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>
#include <vector>

#include <stemfuse/core/column_sums.hpp>
#include <stemfuse/core/communicator.hpp>
#include <stemfuse/data/drift.hpp>
#include <stemfuse/tomography/sirt.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// These columns of a stack (n, rows, n_x).
template <scalar T>
xt::xtensor<T, 3> columns_of(const xt::xtensor<T, 3>& a, index_range columns) {
    xt::xtensor<T, 3> out(stack_shape{a.shape()[0], a.shape()[1], columns.size()});
    for (std::size_t r = 0; r < a.shape()[0] * a.shape()[1]; ++r) {
        std::copy_n(a.data() + r * a.shape()[2] + columns.first, columns.size(), out.data() + r * columns.size());
    }
    return out;
}

/// How shifts across the tilt axis are refined.
struct tilt_alignment_options {
    std::size_t rounds = 25;      ///< of reconstruction, re-projection and correlation, at most
    std::size_t iterations = 20;  ///< of SIRT in a round
    std::size_t reach = 8;        ///< bins: no tilt moves farther in a round
    double tolerance = 0.01;      ///< bins: the end, where no tilt moves by more in a round
};

/// What align_tilts() found.
struct tilt_alignment {
    std::vector<double> shifts{};    ///< of every tilt in bins, those that the geometry had included
    std::vector<double> mismatch{};  ///< norm of measured less re-projected over that of measured, before every round
    std::size_t best = 0;            ///< the round whose shifts these are, that of the least mismatch
};

namespace detail {

// Sums over pixels that two images share, one of them moved.
struct overlap_sums {
    static constexpr std::size_t size = 6;

    // Adds a pixel of either image.
    static void add(double* s, double a, double b) {
        s[0] += 1, s[1] += a, s[2] += b, s[3] += a * a, s[4] += b * b, s[5] += a * b;
    }

    // The correlation coefficient; 0 where one of them is flat.
    static double correlation(const double* s) {
        if (s[0] < 2) return 0;
        const double a = s[3] - s[1] * s[1] / s[0], b = s[4] - s[2] * s[2] / s[0];
        // Beside the squares themselves rounding alone leaves 1e-12 of them.
        if (!(a > 1e-12 * s[3] && b > 1e-12 * s[4])) return 0;
        return (s[5] - s[1] * s[2] / s[0]) / std::sqrt(a * b);
    }
};

// The place of the highest of the correlations at lags -reach to reach, between lags by a parabola.
inline double top_of_lags(const std::vector<double>& c) {
    const auto highest = std::max_element(c.begin(), c.end());
    const auto at = static_cast<std::size_t>(highest - c.begin());
    if (!(*highest > 0)) return 0;
    const double lag = static_cast<double>(at) - static_cast<double>(c.size() / 2);
    if (at == 0 || at + 1 == c.size()) return lag;
    return lag + parabola_top(c[at - 1], c[at], c[at + 1]);
}

// The part of the shifts that moves the volume as a whole, a cos + b sin of the angles, is taken away.
inline void keep_volume_in_place(std::vector<double>& shifts, const std::vector<double>& angles) {
    double cc = 0, cs = 0, ss = 0, c = 0, s = 0;
    for (std::size_t k = 0; k < shifts.size(); ++k) {
        const double x = std::cos(angles[k]), y = std::sin(angles[k]);
        cc += x * x, cs += x * y, ss += y * y, c += x * shifts[k], s += y * shifts[k];
    }
    const double all = cc + ss, determinant = cc * ss - cs * cs;
    double a = 0, b = 0;
    if (determinant > 1e-9 * all * all) {
        a = (c * ss - s * cs) / determinant;
        b = (s * cc - c * cs) / determinant;
    } else {  // of one direction
        a = c / all;
        b = s / all;
    }
    for (std::size_t k = 0; k < shifts.size(); ++k) shifts[k] -= a * std::cos(angles[k]) + b * std::sin(angles[k]);
}

}  // namespace detail

/// How far each tilt of a series lies from its re-projection, in bins: the highest correlation coefficient of measured
/// and re-projected image at lags from -reach to reach, between lags by a parabola; 0 for an empty tilt. Both are of
/// shape (1, tilts bins, columns of this rank). Every rank gets the same numbers.
template <scalar T, communicator C = serial_communicator>
std::vector<double> shifts_against(const stack_view<const T>& measured, const stack_view<const T>& projected,
                                   std::size_t bins, std::size_t reach, const execution& exec = {},
                                   const C& ranks = {}) {
    require_shape(projected.shape, measured.shape, "projected", "measured");
    const std::size_t tilts = measured.shape[1] / bins, nx = measured.shape[2], lags = 2 * reach + 1;
    constexpr std::size_t each = detail::overlap_sums::size;
    std::vector<double> own(nx * tilts * lags * each);  // by column, so that ranks join in the order of x
    exec.for_each(tilts, [&](std::size_t k) {
        for (std::size_t lag = 0; lag < lags; ++lag) {
            for (std::size_t t = 0; t < bins; ++t) {
                const std::size_t from = t + lag;  // less reach
                if (from < reach || from - reach >= bins) continue;
                const T *const a = measured.row(0, k * bins + from - reach), *const b = projected.row(0, k * bins + t);
                for (std::size_t x = 0; x < nx; ++x) {
                    detail::overlap_sums::add(own.data() + ((x * tilts + k) * lags + lag) * each,
                                              static_cast<double>(a[x]), static_cast<double>(b[x]));
                }
            }
        }
    });
    const std::vector<double> all = ranks.gather(own);
    std::vector<double> sums(tilts * lags * each), shifts;
    for (std::size_t k = 0; k < all.size(); ++k) sums[k % sums.size()] += all[k];
    for (std::size_t k = 0; k < tilts; ++k) {
        std::vector<double> c;
        for (std::size_t lag = 0; lag < lags; ++lag) {
            c.push_back(detail::overlap_sums::correlation(sums.data() + (k * lags + lag) * each));
        }
        shifts.push_back(detail::top_of_lags(c));
    }
    return shifts;
}

/// Refines the shifts of a HAADF series across the tilt axis by re-projection: SIRT of all tilts, then every tilt moves
/// to where it correlates best with what the volume gives at its angle, and again. Shifts that only move the volume (a
/// cos + b sin of the angles) cannot be told and stay as they were. Best of all rounds is the one of least mismatch:
/// the shifts of the geometry, where nothing helps. `measured` has shape (1, tilts bins, columns of this rank), free of
/// a constant. The same shifts for any number of threads and ranks. The method: Dengler, Ultramicroscopy 30, 337
/// (1989), doi 10.1016/0304-3991(89)90063-7. Throws what sirt() throws.
template <scalar T, communicator C = serial_communicator>
tilt_alignment align_tilts(const tilt_geometry& geometry, const stack_view<const T>& measured,
                           const tilt_alignment_options& o = {}, const execution& exec = {}, const C& ranks = {}) {
    tilt_alignment found;
    std::vector<double> moved(geometry.tilts());
    std::size_t reach = o.reach;
    for (std::size_t round = 0; round <= o.rounds; ++round) {
        exec.throw_if_stopped();
        std::vector<double> shifts = geometry.shifts();
        for (std::size_t k = 0; k < shifts.size(); ++k) shifts[k] += moved[k];
        const tilt_geometry now(geometry.n_z(), geometry.n_y(), geometry.bins(), geometry.angles(), shifts);
        const tilt_projector a(now, 1, measured.shape[2]);
        const auto volume = sirt(a, measured, o.iterations, exec);
        xt::xtensor<T, 3> projected(a.range_shape());
        a.apply(volume, projected, exec);
        const auto p = as_view(std::as_const(projected));
        const auto squares = [&](auto&& f) {
            return sum_of_columns(column_sums(p.shape[1], p.shape[2], geometry.bins(), exec,
                                              [&](std::size_t r, double* sums) {
                                                  for (std::size_t x = 0; x < p.shape[2]; ++x) {
                                                      const auto d = static_cast<double>(f(r, x));
                                                      sums[x] += d * d;
                                                  }
                                              }),
                                  ranks);
        };
        const double all = squares([&](std::size_t r, std::size_t x) { return measured.row(0, r)[x]; });
        const double rest =
            squares([&](std::size_t r, std::size_t x) { return measured.row(0, r)[x] - p.row(0, r)[x]; });
        found.mismatch.push_back(all > 0 ? std::sqrt(rest / all) : 0);
        if (found.shifts.empty() || found.mismatch.back() < found.mismatch[found.best]) {
            found.shifts = shifts;
            found.best = round;
        }
        if (round == o.rounds) break;
        const std::vector<double> before = moved,
                                  step = shifts_against<T>(measured, p, geometry.bins(), reach, exec, ranks);
        double farthest = 0;
        for (std::size_t k = 0; k < moved.size(); ++k) moved[k] += step[k];
        detail::keep_volume_in_place(moved, geometry.angles());
        for (std::size_t k = 0; k < moved.size(); ++k) farthest = std::max(farthest, std::abs(moved[k] - before[k]));
        if (farthest <= o.tolerance) break;
        reach = std::min(o.reach, static_cast<std::size_t>(std::ceil(farthest)) + 1);
    }
    return found;
}

/// How far each tilt lies along the axis from the mean of all, in columns: a column keeps its mass at every tilt, so
/// the profiles of mass along x are moved onto their mean, by correlation, in at most 20 rounds. Column x + shift of
/// the tilt belongs at x. `series` has shape (1, tilts bins, n_x), all columns of it. The mean of the shifts is 0. All
/// 0 for fewer than 8 columns.
template <scalar T>
std::vector<double> shifts_along_axis(const stack_view<const T>& series, std::size_t bins, std::size_t reach = 8) {
    const std::size_t tilts = series.shape[1] / bins, nx = series.shape[2];
    std::vector<double> shifts(tilts);
    reach = std::min(reach, nx / 4);
    if (reach < 2) return shifts;
    xt::xtensor<double, 2> profiles = xt::zeros<double>(image_shape{tilts, nx});
    for (std::size_t r = 0; r < series.shape[1]; ++r) {
        for (std::size_t x = 0; x < nx; ++x) profiles(r / bins, x) += static_cast<double>(series.row(0, r)[x]);
    }
    constexpr std::size_t rounds = 20;
    for (std::size_t round = 0; round < rounds; ++round) {
        std::vector<double> mean(nx);
        xt::xtensor<double, 2> moved(profiles.shape());
        for (std::size_t k = 0; k < tilts; ++k) {
            const xt::xtensor<double, 2> one = xt::view(profiles, xt::range(k, k + 1), xt::all());
            xt::view(moved, xt::range(k, k + 1), xt::all()) = shifted(one, 0, shifts[k]);
            for (std::size_t x = 0; x < nx; ++x) mean[x] += moved(k, x) / static_cast<double>(tilts);
        }
        double farthest = 0, middle = 0;
        std::vector<double> next = shifts;
        for (std::size_t k = 0; k < tilts; ++k) {
            std::vector<double> c;
            for (std::size_t lag = 0; lag <= 2 * reach; ++lag) {
                double sums[detail::overlap_sums::size] = {};
                for (std::size_t x = reach; x + reach < nx; ++x) {
                    detail::overlap_sums::add(sums, moved(k, x + lag - reach), mean[x]);
                }
                c.push_back(detail::overlap_sums::correlation(sums));
            }
            next[k] += detail::top_of_lags(c);
            next[k] = std::clamp(next[k], -static_cast<double>(nx), static_cast<double>(nx));
            middle += next[k] / static_cast<double>(tilts);
        }
        for (std::size_t k = 0; k < tilts; ++k) {
            farthest = std::max(farthest, std::abs(next[k] - middle - shifts[k]));
            shifts[k] = next[k] - middle;
        }
        if (farthest < 1e-3) break;
    }
    return shifts;
}

/// Moves every tilt of a series (n, tilts bins, n_x) by its shift, as shifts_along_axis() gives it: column x becomes
/// what was at x + shift, by cubic convolution, or, for counts, by `whole` columns, so that they stay counts.
template <scalar T>
void move_along_axis(xt::xtensor<T, 3>& series, std::size_t bins, const std::vector<double>& shifts, bool whole) {
    const std::size_t nx = series.shape()[2], rows = series.shape()[1];
    for (std::size_t e = 0; e < series.shape()[0]; ++e) {
        for (std::size_t k = 0; k < shifts.size(); ++k) {
            const double by = whole ? std::round(shifts[k]) : shifts[k];
            if (by == 0) continue;
            const image_view<const T> tilt{
                series.data() + (e * rows + k * bins) * nx, {bins, nx}, {static_cast<std::ptrdiff_t>(nx), 1}};
            const xt::xtensor<T, 2> moved = shifted(tilt, 0, by);
            std::copy(moved.begin(), moved.end(), series.data() + (e * rows + k * bins) * nx);
        }
    }
}

/// The images of a series (n, tilts bins, n_x) turned about their middle so that a tilt axis at `degrees` to x,
/// positive towards higher bins, runs along x: between pixels linearly, so that counts stay 0 or more; `outside` beyond
/// the border.
template <scalar T>
xt::xtensor<T, 3> turned_to_axis(const stack_view<const T>& series, std::size_t bins, double degrees, T outside,
                                 const execution& exec = {}) {
    xt::xtensor<T, 3> out(series.shape);
    const std::size_t rows = series.shape[1], nx = series.shape[2];
    const double c = std::cos(degrees * std::numbers::pi / 180), s = std::sin(degrees * std::numbers::pi / 180);
    const double middle_t = static_cast<double>(bins - 1) / 2, middle_x = static_cast<double>(nx - 1) / 2;
    for_each_row(series.shape[0] * rows, nx, exec, [&](std::size_t k) {
        const std::size_t e = k / rows, first = k % rows / bins * bins;
        const double dt = static_cast<double>(k % rows - first) - middle_t;
        const auto pixel = [&](double t, double x) {
            const bool inside = t >= 0 && x >= 0 && t < static_cast<double>(bins) && x < static_cast<double>(nx);
            const auto row = inside ? first + static_cast<std::size_t>(t) : first;
            return static_cast<double>(inside ? series.row(e, row)[static_cast<std::size_t>(x)] : outside);
        };
        for (std::size_t column = 0; column < nx; ++column) {
            const double dx = static_cast<double>(column) - middle_x;
            const double t = middle_t + s * dx + c * dt, x = middle_x + c * dx - s * dt;
            const double t0 = std::floor(t), x0 = std::floor(x), ft = t - t0, fx = x - x0;
            const double above = (1 - fx) * pixel(t0, x0) + fx * pixel(t0, x0 + 1);
            const double below = (1 - fx) * pixel(t0 + 1, x0) + fx * pixel(t0 + 1, x0 + 1);
            out.data()[k * nx + column] = static_cast<T>((1 - ft) * above + ft * below);
        }
    });
    return out;
}

namespace detail {

// How badly the centres of mass of columns fit a volume: a column's first moment is A(x) cos + B(x) sin of the angle,
// plus its mass times a shift of each tilt. The sum of squares that is left, of images (1, tilts bins, n_x).
template <class T>
double misfit_of_moments(const xt::xtensor<T, 3>& series, const std::vector<double>& angles, std::size_t bins) {
    const std::size_t tilts = angles.size(), nx = series.shape()[2];
    std::vector<double> mass(nx), moment(tilts * nx), shift(tilts), cosine(tilts), sine(tilts);
    const double middle = static_cast<double>(bins - 1) / 2;
    double cc = 0, cs = 0, ss = 0, masses = 0;
    for (std::size_t k = 0; k < tilts; ++k) {
        cosine[k] = std::cos(angles[k]), sine[k] = std::sin(angles[k]);
        cc += cosine[k] * cosine[k], cs += cosine[k] * sine[k], ss += sine[k] * sine[k];
        for (std::size_t t = 0; t < bins; ++t) {
            for (std::size_t x = 0; x < nx; ++x) {
                const auto v = static_cast<double>(series(0, k * bins + t, x));
                mass[x] += v / static_cast<double>(tilts);
                moment[k * nx + x] += (static_cast<double>(t) - middle) * v;
            }
        }
    }
    for (const double m : mass) masses += m * m;
    const double determinant = cc * ss - cs * cs;
    if (!(determinant > 1e-9 * (cc + ss) * (cc + ss) && masses > 0)) return 0;
    double left = 0;
    constexpr int rounds = 30;  // of volumes and shifts in turn
    for (int round = 0; round < rounds; ++round) {
        std::vector<double> next(tilts);
        left = 0;
        for (std::size_t x = 0; x < nx; ++x) {
            double c = 0, s = 0;
            for (std::size_t k = 0; k < tilts; ++k) {
                const double m = moment[k * nx + x] - mass[x] * shift[k];
                c += m * cosine[k], s += m * sine[k];
            }
            const double a = (c * ss - s * cs) / determinant, b = (s * cc - c * cs) / determinant;
            for (std::size_t k = 0; k < tilts; ++k) {
                const double rest = moment[k * nx + x] - a * cosine[k] - b * sine[k];
                next[k] += mass[x] * rest / masses;
                left += (rest - mass[x] * shift[k]) * (rest - mass[x] * shift[k]);
            }
        }
        shift = std::move(next);
    }
    return left;
}

}  // namespace detail

/// The angle of the tilt axis to x in the images, in degrees in [-20, 20]: the one at which the centres of mass of the
/// turned images' columns move as those of a volume do, but for a shift of each tilt. Tried in steps of 5 degrees, then
/// in halved ones down to 0.2; 0 where no turn leaves less than 0.4 of the misfit, or there are fewer than 5 tilts. The
/// specimen must lie on the detector in whole, across the axis. `series` has shape (1, tilts bins, n_x), all columns,
/// free of a constant.
template <scalar T>
double axis_in_images(const std::vector<double>& angles, const stack_view<const T>& series, std::size_t bins,
                      const execution& exec = {}) {
    constexpr double widest = 20, coarse = 5, fine = 0.2;
    // Linear interpolation between pixels leaves 4/9 of the variance of noise: less is left only where an axis is
    // found.
    constexpr double needed = 0.4;
    if (angles.size() < 5) return 0;
    const auto misfit = [&](double degrees) {
        auto turned = turned_to_axis<T>(series, bins, degrees, T(0), exec);
        move_along_axis(turned, bins, shifts_along_axis<T>(as_view(std::as_const(turned)), bins), false);
        return detail::misfit_of_moments(turned, angles, bins);
    };
    const double straight = misfit(0);
    double best = 0, least = straight;
    const auto attempt = [&](double degrees) {
        exec.throw_if_stopped();
        const double now = misfit(degrees);
        if (now < least) best = degrees, least = now;
    };
    for (double degrees = coarse; degrees <= widest; degrees += coarse) attempt(degrees), attempt(-degrees);
    for (double step = coarse / 2; step > fine; step /= 2) {
        const double middle = best;
        attempt(middle - step);
        attempt(middle + step);
    }
    return least < needed * straight ? best : 0;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
