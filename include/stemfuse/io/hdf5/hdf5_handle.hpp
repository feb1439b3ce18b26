// What the reader and the writer of HDF5 share: handles that close themselves, silence, and reasons in one line.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <hdf5.h>

#include <stemfuse/core/array.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A file, data set, data space, type, attribute or property list of the HDF5 library. Not for use on several threads
/// at once: the library is not made for it.
class hdf5_handle {
public:
    hdf5_handle() = default;
    /// Takes over `id`, which `closing` closes at the end; a negative one is none.
    hdf5_handle(hid_t id, herr_t (*closing)(hid_t)) : id_(id), close_(closing) {}
    /// Takes over; the other one holds nothing.
    hdf5_handle(hdf5_handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
    /// Exchanges the two.
    hdf5_handle& operator=(hdf5_handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    ~hdf5_handle() {
        if (id_ >= 0) close_(id_);
    }

    /// Whether something is open.
    explicit operator bool() const noexcept { return id_ >= 0; }
    /// The identifier for calls of the HDF5 library; it stays this object's.
    hid_t get() const noexcept { return id_; }

private:
    hid_t id_ = H5I_INVALID_HID;
    herr_t (*close_)(hid_t) = nullptr;
};

/// While one of these lives, in any number and order, the HDF5 library prints nothing of its own.
class hdf5_silence {
public:
    hdf5_silence() {
        if (living_++ > 0) return;
        H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
    /// One more that lives: the old one still counts.
    hdf5_silence(hdf5_silence&&) noexcept : hdf5_silence() {}
    hdf5_silence& operator=(const hdf5_silence&) = delete;
    ~hdf5_silence() {
        if (--living_ == 0) H5Eset_auto2(H5E_DEFAULT, function_, data_);
    }

private:
    static inline thread_local std::size_t living_ = 0;
    static inline thread_local H5E_auto2_t function_ = nullptr;
    static inline thread_local void* data_ = nullptr;
};

/// Why the last call failed: the innermost entry of the library's error stack, in one line.
inline std::string hdf5_reason() {
    std::string reason;
    const auto innermost = [](unsigned n, const H5E_error2_t* entry, void* text) -> herr_t {
        if (n == 0 && entry->desc != nullptr) *static_cast<std::string*>(text) = entry->desc;
        return 0;
    };
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &reason);
    for (char& c : reason) {
        if (c == '\n' || c == '\r') c = ' ';
    }
    return reason.empty() ? "the HDF5 library gives no reason" : reason;
}

/// The HDF5 type of float or double in memory.
template <scalar T>
hid_t hdf5_type() {
    if constexpr (std::same_as<T, float>) {
        return H5T_NATIVE_FLOAT;
    } else {
        return H5T_NATIVE_DOUBLE;
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
