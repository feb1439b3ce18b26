// The case of the numpy reference, read from its npz.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <stemfuse/io/numpy/npz.hpp>

namespace support {

// Nothing where the reference is not on this machine.
inline std::optional<stemfuse::io::npz_reader> tilt_reference() {
    const auto path = std::filesystem::path(STEMFUSE_SHARED_DIR) / "reference" / "tomography" / "case.npz";
    if (!std::filesystem::exists(path)) {
        MESSAGE("left out, not there: ", path.string());
        return std::nullopt;
    }
    return std::optional<stemfuse::io::npz_reader>(std::in_place, path);
}

}  // namespace support
