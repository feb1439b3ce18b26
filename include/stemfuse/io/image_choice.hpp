// Which images of one or several files are fused: the HAADF image, and the element maps of its shape.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// An image of file number `file` of several.
struct image_reference {
    std::size_t file = 0;  ///< counted from 0
    image_info image{};    ///< as the file's contents list it
};

/// Which images of a file are HAADF and maps.
struct image_choice {
    std::optional<image_reference> haadf{};  ///< of the maps' shape, or of a whole multiple of it
    std::vector<image_reference> maps{};     ///< one an element, all of one shape
    std::vector<std::string> notes{};        ///< what was not clear, one line each
};

namespace detail {

// Rows and columns of an image's pixels in one of a coarser shape, both whole; none where there are no such blocks.
inline std::optional<image_shape> blocks_of(const image_shape& fine, const image_shape& coarse) {
    if (coarse[0] == 0 || coarse[1] == 0 || fine[0] % coarse[0] != 0 || fine[1] % coarse[1] != 0) return std::nullopt;
    const image_shape blocks{fine[0] / coarse[0], fine[1] / coarse[1]};
    return blocks[0] > 0 && blocks[1] > 0 ? std::optional(blocks) : std::nullopt;
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

// An image labelled as HAADF, of a whole multiple of the maps' shape, where none of their shape is; a note says so, or
// what the shape must be.
inline std::optional<image_reference> choose_finer_haadf(const std::vector<image_reference>& all,
                                                         const image_shape& maps, std::vector<std::string>& notes) {
    const image_reference* found = nullptr;
    int rank = 0;
    for (const bool fits : {true, false}) {
        for (const image_reference& i : all) {
            const int of_this = i.image.element.empty() ? haadf_rank(i.image.label) : 0;
            if (of_this > rank && blocks_of(i.image.shape, maps).has_value() == fits) found = &i, rank = of_this;
        }
        if (found != nullptr) break;
    }
    if (found == nullptr) return std::nullopt;
    const std::string shapes =
        found->image.name + " has shape " + to_string(found->image.shape) + ", the maps have shape " + to_string(maps);
    const auto blocks = blocks_of(found->image.shape, maps);
    notes.push_back(blocks ? shapes + ": it is binned by " + std::to_string((*blocks)[0]) +
                                 (blocks->front() == blocks->back() ? "" : " x " + std::to_string((*blocks)[1]))
                           : shapes + ", must be the same or a whole multiple");
    return blocks ? std::optional(*found) : std::nullopt;
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
    const auto is_labelled = [](const image_reference& i) {
        return i.image.element.empty() && detail::haadf_rank(i.image.label) > 0;
    };
    const bool maps_of_shape = std::any_of(groups.begin(), groups.end(), [&](const auto& group) {
        return shape && group[0].image.shape == *shape && !detail::elements_of(group).empty();
    });
    if (haadf && !maps_of_shape) {  // maps are perhaps coarser
        for (const auto& group : groups) {
            if (!detail::elements_of(group).empty() && detail::blocks_of(haadf->image.shape, group[0].image.shape))
                shape = group[0].image.shape;
        }
    }
    const std::vector<image_reference>* chosen = nullptr;
    std::size_t most = 0;
    for (const auto& group : groups) {
        const bool labelled = std::any_of(group.begin(), group.end(), is_labelled);
        const std::size_t worth = 2 * detail::elements_of(group).size() * (labelled ? 1000 : 1) + (labelled ? 1 : 0);
        const bool wanted = !shape || group[0].image.shape == *shape;
        if (wanted && worth > most) chosen = &group, most = worth;
    }
    image_choice choice{.haadf = haadf};
    if (!haadf && shape && (chosen == nullptr || std::none_of(chosen->begin(), chosen->end(), is_labelled)))
        choice.haadf = detail::choose_finer_haadf(all, *shape, choice.notes);
    if (chosen == nullptr) return choice;
    const bool of_maps = std::any_of(chosen->begin(), chosen->end(), is_labelled);
    if (!haadf && !choice.haadf && !of_maps && !detail::elements_of(*chosen).empty() && choice.notes.empty())
        choice.haadf = detail::choose_finer_haadf(all, (*chosen)[0].image.shape, choice.notes);
    if (!choice.haadf) choice.haadf = detail::choose_haadf(*chosen, choice.notes);
    for (const std::string& element : detail::elements_of(*chosen)) detail::choose_map(*chosen, element, choice);
    return choice;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
