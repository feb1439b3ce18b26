#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <stemfuse/io/numpy/npy.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

// A .npy file by the description of the format, with any header text.
std::string npy_file(const std::string& header, const std::string& payload, char version = 1) {
    std::string bytes = "\x93NUMPY";
    bytes += version;
    bytes += '\0';
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 255);
    return bytes + header + payload;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
    return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

template <class T, std::size_t N>
xt::xtensor<T, N> parse(const std::string& bytes) {
    io::memory_source source(scratch::bytes_of(bytes), "x.npy");
    return io::read_npy<T, N>(source);
}

std::string reversed(std::string text) {
    std::reverse(text.begin(), text.end());
    return text;
}

struct stored_pair {
    std::string kind;           // as in descr, without the byte order
    std::string first, second;  // little-endian bytes
    double values[2];
};

// Bit patterns worked out by hand from two's complement and IEEE 754.
const std::vector<stored_pair> pairs{
    {"b1", std::string(1, '\0'), "\x01", {0, 1}},
    {"i1", "\x7f", "\xfe", {127, -2}},
    {"u1", "\x7f", "\xfe", {127, 254}},
    {"i2", "\x39\x30", "\xfe\xff", {12345, -2}},
    {"u2", "\x39\x30", "\xfe\xff", {12345, 65534}},
    {"i4", std::string("\x00\x00\x01\x00", 4), "\xfe\xff\xff\xff", {65536, -2}},
    {"u4", std::string("\x00\x00\x01\x00", 4), std::string("\x00\x00\x00\xff", 4), {65536, 4278190080.0}},
    {"i8", std::string("\x00\x00\x00\x00\x01\x00\x00\x00", 8), "\xfe\xff\xff\xff\xff\xff\xff\xff", {4294967296.0, -2}},
    {"u8",
     std::string("\x00\x00\x00\x00\x01\x00\x00\x00", 8),
     std::string("\x00\x00\x00\x00\x00\x00\x00\x80", 8),
     {4294967296.0, 9223372036854775808.0}},
    {"f2", std::string("\x00\x3e", 2), std::string("\x00\xc0", 2), {1.5, -2}},
    {"f4", std::string("\x00\x00\xc0\x3f", 4), std::string("\x00\x00\x00\xc0", 4), {1.5, -2}},
    {"f8",
     std::string("\x00\x00\x00\x00\x00\x00\xf8\x3f", 8),
     std::string("\x00\x00\x00\x00\x00\x00\x00\xc0", 8),
     {1.5, -2}},
};

// A small file of each kind for the tests of damage.
std::string small_file() { return npy_file(dictionary("<i2", "(2, 3)"), "abcdefghijkl"); }

}  // namespace

TEST_CASE_TEMPLATE("every numeric type in either byte order", T, float, double) {
    for (const auto& p : pairs) {
        const std::string kinds[] = {"<" + p.kind, ">" + p.kind, "=" + p.kind, "|" + p.kind, p.kind};
        for (const std::string& descr : kinds) {
            CAPTURE(descr);
            const bool swapped = descr[0] == '>';
            const auto payload = swapped ? reversed(p.first) + reversed(p.second) : p.first + p.second;
            const auto a = parse<T, 1>(npy_file(dictionary(descr, "(2,)"), payload));
            CHECK(a.shape(0) == 2);
            CHECK(a(0) == static_cast<T>(p.values[0]));
            CHECK(a(1) == static_cast<T>(p.values[1]));
        }
    }
}

TEST_CASE("half precision: subnormal, largest, infinity, NaN") {
    const auto a = parse<double, 1>(
        npy_file(dictionary("<f2", "(6,)"), std::string("\x01\x00\xff\x7b\x00\xfc\x00\x7e\x00\x80\x00\x04", 12)));
    CHECK(a(0) == std::ldexp(1.0, -24));
    CHECK(a(1) == 65504);
    CHECK(a(2) == -std::numeric_limits<double>::infinity());
    CHECK(std::isnan(a(3)));
    CHECK(a(4) == 0);
    CHECK(std::signbit(a(4)));
    CHECK(a(5) == std::ldexp(1.0, -14));
}

