// What stemfuse --version says, see version_text.hpp.
#include "version_text.hpp"

#include <H5public.h>
#include <png.h>
#include <tiffio.h>
#include <zip.h>
#include <zlib.h>
#include <CLI/Version.hpp>

#include <string_view>

#include <stemfuse/core/abi.hpp>
#include <stemfuse/core/version.hpp>
#include <stemfuse/core/xtensor.hpp>

#define PROGRAM_TEXT_OF(x) #x
#define PROGRAM_TEXT(x) PROGRAM_TEXT_OF(x)

namespace program {

namespace {

// "simd16" and the like: packs of so many bytes.
constexpr std::string_view packs = PROGRAM_TEXT(STEMFUSE_ABI);

std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown compiler";
#endif
}

std::string hdf5_version() {
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

// "LIBTIFF, Version 4.5.0\nCopyright ...": the number alone.
std::string tiff_version() {
    const std::string_view text = TIFFGetVersion();
    const auto begin = text.find("Version ");
    if (begin == std::string_view::npos) return std::string(text);
    return std::string(text.substr(begin + 8, text.find('\n') - begin - 8));
}

}  // namespace

std::string version_text() {
    std::string text = "stemfuse " + std::string(stemfuse::version) + "\nbuilt by " + compiler() + ", ";
    text += packs == "portable" ? "one number at a time" : "packs of " + std::string(packs.substr(4)) + " bytes";
#if defined(STEMFUSE_HAS_MPI)
    text += ", with MPI";
#endif
    return text + "\nHDF5 " + hdf5_version() + ", libtiff " + tiff_version() + ", libpng " +
           png_get_libpng_ver(nullptr) + ", zlib " + zlibVersion() + ", libzip " + zip_libzip_version() + ", xtensor " +
           PROGRAM_TEXT(XTENSOR_VERSION_MAJOR) "." PROGRAM_TEXT(XTENSOR_VERSION_MINOR) "." PROGRAM_TEXT(
               XTENSOR_VERSION_PATCH) ", CLI11 " CLI11_VERSION;
}

}  // namespace program
