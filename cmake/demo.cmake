# cmake -P cmake/demo.cmake
# Sets this machine up, builds the program and fuses the built-in specimen: the report lies in stemfuse-demo/.
set(goal demo)
set(configure_options -DSTEMFUSE_BUILD_EXAMPLES=ON -DSTEMFUSE_BUILD_TESTS=OFF -DSTEMFUSE_NATIVE=ON)
set(build_options --target stemfuse_program)
set(build_needs "some minutes")
include("${CMAKE_CURRENT_LIST_DIR}/setup.cmake")

if(NOT problem)
  execute_process(COMMAND "${build_dir}/stemfuse" demo -o "${source_dir}/stemfuse-demo" RESULT_VARIABLE failed)
  if(failed)
    set(problem "the demo ended with ${failed}")
  endif()
endif()
if(problem)
  message(FATAL_ERROR " stemfuse: ${problem}")
endif()
