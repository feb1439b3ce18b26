// The program from outside: files in, files out, exit codes and messages.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npy.hpp>
#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/record/image_set.hpp>
#include <stemfuse/io/tiff/tiff.hpp>

#include "io/dm_writer.hpp"
#include "io/sample_zip.hpp"
#include "io/scratch.hpp"
#include "program/session.hpp"
#include "support.hpp"

using namespace stemfuse;
using program_test::images;
using program_test::outcome;
using program_test::session;

TEST_CASE(
    "demo: files, figures as an independent scorer has them, the true composition, a command that gives the same") {
    const session s;
    const outcome demo = s.run("demo --size 64x64 --quiet");
    CAPTURE(demo.err);
    CAPTURE(demo.out);
    REQUIRE(demo.code == 0);
    CHECK(demo.err.empty());
    CHECK(demo.out.find("report.html") != std::string::npos);
    const auto folder = s.path("stemfuse-demo");
    for (const char* file : {"fused.h5", "fused.png", "fused.svg", "residual.png", "report.html", "parameters.json",
                             "Co.tif", "Mn.tif", "O.tif", "truth.h5", "measurement.h5"}) {
        CAPTURE(std::string(file));
        CHECK(std::filesystem::file_size(folder / file) > 100);
    }
    // The command that it prints gives the same maps.
    const auto begin = demo.out.find("stemfuse fuse ");
    REQUIRE(begin != std::string::npos);
    const std::string command = demo.out.substr(begin + 9, demo.out.find('\n', begin) - begin - 9);
    REQUIRE(s.run(command + " --quiet").code == 0);
    for (const char* name : {"fused/Co", "fused/Mn", "fused/O", "fused/HAADF"}) {
        CHECK(io::read_image<float>(folder / "fused.h5", name) ==
              io::read_image<float>(s.path("fused/fused.h5"), name));
    }

    // Co3O4 and Mn3O4 have 4 atoms of O in 7.
    struct row {
        double raw, fused, gain, psnr, ssim, percent, error, truth;
    };
    const std::string scores = demo.out.substr(demo.out.find("NRMSE raw"));
    const auto row_of = [&](const std::string& element) {
        std::istringstream line(scores.substr(scores.find("\n" + element + " ") + 1 + element.size()));
        row r{};
        std::string mark;
        line >> r.raw >> r.fused >> r.gain >> mark >> r.psnr >> r.ssim;
        if (element != "mean") line >> r.percent >> mark >> r.error >> r.truth;
        REQUIRE(line);
        return r;
    };
    double percents = 0;
    for (const std::string element : {"Co", "Mn", "O"}) {
        const row r = row_of(element);
        CHECK(std::abs(r.percent - r.truth) <= 4 * r.error);
        CHECK(r.fused < r.raw / 2);
        percents += r.truth;
    }
    CHECK(std::abs(percents - 100) <= 0.02);
    CHECK(std::abs(row_of("O").truth - 400.0 / 7) <= 0.01);

    const auto scorer = std::filesystem::path(STEMFUSE_SHARED_DIR) / "tools" / "score.py";
    const std::string python = "/usr/bin/env python3 '" + scorer.string() + "' ";
    if (!std::filesystem::exists(scorer) || std::system("python3 -c 'import h5py, numpy, scipy' 2>/dev/null") != 0) {
        MESSAGE("skipped: no ", scorer.string(), ", or no python3 with h5py, numpy and scipy");
        return;
    }
    const auto json = s.path("score.json");
    REQUIRE(std::system((python + "'" + (folder / "fused.h5").string() + "' '" + (folder / "truth.h5").string() +
                         "' >'" + json.string() + "'")
                            .c_str()) == 0);
    const std::string score = scratch::read(json);
    const auto scored = [&](const std::string& element, const std::string& figure) {
        const auto at = score.find("\"" + figure + "\": ", score.find("\"" + element + "\": {"));
        return std::stod(score.substr(at + figure.size() + 4));
    };
    for (const std::string element : {"Co", "Mn", "O", "mean"}) {
        CAPTURE(element);
        const row r = row_of(element);
        CHECK(std::abs(r.raw - scored(element, "nrmse_raw")) <= 1e-4);
        CHECK(std::abs(r.fused - scored(element, "nrmse")) <= 1e-4);
        CHECK(std::abs(r.gain - scored(element, "gain")) <= 0.051);
        CHECK(std::abs(r.psnr - scored(element, "psnr")) <= 0.0051);
        CHECK(std::abs(r.ssim - scored(element, "ssim")) <= 1e-4);
    }
}

