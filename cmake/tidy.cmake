# cmake -P cmake/tidy.cmake
# clang-tidy 19 on the headers, by the checks of .clang-tidy. A finding is an error.
cmake_minimum_required(VERSION 3.25)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source_dir)
find_program(clang_tidy NAMES clang-tidy-19)
if(NOT clang_tidy)
  message(FATAL_ERROR " clang-tidy-19 is not found (Debian: clang-tidy-19)")
endif()
# All headers in one translation unit, each once.
file(GLOB_RECURSE headers RELATIVE "${source_dir}/include" "${source_dir}/include/*.hpp")
list(FILTER headers EXCLUDE REGEX "/mpi/")
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>")
list(JOIN headers "\n" text)
set(unit "${source_dir}/build/tidy/all_headers.cpp")
file(WRITE "${unit}" "${text}\n")
file(GLOB hdf5 /usr/include/hdf5/serial)
execute_process(COMMAND "${clang_tidy}" --quiet "--config-file=${source_dir}/.clang-tidy" "${unit}" --
                        -std=c++20 -fno-relaxed-template-template-args "-I${source_dir}/include" -isystem "${hdf5}"
                RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR " clang-tidy has found something, see above")
endif()
