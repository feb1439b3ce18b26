# cmake -P cmake/demo.cmake
# Sets this machine up, builds the program, and fuses a simulated measurement of core-shell nanocrystals by the recipe
# for counts, beside its truth: the report lies in stemfuse-demo/report.html.
set(goal demo)
set(configure_options -DSTEMFUSE_BUILD_EXAMPLES=ON -DSTEMFUSE_BUILD_TESTS=OFF -DSTEMFUSE_NATIVE=ON)
set(build_options --target stemfuse_program)
set(build_needs "some minutes")
include("${CMAKE_CURRENT_LIST_DIR}/setup.cmake")

if(NOT problem)
  say("fusing simulated counts of core-shell nanocrystals; the report will lie in stemfuse-demo/report.html")
  execute_process(COMMAND "${build_dir}/stemfuse" demo -o "${source_dir}/stemfuse-demo" RESULT_VARIABLE failed)
  if(failed)
    set(problem "the demo ended with ${failed}")
  endif()
endif()
if(problem)
  message(FATAL_ERROR " stemfuse: ${problem}")
endif()
