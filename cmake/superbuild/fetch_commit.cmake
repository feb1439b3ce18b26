# The files of one commit of a repository, without its history:
#   cmake -D repository=<address> -D commit=<40 digits> -D folder=<to make> -P fetch_commit.cmake
find_program(git git REQUIRED)
file(REMOVE_RECURSE "${folder}")
file(MAKE_DIRECTORY "${folder}")
foreach(words IN ITEMS "init;--quiet" "fetch;--quiet;--depth;1;${repository};${commit}"
                       "-c;advice.detachedHead=false;checkout;--quiet;FETCH_HEAD")
  execute_process(COMMAND "${git}" ${words} WORKING_DIRECTORY "${folder}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND "${git}" rev-parse HEAD WORKING_DIRECTORY "${folder}" OUTPUT_VARIABLE found
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT found STREQUAL commit)
  message(FATAL_ERROR "${repository}: is at ${found}, must be at ${commit}")
endif()
