// What the page and the program tell each other: parameters as JSON, images as 16-bit numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/error.hpp>

#include "options.hpp"

namespace program {

// JSON as text; bytes that are no UTF-8, in names of files, are replaced.
inline std::string page_text(const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A parameter that has a slider: its name, the option of `stemfuse fuse`, and what it does, for the page.
struct tuned_parameter {
    const char *name, *option, *label, *help;
    double low, high;  // of the slider; the number beside it takes more
    bool whole;
    double (*get)(const recipe_options&, std::size_t n_elements);
    void (*set)(recipe_options&, double);
};

inline const std::array<tuned_parameter, 7> tuned_parameters{
    {{"lambda_haadf", "--lambda-haadf", "\u03bb HAADF", "the image", 0.001, 10, false,
      [](const recipe_options& o, std::size_t n) { return o.lambda_haadf.value_or(1 / static_cast<double>(n)); },
      [](recipe_options& o, double v) { o.lambda_haadf = v; }},
     {"lambda_chemical", "--lambda-chemical", "\u03bb chem", "the counts", 0.0001, 1, false,
      [](const recipe_options& o, std::size_t) { return o.lambda_chemical; },
      [](recipe_options& o, double v) { o.lambda_chemical = v; }},
     {"lambda_tv", "--lambda-tv", "\u03bb TV", "smoothing", 0.0001, 2, false,
      [](const recipe_options& o, std::size_t) { return o.lambda_tv; },
      [](recipe_options& o, double v) { o.lambda_tv = v; }},
     {"gamma", "--gamma", "\u03b3", "HAADF exponent", 1, 3, false,
      [](const recipe_options& o, std::size_t) { return o.gamma; }, [](recipe_options& o, double v) { o.gamma = v; }},
     {"background", "--background", "background", "rate a pixel", 0.001, 1, false,
      [](const recipe_options& o, std::size_t) { return o.background; },
      [](recipe_options& o, double v) { o.background = v; }},
     {"iterations", "--iterations", "iterations", "early stop", 1, 200, true,
      [](const recipe_options& o, std::size_t) { return static_cast<double>(o.iterations); },
      [](recipe_options& o, double v) { o.iterations = static_cast<std::size_t>(v); }},
     {"tv_iterations", "--tv-iterations", "TV iterations", "prox steps", 1, 30, true,
      [](const recipe_options& o, std::size_t) { return static_cast<double>(o.tv_iterations); },
      [](recipe_options& o, double v) { o.tv_iterations = static_cast<std::size_t>(v); }}}};

// A request of the page: a recipe, and whether a preview will do.
struct page_request {
    recipe_options recipe;
    bool preview = false;
};

// Reads {"lambda_tv": 0.1, ..., "preview": true}; what is not named stays as in `base`. Throws value_error for what is
// no such object, and usage_error as check() does.
inline page_request read_request(const std::string& body, const recipe_options& base) {
    using stemfuse::value_error;
    const auto json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object()) throw value_error("request", "is no JSON object, must be a JSON object of parameters");
    page_request request{base};
    for (const auto& [name, value] : json.items()) {
        if (name == "preview" && value.is_boolean()) {
            request.preview = value.get<bool>();
            continue;
        }
        const auto p = std::find_if(tuned_parameters.begin(), tuned_parameters.end(),
                                    [&, n = std::string_view(name)](const auto& t) { return n == t.name; });
        if (p == tuned_parameters.end())
            throw value_error("request", stemfuse::is_but_must_be(name, "the name of a parameter"));
        if (!value.is_number())  // not told in full: a deep array would take all of the stack
            throw value_error(p->option, std::string("is of type ") + value.type_name() + ", must be a number");
        const double number = value.get<double>();
        constexpr auto ceiling = static_cast<double>(stemfuse::iteration_ceiling);
        if (p->whole && !(number >= 0 && number <= ceiling && number == std::floor(number)))
            throw value_error(p->option, stemfuse::is_but_must_be(number, "a whole number in [1, 1e+07]"));
        p->set(request.recipe, number);
    }
    check(request.recipe);
    return request;
}

// The sliders for the page, at the values of `o`.
inline nlohmann::json sliders_of(const recipe_options& o, std::size_t n_elements) {
    auto all = nlohmann::json::array();
    for (const auto& p : tuned_parameters) {
        all.push_back({{"name", p.name},
                       {"option", p.option},
                       {"label", p.label},
                       {"help", p.help},
                       {"low", p.low},
                       {"high", p.high},
                       {"whole", p.whole},
                       {"value", p.get(o, n_elements)}});
    }
    return all;
}

// Adds an image to `bytes`: 16 bits a pixel, from the lowest (0) to the highest number (65535), in this machine's byte
// order. Returns these two.
template <stemfuse::scalar T>
nlohmann::json append_image(std::string& bytes, const T* pixels, std::size_t count) {
    const auto [low, high] = std::minmax_element(pixels, pixels + count);
    const double first = static_cast<double>(*low), range = static_cast<double>(*high) - first;
    const T from = *low, scale = static_cast<T>(range > 0 ? 65535 / range : 0);
    std::vector<std::uint16_t> levels(count);
    std::transform(pixels, pixels + count, levels.begin(),
                   [=](T v) { return static_cast<std::uint16_t>(std::min((v - from) * scale + T(0.5), T(65535))); });
    bytes.append(reinterpret_cast<const char*>(levels.data()), 2 * count);
    return {first, first + range};
}

// The HAADF image and the maps behind a header, to which their shape and ranges are added: the length of its JSON in 4
// bytes, the JSON with spaces up to a multiple of 8 bytes in all, the images.
template <stemfuse::scalar T>
std::string packed(nlohmann::json header, const xt::xtensor<T, 2>& haadf, const xt::xtensor<T, 3>& maps) {
    const std::size_t count = haadf.size();
    std::string images;
    images.reserve(2 * (count + maps.size()));
    auto ranges = nlohmann::json::array({append_image(images, haadf.data(), count)});
    for (std::size_t i = 0; i < maps.shape(0); ++i)
        ranges.push_back(append_image(images, maps.data() + i * count, count));
    header["rows"] = haadf.shape(0);
    header["columns"] = haadf.shape(1);
    header["ranges"] = std::move(ranges);
    std::string text = page_text(header);
    text.resize((text.size() + 4 + 7) / 8 * 8 - 4, ' ');
    const auto length = static_cast<std::uint32_t>(text.size());
    std::string bytes(4, '\0');
    std::memcpy(bytes.data(), &length, 4);
    return bytes + text + images;
}

}  // namespace program
