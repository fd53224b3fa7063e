// The commands with LLaVA 1.6: the tiny model of tests/data/vision/llava16 and its golden logits.

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_writer.h"
#include "core/json_fields.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;

constexpr float kLogitTolerance = 1e-4F;  // of logits up to about 20

std::filesystem::path tiny() {
  return std::filesystem::path(VLM_TEST_DATA) / "vision/llava16";
}

std::string picture(const std::string& name) {
  return (std::filesystem::path(VLM_TEST_DATA) / "image/anyres" / name).string();
}

class LlavaNextProgram : public ProgramTest {
 protected:
  std::string trace(const Json& input) {
    write("in.json", input.dump());
    const ProgramResult result =
        run({"trace", "--model", tiny().string(), "--input", "in.json", "--out", "t.safetensors"});
    return result.exit_code == 0 ? "" : result.errors;
  }

  // One of the golden pixel values, in a file of its own; padded to `views` if that is not 0.
  void write_pixels(int id, std::size_t views) const {
    const TensorView stored = golden.view("case" + std::to_string(id) + "_pixel_values");
    Shape shape = stored.shape;
    std::vector<float> values(element_count(shape).value());
    read_floats(stored, 0, values);
    if (views != 0) {
      values.resize(values.size() / shape[0] * views);
      shape = {1, views, shape[1], shape[2], shape[3]};
    }
    const std::vector<NamedTensor> tensors{
        {"pixel_values", {DType::kF32, shape, std::as_bytes(std::span(values))}}};
    write_safetensors(folder() / "pixels.safetensors", tensors);
  }

  void expect_golden_trace(const Json& item) const {
    const SafetensorsFile found(folder() / "t.safetensors");
    const auto id = std::to_string(item.at("id").get<int>());
    EXPECT_EQ(found.view("input_ids").shape, (Shape{item.at("input_ids_expanded").size()}));
    for (const char* name : {"logits", "packed_features"}) {
      const TensorView expected = golden.view("case" + id + "_" + name);
      const TensorView seen = found.view(name);
      ASSERT_EQ(seen.shape, expected.shape) << name;
      std::vector<float> a(element_count(seen.shape).value());
      std::vector<float> b(a.size());
      read_floats(seen, 0, a);
      read_floats(expected, 0, b);
      for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], kLogitTolerance) << name;
    }
  }

  SafetensorsFile golden{tiny() / "tensors.safetensors"};
  Json cases = read_json_file(tiny() / "cases.json").at("cases");
};

TEST_F(LlavaNextProgram, TraceTakesPixelValuesAndSizesWithOneOrAllImageTokens) {
  for (const Json& item : cases) {
    Json input{{"pixel_values", "pixels.safetensors"},
               {"image_sizes", Json::array({item.at("image_size_hw")})}};
    for (const char* ids : {"input_ids_one_image_token", "input_ids_expanded"}) {
      input["ids"] = item.at(ids);
      write_pixels(item.at("id"), 0);
      EXPECT_EQ(trace(input), "") << ids;
      expect_golden_trace(item);
    }
    write_pixels(item.at("id"), 6);  // as a batch with larger pictures
    EXPECT_EQ(trace(input), "");
    expect_golden_trace(item);
  }
}

TEST_F(LlavaNextProgram, TraceRefusesSizesThatDoNotFitThePixels) {
  write_pixels(0, 0);
  Json input{{"ids", {1, 94}}, {"pixel_values", "pixels.safetensors"}};
  EXPECT_THAT(trace(input), HasSubstr("need their image_sizes: in.json"));
  input["image_sizes"] = Json::parse("[[90, 31]]");
  EXPECT_THAT(trace(input), HasSubstr("5 views, 4 expected"));
  input["image_sizes"] = Json::parse("[[40, 70], [40, 70]]");
  EXPECT_THAT(trace(input), HasSubstr("picture 1 has 5 views"));
  for (const char* bad : {"[[0, 70]]", "[[40]]", "[40, 70]", "7", "[[40, 1e3]]", "[[-1, 70]]"}) {
    input["image_sizes"] = Json::parse(bad);
    EXPECT_THAT(trace(input), HasSubstr("image_sizes")) << bad;
  }
}

