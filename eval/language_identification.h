#pragma once

// Which language a text is in, by fastText's lid.176.ftz (Joulin et al. 2016), the detector that
// SakanaAI's evolutionary-model-merge uses.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace vlm {

// The place of the bundled model below the data root.
std::filesystem::path language_model_path(const std::filesystem::path& data_root);

// Safe to use from several threads.
class LanguageIdentifier {
 public:
  // Loads the model. Only lid.176.ftz itself is accepted (by its SHA-256): scores made with
  // another detector could not be compared. Throws Error{kNotFound, kIo, kCorruptFile}.
  explicit LanguageIdentifier(const std::filesystem::path& path);
  ~LanguageIdentifier();
  LanguageIdentifier(const LanguageIdentifier&) = delete;
  LanguageIdentifier& operator=(const LanguageIdentifier&) = delete;
  LanguageIdentifier(LanguageIdentifier&&) = delete;
  LanguageIdentifier& operator=(LanguageIdentifier&&) = delete;

  // P(language | text) with newlines removed, 0 if the model does not name the language (an ISO
  // 639 code such as "ja"). May exceed 1 by 1e-4 (fastText adds 1e-5 inside its logarithms). A text
  // without any known n-gram, even a lone 猫, gets about 0.01 for "ja".
  [[nodiscard]] double probability(std::string_view text, std::string_view language) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vlm
