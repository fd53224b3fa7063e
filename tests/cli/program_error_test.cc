// What the program says about a bad world: one line, exit code 1 (wrong usage: 2), nothing lost.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/json_fields.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ProgramErrors : public ProgramTest {
 protected:
  void expect_wrong_usage(const std::vector<std::string>& arguments, const std::string& message) {
    expect_failure(arguments, message, 2);
  }

  // A model of its own, made of links to a bundled one.
  [[nodiscard]] std::filesystem::path linked_model(const std::string& name) const {
    const std::filesystem::path copy = folder() / "model";
    std::filesystem::create_directory(copy);
    for (const auto& entry : std::filesystem::directory_iterator(model(name))) {
      std::filesystem::create_symlink(entry.path(), copy / entry.path().filename());
    }
    return copy;
  }

  static std::string picture() {
    return (project() / "datasets/ja-emoji-vqa/test/images/t0000.png").string();
  }

  static std::vector<std::string> caption(const std::string& file) {
    return {"caption", file, "--model", model("en-vlm")};
  }
};

// The first bytes of a PNG that says to be 60000 x 60000 pixels large.
std::string huge_png() {
  std::string header("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0", 29);
  return header + std::string(64, '\0');
}

TEST_F(ProgramErrors, WrongUsage) {
  expect_wrong_usage({}, "subcommand");
  expect_wrong_usage({"mrege"}, "unknown command: 'mrege' (did you mean 'merge'?)");
  expect_wrong_usage({"--version2"}, "--version2");
  expect_wrong_usage({"inspect"}, "MODEL");
  expect_wrong_usage({"inspect", "x", "--jsno"}, "--jsno");
  expect_wrong_usage({"--threads", "0", "inspect", "x"}, "--threads");
  expect_wrong_usage({"caption", "x.png", "--lang", "fr"}, "fr");
  expect_wrong_usage({"merge", "recipe.yaml"}, "OUT_DIR");
  expect_wrong_usage({"merge", "recipe.yaml", "out", "--compat", "mergkit"}, "mergkit");
  expect_wrong_usage({"generate", "--model", "x"}, "--prompt or --input");
  expect_wrong_usage({"generate", "--model", "x", "--prompt", "a", "--beams", "many"}, "--beams");
  expect_wrong_usage({"generate", "--model", "x", "--prompt", "a", "--top-k", "-5"}, "--top-k");
  expect_wrong_usage({"generate", "--model", "x", "--prompt", "a", "--eos", "-1"}, "--eos");
  expect_wrong_usage({"generate", "--model", "x", "--prompt", "a", "--seed", "-1"}, "--seed");
  for (const char* option : {"--temperature=-1", "--temperature=nan", "--top-p=1.5", "--min-p=-0.1",
                             "--repetition-penalty=0", "--length-penalty=long"}) {
    expect_wrong_usage({"generate", "--model", "x", "--prompt", "a", option}, "expected a number");
  }
  expect_wrong_usage({"compare", "one.json"}, "RESULT");
}

TEST_F(ProgramErrors, MissingFiles) {
  expect_failure({"inspect", "none"}, "none");
  expect_failure({"merge", "none.yaml", "out"}, "none.yaml");
  expect_failure({"search", "none.yaml"}, "none.yaml");
  expect_failure(caption("none.png"), "none.png");
  expect_failure({"compare", "none.json", "none.json"}, "none.json");
  expect_failure({"tokenize", "--model", model("ja-lm"), "--input", "none.jsonl"}, "none.jsonl");
  expect_failure({"report", "none.db"}, "none.db");
  expect_failure({"eval", "--model", model("ja-lm"), "--benchmark", "ja-math=none"}, "none");
  expect_failure({"trace", "--model", model("ja-lm"), "--input", "none.json", "--out", "x"},
                 "none.json");
}

