// The commands of the program on the bundled models: what they print and write.

#include "tests/cli/program.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "checkpoint/safetensors.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kRecipe = R"(base_model: zoo/models/base-lm
merge_method: task_arithmetic
models:
  - {model: zoo/models/math-lm, parameters: {weight: 0.5}}
  - {model: zoo/models/ja-lm, parameters: {weight: 1}}
dtype: float32
out_dtype: bfloat16
)";

class Program : public ProgramTest {
 protected:
  // A recipe with the models' full paths.
  [[nodiscard]] std::string recipe() const {
    std::string text = kRecipe;
    const std::string short_name = "zoo/models/";
    const std::string full_name = model("");
    for (std::size_t at = text.find(short_name); at != std::string::npos;
         at = text.find(short_name, at + full_name.size())) {
      text.replace(at, short_name.size(), full_name);
    }
    return write("recipe.yaml", text).string();
  }

  static std::string picture(const std::string& file) {
    return (project() / "datasets" / file).string();
  }
};

TEST_F(Program, HelpAndVersionAreNoErrors) {
  EXPECT_EQ(run({"--version"}).out, "0.2.0\n");
  const ProgramResult help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* command : {"merge", "search", "caption", "generate", "score", "eval", "compare",
                              "inspect", "trace", "tokenize", "metric", "report"}) {
    EXPECT_THAT(help.out, HasSubstr(command));
    const ProgramResult own = run({command, "--help"});
    EXPECT_EQ(own.exit_code, 0) << command;
    EXPECT_THAT(own.out, HasSubstr("--quiet")) << command;
    EXPECT_THAT(own.out, HasSubstr("--threads N")) << command;
    EXPECT_THAT(own.out, testing::Not(HasSubstr(" in ["))) << command;
  }
}

TEST_F(Program, HelpOfMergeNamesMethodsAndTheirParameters) {
  EXPECT_THAT(run({"merge", "--help"}).out, HasSubstr("Methods: linear, slerp, "));
  const ProgramResult methods = run({"merge", "--help-methods"});
  EXPECT_EQ(methods.exit_code, 0) << methods.errors;
  EXPECT_THAT(methods.out, HasSubstr("\npcb (base and 1 to 64 models)\n"));
  EXPECT_THAT(methods.out,
              HasSubstr("    density: share of the entries that compete (of each model; "
                        "0 to 1; default 0.1)\n"));
}

TEST_F(Program, HelpOfCaptionNamesTheDefaults) {
  const std::string help = run({"caption", "--help"}).out;
  EXPECT_THAT(help, HasSubstr("何が写っていますか？"));
  EXPECT_THAT(help, HasSubstr("--max-tokens N=128"));
}

