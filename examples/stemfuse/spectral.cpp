// Fusion of spectra by the fit of all lines or edges, see spectral.hpp.
#include "spectral.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/binned_spectra.hpp>
#include <stemfuse/io/record/record_of_spectra.hpp>
#include <stemfuse/quantify/composition_maps.hpp>
#include <stemfuse/recipes/spectral_recipe.hpp>
#include <stemfuse/spectra/crop_losses.hpp>
#include <stemfuse/spectra/spectrum_model.hpp>

#include "library_options.hpp"
#include "measurement.hpp"
#include "outputs.hpp"
#include "progress_line.hpp"
#include "recipe.hpp"

namespace program {

namespace {

using T = float;

std::vector<std::string> symbols_of(const std::vector<element_source>& elements) {
    std::vector<std::string> symbols;
    for (const auto& e : elements) symbols.push_back(e.symbol);
    return symbols;
}

// The first of the elements without a line or an edge on the axis; empty where all have one.
std::string without_model(const std::vector<std::string>& symbols, const stemfuse::io::spectrum_info& s,
                          double beam_energy) {
    for (const std::string& e : symbols) {
        if (s.unit == "keV") {
            const auto lines = stemfuse::xray_emissions(e, beam_energy);
            const auto on_axis = [&](const auto& l) { return l.energy > std::max(s.first, 0.15) && l.energy < s.last; };
            if (std::none_of(lines.begin(), lines.end(), on_axis)) return e;
        } else {
            const auto edge = stemfuse::eels_edge_of(e);
            if (!edge || edge->onset < s.first || edge->onset > s.last - 10) return e;
        }
    }
    return "";
}

bool has_element_maps(const input_files& files) {
    std::vector<const stemfuse::io::file_contents*> all;
    for (std::size_t i = 0; i < files.size(); ++i) all.push_back(&files[i].contents());
    return !stemfuse::io::choose_images(all).maps.empty();
}

// The sum spectrum of a plan as shapes of elements, with what is to be said of it.
struct fitted_sum {
    std::vector<double> sum, errors;
    stemfuse::spectral_signatures signatures;
    std::size_t wanted = 0;
    std::vector<std::string> sentences, warnings;
};

stemfuse::edx_detector detector_of(const stemfuse::io::spectrum_info& s, const input_options& input) {
    stemfuse::edx_detector d;
    const bool said = s.resolution >= 110 && s.resolution <= 500;
    d.resolution = input.resolution > 0 ? input.resolution : said ? s.resolution : 130;
    d.beam_energy = input.spectral.beam_energy;
    d.window = by_name(window_names, input.spectral.window, "--detector-window");
    return d;
}

std::string identified_in_words(const std::vector<stemfuse::identified_element>& found) {
    std::string text;
    for (const auto& e : found) {
        text += (text.empty() ? "" : ", ") + e.symbol + (e.or_may_be ? " (or " + *e.or_may_be + "?)" : "") + " " +
                stemfuse::to_string(std::round(std::sqrt(e.significance)), 4) + " sigma";
    }
    return text.empty() ? "none" : text;
}

std::string axis_in_words(const stemfuse::axis_calibration& c) {
    using stemfuse::fixed_text;
    return "energy axis by the spectrum: shift " + fixed_text(1000 * c.shift, 1) + " +- " +
           fixed_text(1000 * c.shift_error, 1) + " eV, gain " + fixed_text(c.gain, 5) + " +- " +
           fixed_text(c.gain_error, 5) + ", Mn K alpha " + fixed_text(c.resolution, 1) + " +- " +
           fixed_text(c.resolution_error, 1) + " eV wide";
}

// Counts that noise or a camera has below 0 are no counts of X-rays.
std::vector<double> counts_of(std::vector<double> sum) {
    for (double& y : sum) y = std::max(y, 0.0);
    return sum;
}

fitted_sum fit_xrays(const stemfuse::io::image_file& file, const stemfuse::io::spectrum_info& s,
                     const std::vector<std::string>& symbols, const input_options& input) {
    fitted_sum out;
    out.sum = counts_of(file.read_sum_spectrum(s));
    throw_if_interrupted("while reading");
    stemfuse::spectrum_model_options options;
    options.elements = symbols;
    options.detector = detector_of(s, input);
    options.calibrate = by_name(axis_names, input.spectral.axis, "--axis");
    auto model = stemfuse::model_spectrum(out.sum, stemfuse::io::axis_of(s), options);
    out.sentences.push_back("elements in the sum spectrum: " + identified_in_words(model.identified));
    if (model.calibration.found) out.sentences.push_back(axis_in_words(model.calibration));
    out.sentences.push_back("deviance of the fit: " + stemfuse::to_string(model.signatures.deviance, 3) +
                            " a channel (1 where counting alone is left)");
    for (const auto& note : model.notes) out.warnings.push_back(in_words(note));
    out.signatures = std::move(model.signatures);
    out.errors = std::move(model.errors);
    out.wanted = model.wanted;
    return out;
}

// The spectra with the losses from 0 on that --low-loss names, else others of the same raster that hold 0 eV.
std::optional<std::pair<std::size_t, stemfuse::io::spectrum_info>> find_low_loss(const input_files& files,
                                                                                 const stemfuse::io::spectrum_info& s,
                                                                                 const std::string& name) {
    if (name == "none") return {};
    for (std::size_t i = 0; i < files.size(); ++i) {
        for (const auto& other : files[i].contents().spectra) {
            const bool holds_zero = other.unit == "eV" && other.first < 0 && other.last > 0;
            if (name.empty() ? holds_zero && other.first != s.first : other.name == name) return {{i, other}};
        }
    }
    if (!name.empty())
        throw stemfuse::read_error(files.paths(), "has no spectra \"" + name + "\", which --low-loss names");
    return {};
}

fitted_sum fit_losses(const input_files& files, const line_source& source, const std::vector<std::string>& symbols,
                      const input_options& input) {
    using namespace stemfuse;
    const auto& s = source.spectrum;
    if (symbols.empty())
        throw read_error(files.paths(), s.name + ": the elements of energy losses must be named, by --elements");
    fitted_sum out;
    out.sum = files[source.file].read_sum_spectrum(s);
    low_loss_spectrum low;
    if (const auto found = find_low_loss(files, s, input.spectral.low_loss)) {
        const double step = io::channel_step(found->second);
        if (std::abs(step / io::channel_step(s) - 1) > 0.01) {
            out.warnings.push_back("the losses from 0 on have channels of " + to_string(step) + " eV, the edges of " +
                                   to_string(io::channel_step(s)) + " eV: they are not used");
        } else {
            low.values = counts_of(files[found->first].read_sum_spectrum(found->second));
            low.zero =
                static_cast<std::size_t>(std::max_element(low.values.begin(), low.values.end()) - low.values.begin());
            out.sentences.push_back("plural scattering by the low losses of " + found->second.name);
        }
    }
    if (low.values.empty())
        out.warnings.push_back(
            "no low losses: edges are taken for single scattering, and are wrong where the specimen "
            "is thick");
    throw_if_interrupted("while reading");
    const eels_conditions at{input.spectral.beam_energy, input.spectral.collection_angle / 1000};
    out.signatures = fit_cropped_losses(out.sum, io::axis_of(s), symbols, at, low);
    out.errors = counting_errors(out.signatures);
    out.wanted = symbols.size();
    out.sentences.push_back("maps of edges are right relative to one another, pixel by pixel: no composition");
    return out;
}

// The composition by k-factors from the totals of the fit and their errors by counting.
void quantify(stemfuse::io::fusion_record<T>& record, const xt::xtensor<T, 3>& half, const xt::xtensor<T, 3>& other,
              const std::vector<std::string>& k_factors) {
    using namespace stemfuse;
    const auto& s = *record.spectrum;
    const auto n = static_cast<std::ptrdiff_t>(record.elements.size());
    const std::vector<double> counts(s.counts.begin(), s.counts.begin() + n);
    io::amounts_record amounts{{counts, std::vector<double>(counts.size())}, {}, {}, {}, {}};
    if (const auto factors = parse_k_factors(k_factors, record.elements)) {
        std::vector<double> variances;
        for (std::size_t i = 0; i < counts.size(); ++i) variances.push_back(s.errors[i] * s.errors[i]);
        amounts.atomic = composition_of_counts(*factors, counts, variances, fraction_kind::atomic);
        amounts.weight = composition_of_counts(*factors, counts, variances, fraction_kind::weight);
        amounts.fractions = composition_maps(record.fused_maps, *factors);
        amounts.errors = composition_errors(half, other, *factors);
    }
    record.amounts = std::move(amounts);
}

std::string setting_in_words(const stemfuse::spectral_fusion_result<T>& f) {
    const auto& c = f.tried.at(f.chosen);
    return "of " + std::to_string(f.tried.size()) + " settings the best by what was held out: smoothing " +
           stemfuse::to_string(c.smoothing, 3) +
           (c.haadf_weight > 0 ? ", weight of the HAADF image " + stemfuse::to_string(c.haadf_weight, 3) +
                                     ", its exponent " + stemfuse::to_string(c.gamma, 3)
                               : ", the HAADF image only as direction");
}

// Fuses what was fitted; `m` is moved from.
fusion<T> fuse_fitted(const stemfuse::io::image_file& file, const stemfuse::io::spectrum_info& spectrum,
                      const fitted_sum& fitted, measurement<T>& m, const input_options& input,
                      const recipe_request& request) {
    using namespace stemfuse;
    const bool xrays = spectrum.unit == "keV";
    spectral_recipe_options options;
    options.elements = fitted.signatures.elements;
    options.wanted = fitted.wanted;
    if (input.align) options.alignment = alignment_mode::certain;
    options.halves = xrays && !request.counts.k_factors.empty();
    if (!xrays) options.fusion = loss_fusion_options();
    options.fusion.seed = static_cast<std::uint64_t>(request.counts.seed);
    thread_pool pool(request.published.threads);
    interruptible work(pool);
    spectral_recipe_result<T> result;
    io::spectrum_record record;
    const auto begin = std::chrono::steady_clock::now();
    if (xrays) {
        const std::size_t bins = input.spectral.bins > 0 ? input.spectral.bins : options.elements.size() < 8 ? 32 : 48;
        const auto binned = io::read_binned_spectra<T>(file, spectrum, fitted.signatures, bins);
        throw_if_interrupted("while reading");
        record =
            io::record_of(fitted.sum, fitted.signatures, spectrum.unit, fitted.errors, &binned.bins, fitted.sentences);
        result = fuse_measured_spectra(m.haadf, binned, options, work);
    } else {
        const spectrum_filter filter(fitted.signatures);
        auto maps = io::read_filtered_spectra<T>(file, spectrum, filter);
        throw_if_interrupted("while reading");
        record = io::record_of(fitted.sum, fitted.signatures, spectrum.unit, fitted.errors, nullptr, fitted.sentences);
        const double noise = loss_noise_factor(maps, filter, work);
        record.sentences.push_back("variance of a channel, by the noise of the maps: " + to_string(noise, 3) +
                                   " times its counts");
        result = fuse_measured_losses(m.haadf, with_covariance(std::move(maps), filter, noise, work), options, work);
    }
    const xt::xtensor<T, 3> half = std::move(result.half), other = std::move(result.other_half);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    record.sentences.push_back(setting_in_words(result.fusion));
    fusion<T> f{{}, seconds, {}, record.sentences, {}, {}};
    const std::vector<std::string> wanted(options.elements.begin(),
                                          options.elements.begin() + static_cast<std::ptrdiff_t>(options.wanted));
    for (const auto& warning : result.warnings) f.warnings.push_back(in_words(warning, wanted));
    m.sources.insert(m.sources.end(), {{"spectra", spectrum.name}, {"beam_energy_kev", input.spectral.beam_energy}});
    f.record =
        io::record_of(std::move(result), options, std::move(record), xrays ? "spectra" : "losses",
                      {std::move(m.title),
                       std::move(m.scale),
                       std::move(m.inputs),
                       std::move(m.request),
                       std::move(m.sources),
                       {{"precision", std::string("float")}, {"stemfuse_version", std::string(STEMFUSE_VERSION)}}});
    if (xrays) quantify(f.record, half, other, request.counts.k_factors);
    return f;
}

}  // namespace

spectral_choice choose_fit(const input_files& files, const input_options& input,
                           const std::vector<element_source>& elements, const std::vector<window_source>& windows,
                           const recipe_request& request) {
    const auto mode = by_name(spectra_names, input.spectral.mode, "--spectra");
    const bool asked = mode == spectra_mode::fit || identifies(input.elements);
    if (mode == spectra_mode::windows) return {};
    if (!windows.empty()) {
        if (!asked) return {};
        throw usage_error("--windows: are given with the fit of spectra, must go with --spectra windows");
    }
    const auto& recipe = request.recipe;
    const bool of_other_recipe = !recipe.name.empty() && recipe.option != "k-factors" && recipe.option != "seed";
    if (of_other_recipe || request.published.precision != "float") {
        if (!asked) return {};
        if (!of_other_recipe) throw usage_error("--precision: is \"double\", must be float for the fit of spectra");
        throw usage_error((recipe.option.empty() ? std::string("--recipe") : "--" + recipe.option) +
                          ": belongs to the recipe " + recipe.name + ", is given for the fit of spectra");
    }
    std::vector<std::string> ignored;
    const auto source = find_fitted(files, ignored);
    if (!source) {
        if (!asked) return {};
        throw stemfuse::read_error(files.paths(),
                                   "has no spectra with energies, as the fit of spectra needs (stemfuse "
                                   "inspect lists them)");
    }
    const auto& s = source->spectrum;
    const std::string by_fit = "recipe spectra: all " + std::string(s.unit == "keV" ? "lines" : "edges") +
                               " of all elements in " + s.name + " are fitted together, ";
    if (asked) return {true, by_fit + "as --" + (mode == spectra_mode::fit ? "spectra" : "elements") + " says"};
    if (elements.empty()) {
        if (s.unit != "keV" || has_element_maps(files)) return {};
        if (!s.elements.empty())
            return {false, "spectra by windows, of the elements that the file names (--spectra fit separates lines)"};
        return {true, by_fit + "as there are no element maps (--spectra windows takes windows)"};
    }
    const auto of_image = [&](const element_source& e) {
        return e.image != e.symbol || (!input.lines && files.has(e.image));
    };
    if (std::any_of(elements.begin(), elements.end(), of_image)) {
        const bool all = std::all_of(elements.begin(), elements.end(), of_image);
        return {false, all ? "" : "spectra by windows, as some of the maps are images"};
    }
    const std::string foreign = without_model(symbols_of(elements), s, input.spectral.beam_energy);
    if (foreign.empty()) return {true, by_fit + "as no images are named so (--spectra windows takes windows)"};
    return {false, s.unit == "keV" ? "spectra by windows, as " + foreign + " has no line that is modelled" : ""};
}

void fuse_by_fit(const input_files& files, fusion_plan plan, const std::vector<element_source>& elements,
                 const input_options& input, const recipe_request& request, const output_options& output) {
    check(request.counts);
    output_folder folder(output.folder, output.overwrite);
    const auto& spectrum = plan.xrays.spectrum;
    const auto& file = files[plan.xrays.file];
    auto measured = read_measurement<T>(files, plan, input);
    fusion<T> result;
    try {
        const auto symbols = symbols_of(elements);
        const fitted_sum fitted = spectrum.unit == "keV" ? fit_xrays(file, spectrum, symbols, input)
                                                         : fit_losses(files, plan.xrays, symbols, input);
        measured.symbols.assign(fitted.signatures.elements.begin(),
                                fitted.signatures.elements.begin() + static_cast<std::ptrdiff_t>(fitted.wanted));
        folder.admit({measured.title, files.all_paths(), measured.inputs,
                      output_names(measured.symbols, output.figures.panels, true)});
        parse_k_factors(request.counts.k_factors, measured.symbols);
        plan.warnings.insert(plan.warnings.end(), fitted.warnings.begin(), fitted.warnings.end());
        for (const std::string& warning : plan.warnings)
            std::fprintf(stderr, "stemfuse: warning: %s\n", stemfuse::io::one_line(warning).c_str());
        result = fuse_fitted(file, spectrum, fitted, measured, input, request);
        for (const std::string& warning : result.warnings)
            std::fprintf(stderr, "stemfuse: warning: %s\n", stemfuse::io::one_line(warning).c_str());
    } catch (const stemfuse::cancelled&) {
        throw interrupted("interrupted in the fusion: nothing was written");
    } catch (const stemfuse::argument_error& e) {
        throw stemfuse::read_error(file.path().string(), spectrum.name + ": " + e.what());
    }
    plan.warnings.insert(plan.warnings.end(), result.warnings.begin(), result.warnings.end());
    release_memory();
    write_outputs(folder, result, {{}, plan.warnings, result.notes}, output);
    print_outputs(folder, result);
}

std::string elements_in_words(const stemfuse::io::image_file& file, const stemfuse::io::spectrum_info& spectrum) {
    try {
        const auto fitted = fit_xrays(file, spectrum, {}, {});
        return fitted.sentences.at(0);
    } catch (const stemfuse::argument_error&) {
        return "elements in the sum spectrum: none is established";
    }
}

}  // namespace program