TEST_F(ProgramErrors, ResultsThatCannotBeWrittenAreRefusedBeforeTheModelRuns) {
  const std::string late = "none.yaml";  // would be the error if the model were opened first
  for (const char* option : {"--out", "--samples"}) {
    expect_failure({"eval", "--model", late, "--benchmark", "ja-math", option, "no/r.json"},
                   "cannot write file: no/r.json: no such directory");
  }
  const std::string directory = "cannot write file: .: is a directory";
  expect_failure({"trace", "--model", late, "--input", late, "--out", "."}, directory);
  expect_failure({"kinship", late, "--base", late, "--plot", "."}, directory);
  expect_failure({"export", late, "--gguf", "."}, directory);
  expect_failure({"export", late, "--mmproj", "."}, directory);
  expect_failure({"report", late, "--out", "."}, directory);
}

TEST_F(ProgramErrors, DamagedModels) {
  const std::filesystem::path copy = linked_model("ja-lm");
  std::string weights = read_text_file(copy / "model.safetensors");
  std::filesystem::remove(copy / "model.safetensors");
  write("model/model.safetensors", weights.substr(0, weights.size() / 2));
  expect_failure({"inspect", "model"}, "model.safetensors");
  write("model/model.safetensors", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10));
  expect_failure({"generate", "--model", "model", "--prompt", "a"}, "model.safetensors");
  write("model/model.safetensors", "");
  expect_failure({"eval", "--model", "model", "--benchmark", "ja-math"}, "model.safetensors");
  std::filesystem::remove(copy / "model.safetensors");
  expect_failure({"inspect", "model"}, "model.safetensors");

  Json config = read_json_file(copy / "config.json");
  std::filesystem::remove(copy / "config.json");
  config["architectures"] = {"MambaForCausalLM"};
  config["model_type"] = "mamba";
  write("model/config.json", config.dump());
  expect_failure({"inspect", "model"}, "MambaForCausalLM");
  write("model/config.json", "{\"architectures\": [");
  expect_failure({"inspect", "model"}, "config.json");
}

TEST_F(ProgramErrors, UnknownNamesComeWithTheNearest) {
  const std::string ja = model("ja-lm");
  write("recipe.yaml", "merge_method: linear\nmodelz: []\n");
  expect_failure({"merge", "recipe.yaml", "out"}, "did you mean 'models'?");
  write("search.yaml", "study: s\nrecipe: {}\nobjectives: []\noptimiser: {}\n");
  expect_failure({"search", "search.yaml"}, "did you mean 'optimizer'?");
  expect_failure({"eval", "--model", ja, "--benchmark", "ja-maths"}, "did you mean 'ja-math'?");
  expect_failure({"eval", "--model", ja, "--benchmark", "ja-math", "--metric", "ac_ja"},
                 "did you mean 'acc_ja'?");
  write("pairs.jsonl", "{}\n");
  expect_failure({"metric", "rogueL", "--input", "pairs.jsonl"}, "did you mean 'rougeL'?");
  write("in.jsonl", "{\"prompt\": \"a\", \"max_token\": 3}\n");
  expect_failure({"generate", "--model", ja, "--input", "in.jsonl"}, "did you mean 'max_tokens'?");
}

TEST_F(ProgramErrors, Pictures) {
  write("text.png", "no picture");
  expect_failure(caption("text.png"), "text.png");
  write("empty.png", "");
  expect_failure(caption("empty.png"), "empty.png");
  write("huge.png", huge_png());
  expect_failure(caption("huge.png"), "60000");
  expect_failure(caption("."), ".");
  expect_failure({"caption", picture(), "--model", model("ja-lm")},
                 "a text model cannot see pictures");
  expect_failure({"generate", "--model", model("ja-lm"), "--prompt", "a", "--image", picture()},
                 "a text model cannot see pictures");
  expect_failure({"generate", "--model", model("en-vlm"), "--prompt", "a", "--image", picture()},
                 "0 <image> in the prompt");
  expect_failure({"eval", "--model", model("ja-lm"), "--benchmark", "ja-emoji-vqa", "--limit", "2"},
                 model("ja-lm") + ": ja-emoji-vqa/test (--blind asks without them)");
}

