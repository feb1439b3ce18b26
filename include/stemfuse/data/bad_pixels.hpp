// Pixels that counted wrongly: hot ones, and lines that counted nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What is wrong with a pixel.
enum class bad_pixel_kind {
    hot,          ///< it counts far more than its neighbours
    dead_row,     ///< first pixel of a row without any count
    dead_column,  ///< first pixel of a column without any count
    masked        ///< first pixel of those that the caller's mask names
};

/// A pixel that does not count as its neighbours do.
struct bad_pixel {
    bad_pixel_kind kind;  ///< what is wrong with it
    std::size_t element,  ///< index of the map
        y,                ///< its row; 0 for a dead column
        x;                ///< its column; 0 for a dead row
    double count;         ///< what it counted
    double expected;      ///< what its neighbours let expect, of a line in all its pixels
};

/// The options of the search for bad pixels.
struct bad_pixel_options {
    bool find = true;        ///< false: none are looked for
    double chance = 1e-9;    ///< that a good pixel, or line, is taken for a bad one: 0.001 in a map of 1024 x 1024
    std::size_t widest = 3;  ///< dead lines beside one another
};

/// What is to be left out of a fusion.
struct bad_pixels {
    std::vector<bad_pixel> found;         ///< hot pixels and dead lines, and the first of what the caller masked
    xt::xtensor<unsigned char, 3> bad{};  ///< (n, n_y, n_x), 1 where bad; empty where none is

    /// How many pixels of the map of this element are bad, those of dead lines and of the mask among them.
    std::size_t count(std::size_t element) const {
        if (bad.size() == 0) return 0;
        const auto map = xt::view(bad, element);
        return static_cast<std::size_t>(std::count(map.begin(), map.end(), 1));
    }
};

namespace detail {

// The chance of `count` or more in a pixel whose rate is as uncertain as `others` counts in an equal exposure leave it:
// the negative binomial distribution of others + 1 failures at even odds.
inline double count_tail(double count, double others) {
    const double failures = others + 1;
    if (count <= failures) return 1;
    double log_term = std::lgamma(count + failures) - std::lgamma(count + 1) - std::lgamma(failures) -
                      (count + failures) * std::log(2.0);
    double term = std::exp(log_term), sum = 0;
    for (double k = count; term > 1e-4 * sum || k == count; ++k) {
        sum += term;
        term *= (k + failures) / (2 * (k + 1));
    }
    return sum;
}

template <scalar T>
class bad_pixel_search {
public:
    bad_pixel_search(const image_view<const T>& map, std::size_t element, const bad_pixel_options& options,
                     bad_pixels& out)
        : map_(map), element_(element), options_(options), out_(out), ny_(map.shape[0]), nx_(map.shape[1]) {}

    void run() {
        find_lines(true);
        find_lines(false);
        for (std::size_t y = 0; y < ny_; ++y) {
            for (std::size_t x = 0; x < nx_; ++x) test_pixel(y, x);
        }
    }

private:
    bool is_bad(std::size_t y, std::size_t x) const { return out_.bad.size() > 0 && out_.bad(element_, y, x) != 0; }

    void mark(std::size_t y, std::size_t x) { out_.bad(element_, y, x) = 1; }

    // A pixel of more than twice its second brightest good neighbour, by more than chance allows: the brightest may be
    // hot itself. On the border it is the brightest: a line one pixel wide that ends there leaves one neighbour.
    void test_pixel(std::size_t y, std::size_t x) {
        const double count = static_cast<double>(map_.row(y)[x]);
        if (!(count >= 4) || is_bad(y, x)) return;  // 3 counts beside none have a chance of 1/8
        double brightest = 0, second = 0;
        std::size_t good = 0;
        for (std::size_t v = y - std::min<std::size_t>(y, 1); v < std::min(ny_, y + 2); ++v) {
            for (std::size_t u = x - std::min<std::size_t>(x, 1); u < std::min(nx_, x + 2); ++u) {
                if ((v == y && u == x) || is_bad(v, u)) continue;
                const double beside = static_cast<double>(map_.row(v)[u]);
                second = std::max(second, std::min(beside, brightest));
                brightest = std::max(brightest, beside);
                ++good;
            }
        }
        if (y == 0 || x == 0 || y + 1 == ny_ || x + 1 == nx_) second = brightest;
        if (good < 2 || count <= 2 * second + 1 || count_tail(count, 2 * second) >= options_.chance) return;
        out_.found.push_back({bad_pixel_kind::hot, element_, y, x, count, second});
        mark(y, x);
    }