TEST_F(Program, MergedCheckpointAnswersAsItsRecipe) {
  const std::string recipe_file = recipe();
  const ProgramResult merge = run({"merge", recipe_file, "merged", "--quiet"});
  ASSERT_EQ(merge.exit_code, 0) << merge.errors;
  EXPECT_EQ(merge.errors, "");
  EXPECT_TRUE(std::filesystem::exists(folder() / "merged/tokenizer.model"));
  for (const std::string& model : {recipe_file, std::string("merged")}) {
    const std::string name = model == "merged" ? "disk" : "memory";
    const ProgramResult eval =
        run({"eval", "--model", model, "--benchmark", "ja-math/test", "--benchmark", "en-math",
             "--limit", "5", "--out", name + ".json", "--samples", name + ".jsonl"});
    ASSERT_EQ(eval.exit_code, 0) << eval.errors;
    EXPECT_THAT(eval.out, HasSubstr("ja-math/test"));
  }
  const std::string samples = read_text_file(folder() / "disk.jsonl");
  EXPECT_EQ(samples, read_text_file(folder() / "memory.jsonl"));
  EXPECT_EQ(std::count(samples.begin(), samples.end(), '\n'), 10);

  const ProgramResult compare = run({"compare", "disk.json", "memory.json"});
  EXPECT_EQ(compare.exit_code, 0) << compare.errors;
  EXPECT_THAT(compare.out, HasSubstr("baseline: merged"));
  const Json json = Json::parse(run({"compare", "disk.json", "memory.json", "--json"}).out);
  for (const Json& row : json.at("rows")) EXPECT_EQ(row.at("difference"), 0.0);
  // The first metric of both benchmarks, and their mean.
  ASSERT_EQ(json.at("rows").size(), 3U);
  EXPECT_EQ(json.at("rows").at(0).at("metric"), "acc_ja");
  EXPECT_EQ(json.at("rows").at(2).at("benchmark"), "mean");
  EXPECT_EQ(json.at("rows").at(2).at("metric"), "ja-math/test acc_ja + en-math/test acc");
  EXPECT_EQ(json.at("rows").at(2).at("items"), 10);

  const std::vector<std::string> two_metrics{"compare",  "disk.json", "memory.json", "--json",
                                             "--metric", "lang_ja",   "--metric",    "acc"};
  EXPECT_EQ(Json::parse(run(two_metrics).out).at("rows").size(), 5U);
  const ProgramResult unknown = run({"compare", "disk.json", "memory.json", "--metric", "lang_jp"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.errors, HasSubstr("did you mean 'lang_ja'?"));

  // A candidate without the baseline's first metric is not compared by another one.
  ASSERT_EQ(run({"eval", "--model", "merged", "--benchmark", "ja-math/test", "--benchmark",
                 "en-math", "--limit", "5", "--metric", "lang_ja", "--out", "language.json"})
                .exit_code,
            0);
  const ProgramResult other = run({"compare", "disk.json", "language.json"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.errors, HasSubstr("has no metric 'acc_ja'"));
}

TEST_F(Program, DryRunShowsThePlanAndWritesNothing) {
  const ProgramResult plan = run({"merge", recipe(), "merged", "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0) << plan.errors;
  EXPECT_THAT(plan.out, HasSubstr("task_arithmetic"));
  EXPECT_THAT(plan.out, HasSubstr("model.layers.0.self_attn.q_proj"));
  for (const char* const line : {"to read", "to write", "memory", "time        about", "used"}) {
    EXPECT_THAT(plan.out, HasSubstr(line));
  }
  EXPECT_FALSE(std::filesystem::exists(folder() / "merged"));
  EXPECT_EQ(run({"merge", recipe(), "--dry-run"}).exit_code, 0);
}

TEST_F(Program, WeightsOptionChangesTheArithmeticOfEveryCommandThatRunsAModel) {
  const auto score = [&](const std::string& format) {
    return json_lines({"generate", "--model", model("ja-lm"), "--prompt", "左にキツネがいます。",
                       "--max-tokens", "3", "--json", "--weights", format})
        .at(0)
        .at("score")
        .get<double>();
  };
  EXPECT_NE(score("float32"), score("bfloat16"));
  EXPECT_NEAR(score("float32"), score("bfloat16"), 0.1);
  EXPECT_NE(score("int8"), score("bfloat16"));
  EXPECT_NEAR(score("float32"), score("int8"), 0.1);
  for (const char* command : {"caption", "generate", "eval", "search", "trace"}) {
    const ProgramResult wrong = run({command, "--weights", "bf16"});
    EXPECT_EQ(wrong.exit_code, 2) << command;
    EXPECT_THAT(wrong.errors, HasSubstr("--weights")) << command;
  }
}

TEST_F(Program, GeneratePrintsALineForEachRequest) {
  write("in.jsonl", R"({"prompt": "左にキツネがいます。", "max_tokens": 3, "id": "first"}
{"ids": [1, 330, 331], "max_tokens": 3, "beams": 2}
)");
  const std::vector<Json> lines =
      json_lines({"generate", "--model", model("ja-lm"), "--input", "in.jsonl"});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].at("id"), "first");
  EXPECT_EQ(lines[1].at("id"), "1");
  for (const Json& line : lines) {
    EXPECT_LE(line.at("ids").size(), 3U);
    EXPECT_TRUE(line.at("text").is_string());
    EXPECT_LT(line.at("score").get<double>(), 0.0);
  }
  const ProgramResult plain = run({"generate", "--model", model("ja-lm"), "--prompt",
                                   "左にキツネがいます。", "--max-tokens", "3"});
  EXPECT_EQ(plain.out, lines[0].at("text").get<std::string>() + "\n");
}

TEST_F(Program, GenerateDrawsTheSameForAnIdWhereverItStands) {
  const std::string shared = R"("prompt": "左に", "max_tokens": 8, "temperature": 1.5)";
  write("all.jsonl", R"({"id": "a", )" + shared + "}\n" + R"({"id": "b", )" + shared + "}\n" +
                         R"({"id": "c", )" + shared + R"(, "seed": 5})" + "\n");
  write("one.jsonl", R"({"id": "b", )" + shared + "}\n");
  const auto generate = [&](const std::string& file, const std::string& threads) {
    return json_lines(
        {"generate", "--model", model("ja-lm"), "--input", file, "--threads", threads});
  };
  const std::vector<Json> all = generate("all.jsonl", "2");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(generate("all.jsonl", "1"), all);
  const Json alone = generate("one.jsonl", "1").at(0);
  EXPECT_EQ(alone.at("ids"), all[1].at("ids"));
  EXPECT_EQ(alone.at("text"), all[1].at("text"));
  EXPECT_NE(all[0].at("ids"), all[1].at("ids"));
}

TEST_F(Program, GenerateTakesTheDefaultsOfGenerationConfig) {
  for (const char* name :
       {"config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json"}) {
    std::filesystem::create_directories(folder() / "model");
    std::filesystem::create_symlink(project() / "zoo/models/ja-lm" / name,
                                    folder() / "model" / name);
  }
  write("model/generation_config.json",
        R"({"do_sample": true, "temperature": 5.0, "top_k": 100, "max_new_tokens": 4,
            "eos_token_id": 2})");
  const auto generate = [&](const std::string& name, std::vector<std::string> options) {
    options.insert(options.begin(), {"generate", "--model", name, "--prompt", "左に", "--json"});
    return json_lines(options).at(0).at("ids").get<std::vector<int>>();
  };
  const std::vector<int> sampled = generate("model", {});
  EXPECT_LE(sampled.size(), 4U);
  EXPECT_EQ(sampled, generate(model("ja-lm"),
                              {"--temperature", "5", "--top-k", "100", "--max-tokens", "4"}));
  EXPECT_EQ(generate("model", {"--temperature", "0", "--max-tokens", "6"}),
            generate(model("ja-lm"), {"--max-tokens", "6"}));
}

TEST_F(Program, GenerateSeesThePicturesOfItsLines) {
  const std::string question =
      R"([INST] <<SYS>>\nYou are a helpful assistant. Answer the question based on the given )"
      R"(image.\n<</SYS>>\n\n<image>\nWhat is on the left? [/INST])";
  std::filesystem::copy_file(picture("en-emoji-vqa/test/images/e0000.png"), folder() / "e.png");
  write("in.jsonl", R"({"prompt": ")" + question + R"(", "image": "e.png"})" + "\n");
  const std::vector<Json> lines =
      json_lines({"generate", "--model", model("en-vlm"), "--input", "in.jsonl"});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].at("text"), "A bouquet.");
}

