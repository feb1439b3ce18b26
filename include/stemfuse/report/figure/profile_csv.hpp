// The line profile of a fusion's figure, as a table.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure_column.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Writes comma-separated columns, a row a pixel along x, below a row of names: the position of the pixel's middle in
/// the unit of the record's scale (or pixels), then "HAADF raw" and "HAADF fused", "<element> raw" and "<element>
/// fused" in the recipe's units, means over the rows of the figure. Throws shape_error for an empty record,
/// value_error for a profile_row outside, write_error; the file is whole or not there.
template <scalar T>
void write_profile(const std::filesystem::path& path, const fusion_record<T>& record,
                   const figure_options& options = {}) {
    using stemfuse::detail::view_in_place;
    const auto haadf = view_in_place<2>(record.haadf, "haadf");
    require_not_empty(haadf, "haadf");
    const auto rows = detail::profile_rows(haadf.shape[0], options);
    const pixel_calibration scale = record.scale.in_shown_unit(haadf.shape[1]);
    std::string text = csv_field("x (" + (scale.known() ? scale.x.unit : "px") + ")");
    std::vector<std::vector<double>> columns;
    const auto add = [&](const std::string& name, const image_view<const T>& raw, const image_view<const T>& fused) {
        text += "," + csv_field(name + " raw") + "," + csv_field(name + " fused");
        columns.push_back(detail::mean_of_rows<T>(raw, rows));
        columns.push_back(detail::mean_of_rows<T>(fused, rows));
    };
    add("HAADF", haadf, view_in_place<2>(record.fused_haadf, "fused_haadf"));
    const auto maps = view_in_place<3>(record.maps, "maps"), fused = view_in_place<3>(record.fused_maps, "fused_maps");
    for (std::size_t i = 0; i < record.elements.size(); ++i) add(record.elements[i], maps.image(i), fused.image(i));
    text += "\n";
    for (std::size_t x = 0; x < haadf.shape[1]; ++x) {
        text += exact_text((static_cast<double>(x) + 0.5) * scale.pixel());
        for (const auto& column : columns) text.append(",").append(exact_text(column[x]));
        text += "\n";
    }
    write_file(path, text);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