TEST_CASE("C and Fortran order, any rank") {
    std::string bytes;
    for (char value = 0; value < 24; ++value) bytes += value;
    const auto c = parse<double, 3>(npy_file(dictionary("|u1", "(2, 3, 4)"), bytes));
    const auto f = parse<double, 3>(npy_file(dictionary("|u1", "(2, 3, 4)", "True"), bytes));
    for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t y = 0; y < 3; ++y) {
            for (std::size_t x = 0; x < 4; ++x) {
                CHECK(c(i, y, x) == static_cast<double>(12 * i + 4 * y + x));
                CHECK(f(i, y, x) == static_cast<double>(i + 2 * y + 6 * x));
            }
        }
    }
    CHECK(parse<float, 0>(npy_file(dictionary("|u1", "()"), "\x07"))() == 7);
    CHECK(parse<float, 5>(npy_file(dictionary("|u1", "(1, 2, 1, 2, 1)"), "abcd"))(0, 1, 0, 1, 0) == 'd');
    CHECK(parse<float, 2>(npy_file(dictionary("|u1", "(0, 5)"), "")).shape(1) == 5);
}

TEST_CASE("an image is a two-dimensional array or a slice of a three-dimensional one") {
    const auto image = [](const std::string& bytes, std::size_t slice) {
        io::memory_source source(scratch::bytes_of(bytes), "x.npy");
        return io::read_npy_image<double>(source, slice);
    };
    for (const std::string order : {"False", "True"}) {
        const std::string file = npy_file(dictionary("|u1", "(2, 3, 4)", order), "abcdefghijklmnopqrstuvwx");
        const auto whole = parse<double, 3>(file);
        for (std::size_t k = 0; k < 2; ++k)
            CHECK(image(file, k) == xt::xtensor<double, 2>(xt::view(whole, k, xt::all(), xt::all())));
        support::check_throws<read_error>([&] { image(file, 2); }, "x.npy: ", "(2, 3, 4)", "no slice 2");
    }
    CHECK(image(small_file(), 0)(1, 2) == 'k' + 256 * 'l');
    support::check_throws<read_error>([&] { image(npy_file(dictionary("|u1", "(3,)"), "abc"), 0); }, "shape (3)",
                                      "2 dimensions");
}

TEST_CASE("versions 2 and 3, other spellings of the header") {
    for (const char version : {'\1', '\2', '\3'}) {
        CHECK(parse<float, 2>(npy_file(dictionary("<i2", "(2, 3)"), "abcdefghijkl", version))(0, 0) == 'a' + 256 * 'b');
    }
    for (const char version : {'\0', '\4'}) {
        support::check_throws<read_error>([&] { parse<float, 1>(npy_file(dictionary("|u1", "(1,)"), "a", version)); },
                                          "version", "1.0, 2.0 or 3.0");
    }
    for (const std::string header : {"{\"shape\":(1,1L),\"descr\":\"|u1\",\"fortran_order\":False}",
                                     " { 'fortran_order' : False , 'descr' : 'u1' , 'shape' : ( 1 , 1 ) } \n"}) {
        CHECK(parse<float, 2>(npy_file(header, "a"))(0, 0) == 'a');
    }
}

TEST_CASE("bytes after the array are ignored") {
    CHECK(parse<float, 2>(small_file() + "more")(1, 2) == 'k' + 256 * 'l');
}

TEST_CASE("types that are not read are named") {
    for (const std::string descr :
         {"<c16", "|O", "<U8", "|S4", "<M8[s]", "<f16", "|V6", "<i3", "f1", "b2", "i", "", "<f88"}) {
        support::check_throws<read_error>(
            [&] { parse<float, 1>(npy_file(dictionary(descr, "(1,)"), std::string(16, '\0'))); },
            "x.npy: holds dtype \"" + descr + "\"", "must hold bool, integers, or floats");
    }
    const std::string record = "{'descr': [('a', '<f4'), ('b', '<i2')], 'fortran_order': False, 'shape': (1,), }";
    support::check_throws<read_error>([&] { parse<float, 1>(npy_file(record, "abcdef")); }, "[('a', '<f4')",
                                      "must hold bool");
}

TEST_CASE("headers that are none") {
    for (const std::string header :
         {"", "{", "{}", "nonsense", "{'descr': '<f4', 'fortran_order': False, }", "{'descr': '<f4', 'shape': (1,), }",
          "{'fortran_order': False, 'shape': (1,), }", "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,), }",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "{'descr': '<f4",
          "{'descr' '<f4'}", "{'descr': '<f4' 'fortran_order': False}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }"}) {
        support::check_throws<read_error>([&] { parse<float, 1>(npy_file(header, "abcd")); }, "npy header");
    }
    support::check_throws<read_error>([] { parse<float, 1>("PK\3\4 and more bytes"); }, "x.npy: is no npy array");
    support::check_throws<read_error>(
        [] { parse<float, 1>(npy_file(dictionary("|u1", "(1,)"), "a").replace(8, 2, "\xff\xff")); }, "truncated");
}

