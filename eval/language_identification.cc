#include "eval/language_identification.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <sstream>
#include <vector>

#include <fasttext/fasttext.h>

#include "core/error.h"
#include "datasets/content_hash.h"

namespace vlm {
namespace {

constexpr std::string_view kModelSha256 =
    "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83";

}  // namespace

std::filesystem::path language_model_path(const std::filesystem::path& data_root) {
  return data_root / "datasets" / "lid" / "lid.176.ftz";
}

struct LanguageIdentifier::State {
  fasttext::FastText model;
};

LanguageIdentifier::LanguageIdentifier(const std::filesystem::path& path)
    : state_(std::make_unique<State>()) {
  const std::string seen = hash_file(path);
  if (seen != kModelSha256) {
    throw Error(ErrorCode::kCorruptFile,
                "not the language model lid.176.ftz: " + path.string() + ": SHA-256 " + seen);
  }
  try {
    state_->model.loadModel(path.string());
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kCorruptFile,
                "cannot load language model: " + path.string() + ": " + error.what());
  }
}

LanguageIdentifier::~LanguageIdentifier() = default;

double LanguageIdentifier::probability(std::string_view text, std::string_view language) const {
  std::string line(text);
  line.erase(std::remove(line.begin(), line.end(), '\n'), line.end());
  std::istringstream input(line + "\n");
  std::vector<std::pair<fasttext::real, std::string>> predictions;
  constexpr std::int32_t kAllLabels = -1;
  state_->model.predictLine(input, predictions, kAllLabels, 0.0F);
  const std::string label = "__label__" + std::string(language);
  const auto found = std::find_if(predictions.begin(), predictions.end(),
                                  [&label](const auto& entry) { return entry.second == label; });
  return found == predictions.end() ? 0.0 : static_cast<double>(found->first);
}

}  // namespace vlm
