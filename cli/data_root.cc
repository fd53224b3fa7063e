#include "cli/data_root.h"

#include <cstdlib>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

bool holds_data(const fs::path& folder) {
  return fs::is_directory(folder / "zoo" / "models") && fs::is_directory(folder / "datasets");
}

std::vector<fs::path> candidate_roots() {
  std::vector<fs::path> roots;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    roots.push_back(program.parent_path().parent_path() / "share" / "vlm-merge");
    for (fs::path folder = program.parent_path(); folder != folder.root_path();
         folder = folder.parent_path()) {
      roots.push_back(folder);
    }
  }
  roots.push_back(fs::current_path());
  return roots;
}

}  // namespace

fs::path find_data_root() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
  if (const char* home = std::getenv("VLM_MERGE_HOME"); home != nullptr) {
    if (!holds_data(home)) {
      throw Error(ErrorCode::kNotFound,
                  std::string("no zoo/models and datasets: VLM_MERGE_HOME: ") + home);
    }
    return home;
  }
  for (const fs::path& root : candidate_roots()) {
    if (holds_data(root)) return root;
  }
  throw Error(ErrorCode::kNotFound,
              "bundled models and benchmarks not found: above the program and in " +
                  fs::current_path().string() + " (set VLM_MERGE_HOME)");
}

fs::path bundled_vision_language_model() {
  return find_data_root() / "zoo" / "models" / "evo-vlm";
}

}  // namespace vlm