TEST_CASE("a misspelt option or command is told what was probably meant, and whose help says more") {
    const session s;
    s.fails(2, "fuse scan.h5 -o out --lamda-tv 0.1", "--lamda-tv", "did you mean --lambda-tv?", "stemfuse fuse --help");
    s.fails(2, "fuse scan.h5 -o out --gama=1.5", "--gama", "did you mean --gamma?");
    s.fails(2, "fuse scan.h5 -o out --xyzzy", "--xyzzy: is no option of stemfuse fuse (");
    s.fails(2, "simulate core-shell", "--output", "must be a file name");
    s.fails(2, "fuse scan.h5", "--output", "stemfuse fuse --help");
    s.fails(2, "fsue scan.h5", "\"fsue\"", "did you mean fuse?");
    s.fails(2, "frobnicate", "\"frobnicate\", must be one of demo, inspect, fuse");
    s.fails(2, "completion zsh", "SHELL: is \"zsh\", must be bash");
}

TEST_CASE("completion names the commands, the options and the names that these can have; the page for man is clean") {
    const session s;
    scratch::write(s.path("ask.sh"),
                   "source complete\nCOMP_WORDS=(stemfuse \"$@\")\nCOMP_CWORD=$#\n_stemfuse\n"
                   "echo \"${COMPREPLY[*]}\"\n");
    const auto completion = s.run("completion bash");
    REQUIRE(completion.code == 0);
    scratch::write(s.path("complete"), completion.out);
    const auto reply = [&](const std::string& words) {
        const std::string in = "cd '" + s.path("").string() + "' && bash ask.sh " + words + " >reply";
        REQUIRE(std::system(in.c_str()) == 0);
        return scratch::read(s.path("reply"));
    };
    CHECK(reply("si") == "simulate\n");
    CHECK(reply("fuse --lambda-t") == "--lambda-tv\n");
    CHECK(reply("fuse --overlay-mode ''") == "add lighten none\n");
    CHECK(reply("explore --tv f") == "fgp\n");
    CHECK(reply("tomo --k-fac") == "\n");
    const auto page = s.run("man");
    CHECK(page.code == 0);
    CHECK(page.out.starts_with(".TH STEMFUSE 1 "));
    scratch::write(s.path("page"), page.out);
    if (std::system("groff --version >/dev/null 2>&1") != 0) return;
    const std::string render = "cd '" + s.path("").string() + "' && groff -man -ww -Tascii page >shown 2>faults";
    CHECK(std::system(render.c_str()) == 0);
    CHECK(scratch::read(s.path("faults")) == "");
}

TEST_CASE("fuse: what it writes is what was read and what the library gives") {
    const session s;
    const images m;
    m.write(s.path("scan.h5"));
    const outcome o = s.run("fuse scan.h5 -o out --elements Co,O --iterations 4 --precision double --threads 3");
    CAPTURE(o.err);
    REQUIRE(o.code == 0);
    CHECK(o.err.find("iteration 4 of 4") != std::string::npos);
    const auto file = s.path("out/fused.h5");
    const auto raw = io::read_image<float>(file, "raw/O");
    CHECK(raw == xt::view(m.values, 2, xt::all(), xt::all()));
    CHECK(io::read_image<float>(file, "raw/HAADF") == xt::view(m.values, 0, xt::all(), xt::all()));
    // The re-projection: (27 x_Co^1.6 + 8 x_O^1.6) / 17.5.
    const auto co = io::read_image<double>(file, "fused/Co"), ox = io::read_image<double>(file, "fused/O");
    const auto haadf = io::read_image<double>(file, "fused/HAADF");
    for (std::size_t k = 0; k < haadf.size(); ++k) {
        const double expected = (27 * std::pow(co.data()[k], 1.6) + 8 * std::pow(ox.data()[k], 1.6)) / 17.5;
        CHECK(std::abs(haadf.data()[k] - expected) <= 1e-12);
    }
    // The same from npz, whatever the number of threads, and by other names.
    {
        io::npz_writer npz(s.path("scan.npz"));
        const std::vector<std::string> names{"DF", "Co_K", "oxygen"};
        for (std::size_t i = 0; i < 3; ++i)
            npz.add(names[i], xt::xtensor<float, 2>(xt::view(m.values, i, xt::all(), xt::all())));
        npz.commit();
    }
    REQUIRE(s.run("fuse scan.npz -o other --haadf DF --elements Co_K=Co,oxygen=O --iterations 4 --precision double "
                  "--threads 1 --quiet")
                .code == 0);
    CHECK(io::read_image<double>(s.path("other/fused.h5"), "fused/Co") == co);
    const std::string parameters = scratch::read(s.path("other/parameters.json"));
    for (const char* text :
         {"\"gamma\": 1.6", "\"iterations\": 4", "\"precision\": \"double\"", "\"weights\": \"z-over-mean\""}) {
        CAPTURE(std::string(text));
        CHECK(parameters.find(text) != std::string::npos);
    }
    CHECK(scratch::read(s.path("out/report.html")).find("lambda_tv") != std::string::npos);
}

