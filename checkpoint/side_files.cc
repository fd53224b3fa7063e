#include "checkpoint/side_files.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kNotSideFiles{"config.json", "recipe.yaml", "study.json",
                                                        "mergekit_config.yml"};
constexpr std::array<std::string_view, 12> kWeightEndings{
    ".safetensors", ".index.json", ".bin",  ".pt",  ".pth",     ".ckpt",
    ".gguf",        ".h5",         ".onnx", ".npz", ".msgpack", ".tflite"};

}  // namespace

bool is_side_file(std::string_view file_name) {
  if (file_name.empty() || file_name.front() == '.' || file_name.starts_with("README")) {
    return false;
  }
  return std::find(kNotSideFiles.begin(), kNotSideFiles.end(), file_name) == kNotSideFiles.end() &&
         std::none_of(kWeightEndings.begin(), kWeightEndings.end(),
                      [file_name](std::string_view end) { return file_name.ends_with(end); });
}

std::vector<std::string> list_side_files(const fs::path& directory) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entries(directory, error);
  if (error) {
    throw Error(ErrorCode::kIo,
                "cannot read directory: " + directory.string() + ": " + error.message());
  }
  for (const fs::directory_entry& entry : entries) {
    std::string name = entry.path().filename().string();
    if (is_side_file(name) && !entry.is_directory(error)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

void copy_side_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  const fs::file_status status = fs::status(from, error);
  if (!fs::exists(status)) {
    throw Error(ErrorCode::kNotFound,
                "cannot copy file: " + from.string() + ": no such file, or a link to none");
  }
  if (!fs::is_regular_file(status)) {
    throw Error(ErrorCode::kIo, "cannot copy file: " + from.string() + ": not a regular file");
  }
  copy_to_new_file(from, to);
}

}  // namespace vlm
