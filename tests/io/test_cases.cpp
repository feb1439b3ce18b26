// Files as users have them: every row of the table of cases with its right value.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <stemfuse/io/image_choice.hpp>
#include <stemfuse/io/image_file.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

const std::filesystem::path cases = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "cases";

bool there() {
    if (std::filesystem::exists(cases)) return true;
    MESSAGE("skipped: ", cases.string(), " is not there");
    return false;
}

// The files as one measurement, of which HAADF and maps are chosen.
struct measurement {
    std::vector<io::image_file> files{};
    io::image_choice choice{};

    explicit measurement(const std::vector<std::filesystem::path>& paths) {
        for (const auto& path : paths) files.emplace_back(path.is_absolute() ? path : cases / path);
        std::vector<const io::file_contents*> all;
        for (const auto& file : files) all.push_back(&file.contents());
        choice = io::choose_images(all);
    }

    xt::xtensor<double, 2> read(const io::image_reference& i) const { return files[i.file].read<double>(i.image); }

    const io::image_reference& map(const std::string& element) const {
        const auto found = std::find_if(choice.maps.begin(), choice.maps.end(),
                                        [&](const auto& m) { return m.image.element == element; });
        REQUIRE(found != choice.maps.end());
        return *found;
    }
};

double sum_of(const xt::xtensor<double, 2>& image) {
    double sum = 0;
    for (const double v : image) sum += v;
    return sum;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string all_others(const io::file_contents& contents) {
    std::string text;
    for (const auto& other : contents.others) text += other.line() + "\n";
    return text;
}

}  // namespace

TEST_CASE("cases: HAADF, Fe, Pt and O as they were written, with the size of a pixel") {
    if (!there()) return;
    // Sums and single pixels of the arrays by numpy, from truth.py.
    const measurement truth({"npz_stack_with_elements.npz"});
    REQUIRE(truth.choice.maps.size() == 3);
    const xt::xtensor<double, 2> haadf = truth.read(*truth.choice.haadf);
    CHECK(sum_of(haadf) == 4265348);
    CHECK(haadf(3, 5) == 990);
    CHECK(sum_of(truth.read(truth.map("Fe"))) == 7377);
    CHECK(truth.read(truth.map("Pt"))(30, 40) == 10);
    CHECK(sum_of(truth.read(truth.map("O"))) == 13168);
    struct row {
        std::vector<std::filesystem::path> files;
        std::vector<std::string> elements;
        std::string unit;  // of pixels 0.25 x 0.5; empty: not known
        bool same_haadf = true;
    };
    const std::vector<std::string> all{"Fe", "O", "Pt"};
    for (const row& r : std::vector<row>{{{"ncem_dims_named_y_x.emd"}, all, "nm"},
                                         {{"matlab_v73.mat"}, all, ""},
                                         {{"tiff_imagej_one_ifd_4_images.tif"}, all, "nm"},
                                         {{"tiff_ome_channels.ome.tif"}, all, "nm"},
                                         {{"tiff_imagej_hyperstack_labels.tif"}, all, "nm"},
                                         {{"tiff_pagename_tag285.tif"}, all, "", false},  // 8 bits
                                         {{"tiff_page_descriptions.tif"}, all, ""},
                                         {{"nexus_nxdata_axes.nxs"}, all, "nm"},
                                         {{"lzf.h5"}, all, ""},
                                         {{"h5_singleton_axes.h5"}, all, ""},
                                         {{"h5_elements_last_axis.h5"}, all, ""},
                                         {{"h5_elements_attribute.h5"}, all, ""},
                                         {{"hspy_exspy_line_intensity_titles.hspy"}, all, "nm"},
                                         {{"dm4_map_names.dm4"}, all, "nm"},
                                         {{"aztec.h5oina"}, all, "um"},
                                         {{"h5_external_link_gone.h5"}, {"O", "Pt"}, ""},
                                         {{"blosc.h5"}, {"O", "Pt"}, ""},
                                         {{"dm4_colour_map_left_out.dm4"}, {"O"}, "nm"}}) {
        const measurement m(r.files);
        CAPTURE(r.files[0].string());
        REQUIRE(m.choice.haadf.has_value());
        if (r.same_haadf) CHECK(m.read(*m.choice.haadf) == haadf);
        CHECK(m.choice.maps.size() == r.elements.size());
        for (const std::string& element : r.elements) {
            const auto& map = m.map(element);
            CHECK(m.read(map) == truth.read(truth.map(element)));
            const auto& scale = map.image.scale;
            CHECK(scale.known() == !r.unit.empty());
            if (r.unit.empty()) continue;
            CHECK(std::abs(scale.x.pixel - 0.25) < 1e-7);
            CHECK(std::abs(scale.y.pixel - 0.5) < 1e-7);
            CHECK(scale.x.unit == r.unit);
        }
    }
    const measurement percent({"hspy_exspy_atomic_percent_titles.hspy"});
    CHECK(percent.choice.maps.size() == 3);
    CHECK(percent.map("Pt").image.label == "atomic percent of Pt");
}