TEST_CASE("fuse: the published result, from the published files") {
    struct published {
        std::string file, elements, options, reference;
    };
    const session s;
    const std::filesystem::path shared = STEMFUSE_SHARED_DIR;
    for (const auto& p :
         {published{"PTO_Trilayer_dataset.npz", "Sc,Dy,O", "", "dysco3"},
          published{
              "Co3O4_Mn3O4.h5", "Co,Mn,O",
              "--lambda-chemical 0.006 --lambda-tv 0.022 --background 0.01 --tv-iterations 6 --start-threshold 0.2",
              "co3o4_mn3o4"}}) {
        const auto file = shared / "data" / p.file;
        if (!std::filesystem::exists(file)) {
            MESSAGE("skipped: no ", file.string());
            continue;
        }
        for (const auto& [precision, tolerance] : {std::pair{"float", 1e-3}, std::pair{"double", 1e-5}}) {
            const outcome o = s.run("fuse --quiet --elements " + p.elements + " '" + file.string() +
                                    "' -o out --overwrite " + p.options + " --precision " + precision);
            CAPTURE(o.err);
            REQUIRE(o.code == 0);
            const auto expected = io::read_npy<double, 3>(shared / "reference" / p.reference / "fused_30.npy");
            double difference = 0, norm = 0;
            const std::string symbols = p.elements + ",";
            for (std::size_t i = 0, begin = 0; i < 3; begin = symbols.find(',', begin) + 1, ++i) {
                const std::string element = symbols.substr(begin, symbols.find(',', begin) - begin);
                const auto map = io::read_image<double>(s.path("out/fused.h5"), "fused/" + element);
                for (std::size_t k = 0; k < map.size(); ++k) {
                    const double e = expected.data()[i * map.size() + k];
                    difference += std::pow(map.data()[k] - e, 2);
                    norm += e * e;
                }
            }
            MESSAGE(p.file, ", ", std::string(precision), ": relative difference ", std::sqrt(difference / norm));
            CHECK(std::sqrt(difference / norm) <= tolerance);
        }
    }
}

TEST_CASE("fuse: every option reaches the solver") {
    const session s;
    images().write(s.path("scan.h5"));
    const std::string base = "fuse scan.h5 --elements Co,O --quiet -o ";
    REQUIRE(s.run(base + "base").code == 0);
    const auto fused = [&](const std::string& folder) {
        return io::read_image<float>(s.path(folder + "/fused.h5"), "fused/O");
    };
    const auto reference = fused("base");
    int i = 0;
    for (const char* option : {"--gamma 1.8", "--weights unit", "--lambda-chemical 0.05", "--lambda-tv 0.1",
                               "--background 0.4", "--iterations 7", "--tv gp", "--tv chambolle",
                               "--tv-norm anisotropic", "--tv-iterations 6", "--start-threshold 0.3"}) {
        CAPTURE(std::string(option));
        const std::string folder = "changed" + std::to_string(i++);
        REQUIRE(s.run(base + folder + " " + option).code == 0);
        if (std::string(option).starts_with("--start")) continue;  // may be forgotten after 30 iterations
        CHECK(fused(folder) != reference);
    }
    REQUIRE(s.run(base + "again --threads 1 --recipe published --precision float").code == 0);
    CHECK(fused("again") == reference);
}

