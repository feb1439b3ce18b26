#include <doctest/doctest.h>

#include <stemfuse/io/guard/atomic_file.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

TEST_CASE("a committed file holds what was written") {
    const scratch::folder dir;
    io::write_file(dir / "a.txt", std::string_view("one\0two", 7));
    CHECK(scratch::read(dir / "a.txt") == std::string("one\0two", 7));
    io::write_file(dir / "a.txt", "");
    CHECK(scratch::read(dir / "a.txt") == "");
    CHECK(dir.count() == 1);
}

TEST_CASE("without a commit nothing is left, and what was there stays") {
    const scratch::folder dir;
    scratch::write(dir / "a.txt", "before");
    {
        io::atomic_file file(dir / "a.txt");
        file.write("after");
        CHECK(dir.count() == 2);
        CHECK(file.temporary().parent_path() == (dir / "a.txt").parent_path());
    }
    CHECK(dir.count() == 1);
    CHECK(scratch::read(dir / "a.txt") == "before");
}

TEST_CASE("a file that cannot be written is refused with its path and the reason") {
    scratch::check_refusals([](const auto& path) { io::write_file(path, std::string(1000, 'x')); }, 100);
    support::check_throws<write_error>([] { io::write_file("/proc/stemfuse", ""); },
                                       "/proc/stemfuse: cannot be written: ");
}

TEST_CASE("a target that becomes a folder meanwhile is a write_error") {
    const scratch::folder dir;
    io::atomic_file file(dir / "a");
    std::filesystem::create_directories(dir / "a/b");
    support::check_throws<write_error>([&] { file.commit(); }, "cannot be written: ");
}
