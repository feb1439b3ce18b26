# A project outside the tree uses the library: installed by find_package and pkg-config, and in source form.
set(prefix "${CMAKE_CURRENT_BINARY_DIR}/consumer/prefix")
set(consumer_dir "${CMAKE_CURRENT_LIST_DIR}")

add_test(NAME consumer_install COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --config $<CONFIG> --prefix "${prefix}")
set_tests_properties(consumer_install PROPERTIES FIXTURES_SETUP installed TIMEOUT 600)

function(add_consumer_test name)
  add_test(NAME consumer_${name}
           COMMAND "${CMAKE_CTEST_COMMAND}" --build-and-test "${consumer_dir}" "${CMAKE_CURRENT_BINARY_DIR}/consumer/${name}"
                   --build-generator "${CMAKE_GENERATOR}" --build-options "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
                   "-DCMAKE_PREFIX_PATH=${prefix}$<SEMICOLON>${CMAKE_PREFIX_PATH}" ${ARGN} --test-command consumer)
  set_tests_properties(consumer_${name} PROPERTIES TIMEOUT 600)
endfunction()

add_consumer_test(subdirectory "-DSTEMFUSE_SOURCE=${PROJECT_SOURCE_DIR}")
set(components "")
if(stemfuse_has_io)
  list(APPEND components io)
endif()
if(TARGET stemfuse::mpi)
  list(APPEND components mpi)
endif()
list(JOIN components "$<SEMICOLON>" components)
add_consumer_test(find_package "-DCONSUMER_COMPONENTS=${components}")
set_tests_properties(consumer_find_package PROPERTIES FIXTURES_REQUIRED installed)

function(add_pkg_config_test package source)
  add_test(NAME consumer_pkg_config_${package}
           COMMAND "${CMAKE_COMMAND}" "-DPKG_CONFIG=${STEMFUSE_PKG_CONFIG}" "-DCXX=${CMAKE_CXX_COMPILER}"
                   "-DPREFIX=${prefix}" "-DPREFIX_PATH=${CMAKE_PREFIX_PATH}" -DPACKAGE=${package} "-DSOURCE=${consumer_dir}/${source}"
                   "-DWORK=${CMAKE_CURRENT_BINARY_DIR}/consumer/${package}" -P "${consumer_dir}/pkg_config.cmake")
  set_tests_properties(consumer_pkg_config_${package} PROPERTIES FIXTURES_REQUIRED installed TIMEOUT 600)
endfunction()

find_program(STEMFUSE_PKG_CONFIG NAMES pkg-config pkgconf)
mark_as_advanced(STEMFUSE_PKG_CONFIG)
if(NOT STEMFUSE_PKG_CONFIG)
  message(STATUS "stemfuse: pkg-config is not found, its tests are left out")
  return()
endif()
add_pkg_config_test(stemfuse main.cpp)
if(stemfuse_has_io)
  add_pkg_config_test(stemfuse-io io.cpp)
endif()
