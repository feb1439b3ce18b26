#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include <stemfuse/elements/elements.hpp>
#include <stemfuse/simulate/catalogue.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("every specimen of the catalogue can be measured as usual, at any dose and size", T, float, double) {
    std::set<std::string_view> names;
    for (const auto& entry : specimen_catalogue<T>()) {
        CAPTURE(std::string(entry.name));
        CHECK(names.insert(entry.name).second);
        CHECK(entry.summary.find('\n') == std::string_view::npos);
        CHECK(&specimen_by_name<T>(entry.name) == &entry);
        const auto s = entry.make(20, 31);
        CHECK(s.truth.shape() == stack_shape{s.elements.size(), 20, 31});
        for (const auto& symbol : s.elements) CHECK_NOTHROW(atomic_number(symbol));
        const auto a = acquire(s, at_dose(entry.usual, 3, 7));
        CHECK(a.maps.shape() == s.truth.shape());
        CHECK(a.maps != acquire(s, at_dose(entry.usual, 3, 8)).maps);
    }
    CHECK(names.size() == 21);
}

TEST_CASE("the background is proportional to the dose") {
    const auto& usual = specimen_by_name("multilayer").usual;
    const auto options = at_dose(usual, 20, 4);
    CHECK(options.dose == 20);
    CHECK(std::abs(options.background - 20 * usual.background) <= 1e-12);
    CHECK(options.seed == 4);
    CHECK(options.haadf_gain == 900);
}

TEST_CASE("an unknown specimen is refused with the names there are") {
    support::check_throws<value_error>([] { specimen_by_name("gold"); }, "specimen: is \"gold\"", "core-shell",
                                       "segregated-alloy");
}
