# STEMFUSE_SOURCE in the environment names a checkout, to try the port before there is a tag.
if(DEFINED ENV{STEMFUSE_SOURCE})
  set(SOURCE_PATH "$ENV{STEMFUSE_SOURCE}")
else()
  message(FATAL_ERROR "stemfuse: set STEMFUSE_SOURCE, or write vcpkg_from_github() here once the repository has an address and a tag")
endif()

vcpkg_check_features(OUT_FEATURE_OPTIONS features FEATURES io STEMFUSE_IO program STEMFUSE_BUILD_EXAMPLES)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS ${features} -DSTEMFUSE_BUILD_TESTS=OFF -DSTEMFUSE_MPI=OFF -DSTEMFUSE_PYTHON=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/stemfuse)
vcpkg_fixup_pkgconfig()
if("program" IN_LIST FEATURES)
  vcpkg_copy_tools(TOOL_NAMES stemfuse AUTO_CLEAN)
endif()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug" "${CURRENT_PACKAGES_DIR}/lib")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
