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

# xtensor, xtensor-blas, BLAS with LAPACK (OpenBLAS unless BLA_VENDOR says otherwise) and threads. Sets stemfuse_missing.
function(stemfuse_find_core)
  if(NOT BLA_VENDOR)
    set(BLA_VENDOR OpenBLAS)
  endif()
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  stemfuse_find(Threads::Threads Threads QUIET)
  stemfuse_find(BLAS::BLAS BLAS QUIET)
  stemfuse_find(LAPACK::LAPACK LAPACK QUIET)
  stemfuse_find(xtensor xtensor QUIET)
  if(BLAS_FOUND AND LAPACK_FOUND AND TARGET xtensor) # else xtensor-blas stops with an error of its own
    stemfuse_find(xtensor-blas xtensor-blas QUIET)
  endif()
  stemfuse_list_missing(stemfuse_missing Threads::Threads BLAS::BLAS LAPACK::LAPACK xtensor xtensor-blas)
  return(PROPAGATE stemfuse_missing xtensor_VERSION BLAS_LIBRARIES LAPACK_LIBRARIES)
endfunction()

# Defines stemfuse::<name> by its header and its shared library.
function(stemfuse_find_library name header)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "NAMES;PATH_SUFFIXES")
  string(TOUPPER "STEMFUSE_${name}" prefix)
  find_path(${prefix}_INCLUDE_DIR ${header} PATH_SUFFIXES ${arg_PATH_SUFFIXES})
  find_library(${prefix}_LIBRARY NAMES ${arg_NAMES} PATH_SUFFIXES ${arg_PATH_SUFFIXES})
  mark_as_advanced(${prefix}_INCLUDE_DIR ${prefix}_LIBRARY)
  if(${prefix}_INCLUDE_DIR AND ${prefix}_LIBRARY AND NOT TARGET stemfuse::${name})
    add_library(stemfuse::${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(stemfuse::${name} PROPERTIES IMPORTED_LOCATION "${${prefix}_LIBRARY}"
                                                       INTERFACE_INCLUDE_DIRECTORIES "${${prefix}_INCLUDE_DIR}")
  endif()
endfunction()

# HDF5 (its C library), libtiff, libpng and libzip. Sets stemfuse_io_missing.
# FindHDF5 needs the language C and links all that the compiler wrapper names, curl and ssl too. libzip's package file stops
# with an error on Debian where the zip tools are not installed. So these two are found by name.
function(stemfuse_find_io)
  stemfuse_find_library(hdf5 hdf5.h NAMES hdf5_serial hdf5 PATH_SUFFIXES hdf5/serial)
  stemfuse_find_library(libzip zip.h NAMES zip)
  stemfuse_find(TIFF::TIFF TIFF QUIET)
  stemfuse_find(PNG::PNG PNG QUIET)
  stemfuse_list_missing(stemfuse_io_missing stemfuse::hdf5 TIFF::TIFF PNG::PNG stemfuse::libzip)
  return(PROPAGATE stemfuse_io_missing)
endfunction()

# g++ in C++20 is silently wrong with xtensor before 0.26 unless told to match template template parameters as before.
set(stemfuse_guard_flag -fno-new-ttp-matching)
function(stemfuse_guard_xtensor target)
  if(NOT xtensor_VERSION VERSION_GREATER_EQUAL 0.26)
    target_compile_options(${target} INTERFACE
                           "$<BUILD_INTERFACE:$<$<COMPILE_LANG_AND_ID:CXX,GNU>:${stemfuse_guard_flag}>>")
  endif()
endfunction()
