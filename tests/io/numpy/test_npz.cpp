#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include <zip.h>

#include <stemfuse/io/numpy/npz.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

// A zip archive with members of any content, by libzip alone.
void write_zip(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& members,
               int compression = ZIP_CM_DEFLATE) {
    zip_t* const archive = zip_open(path.string().c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    REQUIRE(archive != nullptr);
    for (const auto& [name, content] : members) {
        zip_source_t* const source = zip_source_buffer(archive, content.data(), content.size(), 0);
        const auto index = zip_file_add(archive, name.c_str(), source, 0);
        REQUIRE(index >= 0);
        zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), compression, 0);
    }
    REQUIRE(zip_close(archive) == 0);
}

const xt::xtensor<double, 2> small{{1, 2, 3}, {4, 5, 6}};

std::string small_file(const scratch::folder& dir, io::npz_storage storage) {
    io::npz_writer writer(dir / "small.npz", storage);
    writer.add("HAADF", small);
    writer.add("O", xt::xtensor<float, 2>(2 * small));
    writer.commit();
    return scratch::read(dir / "small.npz");
}

// Reads both members; true if they were right, false for a read_error.
bool reads_right(const std::filesystem::path& path) {
    try {
        const io::npz_reader reader(path);
        const auto haadf = reader.read<double, 2>("HAADF");
        const auto oxygen = reader.read<float, 2>("O");
        CHECK(haadf == small);
        CHECK(oxygen == xt::xtensor<float, 2>(2 * small));
        return true;
    } catch (const read_error& e) {
        CHECK(std::string(e.what()).find(path.string()) == 0);
        return false;
    }
}

}  // namespace

TEST_CASE("what is written is read back, stored and deflated") {
    for (const auto storage : {io::npz_storage::stored, io::npz_storage::deflated}) {
        const scratch::folder dir;
        const auto maps = support::random_array<float, 3>({3, 20, 30});
        io::npz_writer writer(dir / "a.npz", storage);
        writer.add("HAADF", small);
        writer.add("maps", maps);
        CHECK(!std::filesystem::exists(dir / "a.npz"));
        writer.commit();
        CHECK(dir.count() == 1);

        const io::npz_reader reader(dir / "a.npz");
        CHECK(reader.names() == std::vector<std::string>{"HAADF", "maps"});
        CHECK(reader.read<double, 2>("HAADF") == small);
        CHECK(reader.read<double, 2>("HAADF.npy") == small);
        CHECK(reader.read<float, 3>("maps") == maps);
        CHECK(reader.read_image<float>("maps", 1) == xt::xtensor<float, 2>(xt::view(maps, 1, xt::all(), xt::all())));
        const auto arrays = reader.arrays();
        CHECK(arrays.size() == 2);
        CHECK(arrays[1].name == "maps");
        CHECK(arrays[1].shape == std::vector<std::size_t>{3, 20, 30});
        CHECK(arrays[1].type == "float32");
    }
}

TEST_CASE("the same arrays give the same bytes") {
    const scratch::folder dir;
    CHECK(small_file(dir, io::npz_storage::deflated) == small_file(dir, io::npz_storage::deflated));
}

TEST_CASE("a writer that is not committed leaves nothing, and a name comes once") {
    const scratch::folder dir;
    {
        io::npz_writer writer(dir / "a.npz");
        writer.add("HAADF", small);
        support::check_throws<value_error>([&] { writer.add("HAADF", small); }, "name: ", "\"HAADF\"");
    }
    CHECK(dir.count() == 0);
}

TEST_CASE("a name that is not there, and members that hold no numbers") {
    const scratch::folder dir;
    const std::string object = "\x93NUMPY\x01" + std::string(1, '\0') + "\x42" + std::string(1, '\0') +
                               "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }         \n...";
    write_zip(dir / "a.npz", {{"HAADF.npy", io::npy_bytes(small)}, {"readme.txt", "text"}, {"list.npy", object}});
    const io::npz_reader reader(dir / "a.npz");
    CHECK(reader.names() == std::vector<std::string>{"HAADF", "list"});
    CHECK(reader.arrays().size() == 1);
    support::check_throws<read_error>([&] { reader.read<float, 2>("Sc"); }, "a.npz: has no array \"Sc\"", "HAADF");
    support::check_throws<read_error>([&] { reader.read<float, 1>("list"); }, "a.npz: list.npy holds dtype \"|O\"");
    support::check_throws<read_error>([&] { reader.read<float, 2>("readme.txt"); }, "readme.txt is no npy array");

    write_zip(dir / "b.zip", {{"scan.emd", "x"}});
    support::check_throws<read_error>([&] { io::npz_reader{dir / "b.zip"}; },
                                      "b.zip: is a zip archive without .npy members");
    scratch::write(dir / "c.npz", "PK\3\4 no zip");
    support::check_throws<read_error>([&] { io::npz_reader{dir / "c.npz"}; }, "c.npz: cannot be read as npz: ");
    support::check_throws<read_error>([&] { io::npz_reader{dir / "d.npz"}; }, "d.npz: no such file");
}

