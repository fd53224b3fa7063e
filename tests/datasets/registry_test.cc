#include "datasets/registry.h"

#include <cstddef>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& text) {
  return error_message([&] { parse_benchmark_reference(text); });
}

TEST(Registry, DefaultSplitIsTest) {
  const auto reference = parse_benchmark_reference("ja-emoji-vqa");
  EXPECT_EQ(reference.name, "ja-emoji-vqa");
  EXPECT_EQ(reference.split, "test");
  EXPECT_FALSE(reference.path.has_value());
}

TEST(Registry, ReadsSplitAndPath) {
  const auto reference = parse_benchmark_reference("ja-math/search=my/data=1.jsonl");
  EXPECT_EQ(reference.split, "search");
  EXPECT_EQ(reference.path, "my/data=1.jsonl");
}

TEST(Registry, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(error_of("ja-emoji-vq"), HasSubstr("did you mean 'ja-emoji-vqa'?"));
  EXPECT_THAT(error_of("ja-math/serach"), HasSubstr("did you mean 'search'?"));
  EXPECT_THAT(error_of("en-math/search"), HasSubstr("unknown split: en-math"));
  EXPECT_THAT(error_of("ja-emoji-in-the-wild/search"), HasSubstr("unknown split"));
  EXPECT_THAT(error_of("ja-math="), HasSubstr("without a path"));
  EXPECT_THAT(error_of("mgsm-ja"), HasSubstr("mgsm-ja=PATH"));
  EXPECT_EQ(error_of("mgsm-ja/search=x.jsonl"), "no error");
}

struct BundledSet {
  std::string reference;
  std::size_t num_items;
  bool has_pictures;
};

class Bundled : public testing::TestWithParam<BundledSet> {};

TEST_P(Bundled, LoadsCompletely) {
  const auto& [reference, num_items, has_pictures] = GetParam();
  const Benchmark benchmark = open_benchmark(parse_benchmark_reference(reference), VLM_PROJECT_DIR);
  EXPECT_EQ(benchmark.items.size(), num_items);
  EXPECT_EQ(benchmark.data_hash.size(), 64U);
  for (const BenchmarkItem& item : benchmark.items) {
    EXPECT_EQ(item.image.has_value(), has_pictures) << item.id;
    EXPECT_EQ(item.answer_number.has_value(), !has_pictures) << item.id;
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, Bundled,
                         testing::Values(BundledSet{"ja-emoji-vqa/search", 300, true},
                                         BundledSet{"ja-emoji-vqa/test", 200, true},
                                         BundledSet{"en-emoji-vqa/search", 150, true},
                                         BundledSet{"en-emoji-vqa/test", 100, true},
                                         BundledSet{"ja-emoji-in-the-wild", 50, true},
                                         BundledSet{"ja-math/search", 300, false},
                                         BundledSet{"ja-math", 200, false},
                                         BundledSet{"en-math", 100, false}));

TEST(Registry, LimitKeepsTheFirstItemsAndHashesAnew) {
  Benchmark benchmark = open_benchmark(parse_benchmark_reference("ja-math"), VLM_PROJECT_DIR);
  const std::string whole = benchmark.data_hash;
  limit_items(benchmark, 1000);
  EXPECT_EQ(benchmark.data_hash, whole);
  limit_items(benchmark, 3);
  EXPECT_EQ(benchmark.items.size(), 3U);
  EXPECT_EQ(benchmark.items[0].id, "t0000");
  EXPECT_NE(benchmark.data_hash, whole);
}

}  // namespace
}  // namespace vlm