TEST_F(ProgramErrors, OneBadPictureDoesNotStopTheOthers) {
  write("bad.png", "no picture");
  write("worse.png", "");
  const ProgramResult result = run({"caption", "bad.png", picture(), "worse.png", "--model",
                                    model("en-vlm"), "--max-tokens", "3"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, StartsWith(picture() + ": "));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
  EXPECT_THAT(result.errors, HasSubstr("bad.png"));
  EXPECT_THAT(result.errors, HasSubstr("worse.png"));
  EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 2) << result.errors;
}

TEST_F(ProgramErrors, InputLines) {
  const auto generate = [&](const std::string& line, const std::string& message) {
    write("in.jsonl", line + "\n");
    expect_failure({"generate", "--model", model("ja-lm"), "--input", "in.jsonl"}, message);
  };
  generate("not json", "in.jsonl");
  generate("[1]", "in.jsonl");
  generate("{}", "prompt");
  generate(R"({"ids": []})", "ids");
  generate(R"({"ids": [1, -2]})", "ids");
  generate(R"({"ids": [1, 99999]})", "token id outside the vocabulary of 2560: in.jsonl:1: 99999");
  generate(R"({"prompt": "a", "eos": 99999})",
           "token id outside the vocabulary of 2560: in.jsonl:1: eos: 99999");
  expect_failure({"generate", "--model", model("ja-lm"), "--prompt", "a", "--eos", "2560"},
                 "token id outside the vocabulary of 2560: --eos: 2560");
  generate(R"({"prompt": "a", "beams": 0})", "beams");
  generate(R"({"prompt": "a", "eos": ["x"]})", "eos");
  generate(R"({"prompt": "a", "temperature": -1})", "temperature");
  generate(R"({"prompt": "a", "top_p": 0.5})", "need a temperature");
  generate(R"({"prompt": "a", "stop": [1]})", "stop");
  generate("{\"prompt\": \"\xff\"}", "in.jsonl");
  write("ids.jsonl", "{\"ids\": [1.5]}\n");
  expect_failure({"tokenize", "--model", model("ja-lm"), "--input", "ids.jsonl", "--decode"},
                 "1.5");
  write("pairs.jsonl", "");
  expect_failure({"metric", "rougeL", "--input", "pairs.jsonl"}, "pairs.jsonl");
}

TEST_F(ProgramErrors, ScoreInput) {
  const auto score = [&](const std::string& input, const std::string& message) {
    write("in.jsonl", input);
    expect_failure({"score", "--model", model("ja-lm"), "--input", "in.jsonl"}, message);
  };
  score("", "no lines");
  score("{}", "text");
  score(R"({"prompt": "a"})", "unknown key");
  score(R"({"continuations": ["a"]})", "prompt");
  score(R"({"prompt": "a", "continuations": []})", "continuations");
  score(R"({"prompt": "a", "continuations": [1]})", "continuations");
  score(R"({"prompt": "a", "continuations": [""]})", "in.jsonl:1");
  score(R"({"text": ""})", "in.jsonl:1");
  score(R"({"text": "a", "image": "x.png"})", "cannot see pictures");
  score(R"({"text": "a", "image": [1]})", "expected file names: in.jsonl:1: image");
}

TEST_F(ProgramErrors, TraceInput) {
  const auto trace = [&](const std::string& input, const std::string& message) {
    write("in.json", input);
    expect_failure({"trace", "--model", model("en-vlm"), "--input", "in.json", "--out", "t"},
                   message);
    EXPECT_FALSE(std::filesystem::exists(folder() / "t"));
  };
  trace("[]", "in.json");
  trace(R"({"ids": [1], "layer_path": [0]})",
        "unknown key: in.json: 'layer_path' (did you mean 'layers_path'?)");
  trace("{}", "prompt");
  trace(R"({"ids": []})", "at least one id");
  trace(R"({"ids": [1.5]})", "ids");
  trace(R"({"ids": [1], "layers_path": [6]})", "no such layer");
  trace(R"({"ids": [1], "layers_path": [0], "layers_scale": [1, 2]})", "layers_scale");
  trace(R"({"prompt": "<image>", "images": "e.png"})", "images");
  trace(R"({"prompt": "<image>", "images": [1]})", "images");
  trace(R"({"prompt": "<image>", "images": []})", "0 pictures");
  trace(R"({"prompt": "<image>", "pixel_values": "in.json"})", "in.json");
}