TEST_CASE("cases: numbers that were turned round, refused or lost") {
    if (!there()) return;
    const measurement truth({"npz_stack_with_elements.npz"});
    const auto folder = cases / "tiff_miniswhite";
    const measurement white({folder / "HAADF.tif", folder / "Fe.tif", folder / "Pt.tif", folder / "O.tif"});
    // Fe was stored as 255 less the counts: white is 0.
    CHECK(white.read(white.map("Fe")) == truth.read(truth.map("Fe")));
    const measurement unwritten({"h5_never_written_map.h5"});
    CHECK(sum_of(unwritten.read(unwritten.map("O"))) == 0);
    CHECK(unwritten.read(unwritten.map("Fe")) == truth.read(truth.map("Fe")));
    const measurement masks({"h5_bool.h5"});
    const auto mask = masks.read(masks.map("Fe"));
    CHECK(std::all_of(mask.begin(), mask.end(), [](double v) { return v == 0 || v == 1; }));
    CHECK(sum_of(mask) > 0);
    const measurement samples({"tiff_four_float_samples.tif"});
    REQUIRE(samples.files[0].contents().images.size() == 4);
    CHECK(samples.read({0, samples.files[0].contents().images[1]}) == truth.read(truth.map("Fe")));
    const measurement finer({"npz_haadf_twice_the_size.npz"});
    REQUIRE(finer.choice.haadf.has_value());
    CHECK(finer.choice.haadf->image.shape == image_shape{96, 128});
    CHECK(finer.choice.maps.size() == 3);
    CHECK(has(io::joined(finer.choice.notes),
              "HAADF has shape (96, 128), the maps have shape (48, 64): it is binned by 2"));
}

TEST_CASE("cases: what is left out has a reason") {
    if (!there()) return;
    struct row {
        const char *file, *reason;
    };
    for (const auto& [file, reason] :
         {row{"h5_external_link_gone.h5", "Fe: is a link to gone.h5:/Fe, which is not there"},
          {"blosc.h5", "Fe (48, 64): is compressed by blosc"},
          {"h5_complex.h5", "Fe (48, 64): complex numbers"},
          {"object.npz", "Fe (48, 64): Python objects"},
          {"complex.npz", "Fe (48, 64): complex numbers"},
          {"longdouble.npz", "Fe (48, 64): floats of the type \"<f16\""},
          {"dm4_colour_map_left_out.dm4", "Fe (ImageList/2) (48, 64): colours"}}) {
        CAPTURE(file);
        CHECK(has(all_others(io::image_file(cases / file).contents()), reason));
    }
    const io::image_file aborted(cases / "velox_aborted_second_frame.emd");
    REQUIRE(aborted.contents().warnings.size() == 1);
    CHECK(has(aborted.contents().warnings[0], "the first 144 pixels have the dose of 2 frames, the others of 1"));
}

