// Which images of one or several files are fused: the HAADF image, and the element maps of its shape.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::io {

/// An image of file number `file` of several.
struct image_reference {
    std::size_t file = 0;
    image_info image{};
};

/// Which images of a file are HAADF and maps.
struct image_choice {
    std::optional<image_reference> haadf{};
    std::vector<image_reference> maps{};
    std::vector<std::string> notes{};  ///< what was not clear, one line each
};

namespace detail {

// How likely a label is that of the HAADF image: 0 where it does not say so.
inline int haadf_rank(std::string label) {
    std::transform(label.begin(), label.end(), label.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    if (label == "haadf") return 5;
    if (label.find("haadf") != std::string::npos) return 4;
    if (label.find("adf") != std::string::npos) return 3;
    if (label.starts_with("df") || label.find("dark") != std::string::npos) return 2;
    return 0;
}

// The path of the group that holds an image; empty at the root.
inline std::string folder_of(const image_info& image) {
    const auto slash = image.place.rfind('/');
    return slash == std::string::npos ? "" : image.place.substr(0, slash);
}

inline std::vector<std::string> names_of(const std::vector<image_reference>& images) {
    std::vector<std::string> names;
    for (const image_reference& i : images) names.push_back(i.image.name);
    return names;
}

inline bool together(const image_reference& a, const image_reference& b) {
    return a.file == b.file && folder_of(a.image) == folder_of(b.image);
}

// The only one of `images` for which better() holds; none where it holds for none or several.
template <class Better>
const image_reference* only(const std::vector<image_reference>& images, Better&& better) {
    const image_reference* found = nullptr;
    for (const image_reference& i : images) {
        if (!better(i)) continue;
        if (found != nullptr) return nullptr;
        found = &i;
    }
    return found;
}

// Groups of images of one shape, in the order of their first ones.
inline std::vector<std::vector<image_reference>> by_shape(const std::vector<image_reference>& images) {
    std::vector<std::vector<image_reference>> groups;
    for (const image_reference& i : images) {
        auto group = std::find_if(groups.begin(), groups.end(),
                                  [&](const auto& g) { return g[0].image.shape == i.image.shape; });
        if (group == groups.end()) group = groups.insert(group, std::vector<image_reference>());
        group->push_back(i);
    }
    return groups;
}

// The elements among images, in their order.
inline std::vector<std::string> elements_of(const std::vector<image_reference>& images) {
    std::vector<std::string> elements;
    for (const image_reference& i : images) {
        const std::string& e = i.image.element;
        if (!e.empty() && std::find(elements.begin(), elements.end(), e) == elements.end()) elements.push_back(e);
    }
    return elements;
}

// The HAADF image among images of one shape: the one whose label says so most clearly, else the only one that is no
// element map.
inline std::optional<image_reference> choose_haadf(const std::vector<image_reference>& group,
                                                   std::vector<std::string>& notes) {
    std::vector<image_reference> best, rest;
    int rank = 1;
    for (const image_reference& i : group) {
        if (!i.image.element.empty()) continue;
        rest.push_back(i);
        const int of_this = haadf_rank(i.image.label);
        if (of_this > rank) best.clear();
        rank = std::max(rank, of_this);
        if (of_this == rank) best.push_back(i);
    }
    if (best.size() == 1) return best[0];
    if (best.empty() && rest.size() == 1 && !elements_of(group).empty()) return rest[0];
    if (!rest.empty() && (best.size() > 1 || rest.size() > 1))
        notes.push_back("the HAADF image may be any of " + joined(names_of(best.empty() ? rest : best)) +
                        ": name it by --haadf");
    return std::nullopt;
}

// The map of an element: the only one, else that in the HAADF image's group, else that whose label is the symbol alone.
inline void choose_map(const std::vector<image_reference>& group, const std::string& element, image_choice& choice) {
    std::vector<image_reference> maps;
    std::copy_if(group.begin(), group.end(), std::back_inserter(maps),
                 [&](const image_reference& i) { return i.image.element == element; });
    const image_reference* chosen = maps.size() == 1 ? &maps[0] : nullptr;
    if (chosen == nullptr && choice.haadf)
        chosen = only(maps, [&](const image_reference& i) { return together(i, *choice.haadf); });
    if (chosen == nullptr) chosen = only(maps, [&](const image_reference& i) { return i.image.label == element; });
    if (chosen != nullptr) choice.maps.push_back(*chosen);
    if (maps.size() == 1) return;
    choice.notes.push_back(element + " is in " + joined(names_of(maps)) +
                           (chosen == nullptr
                                ? ": name one by --elements NAME=" + element
                                : ": taken is " + chosen->image.name + ", another by --elements NAME=" + element));
}

}  // namespace detail

/// Chooses what to fuse of files with these contents. With a HAADF image or a shape given, the maps are those of that
/// shape; else it is that of most elements, first of those beside which an image is labelled as HAADF.
inline image_choice choose_images(const std::vector<const file_contents*>& files,
                                  const std::optional<image_reference>& haadf = {},
                                  std::optional<image_shape> shape = {}) {
    if (haadf) shape = haadf->image.shape;
    std::vector<image_reference> all;
    for (std::size_t f = 0; f < files.size(); ++f) {
        for (const image_info& image : files[f]->images) {
            const bool given = haadf && haadf->file == f && haadf->image.name == image.name;
            if (!given) all.push_back({f, image});
        }
    }
    const auto groups = detail::by_shape(all);
    const std::vector<image_reference>* chosen = nullptr;
    std::size_t most = 0;
    for (const auto& group : groups) {
        const bool labelled = std::any_of(group.begin(), group.end(), [](const image_reference& i) {
            return i.image.element.empty() && detail::haadf_rank(i.image.label) > 0;
        });
        const std::size_t worth = 2 * detail::elements_of(group).size() * (labelled ? 1000 : 1) + (labelled ? 1 : 0);
        const bool wanted = !shape || group[0].image.shape == *shape;
        if (wanted && worth > most) chosen = &group, most = worth;
    }
    image_choice choice{.haadf = haadf};
    if (chosen == nullptr) return choice;
    if (!haadf) choice.haadf = detail::choose_haadf(*chosen, choice.notes);
    for (const std::string& element : detail::elements_of(*chosen)) detail::choose_map(*chosen, element, choice);
    return choice;
}

}  // namespace stemfuse::io
