// Attributes and small data sets of HDF5 files, read leniently: what is not of the expected kind counts as not there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_handle.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// "float32", "uint16"; none for what is no plain number.
inline std::optional<std::string> hdf5_type_name(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_INTEGER && kind != H5T_FLOAT) return std::nullopt;
    const std::string base = kind == H5T_FLOAT ? "float" : H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int";
    return base + std::to_string(8 * H5Tget_size(type));
}

namespace detail {

// More is no list of names: it is not read, so that a damaged file takes little memory.
inline constexpr std::size_t most_texts = 4096, longest_fixed_text = 1 << 20;

// Texts of an attribute or data set of `count` strings; read(type, memory) fills the memory.
template <class Read>
std::vector<std::string> hdf5_texts(hid_t stored, std::size_t count, Read&& read) {
    if (stored < 0 || H5Tget_class(stored) != H5T_STRING || count > most_texts) return {};
    const hdf5_handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_cset(type.get(), H5Tget_cset(stored));
    std::vector<std::string> texts;
    if (H5Tis_variable_str(stored) > 0) {
        std::vector<char*> pointers(count, nullptr);
        H5Tset_size(type.get(), H5T_VARIABLE);
        const bool good = read(type.get(), static_cast<void*>(pointers.data())) >= 0;
        for (char* const text : pointers) {
            if (good) texts.emplace_back(text == nullptr ? "" : text);
            if (text != nullptr) H5free_memory(text);
        }
        return texts;
    }
    const std::size_t size = H5Tget_size(stored);
    if (size == 0 || size > longest_fixed_text / std::max<std::size_t>(count, 1)) return {};
    std::vector<char> characters(count * size);
    H5Tset_size(type.get(), size);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    if (read(type.get(), static_cast<void*>(characters.data())) < 0) return {};
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view text(characters.data() + i * size, size);
        texts.emplace_back(text.substr(0, text.find('\0')));
    }
    return texts;
}

inline std::size_t hdf5_count(hid_t space) {
    const auto count = H5Sget_simple_extent_npoints(space);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace detail

/// The texts of a string attribute; empty where there is none.
inline std::vector<std::string> hdf5_text_attributes(hid_t object, const std::string& name) {
    if (H5Aexists(object, name.c_str()) <= 0) return {};
    const hdf5_handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const hdf5_handle stored(H5Aget_type(attribute.get()), H5Tclose);
    const hdf5_handle space(H5Aget_space(attribute.get()), H5Sclose);
    return detail::hdf5_texts(stored.get(), detail::hdf5_count(space.get()),
                              [&](hid_t type, void* memory) { return H5Aread(attribute.get(), type, memory); });
}

/// The text of a string attribute; empty where there is none.
inline std::string hdf5_text_attribute(hid_t object, const std::string& name) {
    const auto texts = hdf5_text_attributes(object, name);
    return texts.empty() ? "" : texts[0];
}

/// The numbers of a numeric attribute, up to 64; empty where there is none.
inline std::vector<double> hdf5_number_attributes(hid_t object, const std::string& name) {
    if (H5Aexists(object, name.c_str()) <= 0) return {};
    const hdf5_handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const hdf5_handle stored(H5Aget_type(attribute.get()), H5Tclose);
    const hdf5_handle space(H5Aget_space(attribute.get()), H5Sclose);
    const std::size_t count = detail::hdf5_count(space.get());
    if (!stored || !hdf5_type_name(stored.get()) || count > 64) return {};
    std::vector<double> numbers(count);
    return H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, numbers.data()) < 0 ? std::vector<double>() : numbers;
}

/// The number of a numeric attribute; none where there is none.
inline std::optional<double> hdf5_number_attribute(hid_t object, const std::string& name) {
    const auto numbers = hdf5_number_attributes(object, name);
    return numbers.empty() ? std::nullopt : std::optional(numbers[0]);
}

/// True or false of a Boolean attribute as h5py writes it, or of a number; none where there is none.
inline std::optional<bool> hdf5_flag_attribute(hid_t object, const std::string& name) {
    if (H5Aexists(object, name.c_str()) <= 0) return std::nullopt;
    const hdf5_handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const hdf5_handle stored(H5Aget_type(attribute.get()), H5Tclose);
    const hdf5_handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (!stored || detail::hdf5_count(space.get()) != 1 || H5Tget_class(stored.get()) != H5T_ENUM) {
        const auto number = hdf5_number_attribute(object, name);
        return number ? std::optional(*number != 0) : std::nullopt;
    }
    if (H5Tget_size(stored.get()) != 1) return std::nullopt;
    signed char value = 0;
    return H5Aread(attribute.get(), stored.get(), &value) < 0 ? std::nullopt : std::optional(value != 0);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
