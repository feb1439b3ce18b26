// Rescaling to [0, 1], out of place, as the published recipe prepares its images.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// What a function that keeps the scalar type of its argument returns: T if the caller names one, else the array's own,
// and double for integers.
template <class T, class A>
using result_scalar_t = std::conditional_t<!std::is_void_v<T>, T, scalar_type_t<A>>;

template <class In, scalar Out>
void rescale(const image_view<const In>& in, const image_view<Out>& out, std::string_view name) {
    require_not_empty(in, name);
    require_finite(in, name);
    double lowest = static_cast<double>(*in.data), highest = lowest;
    for_each_element(in, [&](std::size_t, In v) {
        lowest = std::min(lowest, static_cast<double>(v));
        highest = std::max(highest, static_cast<double>(v));
    });
    const double range = highest - lowest;
    if (range == 0) throw value_error(name, "is " + to_string(lowest) + " everywhere, must have contrast");
    if (!std::isfinite(range)) {
        throw value_error(name, "ranges from " + to_string(lowest) + " to " + to_string(highest) +
                                    ", must have a range that a double can hold");
    }
    const auto [ny, nx] = in.shape;
    for (std::size_t y = 0; y < ny; ++y) {
        std::transform(in.row(y), in.row(y) + nx, out.row(y),
                       [&](In v) { return static_cast<Out>((static_cast<double>(v) - lowest) / range); });
    }
}

}  // namespace detail

/// (image - min) / (max - min), in [0, 1]: shape (n_y, n_x), any units. The result has the image's scalar type, double
/// for integers, or the type that the caller names: min_max<float>(image). `name` stands in the messages. Throws
/// shape_error for an empty image, value_error for a constant one and for NaN or infinity.
template <class T = void, image A>
auto min_max(const A& image, std::string_view name = "image") {
    using in_type = scalar_type_t<A>;
    const readable<in_type, 2> in(image, name);
    xt::xtensor<detail::result_scalar_t<T, A>, 2> out(in.view().shape);
    detail::rescale(in.view(), as_view(out, name), name);
    return out;
}

// Says why an array is no image.
template <class T = void, class A>
    requires detail::refused_array<A, 2>
auto min_max(const A&, std::string_view = "image");

/// min_max of every image of a stack (n, n_y, n_x), each with its own minimum and maximum. `names`, such as the element
/// symbols, stand in the messages; without them it is "maps, element 0" and so on. Throws shape_error for an empty
/// stack or another number of names, value_error as min_max does.
template <class T = void, stack A>
auto min_max_each(const A& maps, const std::vector<std::string>& names = {}) {
    using in_type = scalar_type_t<A>;
    const readable<in_type, 3> in(maps, "maps");
    require_not_empty(in.view(), "maps");
    const std::size_t n = in.view().shape[0];
    if (!names.empty()) require_count(names.size(), n, "names", "names", "one for each map");
    xt::xtensor<detail::result_scalar_t<T, A>, 3> out(in.view().shape);
    const auto out_view = as_view(out, "maps");
    for (std::size_t i = 0; i < n; ++i) {
        detail::rescale(in.view().image(i), out_view.image(i),
                        names.empty() ? "maps, element " + std::to_string(i) : names[i]);
    }
    return out;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
