# The packages that stemfuse needs. The build and the installed package configuration both include this file.

# Calls find_package unless the target is there already, say from a parent project that builds the package itself.
macro(stemfuse_find target)
  if(NOT TARGET ${target})
    find_package(${ARGN})
  endif()
endmacro()

# xtensor, xtensor-blas, BLAS with LAPACK (OpenBLAS unless BLA_VENDOR says otherwise) and threads.
macro(stemfuse_find_core)
  if(NOT BLA_VENDOR)
    set(BLA_VENDOR OpenBLAS)
  endif()
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  stemfuse_find(Threads::Threads Threads QUIET)
  stemfuse_find(BLAS::BLAS BLAS QUIET)
  stemfuse_find(LAPACK::LAPACK LAPACK QUIET)
  stemfuse_find(xtensor xtensor 0.24 QUIET)
  set(stemfuse_missing "")
  foreach(target IN ITEMS Threads::Threads BLAS::BLAS LAPACK::LAPACK xtensor)
    if(NOT TARGET ${target})
      list(APPEND stemfuse_missing ${target})
    endif()
  endforeach()
  if(NOT stemfuse_missing) # xtensor-blas stops with an error of its own where these are missing
    stemfuse_find(xtensor-blas xtensor-blas 0.20 QUIET)
    if(NOT TARGET xtensor-blas)
      list(APPEND stemfuse_missing xtensor-blas)
    endif()
  endif()
endmacro()

# libzip by its header and library: its package file stops with an error on Debian where the zip tools are not installed.
macro(stemfuse_find_libzip)
  find_path(STEMFUSE_LIBZIP_INCLUDE_DIR zip.h)
  find_library(STEMFUSE_LIBZIP_LIBRARY zip)
  mark_as_advanced(STEMFUSE_LIBZIP_INCLUDE_DIR STEMFUSE_LIBZIP_LIBRARY)
  if(STEMFUSE_LIBZIP_INCLUDE_DIR AND STEMFUSE_LIBZIP_LIBRARY AND NOT TARGET stemfuse::libzip)
    add_library(stemfuse::libzip UNKNOWN IMPORTED GLOBAL)
    set_target_properties(stemfuse::libzip PROPERTIES IMPORTED_LOCATION "${STEMFUSE_LIBZIP_LIBRARY}"
                                                      INTERFACE_INCLUDE_DIRECTORIES "${STEMFUSE_LIBZIP_INCLUDE_DIR}")
  endif()
endmacro()

# HDF5 (its C library), libtiff, libpng and libzip.
macro(stemfuse_find_io)
  stemfuse_find(hdf5::hdf5 HDF5 QUIET COMPONENTS C)
  stemfuse_find(TIFF::TIFF TIFF QUIET)
  stemfuse_find(PNG::PNG PNG QUIET)
  stemfuse_find_libzip()
  set(stemfuse_io_missing "")
  foreach(target IN ITEMS hdf5::hdf5 TIFF::TIFF PNG::PNG stemfuse::libzip)
    if(NOT TARGET ${target})
      list(APPEND stemfuse_io_missing ${target})
    endif()
  endforeach()
endmacro()

# g++ in C++20 is silently wrong with xtensor before 0.26 unless told to match template template parameters as before.
function(stemfuse_guard_xtensor target)
  if(NOT xtensor_VERSION VERSION_GREATER_EQUAL 0.26)
    target_compile_options(${target} INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-new-ttp-matching>)
  endif()
endfunction()
