#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <stemfuse/io/image_choice.hpp>

using namespace stemfuse;

namespace {

io::image_info labelled(const std::string& label, const image_shape& shape = {4, 5}, const std::string& folder = "") {
    io::image_info i;
    i.label = label;
    i.name = i.place = folder.empty() ? label : folder + "/" + label;
    i.shape = shape;
    i.element = io::element_of(label);
    return i;
}

struct outcome {
    std::string haadf;
    std::vector<std::string> maps;
    std::string notes;
};

outcome choose(const std::vector<std::vector<io::image_info>>& files, const std::string& haadf = "",
               std::optional<image_shape> shape = {}) {
    std::vector<io::file_contents> contents(files.size());
    std::vector<const io::file_contents*> all;
    std::optional<io::image_reference> given;
    for (std::size_t f = 0; f < files.size(); ++f) {
        contents[f].images = files[f];
        all.push_back(&contents[f]);
        for (const auto& i : files[f]) {
            if (!haadf.empty() && i.name == haadf) given = io::image_reference{f, i};
        }
    }
    const auto choice = io::choose_images(all, given, shape);
    outcome o{choice.haadf ? choice.haadf->image.name : "", {}, io::joined(choice.notes)};
    for (const auto& m : choice.maps) o.maps.push_back(std::to_string(m.file) + ":" + m.image.name);
    return o;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("HAADF and maps by their labels") {
    const auto o = choose({{labelled("Fe"), labelled("HAADF"), labelled("O")}});
    CHECK(o.haadf == "HAADF");
    CHECK(o.maps == std::vector<std::string>{"0:Fe", "0:O"});
    CHECK(o.notes == "nothing");
}

TEST_CASE("the clearest label is the HAADF image") {
    CHECK(choose({{labelled("BF"), labelled("DF-S"), labelled("Fe")}}).haadf == "DF-S");
    CHECK(choose({{labelled("DF4"), labelled("MAADF"), labelled("STEM HAADF 1"), labelled("Fe")}}).haadf ==
          "STEM HAADF 1");
    CHECK(choose({{labelled("DF4"), labelled("LAADF"), labelled("Fe")}}).haadf == "LAADF");
    CHECK(choose({{labelled("survey"), labelled("Fe")}}).haadf == "survey");  // the only one that is no map
    CHECK(choose({{labelled("survey"), labelled("BF"), labelled("Fe")}}).haadf == "");
    CHECK(has(choose({{labelled("survey"), labelled("BF"), labelled("Fe")}}).notes,
              "any of survey, BF: name it by --haadf"));
    CHECK(choose({{labelled("survey")}}).haadf == "");
    CHECK(choose({{labelled("HAADF")}}).haadf == "HAADF");
    CHECK(choose({{}}).haadf == "");
}

TEST_CASE("a survey image of another shape stands beside") {
    const auto o = choose({{labelled("HAADF", {128, 128}, "survey"), labelled("DF-S"), labelled("Fe"), labelled("O")}});
    CHECK(o.haadf == "DF-S");
    CHECK(o.maps.size() == 2);
    // Maps of two shapes: those beside which there is a HAADF image.
    const auto two = choose({{labelled("Fe", {8, 8}, "a"), labelled("O", {8, 8}, "a"), labelled("Co", {8, 8}, "a"),
                              labelled("Fe"), labelled("HAADF")}});
    CHECK(two.haadf == "HAADF");
    CHECK(two.maps == std::vector<std::string>{"0:Fe"});
    CHECK(choose({{labelled("HAADF"), labelled("Fe"), labelled("DF", {8, 8}), labelled("O", {8, 8})}}, "",
                 image_shape{8, 8})
              .maps == std::vector<std::string>{"0:O"});
}

TEST_CASE("a HAADF image that is given is none of the maps") {
    const auto o = choose({{labelled("Cu"), labelled("Fe"), labelled("HAADF")}}, "Cu");
    CHECK(o.haadf == "Cu");
    CHECK(o.maps == std::vector<std::string>{"0:Fe"});
}

TEST_CASE("images of several files") {
    const auto o = choose({{labelled("O")}, {labelled("HAADF")}, {labelled("Fe")}});
    CHECK(o.haadf == "HAADF");
    CHECK(o.maps == std::vector<std::string>{"0:O", "2:Fe"});
    CHECK(has(choose({{labelled("O"), labelled("HAADF")}, {labelled("O")}}).notes, "O is in O, O: taken is O"));
}

TEST_CASE("an element that is there twice") {
    const auto eels = choose({{labelled("HAADF"), labelled("Fe"), labelled("Fe-EELS")}});
    CHECK(eels.maps == std::vector<std::string>{"0:Fe"});
    CHECK(has(eels.notes, "Fe is in Fe, Fe-EELS: taken is Fe, another by --elements NAME=Fe"));
    const auto unclear = choose({{labelled("HAADF"), labelled("Fe K", {4, 5}, "a"), labelled("Fe L", {4, 5}, "b")}});
    CHECK(unclear.maps.empty());
    CHECK(has(unclear.notes, "name one by --elements NAME=Fe"));
    const std::vector<io::image_info> fused{labelled("HAADF", {4, 5}, "raw"), labelled("Fe", {4, 5}, "raw"),
                                            labelled("HAADF", {4, 5}, "fused"), labelled("Fe", {4, 5}, "fused")};
    CHECK(has(choose({fused}).notes, "any of raw/HAADF, fused/HAADF"));
    CHECK(choose({fused}, "fused/HAADF").maps == std::vector<std::string>{"0:fused/Fe"});
}