TEST_CASE("inspect") {
    const session s;
    images().write(s.path("scan.h5"));
    const outcome o = s.run("inspect scan.h5");
    CHECK(o.code == 0);
    for (const char* text : {"HDF5", "HAADF", "float32", "(12, 10)", "taken for HAADF: HAADF\ntaken for maps: Co, O\n",
                             "to fuse: stemfuse fuse scan.h5 -o fused\n"}) {
        CAPTURE(std::string(text));
        CHECK(o.out.find(text) != std::string::npos);
    }
    CHECK(s.run("--help").code == 0);
    CHECK(s.run("fuse --help").out.find("--lambda-tv") != std::string::npos);
    CHECK(s.run("--version").out.starts_with("stemfuse "));
}

TEST_CASE("inspect: a file that cannot be read does not hide the others") {
    const session s;
    images().write(s.path("scan.h5"));
    std::ofstream(s.path("notes.txt")) << "sample 7";
    const outcome o = s.run("inspect scan.h5 notes.txt missing.h5");
    CHECK(o.code == 3);
    CHECK(o.out.find("taken for maps: Co, O\nto fuse: stemfuse fuse scan.h5 -o fused\n") != std::string::npos);
    CHECK(o.err.find("stemfuse: notes.txt: starts with the bytes 73 61 6d 70") == 0);
    CHECK(o.err.find("\nstemfuse: missing.h5: no such file\n") != std::string::npos);
    CHECK(o.err.ends_with("stemfuse: 2 of 3 files: cannot be read\n"));
}

TEST_CASE("a file without images says what is taken") {
    const session s;
    io::write_npy(s.path("cube.npy"), xt::xtensor<float, 4>({2, 3, 4, 5}, 1.0f));
    const outcome o = s.run("inspect cube.npy");
    CHECK(o.code == 0);
    CHECK(o.out.find("nothing to fuse; must have images (y, x)") != std::string::npos);
    s.fails(3, "fuse cube.npy -o out", "cube.npy: has no image that can be fused: cube (2, 3, 4, 5): 4 dimensions",
            "must have images (y, x)", "HyperSpy or py4DSTEM");
}

TEST_CASE("usage errors: exit code 2") {
    const session s;
    images().write(s.path("scan.h5"));
    const std::string good = "fuse scan.h5 -o out --elements Co,O ";
    s.fails(2, "", "subcommand");
    s.fails(2, "defuse", "\"defuse\"", "demo, inspect, fuse");
    s.fails(2, "fuse -o out", "FILE");
    s.fails(2, "fuse scan.h5 --elements Co,O", "--output");
    s.fails(2, "inspect", "FILE");
    s.fails(2, "fuse scan.h5 -o out --elements Co,Xx", "--elements", "\"Xx\"", "H to Og");
    s.fails(2, "fuse scan.h5 -o out --elements Co,O,Co", "--elements", "Co", "once");
    s.fails(2, "fuse scan.h5 -o out --elements Co,=O", "--elements", "\"=O\"", "NAME=Symbol");
    s.fails(2, good + "--gamma 0.9", "--gamma", "0.9", "[1, 3]");
    s.fails(2, good + "--gamma 3.5", "--gamma", "3.5");
    s.fails(2, good + "--gamma nan", "--gamma", "nan");
    s.fails(2, good + "--gamma thick", "--gamma", "thick");
    s.fails(2, good + "--weights heavy", "--weights", "\"heavy\"", "z-over-mean");
    s.fails(2, good + "--lambda-tv -1", "--lambda-tv", "-1", "0 or more");
    s.fails(2, good + "--lambda-chemical inf", "--lambda-chemical", "inf");
    s.fails(2, good + "--background 0", "--background", "is 0", "above 0");
    s.fails(2, good + "--iterations 0", "--iterations", "is 0");
    s.fails(2, good + "--tv-iterations 0", "--tv-iterations", "is 0");
    s.fails(2, good + "--tv newton", "--tv", "\"newton\"", "fgp");
    s.fails(2, good + "--tv-norm round", "--tv-norm", "\"round\"", "isotropic");
    s.fails(2, good + "--precision half", "--precision", "\"half\"", "float");
    s.fails(2, good + "--threads 5000", "--threads", "5000", "1024");
    s.fails(2, good + "--start-threshold 2", "--start-threshold", "2", "[0, 1]");
    s.fails(2, good + "--frames last", "--frames", "\"last\"", "mean, sum, first");
    s.fails(2, good + "--windows Fe", "--windows", "\"Fe\"", "Symbol=LOW-HIGH");
    s.fails(2, good + "--windows Fe=2-1", "--windows", "\"Fe=2-1\"");
    s.fails(2, good + "--windows Fe=1-2mm", "--windows", "\"Fe=1-2mm\"");
    s.fails(2, good + "--windows Xx=1-2", "\"Xx\"", "H to Og");
    s.fails(2, good + "--windows O=1-2", "--windows", "O twice");
    s.fails(2, good + "--recipe cake", "--recipe", "\"cake\"", "published");
    s.fails(2, good + "--lambda-chemical 1e30 --quiet", "objective", "smaller weights");
}

