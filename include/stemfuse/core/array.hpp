// Images (n_y, n_x) and stacks (n, n_y, n_x): the concepts that the user's array types meet, and the views that kernels
// read.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include <stemfuse/core/error.hpp>
#include <stemfuse/core/large_pages.hpp>
#include <stemfuse/core/xtensor.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The numbers that maps are computed in.
template <class T>
concept scalar = std::same_as<T, float> || std::same_as<T, double>;

/// A non-owning view of an N-dimensional array whose last axis is contiguous. Strides count elements.
template <class T, std::size_t N>
struct array_view {
    using value_type = std::remove_const_t<T>;  ///< T, without const
    static constexpr std::size_t rank = N;      ///< 2 for an image, 3 for a stack

    T* data = nullptr;                   ///< the first element
    std::array<std::size_t, N> shape{};  ///< (n_y, n_x), or (n, n_y, n_x)
    /// Of each axis, in elements. The last is 1 in views that the library makes.
    std::array<std::ptrdiff_t, N> strides{};

    /// The same memory, to be read only.
    operator array_view<const T, N>() const
        requires(!std::is_const_v<T>)
    {
        return {data, shape, strides};
    }

    /// The number of elements.
    std::size_t size() const {
        std::size_t n = 1;
        for (const auto extent : shape) n *= extent;
        return n;
    }

    /// The n_x elements of row y of an image. Indices are not checked, here and below.
    T* row(std::size_t y) const
        requires(N == 2)
    {
        return data + static_cast<std::ptrdiff_t>(y) * strides[0];
    }

    /// The n_x elements of row y of image i of a stack.
    T* row(std::size_t i, std::size_t y) const
        requires(N == 3)
    {
        return data + static_cast<std::ptrdiff_t>(i) * strides[0] + static_cast<std::ptrdiff_t>(y) * strides[1];
    }

    /// Image i of a stack, (n_y, n_x), in place.
    array_view<T, 2> image(std::size_t i) const
        requires(N == 3)
    {
        return {row(i, 0), {shape[1], shape[2]}, {strides[1], strides[2]}};
    }
};

/// A view of an image, (n_y, n_x).
template <class T>
using image_view = array_view<T, 2>;
/// A view of a stack, (n, n_y, n_x).
template <class T>
using stack_view = array_view<T, 3>;

/// (n, n_y, n_x): images, rows, columns.
using stack_shape = std::array<std::size_t, 3>;
/// (n_y, n_x): rows, columns.
using image_shape = std::array<std::size_t, 2>;

/// An image as a stack of one.
template <class T>
stack_view<T> as_stack(const image_view<T>& image) {
    return {image.data, {1, image.shape[0], image.shape[1]}, {0, image.strides[0], image.strides[1]}};
}

/// Specialise this to make your own array type usable wherever stemfuse takes an image or a stack (rank 2 for images, 3
/// for stacks):
///     using value_type;  static constexpr std::size_t rank;
///     static array_view<const value_type, rank> view(const A&);  static array_view<value_type, rank> view(A&);
/// xtensor's containers, adaptors, views and lazy expressions need no specialisation.
template <class A>
struct array_traits;

/// Views are arrays themselves.
template <class T, std::size_t N>
struct array_traits<array_view<T, N>> {
    using value_type = std::remove_const_t<T>;  ///< as that of the view
    static constexpr std::size_t rank = N;      ///< as that of the view
    /// The view itself.
    static array_view<T, N> view(const array_view<T, N>& a) { return a; }
};

