# Outside libraries, all Debian packages (docs/adr/0002-dependencies.md). Nothing is downloaded.
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(Eigen3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(CLI11 REQUIRED)
find_package(hwy REQUIRED)

# vlm_imported(NAME HEADER LIBRARY): a target for a package that ships no CMake file.
function(vlm_imported name header library)
  find_path(${library}_INCLUDE_DIR ${header}
    PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE} opencv4 REQUIRED)
  find_library(${library}_LIBRARY ${library} REQUIRED)
  add_library(${name} INTERFACE IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${${library}_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES ${${library}_LIBRARY})
endfunction()
vlm_imported(openblas::openblas cblas.h openblas)
# Its own dnnl-config.cmake asks for the headers of OpenCL, which the processor needs not.
vlm_imported(dnnl::dnnl oneapi/dnnl/dnnl.hpp dnnl)
vlm_imported(sentencepiece::sentencepiece sentencepiece_processor.h sentencepiece)
vlm_imported(fasttext::fasttext fasttext/fasttext.h fasttext)
# OpenCVConfig.cmake is only in libopencv-dev, which needs every module: 211 packages and 620 MB
# more than the three used here.
vlm_imported(opencv_core opencv2/core.hpp opencv_core)
vlm_imported(opencv_imgproc opencv2/imgproc.hpp opencv_imgproc)
vlm_imported(opencv_imgcodecs opencv2/imgcodecs.hpp opencv_imgcodecs)