TEST_CASE("fuse: HAADF and maps as the files say, of one file or several") {
    const session s;
    const images m;
    m.write(s.path("scan.h5"));
    const std::string same = " --iterations 4 --quiet -o ";
    REQUIRE(s.run("fuse scan.h5 --haadf HAADF --elements Co,O" + same + "named").code == 0);
    const auto expected = io::read_image<float>(s.path("named/fused.h5"), "fused/O");
    const auto fuse = [&](const std::string& arguments, const std::string& folder) {
        const outcome o = s.run("fuse " + arguments + same + folder);
        CAPTURE(o.err);
        REQUIRE(o.code == 0);
        CHECK(io::read_image<float>(s.path(folder + "/fused.h5"), "fused/O") == expected);
        return o;
    };
    CHECK(program_test::without_departures(fuse("scan.h5", "labelled").err).empty());
    // One image a file, in four formats; the HAADF image is in the last.
    const auto image = [&](std::size_t i) -> xt::xtensor<float, 2> {
        return xt::view(m.values, i, xt::all(), xt::all());
    };
    io::write_npy(s.path("O.npy"), image(2));
    io::write_tiff(s.path("Co.tif"), image(1));
    const dm_writer::writer dm({4, std::endian::big});
    scratch::write(s.path("h.dm4"),
                   dm.file({dm.group("ImageList", {dm.image(u"HAADF", 2, 6, {10, 12},
                                                            std::vector<float>(m.values.data(), m.values.data() + 120),
                                                            0.5f, 0.5f, u"nm")})}));
    fuse("Co.tif O.npy h.dm4", "several");
    fuse("O.npy scan.h5 --haadf scan.h5:HAADF --elements Co,O.npy:O=O", "prefixed");
    const std::string inspected = s.run("inspect Co.tif O.npy h.dm4").out;
    for (const char* text : {"Co.tif: TIFF", "O.npy: npy", "h.dm4: Gatan DM4", "taken for HAADF: HAADF",
                             "in all files, of shape (12, 10): Co.tif:Co, O.npy:O, h.dm4:HAADF\n",
                             "to fuse: stemfuse fuse Co.tif O.npy h.dm4 -o fused"}) {
        CAPTURE(std::string(text));
        CHECK(inspected.find(text) != std::string::npos);
    }
    s.fails(3, "fuse O.npy scan.h5 -o out --elements O,Co", "several have an image \"O\"", "O.npy:O, scan.h5:O");
    s.fails(3, "fuse O.npy Co.tif -o out --elements Fe", "none has an image \"Fe\"");
    s.fails(3, "fuse O.npy -o out", "O.npy", "name it by --haadf");
    s.fails(3, "fuse h.dm4 -o out", "h.dm4", "no image beside HAADF", "--elements NAME=Symbol");
}

