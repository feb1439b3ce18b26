#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <stemfuse/io/binned_spectra.hpp>
#include <stemfuse/io/line_counts.hpp>

#include "io/dm_writer.hpp"
#include "io/h5_builder.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

// A spectrum image (3, 5, 400) with channels of 10 eV from -0.1 keV on: random counts of 0 to 3.
constexpr std::size_t ny = 3, nx = 5, n = 400;
constexpr double first = -0.1, step = 0.01;

struct cube {
    std::vector<std::uint8_t> counts = std::vector<std::uint8_t>(ny * nx * n);

    cube() {
        const auto random = support::random_array<double, 1>({counts.size()}, 0, 4);
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = static_cast<std::uint8_t>(random(i));
    }

    // The sum over energies low <= E < high.
    double sum(std::size_t y, std::size_t x, double low, double high) const {
        double total = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const double e = first + step * static_cast<double>(i);
            if (e >= low && e < high) total += counts[(y * nx + x) * n + i];
        }
        return total;
    }

    void write_hdf5(const std::filesystem::path& path) const {
        const h5_builder::file file(path);
        file.data("EDS", {ny, nx, n}, counts, {2, 2, 100});
        file.attribute("EDS", "energy_offset_keV", first);
        file.attribute("EDS", "energy_scale_keV", step);
        file.attribute("EDS", "pixel_size_nm", 0.5);
    }

    void write_hspy(const std::filesystem::path& path, const std::string& unit = "keV") const {
        const h5_builder::file file(path);
        file.attribute("/", "file_format", "HyperSpy");
        file.attribute("/", "file_format_version", "3.1");
        const std::string group = "Experiments/scan";
        file.data(group + "/data", {ny, nx, n}, counts);
        for (int d = 0; d < 3; ++d) {
            const std::string axis = group + "/axis-" + std::to_string(d);
            file.group(axis);
            file.attribute(axis, "units", d < 2 ? "nm" : unit);
            file.attribute(axis, "scale", d < 2 ? 0.5 + d : step);
            file.attribute(axis, "offset", d < 2 ? 0.0 : first);
            file.attribute(axis, "navigate", d < 2);
        }
        const std::string detector = group + "/metadata/Acquisition_instrument/TEM/Detector/EDS";
        file.group(detector);
        file.attribute(detector, "energy_resolution_MnKa", 140.0);
    }

    // Slowest are the channels; the origin is that of the energy 0.
    void write_dm(const std::filesystem::path& path) const {
        std::vector<std::uint8_t> planes(counts.size());
        for (std::size_t p = 0; p < ny * nx; ++p) {
            for (std::size_t i = 0; i < n; ++i) planes[i * ny * nx + p] = counts[p * n + i];
        }
        const dm_writer::writer dm({4, std::endian::little});
        scratch::write(path, dm.file({dm.group("ImageList", {dm.image(u"EDS map", 6, 10, {nx, ny, n}, planes, 0.5f,
                                                                      0.5f, u"nm", {}, {10, 0.01f, u"keV"})})}));
    }
};

}  // namespace