namespace detail {

template <class A>
concept xexpression = xt::is_xexpression<std::remove_cvref_t<A>>::value;

template <class A>
concept has_traits = requires { typename array_traits<std::remove_cvref_t<A>>::value_type; };

// Memory that can be viewed in place: data, offset and strides. Lazy expressions have none.
template <class A>
concept strided = xexpression<A> && xt::has_data_interface<std::remove_cvref_t<A>>::value &&
                  requires(const std::remove_cvref_t<A>& a) { a.strides(); };

template <class A>
struct value_type_of;
template <has_traits A>
struct value_type_of<A> {
    using type = typename array_traits<A>::value_type;
};
template <xexpression A>
struct value_type_of<A> {
    using type = std::remove_cv_t<typename A::value_type>;
};

// The rank known at compile time; 0 for a run-time rank (xt::xarray).
template <class A>
constexpr std::size_t static_rank() {
    using array = std::remove_cvref_t<A>;
    if constexpr (has_traits<A>) {
        return array_traits<array>::rank;
    } else {
        using shape = std::remove_cvref_t<decltype(std::declval<const array&>().shape())>;
        if constexpr (requires { std::tuple_size<shape>::value; }) {
            return std::tuple_size_v<shape>;
        } else {
            return 0;
        }
    }
}

template <class A, std::size_t N>
concept array_of_rank = (xexpression<A> || has_traits<A>) && (static_rank<A>() == N || static_rank<A>() == 0);

// float and double are computed in, integers are converted once. Not long double: its digits would be lost unseen.
template <class V>
concept accepted_value = std::is_arithmetic_v<V> && !std::same_as<V, long double>;

}  // namespace detail

/// The type of the elements of an array, without const.
template <class A>
using value_type_t = typename detail::value_type_of<std::remove_cvref_t<A>>::type;

/// The type in which an array is computed: its own if that is float or double, else double.
template <class A>
using scalar_type_t = std::conditional_t<scalar<value_type_t<A>>, value_type_t<A>, double>;

/// A two-dimensional array (n_y, n_x) of float, double or integers: an xtensor expression, or any type with
/// array_traits.
template <class A>
concept image = detail::array_of_rank<A, 2> && detail::accepted_value<value_type_t<A>>;

/// A three-dimensional array (n, n_y, n_x) of float, double or integers: n element maps, slowest axis first.
template <class A>
concept stack = detail::array_of_rank<A, 3> && detail::accepted_value<value_type_t<A>>;

namespace detail {

template <class A>
concept holds_numbers =
    std::is_pointer_v<std::decay_t<A>> || xexpression<A> || has_traits<A> || requires(const std::remove_cvref_t<A>& a) {
        a.data();
        a.size();
    };

// Fails to compile with a sentence that says why A is no image (N = 2) or stack (N = 3). For overloads that are there
// for the sentence alone.
template <class A, std::size_t N>
constexpr bool refuse_array() {
    using array = std::remove_cvref_t<A>;
    if constexpr (std::is_pointer_v<std::decay_t<A>>) {
        static_assert(
            !holds_numbers<A>,
            "stemfuse: a pointer has no shape: pass stemfuse::array_view<const float, 2>{pointer, {n_y, n_x}, "
            "{n_x, 1}} for an image, stemfuse::array_view<const float, 3>{pointer, {n, n_y, n_x}, {n_y * n_x, "
            "n_x, 1}} for maps");
    } else if constexpr (!xexpression<A> && !has_traits<A>) {
        static_assert(
            !holds_numbers<A>,
            "stemfuse: a std::vector has no shape: pass stemfuse::array_view<const float, 2>{v.data(), {n_y, "
            "n_x}, {n_x, 1}} for an image, stemfuse::array_view<const float, 3>{v.data(), {n, n_y, n_x}, {n_y "
            "* n_x, n_x, 1}} for maps; for an array type of your own specialise stemfuse::array_traits");
    } else if constexpr (std::same_as<typename value_type_of<array>::type, long double>) {
        static_assert(
            !holds_numbers<A>,
            "stemfuse: long double is not computed in: convert to float or double first, xt::cast<double>(a)");
    } else if constexpr (!accepted_value<typename value_type_of<array>::type>) {
        static_assert(!holds_numbers<A>,
                      "stemfuse: an array holds float, double or integers: convert half or complex numbers first");
    } else {
        static_assert(!holds_numbers<A> || N != 2, "stemfuse: an image has two axes, (n_y, n_x)");
        static_assert(!holds_numbers<A> || N != 3, "stemfuse: maps have three axes, (n, n_y, n_x)");
    }
    return false;
}

template <class A, std::size_t N>
concept refused_array = holds_numbers<A> && !(N == 2 ? image<A> : stack<A>) && refuse_array<A, N>();

}  // namespace detail

