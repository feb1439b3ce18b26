// The Python module stemfuse: the recipes on numpy arrays, which go in and come out without a copy.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stemfuse/core/thread_pool.hpp>
#include <stemfuse/core/version.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/recipes/count_words.hpp>
#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/recipes/published.hpp>

namespace py = pybind11;
using namespace py::literals;

namespace {

// Calls f(T{}): float for arrays of float32, double for all others.
template <class F>
py::object in_scalar_of(const py::array& a, F&& f) {
    return a.dtype().is(py::dtype::of<float>()) ? f(float{}) : f(double{});
}

// An array in place, if it is of T, else a converted copy.
template <class T, std::size_t N>
struct borrowed {
    borrowed(const py::array& a, const char* name) : array(a) {
        if (a.dtype().kind() == 'c' || a.itemsize() > 8)
            throw stemfuse::value_error(name, "is of " + std::string(py::str(a.dtype())) + ", must be of real numbers");
        if (a.ndim() != N)
            throw stemfuse::shape_error(name,
                                        "has " + std::to_string(a.ndim()) + " axes, must have " + std::to_string(N));
        if (!a.dtype().is(py::dtype::of<T>()) || !a.attr("flags").attr("aligned").cast<bool>())
            array = py::array_t<T>(a.attr("astype")(py::dtype::of<T>()).attr("copy")());
        view.data = static_cast<const T*>(array.data());
        std::copy_n(array.shape(), N, view.shape.begin());
        std::transform(array.strides(), array.strides() + N, view.strides.begin(),
                       [](auto bytes) { return bytes / py::ssize_t(sizeof(T)); });
    }

    py::array array;
    stemfuse::array_view<const T, N> view;
};

// The memory of an array of xtensor becomes that of a numpy array.
template <class T, std::size_t N>
py::array handed_over(xt::xtensor<T, N>&& a) {
    auto* const own = new xt::xtensor<T, N>(std::move(a));
    const py::capsule owner(own, [](void* p) { delete static_cast<xt::xtensor<T, N>*>(p); });
    return py::array_t<T>(own->shape(), own->data(), owner);
}

// Runs work(execution, observer) without the global lock, until Ctrl-C, which Python notes on its main thread.
template <class F>
auto without_lock(std::size_t threads, const py::object& progress, F&& work) {
    stemfuse::thread_pool pool(threads);
    stemfuse::stoppable run(pool, [&] {
        const py::gil_scoped_acquire locked;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        return false;
    });
    const auto tell = [&](const stemfuse::recipe_progress& now) {
        if (progress.is_none()) return true;
        const py::gil_scoped_acquire locked;
        const py::object go_on = progress(stemfuse::to_string(now.stage), now.done);
        return go_on.is_none() || go_on.cast<bool>();
    };
    const py::gil_scoped_release unlocked;
    return work(stemfuse::execution(run), stemfuse::recipe_observer(tell));
}

// A SimpleNamespace of them, with the warnings in words.
py::object as_result(py::dict members, const auto& warnings, const std::vector<std::string>& elements) {
    py::list sentences;
    for (const auto& warning : warnings) sentences.append(stemfuse::in_words(warning, elements));
    members["warnings"] = sentences;
    return py::module_::import("types").attr("SimpleNamespace")(**members);
}

// Options by keyword: every take() sets one where it is given, and none_left() refuses the rest.
struct keywords {
    py::dict given;
    std::string names{};
    std::size_t threads = 0;
    py::object progress = py::none();

