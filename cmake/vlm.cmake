# vlm_library(NAME [DEPS folders] [LIBS targets]): one static library from all sources of a folder.
function(vlm_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
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
  add_library(vlm_${name} STATIC ${sources})
  target_sources(vlm_${name} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers}
    FILE_SET lone_headers TYPE HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${lone_headers})
  target_compile_features(vlm_${name} PUBLIC cxx_std_20)
  set_target_properties(vlm_${name} PROPERTIES CXX_EXTENSIONS OFF VERIFY_INTERFACE_HEADER_SETS ON
    INTERFACE_HEADER_SETS_TO_VERIFY lone_headers)
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

# Every tests/FOLDER/*_test.cc is built and registered, so that no test is forgotten.
function(vlm_tests folder)
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cc)
  if(NOT tests)
    return()
  endif()
  add_executable(${folder}_tests ${tests})
  target_link_libraries(${folder}_tests PRIVATE vlm_${folder} vlm_flags GTest::gmock
    GTest::gtest_main)
  target_compile_definitions(${folder}_tests PRIVATE
    VLM_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data" VLM_PROJECT_DIR="${PROJECT_SOURCE_DIR}")
  if(folder STREQUAL "cli")
    target_compile_definitions(${folder}_tests PRIVATE VLM_BINARY="$<TARGET_FILE:vlm-merge>")
    add_dependencies(${folder}_tests vlm-merge)
  endif()
  gtest_discover_tests(${folder}_tests DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600)
endfunction()

# Every bench/*_bench.cc is a program of its own.
function(vlm_benchmarks)
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
