// The program, run from outside in a folder of its own.
#pragma once

#include <doctest/doctest.h>

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/record/image_set.hpp>

#include "io/scratch.hpp"
#include "support.hpp"

namespace program_test {

struct outcome {
    int code;
    std::string out, err;
};

// stderr without the warnings that a fused map departs from its raw one: small maps of random numbers all do.
inline std::string without_departures(const std::string& err) {
    std::string kept;
    for (std::size_t at = 0; at < err.size();) {
        const std::size_t end = std::min(err.find('\n', at), err.size() - 1) + 1;
        const std::string line = err.substr(at, end - at);
        if (line.find("departs from the raw one") == std::string::npos) kept += line;
        at = end;
    }
    return kept;
}

// A scratch folder and the program run in it, by a shell.
class session {
public:
    outcome run(const std::string& arguments, const std::string& prefix = "") const {
        const std::string out = (folder_ / "stdout").string(), err = (folder_ / "stderr").string();
        const std::string command = "cd '" + (folder_ / "").string() + "' && " + prefix + " '" STEMFUSE_PROGRAM "' " +
                                    arguments + " >'" + out + "' 2>'" + err + "'";
        const int status = std::system(command.c_str());
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, scratch::read(out), scratch::read(err)};
    }

    // Runs, and expects this exit code and one line on stderr with these texts.
    template <class... Texts>
    void fails(int code, const std::string& arguments, const Texts&... texts) const {
        const outcome o = run(arguments);
        CAPTURE(arguments);
        CAPTURE(o.err);
        CHECK(o.code == code);
        CHECK(o.err.starts_with("stemfuse: "));
        CHECK(o.err.find('\n') == o.err.size() - 1);
        for (const std::string_view text : {std::string_view(texts)...}) {
            CAPTURE(text);
            CHECK(o.err.find(text) != std::string::npos);
        }
        CHECK(!std::filesystem::exists(path("out")));
    }

    std::filesystem::path path(const std::string& name) const { return folder_ / name; }

private:
    scratch::folder folder_;
};

// A small measurement: HAADF and two maps.
struct images {
    std::vector<std::string> names{"HAADF", "Co", "O"};
    xt::xtensor<float, 3> values = support::random_array<float, 3>({3, 12, 10}, 1, 9);

    void write(const std::filesystem::path& path) const { stemfuse::io::write_image_set(path, names, values); }
};

}  // namespace program_test