    template <class V>
    keywords& take(const char* name, V& value) {
        names += std::string(" ") + name;
        if (given.contains(name)) value = given.attr("pop")(name).template cast<V>();
        return *this;
    }
    void none_left() {
        take("threads", threads).take("progress", progress);
        for (const auto& [name, value] : given)
            throw py::type_error(name.cast<std::string>() + ": is no option, must be one of:" + names);
    }
};

py::object fuse_published(const py::array& haadf, const py::array& maps, std::vector<std::string> elements,
                          const py::kwargs& given) {
    stemfuse::published_options o{.elements = std::move(elements)};
    std::string weights = "z-over-mean";
    keywords all{given};
    all.take("gamma", o.gamma).take("weights", weights).take("lambda_haadf", o.lambda_haadf);
    all.take("lambda_chemical", o.lambda_chemical).take("lambda_tv", o.lambda_tv).take("background", o.background);
    all.take("iterations", o.iterations).take("tv_iterations", o.prior.iterations);
    all.take("start_threshold", o.start_threshold).none_left();
    const auto& known = stemfuse::weighting_names;
    const auto named = std::ranges::find(known, weights, [](const auto& n) { return n.first; });
    if (named == known.end())
        throw stemfuse::value_error(
            "weights",
            "is " + weights + ", must be unit, z-over-mean, z-gamma-over-mean, z-over-sum or z-gamma-over-sum");
    o.weights = named->second;
    return in_scalar_of(maps, [&]<class T>(T) {
        const borrowed<T, 2> h(haadf, "haadf");
        const borrowed<T, 3> m(maps, "maps");
        auto fused = without_lock(all.threads, all.progress, [&](const auto& exec, const auto& observer) {
            return stemfuse::fuse_published(h.view, m.view, o, exec, observer);
        });
        py::list history;
        for (const auto& at : fused.history) history.append(py::make_tuple(at.haadf, at.chemical, at.tv, at.total));
        return as_result(py::dict("maps"_a = handed_over(std::move(fused.maps)),
                                  "projected"_a = handed_over(std::move(fused.projected)),
                                  "history"_a = py::array(history), "lambda_haadf"_a = fused.lambda_haadf),
                         fused.warnings, o.elements);
    });
}

py::object fuse_measured_counts(const py::array& haadf, const py::array& counts, std::vector<std::string> elements,
                                const py::kwargs& given) {
    stemfuse::count_recipe_options o{.elements = std::move(elements)};
    std::map<std::string, double> k_factors;
    std::optional<py::array> background_maps;
    keywords all{given};
    all.take("background", o.background).take("background_maps", background_maps).take("k_factors", k_factors);
    all.take("lambda_tv", o.lambda_tv)
        .take("seed", o.seed)
        .take("averaging", o.averaging)
        .take("errors", o.errors)
        .none_left();
    if (!k_factors.empty())
        o.factors.emplace(o.elements, std::vector<std::pair<std::string, double>>(k_factors.begin(), k_factors.end()));
    return in_scalar_of(counts, [&]<class T>(T) {
        const borrowed<T, 2> h(haadf, "haadf");
        const borrowed<T, 3> m(counts, "counts");
        std::optional<borrowed<T, 3>> b;
        if (background_maps) b.emplace(*background_maps, "background_maps");
        auto fused = without_lock(all.threads, all.progress, [&](const auto& exec, const auto& observer) {
            return b ? stemfuse::fuse_measured_counts(h.view, m.view, b->view, o, exec, observer)
                     : stemfuse::fuse_measured_counts(h.view, m.view, o, exec, observer);
        });
        py::dict result("maps"_a = handed_over(std::move(fused.maps)), "haadf"_a = handed_over(std::move(fused.haadf)),
                        "nonlocal_fraction"_a = handed_over(std::move(fused.nonlocal_fraction)),
                        "errors"_a = handed_over(std::move(fused.errors)), "counts"_a = fused.totals.counts,
                        "background"_a = fused.totals.background,
                        "reasons"_a = stemfuse::reasons_in_words(fused, o.elements));
        if (auto& found = fused.composition) {
            result["atomic"] = found->atomic.fractions;
            result["atomic_errors"] = found->atomic.standard_errors;
            result["fractions"] = handed_over(std::move(found->fractions));
            result["fraction_errors"] = handed_over(std::move(found->errors));
        }
        return as_result(result, fused.warnings, o.elements);
    });
}

py::object prox_tv(const py::array& v, double t, std::size_t iterations, double gap_tolerance) {
    return in_scalar_of(v, [&]<class T>(T) {
        const borrowed<T, 3> in(v, "v");
        const stemfuse::total_variation tv{.iterations = iterations, .gap_tolerance = gap_tolerance};
        xt::xtensor<T, 3> out(in.view.shape);
        without_lock(0, py::none(), [&](const auto& exec, const auto&) { return tv.prox(in.view, t, out, exec); });
        return py::object(handed_over(std::move(out)));
    });
}

}  // namespace

PYBIND11_MODULE(stemfuse, m) {
    m.doc() = "Fused multi-modal electron microscopy on numpy arrays. An image is (n_y, n_x), maps are (n, n_y, n_x).";
    m.attr("__version__") = py::str(stemfuse::version.data(), stemfuse::version.size());
    py::register_exception<stemfuse::error>(m, "Error", PyExc_ValueError);
    py::register_exception<stemfuse::cancelled>(m, "Cancelled", PyExc_RuntimeError);
    const char* const options =
        "The options by keyword are in README.md; progress(stage, done) ends it by returning False.";
    m.def("fuse_published", &fuse_published, "haadf"_a, "maps"_a, "elements"_a, options);
    m.def("fuse_measured_counts", &fuse_measured_counts, "haadf"_a, "counts"_a, "elements"_a, options);
    m.def("prox_tv", &prox_tv, "argmin over u >= 0 of 1/2 ||u - v||^2 + t TV(u), for every map of a stack by itself.",
          "v"_a, "t"_a, py::kw_only(), "iterations"_a = 10, "gap_tolerance"_a = 0.0);
}