    // Lines without any count, where chance would not leave one empty that has half the counts of the poorer of its two
    // neighbours.
    void find_lines(bool rows) {
        const std::size_t lines = rows ? ny_ : nx_, length = rows ? nx_ : ny_;
        std::vector<double> sums(lines, 0.0);
        for (std::size_t k = 0; k < lines; ++k) {
            for (std::size_t j = 0; j < length; ++j)
                sums[k] += static_cast<double>(rows ? map_.row(k)[j] : map_.row(j)[k]);
        }
        for (std::size_t first = 0; first < lines; ++first) {
            if (sums[first] > 0) continue;
            std::size_t last = first;
            while (last < lines && sums[last] == 0) ++last;
            if (last - first <= options_.widest && first > 0 && last < lines) {
                const double expected = 0.5 * std::min(sums[first - 1], sums[last]);
                if (std::exp(-expected) < options_.chance) {
                    for (std::size_t k = first; k < last; ++k) mark_line(rows, k, length, 2 * expected);
                }
            }
            first = last;
        }
    }

    void mark_line(bool rows, std::size_t k, std::size_t length, double expected) {
        const auto kind = rows ? bad_pixel_kind::dead_row : bad_pixel_kind::dead_column;
        out_.found.push_back({kind, element_, rows ? k : 0, rows ? 0 : k, 0, expected});
        for (std::size_t j = 0; j < length; ++j) rows ? mark(k, j) : mark(j, k);
    }

    image_view<const T> map_;
    std::size_t element_;
    const bad_pixel_options& options_;
    bad_pixels& out_;
    std::size_t ny_, nx_;
};

}  // namespace detail

/// Finds the bad pixels of counts (n, n_y, n_x). A pixel is hot where its count is beyond twice that of its second
/// brightest neighbour by more than the chance of counting allows; up to `widest` rows or columns side by side are dead
/// where they have no count and both their neighbours have many. `mask`, of the counts' shape or empty, adds pixels
/// that the caller knows, where it is not 0; counts there may be anything, also NaN. Throws shape_error where the
/// shapes differ, value_error for a count, not masked, that is negative or not finite, and a chance outside of [0,
/// 0.01].
template <scalar T>
bad_pixels find_bad_pixels(const stack_view<const T>& counts, const xt::xtensor<unsigned char, 3>& mask = {},
                           const bad_pixel_options& options = {}) {
    require_not_empty(counts, "counts");
    require_in_range(options.chance, 0, 0.01, "chance");
    if (mask.size() > 0) require_shape(as_view(mask).shape, counts.shape, "mask", "the counts'");
    bad_pixels out{{}, xt::zeros<unsigned char>(counts.shape)};
    xt::xtensor<T, 3> known = detail::packed_copy<T, 3>(counts, "counts");
    for (std::size_t i = 0; mask.size() > 0 && i < counts.shape[0]; ++i) {
        bool first = true;
        for (std::size_t y = 0; y < counts.shape[1]; ++y) {
            for (std::size_t x = 0; x < counts.shape[2]; ++x) {
                if (mask(i, y, x) == 0) continue;
                if (std::exchange(first, false)) out.found.push_back({bad_pixel_kind::masked, i, y, x, 0, 0});
                out.bad(i, y, x) = 1;
                known(i, y, x) = 0;
            }
        }
    }
    const auto view = as_view(std::as_const(known));
    require_counts(view, "counts");
    for (std::size_t i = 0; options.find && i < counts.shape[0]; ++i)
        detail::bad_pixel_search<T>(view.image(i), i, options, out).run();
    if (out.found.empty()) out.bad = {};
    return out;
}

/// Counts (n, n_y, n_x) with 0 where they are bad, and their exposure: 0 there, else 1.
template <scalar T>
std::pair<xt::xtensor<T, 3>, xt::xtensor<T, 3>> leave_out(const stack_view<const T>& counts, const bad_pixels& bad) {
    require_shape(as_view(bad.bad).shape, counts.shape, "bad", "the counts'");
    xt::xtensor<T, 3> seen = detail::packed_copy<T, 3>(counts, "counts"), exposure = xt::ones<T>(seen.shape());
    for (std::size_t k = 0; k < seen.size(); ++k) {
        if (bad.bad.data()[k] != 0) seen.data()[k] = exposure.data()[k] = 0;
    }
    return {std::move(seen), std::move(exposure)};
}

/// "3 hot pixels and 1 dead row of Fe are left out": one line for each element that has any; names of the maps.
inline std::vector<std::string> describe_bad_pixels(const bad_pixels& bad, const std::vector<std::string>& names) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < names.size(); ++i) {
        std::string text;
        const auto add = [&](std::size_t n, const std::string& what) {
            if (n > 0) text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + what + (n == 1 ? "" : "s");
        };
        const auto number = [&](bad_pixel_kind kind) {
            return static_cast<std::size_t>(std::count_if(bad.found.begin(), bad.found.end(), [&](const bad_pixel& b) {
                return b.element == i && b.kind == kind;
            }));
        };
        add(number(bad_pixel_kind::hot), "hot pixel");
        add(number(bad_pixel_kind::dead_row), "dead row");
        add(number(bad_pixel_kind::dead_column), "dead column");
        if (number(bad_pixel_kind::masked) > 0) text += std::string(text.empty() ? "" : ", ") + "what the mask names";
        if (!text.empty())
            lines.push_back(names[i] + ": " + text + " left out, " + std::to_string(bad.count(i)) + " pixels in all");
    }
    return lines;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
