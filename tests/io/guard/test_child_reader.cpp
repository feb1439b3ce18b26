// A reader in a process of its own: whatever happens there is an error here, and what it may do is little.
#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <variant>

#include <stemfuse/io/guard/child_reader.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

// Lists one image, and does `harm` when it is read.
struct harmful_reader {
    io::file_contents listed{};
    void (*harm)() = [] {};

    const io::file_contents& contents() const { return listed; }
    template <scalar T>
    xt::xtensor<T, 2> read(const io::image_info& image, io::frame_choice) const {
        harm();
        xt::xtensor<T, 2> pixels(image.shape);
        for (std::size_t i = 0; i < pixels.size(); ++i) pixels.data()[i] = static_cast<T>(i) / T(4);
        return pixels;
    }
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const io::spectrum_info&, const std::vector<io::energy_window>& windows) const {
        if (windows.empty()) throw value_error("windows", "are none, must be one at least");
        return xt::xtensor<T, 3>({windows.size(), 2, 3}, T(7));
    }
    template <class F>
    void for_spectra(const io::spectrum_info&, F&& f) const {
        f(std::size_t{5}, std::size_t{1}, 2.0);
    }
};

io::file_contents example() {
    io::file_contents c;
    c.format = "test";
    io::image_info image;
    image.name = "Fe \u03b1", image.element = "Fe", image.shape = {5, 4}, image.frames = 3, image.index = 9;
    image.scale = {0.25, "nm"}, image.intensity = {2, -1, "counts"}, image.background = 0.5;
    c.images = {image, io::image_info{}};
    io::spectrum_info s;
    s.name = "EDS", s.unit = "keV", s.last = 20, s.channels = 2048, s.shape = {2, 3}, s.places = {"a", "b"};
    c.spectra = {s};
    c.warnings = {"one", ""};
    return c;
}

// What opens in the child: reads nothing, and calls `at_open` and, later, `at_read`.
auto opens(void (*at_open)(), void (*at_read)() = [] {}) {
    return [=](const std::filesystem::path&) -> std::variant<harmful_reader> {
        at_open();
        return harmful_reader{example(), at_read};
    };
}

struct input {
    scratch::folder dir;
    std::filesystem::path path = dir / "file";

    input() { scratch::write(path, "12345"); }
};

// Of the few calls that this file makes: a reader that runs into a limit must not keep the tests waiting.
constexpr io::child_limits tight{std::uint64_t{256} << 20, 1, 1.5};

void fail_unless(bool good, const char* what) {
    if (!good) throw read_error("file", std::string("is not as expected: ") + what);
}

}  // namespace

TEST_CASE("contents, images and maps come as the reader has them") {
    const input in;
    const io::child_reader reader(in.path, opens([] {}));
    const auto expected = example();
    const auto& found = reader.contents();
    REQUIRE(found.images.size() == 2);
    const auto& image = found.images[0];
    CHECK(image.name == expected.images[0].name);
    CHECK(image.shape == expected.images[0].shape);
    CHECK(image.scale == expected.images[0].scale);
    CHECK(image.intensity.offset == -1);
    CHECK(image.intensity.unit == "counts");
    CHECK(image.index == 9);
    CHECK(image.background == 0.5);
    CHECK(found.spectra.at(0).places == expected.spectra[0].places);
    CHECK(found.spectra[0].channels == 2048);
    CHECK(found.warnings == expected.warnings);
    const auto pixels = reader.read<double>(image);
    CHECK(pixels.shape(0) == 5);
    CHECK(pixels(4, 3) == 19.0 / 4);
    CHECK(reader.read<float>(image)(1, 0) == 1.0f);
    CHECK(reader.read_windows<float>(found.spectra[0], {{1, 2}, {3, 4}})(1, 1, 2) == 7);
    CHECK(reader.read_sum_spectrum(found.spectra[0]).at(1) == 2);
    support::check_throws<value_error>([&] { reader.read_windows<float>(found.spectra[0], {}); },
                                       "windows: are none, must be one at least");
    CHECK(reader.read<float>(image).size() == 20);  // it goes on after an error
}

TEST_CASE("signals, limits and errors of the reader are errors here") {
    const input in;
    const auto fails = [&](auto open, const std::string& what) {
        support::check_throws<read_error>(
            [&] {
                const io::child_reader reader(in.path, open, tight);
                reader.read<float>(reader.contents().images.at(0));
            },
            what);
    };
    const std::string broken = "cannot be read as HDF5: its data break the HDF5 library";
    fails(opens([] { std::raise(SIGSEGV); }), broken);
    fails(opens([] { std::abort(); }), broken);
    fails(opens([] { std::_Exit(0); }), "its reader has ended");
    fails(opens([] { throw read_error("x", "is damaged"); }), "is damaged");
    fails(opens([] {}, [] { std::raise(SIGBUS); }), broken);
    fails(opens([] { std::vector<char> much(std::size_t{1} << 30, 'x'); }), "takes too much memory");
    fails(opens([] {
              for (volatile int i = 0;;) i = i + 1;
          }),
          "takes too long");
    fails(opens([] {
              std::mutex waits;
              waits.lock(), waits.lock();
          }),
          "takes too long");
    support::check_throws<read_error>([&] { io::child_reader(in.dir / "none", opens([] {})); }, "no such file");
}

TEST_CASE("the reader may read its file and compute, and nothing else") {
#ifndef STEMFUSE_SANDBOX
    MESSAGE("skipped: no filter of system calls for this processor");
#else
    const input in;
    static std::string own, other;
    own = in.path.string(), other = (in.dir / "other").string();
    scratch::write(other, "secret");
    const io::child_reader reader(
        in.path, opens([] {
            std::ifstream file(own);
            std::string text;
            fail_unless(file >> text && text == "12345", "opens");
            std::error_code code;
            fail_unless(std::filesystem::file_size(own, code) == 5, "size");
            fail_unless(!std::filesystem::exists(other, code), "exists");
            fail_unless(!std::ifstream(other).is_open(), "opens other");
            fail_unless(::socket(AF_INET, SOCK_STREAM, 0) < 0, "socket");
            fail_unless(::unlink(other.c_str()) != 0, "unlink");
            fail_unless(::fork() < 0, "fork");
            fail_unless(::execl("/bin/true", "true", nullptr) != 0, "exec");
            fail_unless(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
                        "code");
            fail_unless(::kill(::getppid(), 0) != 0, "kill");
        }));
    CHECK(reader.contents().images.size() == 2);
    CHECK(scratch::read(other) == "secret");
#endif
}

TEST_CASE("damaged messages are refused") {
    io::wire_writer wire;
    wire(example());
    for (std::size_t length = 0; length < wire.bytes.size(); ++length) {
        io::wire_reader part(std::string_view(wire.bytes).substr(0, length));
        io::file_contents contents;
        CHECK_THROWS_AS(part(contents), io::wire_error);
    }
    for (std::size_t at = 0; at < wire.bytes.size(); ++at) {  // whatever comes of it, it ends
        std::string damaged = wire.bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
        io::wire_reader all(damaged);
        io::file_contents contents;
        try {
            all(contents);
        } catch (const io::wire_error&) {
        }
    }
}
