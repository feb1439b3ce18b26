# cmake -P cmake/docs.cmake
# Makes the reference by doxygen (1.9.4 in Debian 12) into build/docs/html. A warning is an error. The pictures of the tutorial
# are drawn again where the Python module and example_tutorial_scheme are built, in build/<any>, and its measurements are
# there: a minute, which cmake -DPICTURES=OFF -P cmake/docs.cmake spares.
cmake_minimum_required(VERSION 3.25)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source_dir)
set(out_dir "${source_dir}/build/docs")
find_program(doxygen NAMES doxygen)
if(NOT doxygen)
  message(FATAL_ERROR " doxygen is not found (Debian: doxygen)")
endif()
file(GLOB_RECURSE rooms "${source_dir}/include/stemfuse/README.md" "${source_dir}/include/stemfuse/*/README.md")
list(JOIN rooms "\" \"" rooms)
set(tutorial "${source_dir}/examples/tutorial")
file(GLOB module "${source_dir}/build/*/examples/python/stemfuse*.so")
file(GLOB scheme "${source_dir}/build/*/examples/example_tutorial_scheme")
find_program(python NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(DEFINED PICTURES AND NOT PICTURES)
  message(STATUS "pictures of the tutorial: as they are")
elseif(module AND scheme AND python)
  list(GET module 0 module)
  list(GET scheme 0 scheme)
  cmake_path(GET module PARENT_PATH module)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env "PYTHONPATH=${module}" "${python}" "${tutorial}/pictures.py" -o "${tutorial}"
                          --scheme "${scheme}" RESULT_VARIABLE failed OUTPUT_QUIET)
  message(STATUS "pictures of the tutorial: drawn again (result ${failed})")
else()
  message(STATUS "pictures of the tutorial: as they are, the Python module and example_tutorial_scheme are not built")
endif()
file(MAKE_DIRECTORY "${out_dir}")
file(WRITE "${out_dir}/Doxyfile" "PROJECT_NAME = stemfuse
PROJECT_BRIEF = \"Fused multi-modal electron microscopy, a header-only C++20 library\"
OUTPUT_DIRECTORY = \"${out_dir}\"
INPUT = \"${source_dir}/include\" \"${source_dir}/CONTRIBUTING.md\" \"${source_dir}/examples/guide.md\" \"${tutorial}/README.md\"
IMAGE_PATH = \"${tutorial}\"
USE_MATHJAX = YES
FILE_PATTERNS = *.hpp *.md
USE_MDFILE_AS_MAINPAGE = \"${source_dir}/examples/guide.md\"
RECURSIVE = YES
EXCLUDE_SYMBOLS = *::detail *::detail::* detail::*
EXAMPLE_PATH = \"${source_dir}/examples\"
FULL_PATH_NAMES = YES
STRIP_FROM_PATH = \"${source_dir}/include\" \"${source_dir}\"
STRIP_FROM_INC_PATH = \"${source_dir}/include\"
FILTER_PATTERNS = *.hpp=\"sed 's/::inline STEMFUSE_ABI//'\" *.md=\"sed -E -f '${source_dir}/cmake/docs_pages.sed'\"
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = DOXYGEN [[gnu::flatten]]= [[gnu::always_inline]]= __attribute__(x)=
EXTRACT_ALL = NO
EXTRACT_STATIC = YES
HIDE_UNDOC_MEMBERS = NO
WARN_IF_UNDOCUMENTED = NO
HAVE_DOT = NO
WARN_AS_ERROR = NO
WARN_LOGFILE = \"${out_dir}/warnings.txt\"
JAVADOC_AUTOBRIEF = YES
MARKDOWN_SUPPORT = YES
AUTOLINK_SUPPORT = NO
BUILTIN_STL_SUPPORT = YES
SORT_MEMBER_DOCS = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
QUIET = YES
")
execute_process(COMMAND "${doxygen}" "${out_dir}/Doxyfile" RESULT_VARIABLE failed)
file(READ "${out_dir}/warnings.txt" warnings)
if(failed OR warnings)
  message(FATAL_ERROR " doxygen warns:\n${warnings}")
endif()
message(STATUS "the reference is in ${out_dir}/html/index.html")
