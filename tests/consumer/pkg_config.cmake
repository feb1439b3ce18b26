# Compiles SOURCE with nothing but what pkg-config says, and runs it.
#     cmake -DPKG_CONFIG=... -DCXX=... -DPREFIX=... -DPACKAGE=... -DSOURCE=... -DWORK=... -P pkg_config.cmake
file(GLOB_RECURSE pc_file "${PREFIX}/*/${PACKAGE}.pc")
cmake_path(GET pc_file PARENT_PATH pc_dir)
cmake_path(CONVERT "${pc_dir};$ENV{PKG_CONFIG_PATH}" TO_NATIVE_PATH_LIST path)
set(ENV{PKG_CONFIG_PATH} "${path}")

execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs ${PACKAGE} OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "${PACKAGE}: ${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
file(MAKE_DIRECTORY "${WORK}")
execute_process(COMMAND "${CXX}" -std=c++20 "${SOURCE}" -o "${WORK}/consumer" ${flags}
                        COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${WORK}/consumer" COMMAND_ERROR_IS_FATAL ANY)
