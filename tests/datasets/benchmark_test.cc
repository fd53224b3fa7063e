#include "datasets/benchmark.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A folder of its own for each test, with one picture file.
class BenchmarkFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) /
             testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder);
    fs::create_directories(folder);
    write("a.png", "picture");
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder / name, std::ios::binary) << content;
  }
  [[nodiscard]] std::vector<BenchmarkItem> load(const std::string& lines) const {
    write("data.jsonl", lines);
    return load_benchmark_items(folder);
  }
  [[nodiscard]] std::string error_of(const std::string& lines) const {
    return error_message([&] { [[maybe_unused]] const auto items = load(lines); });
  }

  fs::path folder;
};

TEST_F(BenchmarkFolder, ReadsAllFields) {
  const auto items = load(
      R"({"id":"x","image":"a.png","question":"何？","answer":"猫","type":"what","scene":"猫"})"
      "\n"
      R"({"id":7,"question":"1+1","answer_number":2})");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].id, "x");
  EXPECT_EQ(items[0].question, "何？");
  EXPECT_EQ(items[0].answer, "猫");
  EXPECT_EQ(items[0].type, "what");
  EXPECT_EQ(items[0].image, folder / "a.png");
  EXPECT_FALSE(items[0].answer_number.has_value());
  EXPECT_EQ(items[1].id, "7");
  EXPECT_EQ(items[1].answer, "2");
  EXPECT_EQ(items[1].answer_number, 2.0);
}

TEST_F(BenchmarkFolder, MissingIdIsTheLineIndex) {
  EXPECT_EQ(load(R"({"question":"q","answer":"a"})")[0].id, "0");
}

TEST_F(BenchmarkFolder, RefusesPicturesOutside) {
  for (const std::string name : {"../a.png", "/etc/passwd", "b/../../a.png", ""}) {
    EXPECT_THAT(error_of(R"({"question":"q","answer":"a","image":")" + name + "\"}"),
                HasSubstr("not inside the benchmark's folder"))
        << name;
  }
}

TEST_F(BenchmarkFolder, RefusesMissingPictures) {
  EXPECT_THAT(error_of(R"({"question":"q","answer":"a","image":"b.png"})"),
              HasSubstr("picture not found"));
}

TEST_F(BenchmarkFolder, RefusesBadItems) {
  EXPECT_THAT(error_of(R"({"answer":"a"})"), HasSubstr("question"));
  EXPECT_THAT(error_of(R"({"question":"","answer":"a"})"), HasSubstr("empty question"));
  EXPECT_THAT(error_of(R"({"question":"q"})"), HasSubstr("neither answer nor answer_number"));
  EXPECT_THAT(error_of(R"({"question":"q","answer":3})"), HasSubstr("answer"));
  EXPECT_THAT(error_of("{\"id\":\"x\",\"question\":\"q\",\"answer\":\"a\"}\n"
                       "{\"id\":\"x\",\"question\":\"q\",\"answer\":\"a\"}"),
              HasSubstr("repeated id"));
  EXPECT_THAT(error_of(""), HasSubstr("no items"));
}

TEST_F(BenchmarkFolder, HashFollowsTextAndPicturesNotThePlace) {
  const std::string line = R"({"id":"x","question":"q","answer":"a","image":"a.png"})";
  const std::string hash = hash_benchmark_items(load(line));
  auto other = load(R"({"id":"x","question":"q","answer":"b","image":"a.png"})");
  EXPECT_NE(hash_benchmark_items(other), hash);
  write("a.png", "another picture");
  EXPECT_NE(hash_benchmark_items(load(line)), hash);
  write("b.png", "picture");
  EXPECT_EQ(hash_benchmark_items(load(R"({"id":"x","question":"q","answer":"a","image":"b.png"})")),
            hash);
}

}  // namespace
}  // namespace vlm
