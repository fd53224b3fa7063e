#include "cli/pictures_in_line.h"

#include <string>

#include "core/error.h"

namespace vlm {

std::vector<std::filesystem::path> pictures_in(const JsonFields& line,
                                               const std::filesystem::path& folder) {
  if (!line.has("image")) return {};
  const Json list = json_list(line.json().at("image"));
  std::vector<std::filesystem::path> pictures;
  for (const Json& name : list) {
    if (!name.is_string()) {
      throw Error(ErrorCode::kCorruptFile, "expected file names: " + line.where() + ": image");
    }
    pictures.push_back(folder / name.get<std::string>());
  }
  return pictures;
}

}  // namespace vlm
