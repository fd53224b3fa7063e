#include "vision/image_codecs.h"

#include <filesystem>
#include <string>
#include <system_error>

#include <dlfcn.h>

#include "core/error.h"
#include "vision/image_codecs_module.h"

namespace vlm {
namespace {

constexpr const char* kModuleName = "vlm_image_codecs.so";

std::filesystem::path find_module() {
  std::error_code unknown;  // then the folder is the working directory
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path();
  const auto beside = folder / kModuleName;
  const auto installed = folder.parent_path() / "lib" / "vlm-merge" / kModuleName;
  for (const auto& path : {beside, installed}) {
    if (std::filesystem::exists(path)) return path;
  }
  throw Error(ErrorCode::kNotFound, "the module that decodes pictures is missing: " +
                                        beside.string() + ", or " + installed.string());
}

decltype(&vlm_decode_image) load_decoder() {
  const std::string path = find_module().string();
  void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const symbol = module == nullptr ? nullptr : dlsym(module, "vlm_decode_image");
  if (symbol == nullptr) {
    const std::string why = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc has one for a thread
    throw Error(ErrorCode::kUnsupported,
                "the module that decodes pictures cannot be loaded: " + why);
  }
  return reinterpret_cast<decltype(&vlm_decode_image)>(symbol);
}

}  // namespace

cv::Mat decode_with_opencv(std::span<const std::byte> bytes, int flags) {
  static const auto decode = load_decoder();
  cv::Mat image;
  decode(bytes.data(), bytes.size(), flags, &image);
  return image;
}

}  // namespace vlm