TEST_F(Program, TokenizeRoundTrip) {
  write("texts.jsonl", "{\"text\": \"ケンはりんごを5個\"}\n{\"text\": \"two  words\"}\n");
  const std::vector<Json> encoded =
      json_lines({"tokenize", "--model", model("ja-lm"), "--input", "texts.jsonl", "--json"});
  ASSERT_EQ(encoded.size(), 2U);
  EXPECT_EQ(encoded[0].at("ids").at(0), 1);  // begin of text
  EXPECT_EQ(encoded[0].at("ids").size(), encoded[0].at("tokens").size());
  std::string ids;
  for (const Json& line : encoded) ids += Json{{"ids", line.at("ids")}}.dump() + "\n";
  write("ids.jsonl", ids);
  const ProgramResult decoded =
      run({"tokenize", "--model", model("ja-lm"), "--input", "ids.jsonl", "--decode"});
  EXPECT_EQ(decoded.out, "ケンはりんごを5個\ntwo  words\n");
}

TEST_F(Program, TokenizesWithTokenizerJsonAlone) {
  write("texts.jsonl", "{\"text\": \"It's 12 cats\"}\n");
  const std::string directory =
      std::string(VLM_PROJECT_DIR) + "/tests/data/language/tokenizer/smollm2";
  const std::vector<Json> encoded =
      json_lines({"tokenize", "--model", directory, "--input", "texts.jsonl", "--json"});
  ASSERT_EQ(encoded.size(), 1U);
  EXPECT_EQ(encoded[0].at("tokens"), Json::parse(R"(["It", "'s", "Ġ", "1", "2", "Ġcats"])"));
}

TEST_F(Program, MetricScoresPairs) {
  write("pairs.jsonl", R"({"prediction": "りんごです。", "reference": "りんごです。"}
{"prediction": "An apple.", "reference": "りんごです。"}
)");
  const std::vector<Json> rouge =
      json_lines({"metric", "rougeL", "--input", "pairs.jsonl", "--json"});
  ASSERT_EQ(rouge.size(), 1U);
  EXPECT_EQ(rouge[0].at("name"), "rougeL");
  EXPECT_EQ(rouge[0].at("mean"), 0.5);
  EXPECT_EQ(rouge[0].at("pairs").at(0), (Json{{"precision", 1.0}, {"recall", 1.0}, {"f1", 1.0}}));
  const std::vector<Json> exact =
      json_lines({"metric", "exact_match", "--input", "pairs.jsonl", "--json"});
  EXPECT_EQ(exact[0].at("pairs"), Json::parse(R"([{"value": 1.0}, {"value": 0.0}])"));
  EXPECT_THAT(run({"metric", "rougeL", "--tokenizer", "char", "--input", "pairs.jsonl"}).out,
              StartsWith("rougeL:char 0.5"));
}

TEST_F(Program, InspectListsComponentsAndTensors) {
  const ProgramResult result = run({"inspect", model("en-vlm"), "--json", "--tensors"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json.at("architecture"), "LlavaForConditionalGeneration");
  EXPECT_EQ(json.at("layers"), 6);
  EXPECT_EQ(json.at("hidden_size"), 192);
  EXPECT_EQ(json.at("vocabulary"), 2624);
  EXPECT_EQ(json.at("components").size(), 3U);
  std::size_t tensors = 0;
  for (const Json& part : json.at("components")) tensors += part.at("tensors").get<std::size_t>();
  EXPECT_EQ(json.at("tensors").size(), tensors);
  EXPECT_THAT(run({"inspect", model("en-vlm")}).out, HasSubstr("projector"));
  EXPECT_EQ(run({"inspect", recipe()}).exit_code, 0);
}

TEST_F(Program, CaptionAnswersInTheLanguageAskedFor) {
  const std::string file = picture("en-emoji-vqa/test/images/e0001.png");
  const std::vector<std::string> common{"--model", model("en-vlm"), "--max-tokens", "24"};
  const auto caption = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "caption");
    arguments.insert(arguments.end(), common.begin(), common.end());
    return run(arguments);
  };
  const ProgramResult english = caption({file, "--lang", "en", "--prompt", "What can you see?"});
  EXPECT_EQ(english.exit_code, 0) << english.errors;
  EXPECT_EQ(english.out, "A birthday cake.\n");
  const ProgramResult japanese = caption({file, "--lang", "ja"});
  EXPECT_EQ(japanese.exit_code, 0) << japanese.errors;
  EXPECT_FALSE(japanese.out.empty());
  const ProgramResult two = caption({file, file, "--lang", "en", "--prompt", "What can you see?"});
  EXPECT_EQ(two.out, file + ": A birthday cake.\n" + file + ": A birthday cake.\n");
  const ProgramResult json =
      caption({file, "--lang", "en", "--prompt", "What can you see?", "--json"});
  EXPECT_EQ(Json::parse(json.out).at("text"), "A birthday cake.");
}

TEST_F(Program, ScoreTellsChoicesAndTextsApart) {
  write("in.jsonl",
        "{\"prompt\": \"What is 3 + 4?\", \"continuations\": [\" 7\", \" a red cat\"]}\n"
        "{\"id\": \"t\", \"text\": \"A cat and a dog.\"}\n");
  const auto found =
      json_lines({"score", "--model", model("base-lm"), "--input", "in.jsonl", "--json"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0]["id"], "0");
  ASSERT_EQ(found[0]["scores"].size(), 2U);
  for (const Json& score : found[0]["scores"]) {
    EXPECT_LT(score.at("log_likelihood").get<double>(), 0.0);
    EXPECT_GT(score.at("tokens").get<int>(), 0);
    EXPECT_TRUE(score.at("is_greedy").is_boolean());
  }
  EXPECT_EQ(found[1]["id"], "t");
  EXPECT_GT(found[1].at("nll").get<double>(), 0.0);
  const ProgramResult table = run({"score", "--model", model("base-lm"), "--input", "in.jsonl"});
  EXPECT_THAT(table.out, HasSubstr("\" a red cat\""));
}

TEST_F(Program, ScoreShowsPicturesToAVisionModel) {
  const std::string image = picture("en-emoji-vqa/test/images/e0000.png");
  write("in.jsonl", Json{{"prompt", "<image>\nWhat can you see?"},
                         {"continuations", {" A birthday cake.", " Two pencils."}},
                         {"image", image}}
                        .dump());
  const auto found =
      json_lines({"score", "--model", model("en-vlm"), "--input", "in.jsonl", "--json"});
  ASSERT_EQ(found.size(), 1U);
  const Json& scores = found[0].at("scores");
  EXPECT_GT(scores[0]["log_likelihood"], scores[1]["log_likelihood"]);

  // Each `<image>` takes the next picture of a list.
  const std::string other = picture("en-emoji-vqa/test/images/e0001.png");
  const auto line = [](const Json& images) {
    return Json{{"text", "<image> and <image> show"}, {"image", images}}.dump() + "\n";
  };
  write("two.jsonl", line({image, other}) + line({other, image}) + line({image, other}));
  const auto two =
      json_lines({"score", "--model", model("en-vlm"), "--input", "two.jsonl", "--json"});
  ASSERT_EQ(two.size(), 3U);
  EXPECT_NE(two[0].at("nll"), two[1].at("nll"));
  EXPECT_EQ(two[0].at("nll"), two[2].at("nll"));
}

TEST_F(Program, TraceWritesTheTensorsOfTheContract) {
  std::filesystem::copy_file(picture("en-emoji-vqa/test/images/e0000.png"), folder() / "e.png");
  write("in.json", R"({"prompt": "<image>\nWhat?", "images": ["e.png"]})");
  const ProgramResult result =
      run({"trace", "--model", model("en-vlm"), "--input", "in.json", "--out", "t.safetensors"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const SafetensorsFile file(folder() / "t.safetensors");
  const std::size_t tokens = file.view("input_ids").shape.at(0);
  EXPECT_EQ(file.view("input_ids").dtype, DType::kI64);
  EXPECT_EQ(file.view("pixel_values").shape, (Shape{1, 3, 64, 64}));
  EXPECT_EQ(file.view("vision.hidden_5").shape, (Shape{1, 65, 192}));
  EXPECT_EQ(file.view("projected").shape, (Shape{1, 64, 192}));
  for (const char* name : {"embeddings", "layer_0", "layer_5", "final_norm"}) {
    EXPECT_EQ(file.view(name).shape, (Shape{tokens, 192})) << name;
  }
  EXPECT_EQ(file.view("logits").shape, (Shape{tokens, 2624}));

  // The pixels of a file give what the picture gave.
  write("pixels.json", R"({"prompt": "<image>\nWhat?", "pixel_values": "t.safetensors"})");
  ASSERT_EQ(
      run({"trace", "--model", model("en-vlm"), "--input", "pixels.json", "--out", "p.safetensors"})
          .exit_code,
      0);
  EXPECT_EQ(read_text_file(folder() / "p.safetensors"), read_text_file(folder() / "t.safetensors"));
}

TEST_F(Program, ResultsCanGoToStandardOutput) {
  write("in.json", R"({"ids": [1, 5]})");
  const auto trace = [&](const char* file) {
    return run({"trace", "--model", model("ja-lm"), "--input", "in.json", "--out", file});
  };
  const ProgramResult named = trace("t.safetensors");
  ASSERT_EQ(named.exit_code, 0) << named.errors;
  EXPECT_THAT(named.out, HasSubstr("written to t.safetensors"));
  std::filesystem::create_symlink("/proc/self/fd/1", folder() / "stdout");
  const ProgramResult streamed = trace("stdout");
  ASSERT_EQ(streamed.exit_code, 0) << streamed.errors;
  EXPECT_EQ(streamed.out, read_text_file(folder() / "t.safetensors"));
  EXPECT_THAT(streamed.errors, HasSubstr("written to stdout"));
}

}  // namespace
}  // namespace vlm