TEST_F(ProgramErrors, ExistingOutputIsRefusedAndKept) {
  write("recipe.yaml", "merge_method: linear\nmodels: [{model: " + model("ja-lm") +
                           ", parameters: {weight: 1}}]\n");
  std::filesystem::create_directory(folder() / "out");
  write("out/mine.txt", "mine");
  expect_failure({"merge", "recipe.yaml", "out", "--quiet"}, "output exists already: out");
  write("search.yaml",
        "study: s\nrecipe: {merge_method: linear}\n"
        "objectives: [{benchmark: ja-math/search, metric: acc}]\noutput: out\n");
  expect_failure({"search", "search.yaml"}, "output exists already: out");
  expect_failure({"search", "search.yaml", "--out", "out"}, "output exists already: out");
  EXPECT_EQ(read_text_file(folder() / "out/mine.txt"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder() / "s.db"));
}

TEST_F(ProgramErrors, MergeOptions) {
  for (const char* size : {"0", "-5GB", "many", "5XB", "nan", "1e99GB"}) {
    expect_wrong_usage({"merge", "recipe.yaml", "out", std::string("--max-shard-size=") + size},
                       std::string("--max-shard-size: not a size: '") + size);
  }
}

TEST_F(ProgramErrors, TooLittleMemoryIsFoundBeforeWeightsAreRead) {
  expect_failure(
      {"eval", "--model", model("evo-vlm"), "--benchmark", "ja-emoji-vqa/test", "--memory", "50MB"},
      "allowed are 50 MB");
  expect_failure({"generate", "--model", model("base-lm"), "--prompt", "a", "--memory", "100"},
                 "allowed are 100 bytes");
  write("texts.jsonl", "{\"text\": \"a b c\"}\n");
  write("trace.json", "{\"ids\": [1, 2]}");
  expect_failure(
      {"score", "--model", model("base-lm"), "--input", "texts.jsonl", "--memory", "50MB"},
      "allowed are 50 MB");
  expect_failure({"trace", "--model", model("base-lm"), "--input", "trace.json", "--out",
                  "t.safetensors", "--memory", "50MB"},
                 "allowed are 50 MB");
  write("search.yaml",
        "study: s\nrecipe: {merge_method: linear, models: [{model: " + model("base-lm") +
            ", parameters: {weight: {gene: g}}}]}\n"
            "objectives: [{benchmark: ja-math/search, metric: acc}]\n");
  expect_failure({"search", "search.yaml", "--memory", "50MB"}, "allowed are 50 MB");
  EXPECT_FALSE(std::filesystem::exists(folder() / "s.db"));
  expect_wrong_usage({"generate", "--model", model("base-lm"), "--prompt", "x", "--memory", "much"},
                     "--memory: not a size: 'much'");
}

TEST_F(ProgramErrors, CountsOutOfRangeAreWrongUsage) {
  const std::vector<std::vector<std::string>> commands{
      {"caption", "x.png"}, {"generate", "--model", "x", "--prompt", "a"}};
  for (std::vector<std::string> command : commands) {
    command.insert(command.end(), {"--max-tokens", "0"});
    expect_wrong_usage(command, "--max-tokens: expected a whole number from 1 to 1048576: '0'");
    command.back() = "-3";
    expect_wrong_usage(command, "'-3'");
    command[command.size() - 2] = "--beams";
    command.back() = "0";
    expect_wrong_usage(command, "--beams: expected a whole number from 1 to 1024: '0'");
  }
  expect_wrong_usage({"eval", "--model", "x", "--benchmark", "ja-math", "--limit", "0"}, "--limit");
  expect_wrong_usage(
      {"eval", "--model", "x", "--benchmark", "ja-math/test", "--benchmark", "ja-math"},
      "--benchmark: ja-math/test is there twice");
}

