// Results appear together or not at all, and nothing else in their folder changes.
#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/io/guard/output_transaction.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;
namespace fs = std::filesystem;

namespace {

// A set of two files and the mark.
void write_set(io::output_transaction& set, const std::string& content) {
    io::write_file(set.staging() / "a.tif", content + " a");
    io::write_file(set.staging() / "b.tif", content + " b");
    const auto sums = set.seal();
    REQUIRE(sums.size() == 2);
    CHECK(sums[1].file == "b.tif");
    io::write_file(set.staging() / io::output_mark, content);
}

void replace(const fs::path& folder, const std::string& content, const std::vector<std::string>& gone = {}) {
    io::held_folder held(folder);
    io::output_transaction set(held);
    write_set(set, content);
    set.commit(gone);
}

std::size_t entries(const fs::path& folder) { return io::detail::names_in(folder).size(); }

bool holds(const fs::path& folder, const std::string& content) {
    return scratch::read(folder / "a.tif") == content + " a" && scratch::read(folder / "b.tif") == content + " b" &&
           scratch::read(folder / io::output_mark) == content;
}

}  // namespace

TEST_CASE("a set replaces an earlier one as a whole, files of the user's own stay") {
    const scratch::folder dir;
    fs::create_directory(dir / "out");
    replace(dir / "out", "one");
    CHECK(holds(dir / "out", "one"));
    const auto first = fs::status(dir / "out").permissions();
    replace(dir / "out", "two");
    CHECK(holds(dir / "out", "two"));
    CHECK(fs::status(dir / "out").permissions() == first);
    CHECK(entries(dir / "out") == 3);
    // A file of the earlier set that the new one has not.
    scratch::write(dir / "out/c.tif", "old");
    replace(dir / "out", "three", {"c.tif"});
    CHECK(holds(dir / "out", "three"));
    CHECK(entries(dir / "out") == 3);
    // The user's own.
    scratch::write(dir / "out/notes.txt", "mine");
    fs::create_directory(dir / "out/sub");
    scratch::write(dir / "out/sub/x", "mine, too");
    scratch::write(dir / "out/c.tif", "old");
    replace(dir / "out", "four", {"c.tif"});
    CHECK(holds(dir / "out", "four"));
    CHECK(entries(dir / "out") == 5);
    CHECK(scratch::read(dir / "out/notes.txt") == "mine");
    CHECK(scratch::read(dir / "out/sub/x") == "mine, too");
    CHECK(dir.count() == 1);
}

TEST_CASE("a folder by a link, and a set that is given up") {
    const scratch::folder dir;
    fs::create_directory(dir / "out");
    fs::create_directory_symlink(dir / "out", dir / "link");
    replace(dir / "link", "one");
    CHECK(fs::is_symlink(dir / "link"));
    CHECK(holds(dir / "out", "one"));
    {
        io::held_folder held(dir / "out");
        io::output_transaction set(held);
        write_set(set, "two");
    }
    CHECK(holds(dir / "out", "one"));
    CHECK(dir.count() == 2);
    {
        io::held_folder held(dir / "out");
        io::output_transaction set(held);
        support::check_throws<write_error>([&] { set.commit({}); }, "No such file");
    }
    CHECK(holds(dir / "out", "one"));
}

TEST_CASE("a second writer is refused, by whatever name, until the first ends") {
    const scratch::folder dir;
    fs::create_directory(dir / "out");
    fs::create_directory_symlink(dir / "out", dir / "link");
    std::optional<io::held_folder> first(std::in_place, dir / "out");
    support::check_throws<write_error>([&] { io::held_folder second(dir / "out"); }, "another stemfuse writes there");
    support::check_throws<write_error>([&] { io::held_folder second(dir / "link"); }, "another stemfuse writes there");
    {
        io::output_transaction set(*first);
        write_set(set, "one");
        set.commit({});
    }
    // The folder is another one now, and held as before.
    support::check_throws<write_error>([&] { io::held_folder second(dir / "out"); }, "another stemfuse writes there");
    first.reset();
    const io::held_folder second(dir / "out");
}

TEST_CASE("what a killed writer has left is removed, what a living one makes stays") {
    const scratch::folder dir;
    fs::create_directory(dir / "out");
    replace(dir / "out", "one");
    scratch::write(dir / "out/.stemfuse-123.part", "half");
    fs::create_directory(dir / ".stemfuse-7.part");
    scratch::write(dir / ".stemfuse-7.part/fused.h5", "half");
    scratch::write(dir / ".stemfuse-notes", "no leftover");
    const io::atomic_file living(dir / "other.txt");
    replace(dir / "out", "two");
    CHECK(holds(dir / "out", "two"));
    CHECK(entries(dir / "out") == 3);
    CHECK(fs::exists(living.temporary()));
    CHECK(!fs::exists(dir / ".stemfuse-7.part"));
    CHECK(fs::exists(dir / ".stemfuse-notes"));
}

TEST_CASE("a whole set that was killed on its way into the folder is finished") {
    const scratch::folder dir;
    fs::create_directory(dir / "out");
    replace(dir / "out", "one");
    scratch::write(dir / "out/notes.txt", "mine");
    fs::create_directory(dir / "out/.stemfuse-ready");
    const auto ready = dir / "out/.stemfuse-ready";
    scratch::write(ready / "b.tif", "two b");  // a.tif has been moved already
    scratch::write(dir / "out/a.tif", "two a");
    scratch::write(dir / "out/c.tif", "of an earlier set");
    scratch::write(ready / ".remove", std::string("c.tif\0", 6));
    scratch::write(ready / io::output_mark, "two");
    {
        const io::held_folder next(dir / "out");
    }
    CHECK(holds(dir / "out", "two"));
    CHECK(entries(dir / "out") == 4);
    CHECK(scratch::read(dir / "out/notes.txt") == "mine");
}

TEST_CASE("a writer killed at any moment leaves the one set or the other") {
    const scratch::folder dir;
    fs::create_directory(dir / "out");
    replace(dir / "out", "0");
    int finished = 0;
    for (int run = 1; run <= 40; ++run) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            try {
                for (int n = 0; n < 100000; ++n) replace(dir / "out", std::to_string(run) + "." + std::to_string(n));
            } catch (...) {
            }
            ::_exit(1);
        }
        const std::string own = std::to_string(run) + ".";
        const auto mark = [&] { return scratch::read(dir / "out" / io::output_mark); };
        for (int wait = 0; run % 4 == 0 && wait < 2000 && !mark().starts_with(own); ++wait)
            ::usleep(1000);  // slow disks
        ::usleep(static_cast<useconds_t>(500 + 977 * run % 20000));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));
        const std::string content = mark();
        CAPTURE(content);
        CHECK(!content.empty());
        CHECK(holds(dir / "out", content));
        finished += content.starts_with(own);
    }
    CHECK(finished > 0);  // else nothing was tried
    replace(dir / "out", "last");
    CHECK(holds(dir / "out", "last"));
    CHECK(entries(dir / "out") == 3);
    CHECK(dir.count() == 1);
}
