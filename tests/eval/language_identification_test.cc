#include "eval/language_identification.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/thread_pool.h"
#include "tests/error_message.h"
#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

using testing::HasSubstr;

TEST(LanguageIdentification, EqualsThePythonPackage) {
  const LanguageIdentifier identifier(language_model_path(VLM_PROJECT_DIR));
  const auto lines = golden_lines("lid.jsonl");
  EXPECT_EQ(lines.size(), 61U);
  for (const auto& [line, where] : lines) {
    EXPECT_NEAR(identifier.probability(line["text"].get<std::string>(), "ja"),
                line["p_ja"].get<double>(), 1e-4)
        << where;
  }
}

TEST(LanguageIdentification, NewlinesAreRemovedNotReplaced) {
  const LanguageIdentifier identifier(bundled_language_model());
  EXPECT_EQ(identifier.probability("これは\n猫です。\n", "ja"),
            identifier.probability("これは猫です。", "ja"));
}

TEST(LanguageIdentification, UnknownLanguageHasProbabilityZero) {
  const LanguageIdentifier identifier(bundled_language_model());
  EXPECT_EQ(identifier.probability("これは猫です。", "xx"), 0.0);
}

TEST(LanguageIdentification, IsTheSameFromSeveralThreads) {
  const LanguageIdentifier identifier(bundled_language_model());
  const auto lines = golden_lines("lid.jsonl");
  std::vector<double> results(8 * lines.size());
  ThreadPool pool(4);
  pool.parallel_for(results.size(), [&](std::size_t i) {
    results[i] =
        identifier.probability(lines[i % lines.size()].object["text"].get<std::string>(), "ja");
  });
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i], results[i % lines.size()]);
  }
}

std::string error_of(const std::string& path) {
  return error_message([&] { const LanguageIdentifier identifier{std::filesystem::path(path)}; });
}

TEST(LanguageIdentification, RefusesAnyOtherFile) {
  const std::string path = testing::TempDir() + "damaged.ftz";
  std::string bytes = read_text_file(bundled_language_model());
  bytes[100'000] = static_cast<char>(bytes[100'000] ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_THAT(error_of(path), HasSubstr("not the language model lid.176.ftz"));
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes.substr(0, 1000);
  EXPECT_THAT(error_of(path), HasSubstr("not the language model lid.176.ftz"));
  std::filesystem::remove(path);
  EXPECT_THAT(error_of(path), HasSubstr("damaged.ftz"));
}

}  // namespace
}  // namespace vlm
