# Installs the headers, the files for find_package and pkg-config, and the program where it is built.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/stemfuse")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/stemfuse" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN *.hpp)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

install(TARGETS stemfuse EXPORT stemfuseTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT stemfuseTargets NAMESPACE stemfuse:: DESTINATION "${package_dir}")
if(stemfuse_has_io)
  install(TARGETS stemfuse_io EXPORT stemfuseIoTargets)
  install(EXPORT stemfuseIoTargets NAMESPACE stemfuse:: DESTINATION "${package_dir}")
endif()
if(TARGET stemfuse_program)
  install(TARGETS stemfuse_program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/stemfuseConfig.cmake.in" stemfuseConfig.cmake
                              INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(stemfuseConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/stemfuseConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/stemfuseConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/stemfuse_dependencies.cmake" DESTINATION "${package_dir}")

# -I for the folders that the compiler does not search by itself.
function(include_flags variable)
  list(REMOVE_DUPLICATES ARGN)
  list(REMOVE_ITEM ARGN ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES} "")
  list(TRANSFORM ARGN PREPEND -I)
  list(JOIN ARGN " " flags)
  set(${variable} "${flags}" PARENT_SCOPE)
endfunction()

# xtensor-blas has no .pc file everywhere and the BLAS many names: what was found is written down.
set(folders "")
foreach(target IN ITEMS xtl xtensor stemfuse::xtensor_blas)
  get_target_property(folder ${target} INTERFACE_INCLUDE_DIRECTORIES)
  list(APPEND folders ${folder})
endforeach()
include_flags(pc_flags ${folders})
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND xtensor_VERSION VERSION_LESS 0.26)
  string(PREPEND pc_flags "${stemfuse_guard_flag} ")
endif()
set(pc_libraries ${LAPACK_LIBRARIES} ${BLAS_LIBRARIES})
list(REMOVE_DUPLICATES pc_libraries)
list(JOIN pc_libraries " " pc_libraries)
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /)
configure_file("${PROJECT_SOURCE_DIR}/cmake/stemfuse.pc.in" stemfuse.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/stemfuse.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

if(stemfuse_has_io)
  include_flags(pc_io_flags ${STEMFUSE_HDF5_INCLUDE_DIR})
  set(pc_crypto "")
  if(TARGET stemfuse::crypto)
    set(pc_crypto "${STEMFUSE_CRYPTO_LIBRARY}")
  endif()
  configure_file("${PROJECT_SOURCE_DIR}/cmake/stemfuse-io.pc.in" stemfuse-io.pc @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/stemfuse-io.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()