TEST_CASE("cases: calibration of one image") {
    if (!there()) return;
    struct row {
        const char* file;
        double x, y;
        const char* unit;
    };
    for (const auto& [file, x, y, unit] :
         {row{"test_loading_image_saved_with_DM.tif", 0.16867469251155853, 0.16867469251155853, "um"},
          {"test_loading_image_saved_with_DM_stack.tif", 0.16867400705814362, 1.6867400407791138, "um"},
          {"FEI-Helios-Ebeam-8bits.tif", 3.3724e-6, 3.3724e-6, "m"},
          {"ref_F_0_2.dm5", 2.2, 2, "\u00b5n"},
          {"ref_F_0_2.dm4", 2.2, 2, "\u00b5n"}}) {
        CAPTURE(file);
        const auto images = io::image_file(cases / file).contents().images;
        for (const auto& image : images) {
            CHECK(std::abs(image.scale.x.pixel / x - 1) < 1e-4);
            CHECK(std::abs(image.scale.y.pixel / y - 1) < 1e-4);
            CHECK(image.scale.x.unit == unit);
        }
    }
    const io::image_file dm5(cases / "ref_F_0_2.dm5"), dm4(cases / "ref_F_0_2.dm4");
    CHECK(dm5.contents().images.at(0).label == dm4.contents().images.at(0).label);
    const auto a = dm5.read<double>(dm5.contents().images[0]), b = dm4.read<double>(dm4.contents().images[0]);
    for (std::size_t k = 0; k < b.size(); ++k) CHECK(std::abs(a.data()[k] - b.data()[k]) < 1e-5);  // a float in dm4
}

TEST_CASE("cases: spectra, whichever axis is that of energies") {
    if (!there()) return;
    const scratch::folder dir;
    struct row {
        const char *file, *unit;
        double first, step;
        std::size_t channels;
        image_shape shape;
        io::energy_window window;  // around Fe K alpha, 20 channels
        double at_10_20, total;    // counts in it by numpy
    };
    for (const row& r : {row{"ncem_spectrum_image.emd", "keV", 0, 0.02, 400, {48, 64}, {6.19, 6.59}, 12, 7377},
                         {"ncem_energy_first.emd", "keV", 0, 0.02, 400, {48, 64}, {6.19, 6.59}, 12, 7377},
                         {"cal_si.hspy", "keV", -0.2, 0.02, 512, {48, 64}, {6.35, 6.45}, 12, 7377}}) {
        CAPTURE(r.file);
        std::filesystem::path path = cases / r.file;
        if (!std::filesystem::exists(path)) {
            path = dir / r.file;
            REQUIRE(std::system(
                        ("gunzip -c '" + (cases / r.file).string() + ".gz' > '" + path.string() + "'").c_str()) == 0);
        }
        const io::image_file file(path);
        REQUIRE(file.contents().spectra.size() == 1);
        const io::spectrum_info& s = file.contents().spectra[0];
        CHECK(s.unit == r.unit);
        CHECK(std::abs(s.first - r.first) < 1e-9);
        CHECK(std::abs(io::channel_step(s) - r.step) < 1e-9);
        CHECK(s.channels == r.channels);
        CHECK(s.shape == r.shape);
        CHECK(s.scale == io::pixel_calibration({0.25, "nm"}, {0.5, "nm"}));
        const auto maps = file.read_windows<double>(s, {r.window});
        CHECK(maps(0, 10, 20) == r.at_10_20);
        double total = 0;
        for (const double v : maps) total += v;
        CHECK(total == r.total);
    }
    const std::string losses = "dm4_energy_fastest.dm4", unpacked = (dir / losses).string();
    REQUIRE(std::system(("gunzip -c '" + (cases / losses).string() + ".gz' > '" + unpacked + "'").c_str()) == 0);
    const io::image_file eels(unpacked);
    REQUIRE(eels.contents().spectra.size() == 1);
    CHECK(eels.contents().spectra[0].first == 400);
    CHECK(eels.contents().spectra[0].last == 911);
    CHECK(eels.contents().spectra[0].shape == image_shape{48, 64});
    const io::image_file stream(cases / "velox_v4_one_stream.emd");
    REQUIRE(stream.contents().spectra.size() == 1);
    const io::spectrum_info& s = stream.contents().spectra[0];
    CHECK(s.first == -1);
    CHECK(s.shape == image_shape{16, 16});
    CHECK(s.frames == 5);
    double counts = 0;
    for (const double v : stream.read_windows<double>(s, {{-2, 50}})) counts += v;
    CHECK(counts == 6564);
}