TEST_CASE("fuse: pixel sizes reach every output") {
    const session s;
    const images m;
    const dm_writer::writer dm({3, std::endian::little});
    std::vector<std::string> items;
    for (std::size_t i = 0; i < 3; ++i) {
        const float* const first = m.values.data() + 120 * i;
        const std::u16string name(m.names[i].begin(), m.names[i].end());
        items.push_back(dm.image(name, 2, 6, {10, 12}, std::vector<float>(first, first + 120), 0.25f,
                                 i == 2 ? 0.75f : 0.5f, i == 2 ? u"\u00b5m" : u"nm"));
    }
    scratch::write(s.path("scan.dm3"), dm.file({dm.group("ImageList", items)}));
    const outcome o = s.run("fuse scan.dm3 -o out --quiet");
    CAPTURE(o.err);
    REQUIRE(o.code == 0);
    CHECK(program_test::without_departures(o.err) ==
          "stemfuse: warning: pixels of O are 250 nm, those of HAADF 0.25 nm\n");
    const io::image_file fused(s.path("out/fused.h5")), tiff(s.path("out/Co.tif"));
    const io::pixel_calibration expected({0.25, "nm"}, {0.5, "nm"});
    CHECK(fused.contents().images.size() == 6);
    for (const auto& image : fused.contents().images) CHECK(image.scale == expected);
    CHECK(tiff.contents().images.at(0).scale == expected);
    const std::string report = scratch::read(s.path("out/report.html"));
    CHECK(report.find("of 0.25 nm by 0.5 nm") != std::string::npos);
    CHECK(report.find("0.5 nm</span>") != std::string::npos);  // the scale bar
    CHECK(report.find("pixels of O are 250 nm") != std::string::npos);
    const std::string parameters = scratch::read(s.path("out/parameters.json"));
    CHECK(parameters.find("\"files\": \"scan.dm3\"") != std::string::npos);
    CHECK(parameters.find("\"maps\": \"Co,O\"") != std::string::npos);
}

TEST_CASE("fuse: maps of energy windows, frames, and maps without contrast, from real Velox files") {
    const session s;
    const scratch::folder dir;
    const auto files = unpack_samples("velox_emd_version11.zip", dir);
    const auto eels = unpack_samples("velox_EELS_EDS.zip", dir);
    if (files.empty() || eels.empty()) return;
    const std::string eds = "'" + (dir / "Test SI 16x16 215 kx.emd").string() + "'",
                      both = "'" + eels[0].string() + "'";
    REQUIRE(s.run("fuse " + eds + " --quiet -o labelled").code == 0);
    CHECK(io::read_image<float>(s.path("labelled/fused.h5"), "raw/Ca").shape() == image_shape{16, 16});
    REQUIRE(s.run("fuse " + eds + " --quiet -o windows --windows C=0.2-0.35,Ca=3.6-3.8keV --elements O").code == 0);
    double sum = 0;
    for (const float v : io::read_image<float>(s.path("windows/fused.h5"), "raw/C")) sum += static_cast<double>(v);
    CHECK(sum == 134);
    const auto mean = io::read_image<double>(s.path("windows/fused.h5"), "raw/HAADF");
    CHECK(mean(3, 5) == (8943 + 9012) / 2.0);
    REQUIRE(s.run("fuse " + eds + " --quiet -o summed --frames sum").code == 0);
    CHECK(io::read_image<double>(s.path("summed/fused.h5"), "raw/HAADF")(3, 5) == 8943 + 9012);
    const outcome o = s.run("fuse " + both + " --quiet -o eels");
    REQUIRE(o.code == 0);
    CHECK(o.err.find("Fe is the same number everywhere: taken is Fe-EELS, another by --elements NAME=Fe\n") !=
          std::string::npos);
    CHECK(o.err.find("taken is Fe,") == std::string::npos);
    REQUIRE(s.run("fuse " + both + " --quiet -o losses --windows Fe=700-740eV").code == 0);
    const auto losses = io::read_image<double>(s.path("losses/fused.h5"), "raw/Fe");
    CHECK(losses.shape() == image_shape{16, 20});
    CHECK(std::abs(losses(3, 5) - -11.108796436716251) <= 1e-5);
    s.fails(3, "fuse " + eds + " -o out --windows Fe=700-740eV", "no spectrum in eV", "700 to 740", "Fe");
    const std::string inspected = s.run("inspect " + both).out;
    for (const char* text : {"Velox EMD, version 13", "spectra EELS 2: 2048 channels from 480 to 826.352 eV",
                             "taken for HAADF: DF-S", "taken for maps: O-EELS, Fe-EELS, Co-EELS"}) {
        CAPTURE(std::string(text));
        CHECK(inspected.find(text) != std::string::npos);
    }
}

