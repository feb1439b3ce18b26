# One program run by mpirun on several ranks; left out where there is no MPI.
if(TARGET stemfuse::mpi)
  add_executable(test_mpi_ranks mpi/ranks.cpp)
  target_link_libraries(test_mpi_ranks PRIVATE stemfuse::mpi)
  stemfuse_own_target(test_mpi_ranks)
  add_test(NAME mpi COMMAND "${CMAKE_COMMAND}" "-DPROGRAM=$<TARGET_FILE:test_mpi_ranks>" "-DMPIRUN=${MPIEXEC_EXECUTABLE}"
                            "-DWORK=${CMAKE_CURRENT_BINARY_DIR}" -P "${CMAKE_CURRENT_SOURCE_DIR}/mpi/run.cmake")
  set_tests_properties(mpi PROPERTIES TIMEOUT 600 PROCESSORS 2)
else()
  message(STATUS "stemfuse: tests/mpi is left out, not found: MPI (Debian: libopenmpi-dev)")
endif()
