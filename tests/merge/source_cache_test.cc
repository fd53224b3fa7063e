#include "merge/source_cache.h"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "merge/model_pool.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

static_assert(!std::is_copy_constructible_v<ModelPool>,
              "a copy would open models anew for every plan");

std::shared_ptr<const FloatTensor> values_of(SourceCache& cache, const TensorInfo& info,
                                             float value) {
  return cache.values(info, std::nullopt, [&] { return FloatTensor(2, value); });
}

TEST(SourceCache, LoadsATensorOnce) {
  SourceCache cache(1024);
  const TensorInfo info{"text/a", DType::kF32, {2}};
  EXPECT_EQ(values_of(cache, info, 1.0F)->front(), 1.0F);
  EXPECT_EQ(values_of(cache, info, 2.0F)->front(), 1.0F);
  EXPECT_EQ(cache.size_bytes(), 8U);
}

TEST(SourceCache, WithoutRoomItGivesWhatItDoesNotKeep) {
  SourceCache cache(4);
  const TensorInfo info{"text/a", DType::kF32, {2}};
  EXPECT_EQ(values_of(cache, info, 1.0F)->front(), 1.0F);
  EXPECT_EQ(values_of(cache, info, 2.0F)->front(), 2.0F);
  EXPECT_EQ(cache.size_bytes(), 0U);
}

// Models opened anew for every plan once lay at the addresses of closed ones, and the cache gave
// out the closed ones' tensors.
TEST(SourceCache, KeepsTheModelsOfItsTensorsOpen) {
  const auto cache = std::make_shared<SourceCache>(1U << 20U);
  std::weak_ptr<const Checkpoint> opened;
  {
    const OpenModel open = [&](const std::string& name) {
      auto model = make_up({.value = name == "a" ? 1.0F : 3.0F});
      opened = model;
      return model;
    };
    const Recipe recipe = parse_recipe(
        "{models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}], "
        "merge_method: linear}",
        "recipe.yaml");
    const MergedCheckpoint merged(make_merge_plan(recipe, open), {.seed = 0, .cache = cache});
    const TensorInfo& info = merged.tensors().front();
    std::vector<float> values(*element_count(info.shape));
    merged.read(info, values);
    EXPECT_EQ(values.front(), 2.0F);
  }
  EXPECT_FALSE(opened.expired());
}

}  // namespace
}  // namespace vlm