TEST_CASE("input errors: exit code 3") {
    const session s;
    images good;
    good.write(s.path("scan.h5"));
    const std::string tail = " -o out --elements Co,O --quiet";
    s.fails(3, "fuse missing.h5" + tail, "missing.h5", "no such file");
    s.fails(3, "fuse ." + tail, "folder");
    s.fails(3, "inspect missing.h5", "missing.h5");
    s.fails(3, "fuse scan.h5 -o out --elements Co,Mn --quiet", "scan.h5", "\"Mn\"", "HAADF, O");
    s.fails(3, "fuse scan.h5 --haadf DF" + tail, "\"DF\"", "HAADF");
    std::ofstream(s.path("text.h5")) << "not an image";
    s.fails(3, "fuse text.h5" + tail, "text.h5", "npy, npz, ndata, TIFF", "HyperSpy");
    std::ofstream(s.path("empty.h5")).flush();
    s.fails(3, "inspect empty.h5", "empty.h5", "empty");

    images bad = good;
    bad.values(1, 3, 4) = std::nanf("");
    bad.write(s.path("nan.h5"));
    s.fails(3, "fuse nan.h5" + tail, "nan.h5", "Co", "nan", "row 3, column 4");
    bad.values(1, 3, 4) = INFINITY;
    bad.write(s.path("inf.h5"));
    s.fails(3, "fuse inf.h5" + tail, "Co", "inf");
    xt::view(bad.values, 1).fill(3);
    bad.write(s.path("constant.h5"));
    s.fails(3, "fuse constant.h5" + tail, "constant.h5", "Co", "is 3 everywhere");
    io::write_image_set(s.path("pixel.h5"), good.names, xt::xtensor<float, 3>(xt::ones<float>({3, 1, 1})));
    s.fails(3, "fuse pixel.h5" + tail, "HAADF", "is 1 everywhere");
    {
        io::npz_writer npz(s.path("shapes.npz"));
        npz.add("HAADF", xt::xtensor<float, 2>(xt::ones<float>({12, 10})));
        npz.add("Co", xt::xtensor<float, 2>(xt::ones<float>({12, 11})));
        npz.add("O", xt::xtensor<float, 2>(xt::ones<float>({12, 10})));
        npz.commit();
    }
    s.fails(3, "fuse shapes.npz" + tail, "O has shape (12, 10), must have shape (12, 11) as Co");
    const std::string whole = scratch::read(s.path("scan.h5"));
    for (const std::size_t length : {std::size_t{9}, whole.size() / 2, whole.size() - 1}) {
        std::ofstream(s.path("cut.h5"), std::ios::binary) << whole.substr(0, length);
        s.fails(3, "fuse cut.h5" + tail, "cut.h5");
    }
}

TEST_CASE("output errors: exit code 4, before any work") {
    const session s;
    images().write(s.path("scan.h5"));
    std::ofstream(s.path("file")) << "in the way";
    for (const char* folder : {"file", "file/below", "/proc/nothing"}) {
        const outcome o = s.run("fuse scan.h5 --elements Co,O -o " + std::string(folder));
        CAPTURE(o.err);
        CHECK(o.code == 4);
        CHECK(o.err.starts_with("stemfuse: " + std::string(folder)));
        CHECK(o.err.find('\n') == o.err.size() - 1);
        CHECK(s.run("demo -o " + std::string(folder)).code == 4);
    }
    CHECK(scratch::read(s.path("file")) == "in the way");
}

TEST_CASE("interrupted: exit code 130, nothing written") {
    const session s;
    io::write_image_set(s.path("scan.h5"), {"HAADF", "Co", "O"}, support::random_array<float, 3>({3, 300, 300}, 1, 9));
    const outcome o = s.run("fuse scan.h5 --elements Co,O -o out --quiet --iterations 1000000", "timeout -s INT 1");
    CAPTURE(o.err);
    CHECK((o.code == 130 || o.code == 124));  // timeout reports 124 for a program that it had to signal
    CHECK(o.err.find("stemfuse: interrupted") != std::string::npos);
    CHECK(!std::filesystem::exists(s.path("out")));
}
