# The packages that stemfuse needs. The build and the installed package configuration both include this file.
cmake_minimum_required(VERSION 3.25)

# Calls find_package unless the target is there already, say from a parent project that builds the package itself.
macro(stemfuse_find target)
  if(NOT TARGET ${target})
    find_package(${ARGN})
  endif()
endmacro()

function(stemfuse_list_missing variable)
  set(missing "")
  foreach(target IN LISTS ARGN)
    if(NOT TARGET ${target})
      list(APPEND missing ${target})
    endif()
  endforeach()
  set(${variable} "${missing}" PARENT_SCOPE)
endfunction()

# Defines stemfuse::<name> by its header and, if it has one, its shared library.
function(stemfuse_find_by_name name header)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LIBRARY;PATH_SUFFIXES")
  string(TOUPPER "STEMFUSE_${name}" prefix)
  find_path(${prefix}_INCLUDE_DIR ${header} PATH_SUFFIXES ${arg_PATH_SUFFIXES})
  mark_as_advanced(${prefix}_INCLUDE_DIR)
  if(arg_LIBRARY)
    find_library(${prefix}_LIBRARY NAMES ${arg_LIBRARY} PATH_SUFFIXES ${arg_PATH_SUFFIXES})
    mark_as_advanced(${prefix}_LIBRARY)
  endif()
  if(TARGET stemfuse::${name} OR NOT ${prefix}_INCLUDE_DIR OR (arg_LIBRARY AND NOT ${prefix}_LIBRARY))
    return()
  endif()
  add_library(stemfuse::${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(stemfuse::${name} SYSTEM INTERFACE "${${prefix}_INCLUDE_DIR}")
  if(arg_LIBRARY)
    target_link_libraries(stemfuse::${name} INTERFACE "${${prefix}_LIBRARY}")
  endif()
endfunction()

# xtensor, xtensor-blas, BLAS with LAPACK (OpenBLAS unless BLA_VENDOR says otherwise) and threads. Sets stemfuse_missing.
# xtensor-blas is found by name: its package file adds nothing but an error where there is no BLAS.
function(stemfuse_find_core)
  if(NOT BLA_VENDOR)
    set(BLA_VENDOR OpenBLAS)
  endif()
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  stemfuse_find(Threads::Threads Threads QUIET)
  stemfuse_find(BLAS::BLAS BLAS QUIET)
  stemfuse_find(LAPACK::LAPACK LAPACK QUIET)
  stemfuse_find(xtensor xtensor QUIET)
  stemfuse_find_by_name(xtensor_blas xtensor-blas/xblas.hpp)
  stemfuse_list_missing(stemfuse_missing Threads::Threads BLAS::BLAS LAPACK::LAPACK xtensor stemfuse::xtensor_blas)
  return(PROPAGATE stemfuse_missing xtensor_VERSION BLAS_LIBRARIES LAPACK_LIBRARIES)
endfunction()

# HDF5 (its C library), libtiff, libpng, libzip, zlib and nlohmann-json. Sets stemfuse_io_missing. OpenSSL's libcrypto, for a
# faster SHA-256, is taken where it is found.
# FindHDF5 needs the language C and links all that the compiler wrapper names, curl and ssl too. libzip's package file stops
# with an error on Debian where the zip tools are not installed. So these two are found by name.
function(stemfuse_find_io)
  stemfuse_find_by_name(hdf5 hdf5.h LIBRARY hdf5_serial hdf5 PATH_SUFFIXES hdf5/serial)
  stemfuse_find_by_name(libzip zip.h LIBRARY zip)
  stemfuse_find_by_name(zlib zlib.h LIBRARY z)
  stemfuse_find_by_name(json nlohmann/json.hpp)
  stemfuse_find_by_name(crypto openssl/evp.h LIBRARY crypto)
  stemfuse_find(TIFF::TIFF TIFF QUIET)
  stemfuse_find(PNG::PNG PNG QUIET)
  stemfuse_list_missing(stemfuse_io_missing stemfuse::hdf5 TIFF::TIFF PNG::PNG stemfuse::libzip stemfuse::zlib
                      stemfuse::json)
  return(PROPAGATE stemfuse_io_missing)
endfunction()

# cpp-httplib, the client in the tests of stemfuse explore: as stemfuse::httplib, where it is found. Debian's has no package file for
# CMake, and must be used with the definitions that it was built with.
function(stemfuse_find_httplib)
  stemfuse_find(httplib::httplib httplib QUIET)
  if(NOT TARGET httplib::httplib)
    find_package(PkgConfig QUIET)
    if(PKG_CONFIG_FOUND)
      pkg_check_modules(STEMFUSE_HTTPLIB QUIET IMPORTED_TARGET GLOBAL cpp-httplib)
    endif()
  endif()
  foreach(target IN ITEMS httplib::httplib PkgConfig::STEMFUSE_HTTPLIB)
    if(TARGET ${target} AND NOT TARGET stemfuse::httplib)
      add_library(stemfuse::httplib INTERFACE IMPORTED GLOBAL)
      target_link_libraries(stemfuse::httplib INTERFACE ${target})
      target_compile_definitions(stemfuse::httplib INTERFACE STEMFUSE_HAS_HTTPLIB)
    endif()
  endforeach()
  if(NOT TARGET stemfuse::httplib)
    message(STATUS "stemfuse: not found: cpp-httplib, the tests of stemfuse explore are left out (Debian: libcpp-httplib-dev pkg-config)")
  endif()
endfunction()

# xtensor before 0.26 needs template template parameters matched as before C++17. g++ in C++20 is silently wrong without the
# flag, clang 19 and later do not compile; clang up to 18 matches so by default. Carried by the target.
# The flags for this compiler, in the variable that is named.
function(stemfuse_guard_flags variable)
  set(flags "")
  if(NOT xtensor_VERSION VERSION_GREATER_EQUAL 0.26)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      set(flags -fno-new-ttp-matching)
    elseif((CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 19) OR
           (CMAKE_CXX_COMPILER_ID STREQUAL "AppleClang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 17))
      set(flags -fno-relaxed-template-template-args -Wno-deprecated-no-relaxed-template-template-args)
    endif()
  endif()
  set(${variable} "${flags}" PARENT_SCOPE)
endfunction()

# Where the package is installed the flags are asked for again, by the compiler that uses it.
function(stemfuse_guard_xtensor target)
  stemfuse_guard_flags(flags)
  target_compile_options(${target} INTERFACE "$<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:${flags}>>")
endfunction()