TEST_CASE("a member that inflates to more than its array is read no further into memory") {
    const scratch::folder dir;
    write_zip(dir / "a.npz", {{"HAADF.npy", io::npy_bytes(small) + std::string(std::size_t(1) << 25, '\0')}});
    CHECK(std::filesystem::file_size(dir / "a.npz") < 100'000);
    CHECK(io::npz_reader(dir / "a.npz").read<double, 2>("HAADF") == small);
}

TEST_CASE("an archive that announces more than deflate can give is refused") {
    const scratch::folder dir;
    std::string bytes = small_file(dir, io::npz_storage::deflated);
    const std::size_t entry = bytes.find("PK\1\2");
    REQUIRE(entry != std::string::npos);
    bytes.replace(entry + 24, 4, "\xf0\xff\xff\x7f");  // uncompressed size in the central directory
    scratch::write(dir / "a.npz", bytes);
    support::check_throws<read_error>([&] { io::npz_reader(dir / "a.npz").read<double, 2>("HAADF"); },
                                      "a.npz: HAADF.npy", "announces more bytes");
}

TEST_CASE("an archive that announces more compressed bytes than it has is refused") {
    const scratch::folder dir;
    std::string bytes = small_file(dir, io::npz_storage::deflated);
    const std::size_t entry = bytes.find("PK\1\2");
    REQUIRE(entry != std::string::npos);
    bytes.replace(entry + 20, 8, "\xf0\xff\xff\x1f\xf0\xff\xff\x7f");  // compressed and uncompressed size
    scratch::write(dir / "a.npz", bytes);
    const std::string announces = "a.npz: HAADF.npy announces more compressed bytes than the archive has";
    support::check_throws<read_error>([&] { io::npz_reader(dir / "a.npz").read<double, 2>("HAADF"); }, announces);
    support::check_throws<read_error>(
        [&] { io::npz_reader(io::memory_input{scratch::bytes_of(bytes), "a.npz"}).arrays(); }, announces);
}

TEST_CASE("a changed pixel is noticed by its checksum") {
    const scratch::folder dir;
    std::string bytes = small_file(dir, io::npz_storage::stored);
    const std::size_t pixel = bytes.find(std::string("\x40\x00\x00\x00\x00\x00\x00\x08\x40", 9));  // ...2, 3
    REQUIRE(pixel != std::string::npos);
    bytes[pixel] ^= 1;
    scratch::write(dir / "a.npz", bytes);
    support::check_throws<read_error>([&] { io::npz_reader(dir / "a.npz").read<double, 2>("HAADF"); },
                                      "HAADF.npy cannot be read: ");
}

TEST_CASE("truncated at any length: read_error") {
    const scratch::folder dir;
    for (const auto storage : {io::npz_storage::stored, io::npz_storage::deflated}) {
        const std::string whole = small_file(dir, storage);
        for (std::size_t length = 0; length < whole.size(); ++length) {
            CAPTURE(length);
            scratch::write(dir / "a.npz", whole.substr(0, length));
            CHECK(!reads_right(dir / "a.npz"));
        }
    }
}

TEST_CASE("random damage: read_error or the right data") {
    const scratch::folder dir;
    std::mt19937 engine(support::seed());
    std::size_t refused = 0;
    for (const auto storage : {io::npz_storage::stored, io::npz_storage::deflated}) {
        const std::string whole = small_file(dir, storage);
        for (int round = 0; round < 2000; ++round) {
            std::string bytes = whole;
            for (auto changes = 1 + engine() % 3; changes > 0; --changes)
                bytes[engine() % bytes.size()] = static_cast<char>(engine());
            scratch::write(dir / "a.npz", bytes);
            refused += !reads_right(dir / "a.npz");
        }
    }
    CHECK(refused > 500);
}

TEST_CASE("npz files that cannot be written") {
    scratch::check_refusals(
        [](const auto& path) {
            io::npz_writer writer(path, io::npz_storage::stored);
            writer.add("a", support::random_array<double, 2>({100, 100}));
            writer.commit();
        },
        1000);
}