namespace detail {

template <std::size_t N, class A>
std::array<std::size_t, N> shape_of(const A& a, std::string_view name) {
    std::array<std::size_t, N> shape{};
    if constexpr (has_traits<A>) {
        shape = array_traits<A>::view(a).shape;
    } else {
        if (a.dimension() != N) {
            throw shape_error(name, "has " + std::to_string(a.dimension()) + " dimensions, must have " +
                                        std::to_string(N) +
                                        (N == 2 ? " (rows, columns)" : " (elements, rows, columns)"));
        }
        std::copy(a.shape().begin(), a.shape().end(), shape.begin());
    }
    return shape;
}

// A view of `a` in place; its data is null where that is impossible (no memory, or the last axis not contiguous).
template <std::size_t N, class A>
auto view_in_place(A& a, std::string_view name) {
    using plain = std::remove_const_t<A>;
    if constexpr (has_traits<plain>) {
        auto view = array_traits<plain>::view(a);
        if (view.strides[N - 1] != 1 && view.shape[N - 1] > 1) view.data = nullptr;
        return view;
    } else {
        using element = std::remove_reference_t<decltype(*a.data())>;
        array_view<element, N> view{nullptr, shape_of<N>(a, name), {}};
        std::copy(a.strides().begin(), a.strides().end(), view.strides.begin());
        if (view.strides[N - 1] == 1 || view.shape[N - 1] <= 1) view.data = a.data() + a.data_offset();
        view.strides[N - 1] = 1;
        return view;
    }
}

template <class A>
concept viewable = has_traits<A> || strided<A>;

// Calls f(k, element) for the elements of a view with any strides, k counting in logical (row-major) order.
template <class T, std::size_t N, class F>
void for_each_element(const array_view<T, N>& view, F&& f) {
    const std::size_t nx = view.shape[N - 1], ny = view.shape[N - 2], size = view.size();
    for (std::size_t k = 0; k < size; ++k) {
        std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(k % nx) * view.strides[N - 1] +
                                static_cast<std::ptrdiff_t>(k / nx % ny) * view.strides[N - 2];
        if constexpr (N == 3) offset += static_cast<std::ptrdiff_t>(k / nx / ny) * view.strides[0];
        f(k, view.data[offset]);
    }
}

// Copies any accepted array, in logical order, into a container of ours.
template <class T, std::size_t N, class A>
xt::xtensor<T, N> packed_copy(const A& a, std::string_view name) {
    xt::xtensor<T, N> copy(shape_of<N>(a, name));
    prefer_large_pages(copy.data(), copy.size());
    const auto convert = [](auto v) { return static_cast<T>(v); };
    if constexpr (viewable<A>) {
        const auto view = view_in_place<N>(a, name);
        if (view.data != nullptr) {
            const std::size_t nx = view.shape[N - 1], ny = view.shape[N - 2];
            for (std::size_t r = 0; r * nx < copy.size(); ++r) {
                const auto* row = view.data + static_cast<std::ptrdiff_t>(r % ny) * view.strides[N - 2];
                if constexpr (N == 3) row += static_cast<std::ptrdiff_t>(r / ny) * view.strides[0];
                std::transform(row, row + nx, copy.data() + r * nx, convert);
            }
            return copy;
        }
    }
    if constexpr (has_traits<A>) {
        for_each_element(array_traits<A>::view(a), [&](std::size_t k, auto v) { copy.data()[k] = convert(v); });
    } else {
        std::transform(a.template begin<xt::layout_type::row_major>(), a.template end<xt::layout_type::row_major>(),
                       copy.data(), convert);
    }
    return copy;
}

}  // namespace detail

/// A view of an array in place, its rank N deduced except for xt::xarray. Throws shape_error where the rank is another
/// or the last axis is not contiguous; readable and writable take those too.
template <std::size_t N = 0, class A>
    requires(image<A> || stack<A>)
auto as_view(A& a, std::string_view name = "array") {
    constexpr std::size_t rank = N == 0 ? detail::static_rank<A>() : N;
    static_assert(rank != 0, "stemfuse: the rank of an xt::xarray is given as as_view<2>(a) or as_view<3>(a)");
    const auto view = detail::view_in_place<rank>(a, name);
    if (view.data == nullptr && view.size() > 0)
        throw shape_error(name, "has columns that are not contiguous, must be contiguous along its last axis");
    return view;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
