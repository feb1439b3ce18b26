# cmake -P cmake/test.cmake
# Sets this machine up, builds everything and runs the tests.
set(goal test)
set(configure_options -DSTEMFUSE_BUILD_EXAMPLES=ON -DSTEMFUSE_BUILD_TESTS=ON)
set(build_options "")
set(build_needs "a quarter of an hour or more")
include("${CMAKE_CURRENT_LIST_DIR}/setup.cmake")

if(NOT problem)
  cmake_path(GET CMAKE_COMMAND PARENT_PATH bin)
  find_program(ctest NAMES ctest HINTS "${bin}" NO_DEFAULT_PATH REQUIRED)
  execute_process(COMMAND "${ctest}" --test-dir "${build_dir}" --output-on-failure --parallel ${cores} RESULT_VARIABLE failed)
  if(failed)
    set(problem "the tests failed, see above")
  endif()
endif()
if(problem)
  message(FATAL_ERROR " stemfuse: ${problem}")
endif()