TEST_CASE("spectra in two passes: their sum, then bins and filtered amounts, whatever the format") {
    const scratch::folder dir;
    const cube c;
    c.write_hdf5(dir / "a.h5");
    c.write_hspy(dir / "a.hspy");
    c.write_dm(dir / "a.dm4");
    scratch::write(dir / "a.raw", {reinterpret_cast<const char*>(c.counts.data()), c.counts.size()});
    scratch::write(dir / "a.rpl",
                   "width 5\nheight 3\ndepth 400\noffset 0\ndata-length 1\ndata-type unsigned\n"
                   "byte-order dont-care\nrecord-by vector\ndepth-origin -0.1\ndepth-scale 0.01\n"
                   "depth-units keV\nsignal EDS\n");
    std::vector<double> sum(n);
    for (std::size_t i = 0; i < c.counts.size(); ++i) sum[i % n] += c.counts[i];
    const auto signatures = fit_sum_spectrum(sum, {first, step, n}, {"O", "Al", "Si"}, {});
    spectrum_binner<double> binner(signatures, {ny, nx}, 16);
    for (std::size_t p = 0; p < ny * nx; ++p) binner.add_spectrum(p / nx, p % nx, c.counts.data() + p * n);
    const auto expected = std::move(binner).result();
    const auto near = [](const xt::xtensor<double, 3>& a, const xt::xtensor<double, 3>& b) {
        return xt::amax(xt::abs(a - b))() <= 1e-5 * xt::amax(xt::abs(b))();  // weights are floats
    };
    for (const std::string name : {"a.h5", "a.hspy", "a.dm4", "a.rpl"}) {
        for (const bool guarded : {false, true}) {
            CAPTURE(name);
            CAPTURE(guarded);
            const io::image_file file(dir / name, {.guarded = guarded});
            REQUIRE(file.contents().spectra.size() == 1);
            const auto& s = file.contents().spectra[0];
            CHECK(file.read_sum_spectrum(s) == sum);
            const auto binned = io::read_binned_spectra<double>(file, s, signatures, 16);
            CHECK(binned.counts == expected.counts);
            CHECK(near(binned.filtered, expected.filtered));
            CHECK(near(binned.variance, expected.variance));
            CHECK(near(io::read_filtered_spectra<double>(file, s, spectrum_filter(signatures)), expected.filtered));
            support::check_throws<value_error>(
                [&] { file.read_channel_sums<double>(s, io::channel_weights(2, n + 1)); }, "weights: has 802");
            support::check_throws<value_error>([&] { file.read_channel_sums<double>(s, io::channel_weights(0, n)); },
                                               "weights: is 0");
        }
    }
}

TEST_CASE_TEMPLATE("windows of spectrum images in HDF5, hspy and DM files", T, float, double) {
    const scratch::folder dir;
    const cube c;
    c.write_hdf5(dir / "a.h5");
    c.write_hspy(dir / "a.hspy");
    c.write_dm(dir / "a.dm4");
    const std::vector<io::energy_window> windows{
        {0.505, 0.695}, {-1, -0.5}, {-0.095, 0.005}, {3.795, 9}, {1.995, 2.005}};
    for (const std::string name : {"a.h5", "a.hspy", "a.dm4"}) {
        CAPTURE(name);
        const io::image_file file(dir / name);
        CHECK(file.contents().images.empty());
        REQUIRE(file.contents().spectra.size() == 1);
        const auto& s = file.contents().spectra[0];
        CHECK(s.name == (name == "a.h5" ? "EDS" : name == "a.hspy" ? "scan" : "EDS map"));
        CHECK(s.unit == "keV");
        CHECK(s.channels == n);
        CHECK(s.shape == image_shape{ny, nx});
        CHECK(std::abs(s.first - first) <= 1e-8);
        CHECK(std::abs(s.last - (first + step * 399)) <= 1e-6);
        CHECK(std::abs(s.scale.x.in("nm").pixel - (name == "a.hspy" ? 1.5 : 0.5)) <= 1e-12);
        CHECK(s.resolution == (name == "a.hspy" ? 140 : 0));
        const auto maps = file.template read_windows<T>(s, windows);
        for (std::size_t w = 0; w < windows.size(); ++w) {
            CAPTURE(w);
            for (std::size_t y = 0; y < ny; ++y) {
                for (std::size_t x = 0; x < nx; ++x)
                    CHECK(static_cast<double>(maps(w, y, x)) == c.sum(y, x, windows[w].low, windows[w].high));
            }
        }
        support::check_throws<value_error>([&] { file.template read_windows<T>(s, {}); }, "windows: has 0");
        support::check_throws<value_error>([&] { file.template read_windows<T>(s, {{2, 2}}); }, "is 2 to 2");
    }
}

TEST_CASE("spectra without energies of their channels stay what they were") {
    const scratch::folder dir;
    const cube c;
    c.write_hspy(dir / "a.hspy", "nm");
    CHECK(io::image_file(dir / "a.hspy").contents().spectra.empty());
    {
        const h5_builder::file file(dir / "a.h5");
        file.data("EDS", {ny, nx, n}, c.counts);
        file.attribute("EDS", "energy_scale_keV", -0.01);
    }
    const io::image_file falling(dir / "a.h5");
    CHECK(falling.contents().images.empty());
    REQUIRE(falling.contents().others.size() == 1);
    CHECK(falling.contents().others[0].reason == "spectra whose energies fall, must rise");
}

