#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <stemfuse/elements/atomic_weights.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("every element has a weight, in about the order of the atomic numbers") {
    // Weights fall from one element to the next at Ar-K, Co-Ni, Te-I and among the heaviest alone, by 3 at most; they
    // lie between 2 Z, below the actinides, and 2.7 Z, hydrogen and beryllium to fluorine apart.
    for (std::size_t k = 0; k < atomic_weights.size(); ++k) {
        CAPTURE(element_symbols[k]);
        const double z = static_cast<double>(k + 1), a = atomic_weights[k];
        CHECK(a > (k == 0 ? 1.0 : 1.97 * z));
        CHECK(a < 2.7 * z);
        if (k > 0) CHECK(a > atomic_weights[k - 1] - 3);
    }
}

TEST_CASE("molar masses of compounds") {
    const auto near = [](double got, double expected) { CHECK(std::abs(got - expected) < 0.01); };
    near(2 * atomic_weight("H") + atomic_weight("O"), 18.015);
    near(atomic_weight("Na") + atomic_weight("Cl"), 58.44);
    near(atomic_weight("Ca") + atomic_weight("C") + 3 * atomic_weight("O"), 100.086);
    near(2 * atomic_weight("Al") + 3 * atomic_weight("O"), 101.961);
    near(atomic_weight("Ti") + 2 * atomic_weight("O"), 79.865);
    near(3 * atomic_weight("Mn") + 4 * atomic_weight("O"), 228.81);
    near(3 * atomic_weight("Co") + 4 * atomic_weight("O"), 240.80);
    near(atomic_weight("Ga") + atomic_weight("As"), 144.645);
    near(atomic_weight("Pb") + atomic_weight("S"), 239.26);
    near(atomic_weight("U") + 2 * atomic_weight("O"), 270.03);
    near(atomic_weight("Au"), 196.97);
    CHECK(atomic_weight("Tc") == 97);
    CHECK(atomic_weight("Og") == 294);
    support::check_throws<value_error>([] { atomic_weight("Xx"); }, "elements: is \"Xx\"");
}