TEST_F(LlavaNextProgram, TraceOfPictureFilesHasTheirViews) {
  ASSERT_EQ(trace({{"prompt", "<image> is <image>"},
                   {"images", {picture("in_300x60.png"), picture("in_37x40.png")}}}),
            "");
  const SafetensorsFile found(folder() / "t.safetensors");
  EXPECT_EQ(found.view("pixel_values").shape[0], 4U + 5U);
  EXPECT_EQ(found.view("vision.hidden_2").shape, (Shape{9, 17, 32}));
}

TEST_F(LlavaNextProgram, GenerateTakesSeveralPicturesOrNone) {
  const std::vector<std::string> common{"generate", "--model", tiny().string(), "--max-tokens",
                                        "8"};
  const auto generate = [&](std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    return run(more);
  };
  const std::string wide = picture("in_300x60.png");
  const std::string small = picture("in_37x40.png");
  const ProgramResult two = generate(
      {"--prompt", "<image> <image> what is it", "--image", wide, "--image", small, "--json"});
  ASSERT_EQ(two.exit_code, 0) << two.errors;
  write("in.jsonl",
        Json{{"prompt", "<image> <image> what is it"}, {"image", {wide, small}}}.dump() + "\n" +
            Json{{"prompt", "what is it"}}.dump() + "\n");
  const ProgramResult lines = generate({"--input", "in.jsonl"});
  ASSERT_EQ(lines.exit_code, 0) << lines.errors;
  const Json of_options = Json::parse(two.out);
  const Json of_line = Json::parse(lines.out.substr(0, lines.out.find('\n')));
  EXPECT_EQ(of_line.at("ids"), of_options.at("ids"));
  EXPECT_EQ(of_line.at("text"), of_options.at("text"));
  EXPECT_THAT(generate({"--prompt", "<image>", "--image", wide, "--image", small}).errors,
              HasSubstr("2 pictures: 1 <image> in the prompt"));
  EXPECT_EQ(generate({"--prompt", "what is it"}).exit_code, 0);
}

TEST_F(LlavaNextProgram, CaptionAndEvalAnswerPictureQuestions) {
  const ProgramResult caption = run({"caption", picture("in_300x60.png"), picture("in_37x40.png"),
                                     "--model", tiny().string(), "--max-tokens", "4"});
  EXPECT_EQ(caption.exit_code, 0) << caption.errors;
  const ProgramResult eval = run({"eval", "--model", tiny().string(), "--benchmark", "ja-emoji-vqa",
                                  "--limit", "3", "--out", "result.json", "--quiet"});
  ASSERT_EQ(eval.exit_code, 0) << eval.errors;
  EXPECT_EQ(read_json_file(folder() / "result.json").at("benchmarks")[0].at("num_samples"), 3);
}

TEST_F(LlavaNextProgram, SearchScoresAndWritesTilesOrASingleView) {
  const std::string name = tiny().string();
  for (const std::string views : {"", "  views: single\n"}) {
    write("search.yaml",
          "study: s\nrecipe:\n  vlm: " + name + "\n" + views +
              "  merge_method: linear\n  models: [{model: " + name +
              ", parameters: {weight: {gene: w, low: 0.5, high: 1.5}}}]\n"
              "optimizer: {population: 4, trials: 4, seed: 3}\n"
              "objectives:\n  - {benchmark: ja-emoji-vqa/search, metric: rougeL_ja, limit: 2}\n");
    const std::string out = views.empty() ? "tiles" : "single";
    const ProgramResult search =
        run({"search", "search.yaml", "--study", out + ".db", "--out", out, "--quiet"});
    ASSERT_EQ(search.exit_code, 0) << search.errors;
    const FileCheckpoint written(folder() / out);
    EXPECT_EQ(written.config().architecture, views.empty() ? "LlavaNextForConditionalGeneration"
                                                           : "LlavaForConditionalGeneration");
    EXPECT_EQ(run({"caption", picture("in_37x40.png"), "--model", out}).exit_code, 0);
  }
}

}  // namespace
}  // namespace vlm
