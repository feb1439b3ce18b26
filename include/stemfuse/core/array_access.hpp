// How the caller's arrays are read, written and held: in place if their rows are contiguous, else through a packed
// copy.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <stemfuse/core/array.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Reads any accepted array as contiguous rows of T: in place where its memory allows, else from a converted copy.
/// `name` stands in the messages. Throws shape_error for another number of dimensions.
template <scalar T, std::size_t N>
class readable {
public:
    /// Views or copies `a`. It must outlive this object, which may point into it.
    template <class A>
    explicit readable(const A& a, std::string_view name = "array") {
        if constexpr (detail::viewable<A>) {
            if constexpr (std::same_as<value_type_t<A>, T>) view_ = detail::view_in_place<N>(a, name);
        }
        if (view_.data == nullptr) {
            copy_ = detail::packed_copy<T, N>(a, name);
            view_ = detail::view_in_place<N>(std::as_const(copy_), name);
        }
    }
    readable(const readable&) = delete;
    readable& operator=(const readable&) = delete;

    /// The array, or its copy. Valid as long as this object.
    const array_view<const T, N>& view() const { return view_; }

private:
    xt::xtensor<T, N> copy_;
    array_view<const T, N> view_;
};

/// Writes to the caller's array as contiguous rows of T: in place where its memory allows, else through a buffer that
/// commit() copies back. The buffer starts with the array's content. Throws shape_error for another number of
/// dimensions.
template <scalar T, std::size_t N, class A>
class writable {
    static_assert(detail::viewable<A> && std::same_as<value_type_t<A>, T>,
                  "stemfuse: an output array must have memory of its own, and the scalar type of the computation: "
                  "float or double");

public:
    /// Views `a`, which must outlive this object.
    explicit writable(A& a, std::string_view name = "output") : array_(a), view_(detail::view_in_place<N>(a, name)) {
        if (view_.data == nullptr) {
            buffer_ = detail::packed_copy<T, N>(a, name);
            view_ = detail::view_in_place<N>(buffer_, name);
        }
    }
    writable(const writable&) = delete;
    writable& operator=(const writable&) = delete;

    /// Where to write: the array's memory, or the buffer.
    const array_view<T, N>& view() const { return view_; }

    /// Copies the buffer to the array. Does nothing where the array is written in place.
    void commit() {
        if (buffer_.size() == 0) return;
        if constexpr (detail::has_traits<A>) {
            detail::for_each_element(array_traits<std::remove_const_t<A>>::view(array_),
                                     [&](std::size_t k, T& v) { v = buffer_.data()[k]; });
        } else {
            std::copy(buffer_.data(), buffer_.data() + buffer_.size(),
                      array_.template begin<xt::layout_type::row_major>());
        }
    }

private:
    A& array_;
    xt::xtensor<T, N> buffer_;
    array_view<T, N> view_;
};

/// Holds an array by value, as a term holds its measurement: containers are copied or moved in, adaptors and views keep
/// referring to the memory they were made of. Where that memory has no contiguous rows, a packed copy serves instead.
template <class A, std::size_t N>
class held_array {
public:
    /// float or double.
    using value_type = value_type_t<A>;
    static_assert(scalar<value_type>,
                  "stemfuse: a term holds float or double arrays; convert others by xt::cast<double>(a)");

    /// Takes an A as it is, moved where it can be, and packs any other array. `name` stands in the messages. Throws
    /// shape_error for another number of dimensions.
    template <class B>
    explicit held_array(B&& array, std::string_view name) : array_(hold(std::forward<B>(array), name)) {
        layout_ = detail::view_in_place<N>(std::as_const(array_), name);
        if (layout_.data == nullptr) {
            packed_ = detail::packed_copy<value_type, N>(array_, name);
            layout_ = detail::view_in_place<N>(std::as_const(packed_), name);
        }
    }

    /// The view is made at every call, because a copy of this object has memory of its own.
    array_view<const value_type, N> view() const {
        array_view<const value_type, N> view = layout_;
        if (packed_.size() > 0) {
            view.data = packed_.data();
        } else if constexpr (detail::has_traits<A>) {
            view.data = array_traits<A>::view(array_).data;
        } else {
            view.data = array_.data() + array_.data_offset();
        }
        return view;
    }

private:
    template <class B>
    static A hold(B&& array, std::string_view name) {
        if constexpr (std::same_as<std::remove_cvref_t<B>, A>) {
            return A(std::forward<B>(array));
        } else {
            return detail::packed_copy<value_type, N>(array, name);
        }
    }

    A array_;
    xt::xtensor<value_type, N> packed_;
    array_view<const value_type, N> layout_;
};

/// The type that holds an argument of type A: A itself where it can be viewed in place and is float or double, else a
/// container (double for integers).
template <class A, std::size_t N>
using held_t = std::conditional_t<detail::viewable<A> && scalar<value_type_t<A>>, A, xt::xtensor<scalar_type_t<A>, N>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