TEST_F(ProgramErrors, SeedsAreNumbersOf64Bits) {
  const std::vector<std::vector<std::string>> commands{
      {"merge", "r.yaml", "out"},
      {"search", "s.yaml"},
      {"extract-lora", "--base", "a", "--model", "b", "--out", "c"}};
  for (std::vector<std::string> command : commands) {
    command.emplace_back();
    for (const char* const seed : {"-1", "99999999999999999999", "1.5"}) {
      command.back() = std::string("--seed=") + seed;
      expect_wrong_usage(command, std::string("--seed: expected a whole number from 0 to "
                                              "18446744073709551615: '") +
                                      seed + "'");
    }
  }
}

TEST_F(ProgramErrors, TargetThatCannotBeMadeIsFoundBeforeThePlan) {
  const std::string recipe =
      write("recipe.yaml", "merge_method: linear\nmodels: [{model: " + model("ja-lm") +
                               ", parameters: {weight: 1}}]\n");
  std::filesystem::create_directory(folder() / "out");
  for (const char* target : {"out", "recipe.yaml/out", "/proc/out"}) {
    expect_failure({"merge", recipe, target}, target);
    EXPECT_EQ(run({"merge", recipe, target}).out, "");
    expect_failure({"merge", recipe, target, "--dry-run"}, target);
  }
  expect_wrong_usage({"merge", recipe, ""}, "OUT_DIR");
}

TEST_F(ProgramErrors, RecipesAndSearchFilesAreNotMixedUp) {
  write("recipe.yaml", "merge_method: linear\nmodels: []\n");
  write("search.yaml", "study: s\nrecipe: {}\nobjectives: []\n");
  expect_failure({"merge", "search.yaml", "out"}, "(this is a search file: use vlm-merge search)");
  expect_failure({"inspect", "search.yaml"}, "(this is a search file: use vlm-merge search)");
  expect_failure({"search", "recipe.yaml"}, "(this is a recipe: use vlm-merge merge)");
}

TEST_F(ProgramErrors, OutputThatCannotBeWrittenIsAnError) {
  const ProgramResult result = finish(start({"inspect", model("ja-lm")}, "/dev/full"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, StartsWith("vlm-merge: error: cannot write: standard output: "));
}

TEST_F(ProgramErrors, InterruptEndsTheProgramWithALine) {
  const std::vector<std::string> eval{"eval",    "--model", model("ja-lm"), "--benchmark",
                                      "ja-math", "--out",   "result.json"};
  const pid_t process = start(eval);
  const auto reads_the_model = [process] {
    const std::string maps = "/proc/" + std::to_string(process) + "/maps";
    std::ifstream in(maps);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return text.find("model.safetensors") != std::string::npos;
  };
  ASSERT_TRUE(wait_until(process, reads_the_model));
  ::kill(process, SIGINT);
  const ProgramResult result = finish(process);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.errors, "vlm-merge: error: interrupted\n");
  EXPECT_FALSE(std::filesystem::exists(folder() / "result.json"));
}

TEST_F(ProgramErrors, DryRunOfASearchLooksAtItsEnd) {
  const std::string search =
      "study: s\nrecipe: {merge_method: linear, models: [{model: " + model("ja-lm") +
      ", parameters: {weight: {gene: w}}}]}\n"
      "objectives: [{benchmark: ja-math/search, metric: acc}]\n";
  const auto dry_run = [&](const std::string& more, const std::string& message) {
    write("search.yaml", search + more);
    expect_failure({"search", "search.yaml", "--dry-run"}, message);
  };
  dry_run("compare: [{name: a, role: parent, model: " + model("ja-ml") + "}]\n",
          "did you mean '" + model("ja-lm") + "'?");
  dry_run("test: [{benchmark: ja-math=none, metric: acc}]\n", "none");
  dry_run("test: [{benchmark: ja-math, metric: rogueL}]\n",
          "search.yaml:4: unknown metric: 'rogueL'");
}

}  // namespace
}  // namespace vlm