TEST_CASE("a header that announces more than its file holds") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.h5");
        file.data<std::uint8_t>("EDS", {200'000, 200'000, 400}, {}, {1, 1, 400});
        file.attribute("EDS", "energy_scale_keV", 0.01);
    }
    const io::image_file file(dir / "a.h5");
    CHECK(file.contents().spectra.empty());
    REQUIRE(file.contents().others.size() == 1);
    CHECK(file.contents().others[0].reason.starts_with("announces more than a file of "));
}

TEST_CASE_TEMPLATE("counts of lines and their background", T, float, double) {
    const scratch::folder dir;
    const cube c;
    c.write_hdf5(dir / "a.h5");
    const io::image_file file(dir / "a.h5");
    const auto& s = file.contents().spectra.at(0);
    // More than fit into one reading.
    std::vector<std::string> elements;
    for (int z = 6; z <= 17; ++z) elements.emplace_back(element_symbols[static_cast<std::size_t>(z - 1)]);
    for (int z = 38; z <= 48; ++z) elements.emplace_back(element_symbols[static_cast<std::size_t>(z - 1)]);
    const auto lines = io::line_windows(elements, s);
    const auto read = io::read_line_counts<T>(file, s, lines, background_kind::constant);
    REQUIRE(read.counts.shape() == std::array<std::size_t, 3>{23, ny, nx});
    for (std::size_t i = 0; i < lines.size(); ++i) {
        CAPTURE(elements[i]);
        double background = 0;
        for (std::size_t y = 0; y < ny; ++y) {
            for (std::size_t x = 0; x < nx; ++x) {
                CHECK(static_cast<double>(read.counts(i, y, x)) ==
                      c.sum(y, x, lines[i].window.low, lines[i].window.high));
                for (std::size_t k = 0; k < lines[i].sides.size(); ++k)
                    background += lines[i].weights[k] * c.sum(y, x, lines[i].sides[k].low, lines[i].sides[k].high);
            }
        }
        for (std::size_t y = 0; y < ny; ++y)
            CHECK(std::abs(static_cast<double>(read.background(i, y, 0)) - background / (ny * nx)) <=
                  1e-5 * background);
    }
    support::check_throws<value_error>([&] { io::read_line_counts<T>(file, s, {}); }, "lines: is empty");
}

TEST_CASE("a real spectrum image, against maps that were extracted independently") {
    const auto folder = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data";
    if (!std::filesystem::exists(folder / "tem_eds_spectrum_image.h5")) {
        MESSAGE("skipped: ", folder.string(), " has no tem_eds_spectrum_image.h5");
        return;
    }
    const io::image_file file(folder / "tem_eds_spectrum_image.h5"), counted(folder / "tem_eds_counts.h5");
    const auto& s = file.contents().spectra.at(0);
    const std::vector<std::string> elements{"O", "Si", "Pd", "Ti", "Cu"};
    const std::vector<io::energy_window> windows{
        {0.455, 0.595}, {1.66, 1.82}, {2.738, 2.938}, {4.391, 4.631}, {7.896, 8.196}};
    const auto maps = file.read_windows<float>(s, windows);
    const auto lines = io::read_line_counts<float>(file, s, io::line_windows(elements, s));
    for (std::size_t i = 0; i < elements.size(); ++i) {
        CAPTURE(elements[i]);
        const auto& image = counted.find(elements[i]);
        const auto expected = counted.read<float>(image);
        CHECK(xt::xtensor<float, 2>(xt::view(maps, i)) == expected);
        double in_line = 0, in_window = 0, background = 0;
        for (std::size_t p = 0; p < expected.size(); ++p) {
            in_window += static_cast<double>(expected.data()[p]);
            in_line += static_cast<double>(lines.counts.data()[i * expected.size() + p]);
            background += static_cast<double>(lines.background.data()[i * expected.size() + p]);
        }
        // Windows and sides are others there, by some channels: net counts agree within the counting noise.
        const double net = in_line - background, net_there = in_window - image.background * 4096;
        MESSAGE(elements[i], ": ", in_line, " counts, background ", background, "; there ", in_window, ", ",
                image.background * 4096);
        CHECK(image.background > 0);
        CHECK(std::abs(net - net_there) <= 0.06 * net_there + 4 * std::sqrt(in_window));
    }
}
