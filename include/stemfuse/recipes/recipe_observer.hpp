// What a recipe tells on its way, and how it is ended.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>

#include <stemfuse/core/error.hpp>
#include <stemfuse/solvers/stopping.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What a recipe is at, in this order: alignment and scaling; the fusion; those of simulated counts, for errors;
/// what is made of the maps.
enum class recipe_stage { preparing, fusing, estimating_errors, finishing };

/// "preparing", "fusing", "estimating errors" or "finishing".
inline const char* to_string(recipe_stage stage) {
    constexpr const char* names[] = {"preparing", "fusing", "estimating errors", "finishing"};
    return names[static_cast<int>(stage)];
}

/// What an observer of a recipe sees.
struct recipe_progress {
    recipe_stage stage;                   ///< what it is at
    double done;                          ///< the fraction of all its work, 0 to 1; it never falls
    const progress* iteration = nullptr;  ///< where a recipe is one solve, as fuse_published() is; else null
};

/// A handle to an observer of a recipe, any callable with a recipe_progress, which must outlive it. One that returns
/// bool ends the recipe by returning false. It is called from the thread that called the recipe.
class recipe_observer {
public:
    /// Observes nothing and never ends a recipe.
    recipe_observer() = default;

    /// Refers to f.
    template <std::invocable<const recipe_progress&> F>
        requires(!std::same_as<std::remove_cvref_t<F>, recipe_observer>)
    recipe_observer(F&& f)
        : target_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
          call_([](void* target, const recipe_progress& now) {
              auto& own = *static_cast<std::remove_reference_t<F>*>(target);
              if constexpr (std::same_as<std::invoke_result_t<F&, const recipe_progress&>, bool>) {
                  return own(now);
              } else {
                  own(now);
                  return true;
              }
          }) {}

    /// Whether to go on.
    bool operator()(const recipe_progress& now) const { return call_ == nullptr || call_(target_, now); }

    /// Throws `cancelled` where the observer ends the recipe.
    void tell(const recipe_progress& now) const {
        if (!(*this)(now)) throw cancelled();
    }

private:
    void* target_ = nullptr;
    bool (*call_)(void*, const recipe_progress&) = nullptr;
};

/// Bytes that a recipe takes at its peak, what it is given and what it returns included.
struct memory_estimate {
    double bytes = 0;  ///< at the peak
    /// The same in units of 2^20 bytes.
    double mebibytes() const { return bytes / 1048576; }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
