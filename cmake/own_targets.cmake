# What the tests, examples, benchmarks and the program are compiled with; nothing of it reaches the library's users.

function(stemfuse_own_target target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)
  if(STEMFUSE_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(STEMFUSE_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
  if(STEMFUSE_SANITIZE)
    list(JOIN STEMFUSE_SANITIZE "," sanitizers)
    target_compile_options(${target} PRIVATE -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${sanitizers})
  endif()
  target_compile_definitions(${target} PRIVATE "STEMFUSE_SHARED_DIR=\"${STEMFUSE_SHARED_DIR}\"")
endfunction()

# stemfuse::io where it is on, else the core.
if(stemfuse_has_io)
  set(stemfuse_everything stemfuse::io)
else()
  set(stemfuse_everything stemfuse::stemfuse)
endif()
