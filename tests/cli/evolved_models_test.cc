// The evolved models in zoo/ are those whose answers were written down (tools/pin_evolved_ids).

#include <string>

#include "datasets/jsonl.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

class EvolvedModels : public ProgramTest {
 protected:
  void expect_pinned_ids(const std::string& name) {
    const std::filesystem::path data = project() / "tests/data/zoo_evolved";
    const std::string questions = (data / (name + ".jsonl")).string();
    const ProgramResult result = run({"generate", "--model", model(name), "--input", questions});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    const auto seen = parse_jsonl(result.out, "output");
    const auto wanted = read_jsonl_file(data / (name + ".answers.jsonl"));
    ASSERT_EQ(wanted.size(), 2U);
    ASSERT_EQ(seen.size(), wanted.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].object.at("id"), wanted[i].object.at("id"));
      EXPECT_EQ(seen[i].object.at("ids"), wanted[i].object.at("ids"));
    }
  }
};

TEST_F(EvolvedModels, VlmGivesThePinnedIds) {
  expect_pinned_ids("evo-vlm");
}

TEST_F(EvolvedModels, MathsModelGivesThePinnedIds) {
  expect_pinned_ids("evo-math");
}

}  // namespace
}  // namespace vlm
