// Writes what we read of a file, for other software to compare with: FILE OUT.npz. Every image is an array image_<k>,
// of every spectrum image the sum over all channels is spectra_<k>; their names, axes and units are JSON on stdout.
#include <cstdio>
#include <exception>
#include <string>

#include <nlohmann/json.hpp>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npz.hpp>

namespace {

nlohmann::json axis(const stemfuse::io::axis_calibration& a) { return {{"pixel", a.pixel}, {"unit", a.unit}}; }

void dump(const std::string& from, const std::string& to) {
    using namespace stemfuse;
    const io::image_file file(from);
    io::npz_writer out(to);
    out.add("none", xt::xtensor<double, 1>{0});
    nlohmann::json all{{"format", file.contents().format},
                       {"images", nlohmann::json::array()},
                       {"spectra", nlohmann::json::array()},
                       {"others", nlohmann::json::array()}};
    for (std::size_t k = 0; k < file.contents().images.size(); ++k) {
        const io::image_info& image = file.contents().images[k];
        out.add("image_" + std::to_string(k), file.read<double>(image));
        all["images"].push_back({{"name", image.name},
                                 {"element", image.element},
                                 {"x", axis(image.scale.x)},
                                 {"y", axis(image.scale.y)},
                                 {"frames", image.frames},
                                 {"unit", image.intensity.unit}});
    }
    for (std::size_t k = 0; k < file.contents().spectra.size(); ++k) {
        const io::spectrum_info& s = file.contents().spectra[k];
        const double step = io::channel_step(s);
        const auto sum = file.read_windows<double>(s, {{s.first - step / 2, s.last + step / 2}});
        out.add("spectra_" + std::to_string(k), sum);
        all["spectra"].push_back({{"name", s.name},
                                  {"unit", s.unit},
                                  {"first", s.first},
                                  {"last", s.last},
                                  {"channels", s.channels},
                                  {"x", axis(s.scale.x)},
                                  {"y", axis(s.scale.y)}});
    }
    for (const io::left_out& other : file.contents().others) all["others"].push_back(other.line());
    out.commit();
    std::printf("%s\n", all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    try {
        dump(argv[1], argv[2]);
        return 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 3;
    }
}
