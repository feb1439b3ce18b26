// fused.npz: the images of a fusion as numpy reads them.
#pragma once

#include <filesystem>
#include <string>

#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/record/record.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Writes the arrays HAADF and ELEMENT as they were read, fused_HAADF (re-projected) and fused_ELEMENT, all (n_y,
/// n_x) in T, ELEMENT_background where there is one, and pixel_size_UNIT = [y, x], such as pixel_size_nm, where
/// known as lengths. Throws write_error; the file is whole or not there.
template <scalar T>
void write_fused_npz(const std::filesystem::path& path, const fusion_record<T>& record) {
    npz_writer file(path);
    file.add("HAADF", record.raw_haadf);
    file.add("fused_HAADF", record.fused_haadf);
    for (std::size_t i = 0; i < record.elements.size(); ++i) {
        const auto image = [i](const xt::xtensor<T, 3>& maps) -> xt::xtensor<T, 2> { return xt::view(maps, i); };
        const std::string& element = record.elements[i];
        file.add(element, image(record.raw_maps));
        file.add("fused_" + element, image(record.fused_maps));
        if (record.raw_background.size() > 0) file.add(element + "_background", image(record.raw_background));
    }
    const axis_calibration& x = record.scale.x;
    const axis_calibration y = record.scale.y.in(x.unit);
    if (x.known() && y.known() && x.unit == y.unit && length_exponent(x.unit))
        file.add("pixel_size_" + x.unit, xt::xtensor<double, 1>{y.pixel, x.pixel});
    file.commit();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
