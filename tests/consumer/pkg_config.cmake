# Compiles SOURCE with nothing but what pkg-config says, and runs it. Where its packages lie in folders of their own
# (PREFIX_PATH), pkg-config and the loader are told so, as a user would have to.
#     cmake -DPKG_CONFIG=... -DCXX=... -DPREFIX=... -DPREFIX_PATH=... -DPACKAGE=... -DSOURCE=... -DWORK=... -P pkg_config.cmake
file(GLOB_RECURSE pc_file "${PREFIX}/*/${PACKAGE}.pc")
cmake_path(GET pc_file PARENT_PATH pc_dir)
list(TRANSFORM PREFIX_PATH APPEND /lib OUTPUT_VARIABLE libraries)
list(TRANSFORM libraries APPEND /pkgconfig OUTPUT_VARIABLE pc_dirs)
list(TRANSFORM PREFIX_PATH APPEND /share/pkgconfig OUTPUT_VARIABLE shared_pc_dirs)
cmake_path(CONVERT "${pc_dir};${pc_dirs};${shared_pc_dirs};$ENV{PKG_CONFIG_PATH}" TO_NATIVE_PATH_LIST path)
set(ENV{PKG_CONFIG_PATH} "${path}")
cmake_path(CONVERT "${libraries};$ENV{LD_LIBRARY_PATH}" TO_NATIVE_PATH_LIST path)
set(ENV{LD_LIBRARY_PATH} "${path}")

execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs ${PACKAGE} OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "${PACKAGE}: ${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
file(MAKE_DIRECTORY "${WORK}")
execute_process(COMMAND "${CXX}" -std=c++20 "${SOURCE}" -o "${WORK}/consumer" ${flags}
                        COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${WORK}/consumer" COMMAND_ERROR_IS_FATAL ANY)
