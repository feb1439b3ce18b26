// What it costs to read a good file in a process of its own: guard_cost FILE... prints, for each, the median time in
// milliseconds of 51 times listing it and reading its first image, without the guard and with it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include <stemfuse/io/image_file.hpp>

namespace {

double median_ms(const char* path, bool guarded) {
    std::vector<double> times;
    for (int k = 0; k < 51; ++k) {
        const auto begin = std::chrono::steady_clock::now();
        const stemfuse::io::image_file file(path, {.guarded = guarded});
        if (!file.contents().images.empty()) file.read<float>(file.contents().images.front());
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::nth_element(times.begin(), times.begin() + 25, times.end());
    return times[25];
}

}  // namespace

int main(int count, char** paths) try {
    for (int k = 1; k < count; ++k) {
        const double plain = median_ms(paths[k], false), guarded = median_ms(paths[k], true);
        std::printf("%s: %.2f ms, guarded %.2f ms: %.2f ms more\n", paths[k], plain, guarded, guarded - plain);
    }
    return EXIT_SUCCESS;
} catch (const std::exception& e) {
    std::fprintf(stderr, "guard_cost: %s\n", e.what());
    return EXIT_FAILURE;
}
