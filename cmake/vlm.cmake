# VLM_WHOLE: builds of the sanitizers are made from nothing and run whole. They compile the sources
# of a library joined, no benchmarks, and run tests by the hundred in a process. The release preset
# does without, so that an edit compiles one file.

# vlm_source_options(OPTIONS options SOURCES sources): options of their own, and no precompiled
# headers: behind one GCC 12 compiles with the options that the header was compiled with.
function(vlm_source_options)
  cmake_parse_arguments(ARG "" "" "OPTIONS;SOURCES" ${ARGN})
  set_property(SOURCE ${ARG_SOURCES} PROPERTY COMPILE_OPTIONS ${ARG_OPTIONS})
  set_property(SOURCE ${ARG_SOURCES} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# Sources that cannot be joined: those compiled once for each kind of processor.
function(vlm_compile_alone)
  foreach(source ${ARGN})
    file(STRINGS ${source} per_processor REGEX "define HWY_TARGET_INCLUDE" LIMIT_COUNT 1)
    if(per_processor)
      set_property(SOURCE ${source} PROPERTY SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()

# vlm_library(NAME [DEPS folders] [LIBS targets] [PRECOMPILED headers]): one static library from all
# sources of a folder. Large headers of other libraries that most of them include are compiled once.
function(vlm_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;PRECOMPILED" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.cc
    ${PROJECT_SOURCE_DIR}/${name}/*/*.cc)
  list(FILTER sources EXCLUDE REGEX "/(cli/main|vision/image_codecs_module)\\.cc$")
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.h
    ${PROJECT_SOURCE_DIR}/${name}/*/*.h)
  if(NOT sources)
    set(sources ${PROJECT_SOURCE_DIR}/cmake/empty.cc)
  endif()
  # A source begins with its own header (tools/check_rules), which thereby compiles alone; those
  # without a source are compiled to see that (all_verify_interface_header_sets).
  string(REGEX REPLACE "\\.cc(;|$)" ".h\\1" headers_of_sources "${sources}")
  set(lone_headers ${headers})
  list(REMOVE_ITEM lone_headers ${headers_of_sources})
  list(REMOVE_ITEM headers ${lone_headers} "")
  vlm_compile_alone(${sources})
  add_library(vlm_${name} STATIC ${sources})
  target_sources(vlm_${name} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers}
    FILE_SET lone_headers TYPE HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${lone_headers})
  target_compile_features(vlm_${name} PUBLIC cxx_std_20)
  set_target_properties(vlm_${name} PROPERTIES UNITY_BUILD ${VLM_WHOLE} UNITY_BUILD_BATCH_SIZE 40)
  set_target_properties(vlm_${name} PROPERTIES CXX_EXTENSIONS OFF VERIFY_INTERFACE_HEADER_SETS ON
    INTERFACE_HEADER_SETS_TO_VERIFY lone_headers)
  if(ARG_PRECOMPILED AND NOT VLM_WHOLE)
    target_precompile_headers(vlm_${name} PRIVATE ${ARG_PRECOMPILED})
  endif()
  target_link_libraries(vlm_${name} PRIVATE vlm_flags PUBLIC ${ARG_LIBS})
  foreach(dep ${ARG_DEPS})
    target_link_libraries(vlm_${name} PUBLIC vlm_${dep})
  endforeach()
endfunction()

# The module with OpenCV's decoders (docs/adr/0010-image-codecs-module.md), beside the programs.
function(vlm_image_codecs)
  add_library(vlm_image_codecs MODULE ${PROJECT_SOURCE_DIR}/vision/image_codecs_module.cc)
  target_compile_features(vlm_image_codecs PRIVATE cxx_std_20)
  target_include_directories(vlm_image_codecs PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(vlm_image_codecs PRIVATE vlm_flags opencv_core opencv_imgcodecs)
  set_target_properties(vlm_image_codecs PROPERTIES PREFIX "" CXX_EXTENSIONS OFF
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  add_dependencies(vlm_vision vlm_image_codecs)
endfunction()

# What all tests share: large headers, compiled once (which needs the same definitions everywhere:
# hwy has one), and where things are. Optimising tests would double the time that they take to
# compile, and GCC 12 then takes strings out of bounds behind precompiled headers (wrongly).
function(vlm_test_base)
  add_library(vlm_test_base STATIC ${PROJECT_SOURCE_DIR}/cmake/empty.cc)
  target_compile_features(vlm_test_base PUBLIC cxx_std_20)
  target_compile_options(vlm_test_base PUBLIC -O0
    $<$<BOOL:${VLM_FUZZ}>:-fno-sanitize=fuzzer-no-link>)  # the coverage of tests steers nothing
  target_compile_definitions(vlm_test_base PUBLIC VLM_BINARY="$<TARGET_FILE:vlm-merge>"
    VLM_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data" VLM_PROJECT_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(vlm_test_base PUBLIC vlm_flags hwy::hwy nlohmann_json::nlohmann_json
    GTest::gmock)
  target_precompile_headers(vlm_test_base PRIVATE <gmock/gmock.h> <gtest/gtest.h>
    <nlohmann/json.hpp>)
endfunction()

# All of tests/FOLDER/*_test.cc, so that no test is forgotten; with VLM_TESTS_OF those whose source
# matches it.
function(vlm_find_tests folder result)
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cc)
  foreach(test ${tests})
    file(STRINGS ${test} matches REGEX "${VLM_TESTS_OF}" LIMIT_COUNT 1)
    if(NOT matches)
      list(REMOVE_ITEM tests ${test})
    endif()
  endforeach()
  set(${result} ${tests} PARENT_SCOPE)
endfunction()

# vlm_tests(FOLDER [LIBS targets]): one program of a folder's tests.
function(vlm_tests folder)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  vlm_find_tests(${folder} tests)
  if(NOT tests)
    return()
  endif()
  add_executable(${folder}_tests ${tests})
  target_precompile_headers(${folder}_tests REUSE_FROM vlm_test_base)
  # gtest_main directly, so that it is linked before libfasttext, which has a main() too.
  target_link_libraries(${folder}_tests PRIVATE vlm_${folder} ${ARG_LIBS} vlm_test_base
    GTest::gtest_main)
  if(folder STREQUAL "cli")
    add_dependencies(${folder}_tests vlm-merge)
  endif()
  if(VLM_WHOLE)
    vlm_test_shards(${folder})
  else()
    gtest_discover_tests(${folder}_tests DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600)
  endif()
endfunction()

# The tests of a folder in two processes, but for those listed in tests/not_sanitized.
function(vlm_test_shards folder)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS tests/not_sanitized)
  file(STRINGS ${PROJECT_SOURCE_DIR}/tests/not_sanitized left_out REGEX "^[^#]")
  list(JOIN left_out ":" left_out)
  foreach(shard 0 1)
    add_test(NAME ${folder}_tests_${shard}
      COMMAND ${folder}_tests --gtest_brief=1 --gtest_filter=-${left_out})
    set_tests_properties(${folder}_tests_${shard} PROPERTIES TIMEOUT 1800
      ENVIRONMENT "GTEST_TOTAL_SHARDS=2;GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()

# Every bench/*_bench.cc is a program of its own.
function(vlm_benchmarks)
  find_package(benchmark REQUIRED)
  file(GLOB benches CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*_bench.cc)
  foreach(bench ${benches})
    get_filename_component(name ${bench} NAME_WE)
    add_executable(${name} ${bench})
    target_link_libraries(${name} PRIVATE vlm_search vlm_flags benchmark::benchmark)
    target_compile_definitions(${name} PRIVATE VLM_PROJECT_DIR="${PROJECT_SOURCE_DIR}")
  endforeach()
endfunction()

# Every tests/fuzz/fuzz_NAME.cc: with VLM_FUZZ a libFuzzer program, otherwise a program that replays
# tests/fuzz/corpus/NAME, which ctest runs.
function(vlm_fuzzers)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_*.cc)
  if(NOT VLM_FUZZ)
    add_library(fuzz_replay OBJECT tests/fuzz/standalone_main.cc)
    target_link_libraries(fuzz_replay PRIVATE vlm_core vlm_flags)
  endif()
  foreach(fuzzer ${fuzzers})
    get_filename_component(name ${fuzzer} NAME_WE)
    add_executable(${name} ${fuzzer})
    target_link_libraries(${name} PRIVATE vlm_search vlm_flags)
    target_compile_options(${name} PRIVATE -O0)
    target_compile_definitions(${name} PRIVATE VLM_PROJECT_DIR="${PROJECT_SOURCE_DIR}")
    if(VLM_FUZZ)
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
      target_link_libraries(${name} PRIVATE fuzz_replay)
      string(REPLACE "fuzz_" "" corpus ${name})
      add_test(NAME replay_${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
    endif()
  endforeach()
endfunction()
