// Which instructions the library is compiled for, and the namespace that keeps what differs by them apart.
#pragma once

#if !defined(__GNUC__) && !defined(STEMFUSE_PORTABLE)
#define STEMFUSE_PORTABLE
#endif

// What the compiler's target has, where it is to be used.
#if !defined(STEMFUSE_PORTABLE)
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define STEMFUSE_HAS_AVX512
#elif defined(__AVX__)
#define STEMFUSE_HAS_AVX
#elif defined(__SSE2__)
#define STEMFUSE_HAS_SSE2
#endif
#endif

// Packs are as wide as the widest register of the target, and so are the types and functions made of them. An inline
// namespace of that width gives each build names of its own for the linker: translation units that are compiled with
// other flags do not share a function that suits only one of them. Passing a type of the library from one to the other
// then fails to link, instead of failing at run time.
#if defined(STEMFUSE_PORTABLE)
#define STEMFUSE_ABI portable
#elif defined(STEMFUSE_HAS_AVX512)
#define STEMFUSE_ABI simd64
#elif defined(STEMFUSE_HAS_AVX)
#define STEMFUSE_ABI simd32
#else
#define STEMFUSE_ABI simd16
#endif