TEST_CASE("sizes in a header are not trusted") {
    for (const std::string shape : {"(1000000, 1000000)", "(4611686018427387904, 4)", "(18446744073709551615,)",
                                    "(4294967296, 4294967296)", "(2305843009213693952, 8)", "(3, 3)"}) {
        support::check_throws<read_error>(
            [&] { parse<double, 2>(npy_file(dictionary("<f8", shape), std::string(71, 'x'))); }, "is truncated",
            "71 bytes");
    }
    std::string many = "(";
    for (int i = 0; i < 100; ++i) many += "1, ";
    many += ")";
    support::check_throws<read_error>([&] { parse<double, 2>(npy_file(dictionary("|u1", many), "a")); }, "npy header");
}

TEST_CASE("truncated at any length: read_error") {
    const scratch::folder dir;
    const std::string whole = small_file();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        CAPTURE(length);
        support::check_throws<read_error>([&] { parse<float, 2>(whole.substr(0, length)); }, "x.npy: ");
        scratch::write(dir / "a.npy", whole.substr(0, length));
        support::check_throws<read_error>([&] { io::read_npy<float, 2>(dir / "a.npy"); },
                                          "a.npy: ", length == 0 ? "empty" : "");
    }
}

TEST_CASE("random damage: read_error, or an array that the bytes hold") {
    std::mt19937 engine(support::seed());
    std::size_t refused = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string bytes =
            round % 2 ? small_file() : npy_file(dictionary(">f4", "(3, 1)", "True"), "abcdefghijkl", '\2');
        for (auto changes = 1 + engine() % 4; changes > 0; --changes) {
            static const std::string telling = "0123456789(),'{}LTF<>|iufb \0\xff";
            bytes[engine() % bytes.size()] =
                engine() % 2 ? telling[engine() % telling.size()] : static_cast<char>(engine());
        }
        try {
            const auto a = parse<double, 2>(bytes);
            CHECK(a.size() <= bytes.size());
        } catch (const read_error&) {
            ++refused;
        }
    }
    CHECK(refused > 1000);
}

TEST_CASE("files that are not there") {
    const scratch::folder dir;
    support::check_throws<read_error>([&] { io::read_npy<float, 2>(dir / "a.npy"); }, "a.npy: no such file");
    support::check_throws<read_error>([&] { io::read_npy<float, 2>(dir / ""); }, "is a folder");
}

TEST_CASE_TEMPLATE("what is written is read back", T, float, double) {
    const scratch::folder dir;
    auto a = support::random_array<T, 3>({2, 5, 7}, -1, 1);
    a(0, 0, 0) = std::numeric_limits<T>::max();
    a(0, 0, 1) = std::numeric_limits<T>::denorm_min();
    io::write_npy(dir / "a.npy", a);
    CHECK(io::read_npy<T, 3>(dir / "a.npy") == a);
    io::write_npy(dir / "b.npy", xt::view(a, xt::all(), 2, xt::all()));
    CHECK(io::read_npy<T, 2>(dir / "b.npy") == xt::xtensor<T, 2>(xt::view(a, xt::all(), 2, xt::all())));
    const xt::xtensor<T, 3, xt::layout_type::column_major> columns = a;
    io::write_npy(dir / "c.npy", columns);
    CHECK(scratch::read(dir / "c.npy") == scratch::read(dir / "a.npy"));
    const xt::xtensor<T, 1> one{3};
    CHECK(parse<T, 1>(io::npy_bytes(one)) == one);
}

TEST_CASE("the written header is numpy's own") {
    const std::string bytes = io::npy_bytes(xt::xtensor<float, 2>{{1, 2, 3}, {4, 5, 6}});
    const std::string start =
        std::string("\x93NUMPY\x01\x00\x76\x00", 10) + "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    CHECK(bytes == start + std::string(127 - start.size(), ' ') + "\n" + bytes.substr(128));
    CHECK(bytes.size() == 128 + 6 * sizeof(float));
    CHECK(io::npy_bytes(xt::xtensor<double, 1>{1, 2}).find("'shape': (2,), }") != std::string::npos);
}

TEST_CASE("npy files that cannot be written") {
    scratch::check_refusals([](const auto& path) { io::write_npy(path, xt::xtensor<float, 2>{{1, 2}, {3, 4}}); }, 130);
}
