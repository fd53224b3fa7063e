// What `merge` says about a bad world: one line, exit code 1, nothing lost, nothing half-written.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "checkpoint/file_checkpoint.h"
#include "tests/cli/program.h"

namespace vlm {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class MergeErrors : public ProgramTest {
 protected:
  ~MergeErrors() override { ::umount2((folder() / "small").c_str(), MNT_DETACH); }
  MergeErrors() = default;
  MergeErrors(const MergeErrors&) = delete;
  MergeErrors& operator=(const MergeErrors&) = delete;
  MergeErrors(MergeErrors&&) = delete;
  MergeErrors& operator=(MergeErrors&&) = delete;

  // A recipe over `a` and ja-lm; `rest` ends it.
  void write_recipe(const std::string& a, const std::string& rest) const {
    write("recipe.yaml", "models:\n  - {model: " + a + ", parameters: {weight: 1}}\n  - {model: " +
                             model("ja-lm") + ", parameters: {weight: -1}}\n" + rest);
  }
  void write_good_recipe(const std::string& a) const {
    write_recipe(a, "merge_method: linear\nparameters: {normalize: false}\n");
  }
  // base-lm, with weights of its own.
  [[nodiscard]] fs::path copied_model() const {
    fs::copy(model("base-lm"), folder() / "model");
    fs::permissions(folder() / "model/model.safetensors", fs::perms::owner_write,
                    fs::perm_options::add);
    return folder() / "model/model.safetensors";
  }
  // Stops the merge (SIGSTOP) when it has begun to write. Tries again where it was too quick.
  [[nodiscard]] pid_t start_and_stop(const std::vector<std::string>& merge,
                                     const fs::path& target) const {
    const fs::path work = target.parent_path() / ("." + target.filename().string() + ".tmp");
    for (int attempt = 0; attempt < 50; ++attempt) {
      fs::remove_all(target);
      const pid_t process = start(merge);
      if (!wait_until(process, [&] { return fs::exists(work / "config.json"); })) continue;
      ::kill(process, SIGSTOP);
      if (fs::exists(work / "config.json")) return process;
      ::kill(process, SIGCONT);
      ::waitpid(process, nullptr, 0);
    }
    return 0;
  }
  // Of a stopped merge that now goes on to its failure.
  void expect_failure_of(pid_t process, const std::string& message) const {
    ASSERT_NE(process, 0);
    ::kill(process, SIGCONT);
    const ProgramResult result = finish(process);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.errors, testing::StartsWith("vlm-merge: error: "));
    EXPECT_THAT(result.errors, HasSubstr(message));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
  }

  const std::vector<std::string> merge_{"merge", "recipe.yaml", "out", "--quiet", "--threads", "1"};
};

TEST_F(MergeErrors, NanWeightIsNamedUnlessAllowed) {
  const fs::path file = copied_model();
  const std::string name = "text/model.layers.2.mlp.up_proj.weight";
  {
    const auto checkpoint = FileCheckpoint::open(folder() / "model");
    const TensorInfo* const info = checkpoint->find(name);
    ASSERT_NE(info, nullptr);
    ASSERT_EQ(info->dtype, DType::kBF16);
    const SafetensorsFile weights(file);
    std::uintmax_t data_bytes = 0;
    std::uintmax_t place = 0;
    for (const SafetensorsEntry& entry : weights.entries()) {
      data_bytes = std::max<std::uintmax_t>(data_bytes, entry.end_bytes);
      if (entry.name == "model.layers.2.mlp.up_proj.weight") place = entry.begin_bytes;
    }
    const std::size_t columns = info->shape[1];
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(fs::file_size(file) - data_bytes + place +
                                          2 * (3 * columns + 5)));
    out.write("\xC0\x7F", 2);
  }
  write_good_recipe("model");
  expect_failure(merge_, "weight is not a number: model: " + name + ": element [3, 5]: nan");
  EXPECT_FALSE(fs::exists(folder() / "out"));
  EXPECT_FALSE(fs::exists(folder() / ".out.tmp"));
  std::vector<std::string> lenient = merge_;
  lenient.emplace_back("--allow-nan");
  EXPECT_EQ(run(lenient).exit_code, 0);

  const std::string where = "weight is not a number: model: " + name + ": element [3, 5]: nan";
  expect_failure({"export", "model", "--gguf", "x.gguf", "--quiet"}, where);
  EXPECT_FALSE(fs::exists(folder() / "x.gguf"));
  EXPECT_EQ(run({"export", "model", "--gguf", "x.gguf", "--quiet", "--allow-nan"}).exit_code, 0);
  expect_failure(
      {"extract-lora", "--base", model("base-lm"), "--model", "model", "--out", "lora", "--quiet"},
      where);
}

TEST_F(MergeErrors, ParametersThatCannotBeAreRefusedBeforeTheMerge) {
  write_recipe(model("base-lm"), "merge_method: linear\n");
  expect_failure(merge_, "weights sum to 0, which cannot be normalised");
  write_recipe(model("base-lm"), "merge_method: ties\nbase_model: " + model("math-lm") +
                                     "\nparameters: {density: 1.5}\n");
  expect_failure(merge_, "density is out of range (0 to 1): recipe.yaml:6: 1.5");
  write_recipe(model("base-lm"), "merge_method: ties\nbase_model: " + model("math-lm") +
                                     "\nparameters: {density: -0.1}\n");
  expect_failure(merge_, "density is out of range");
  write("recipe.yaml", "models: [{model: " + model("base-lm") + "}, {model: " + model("ja-lm") +
                           "}]\nmerge_method: slerp\nbase_model: " + model("base-lm") +
                           "\nparameters: {t: []}\n");
  expect_failure(merge_, "recipe.yaml:4");
  write("recipe.yaml", "models: [{model: " + model("base-lm") + "}, {model: " + model("ja-lm") +
                           "}]\nmerge_method: slerp\nbase_model: " + model("base-lm") +
                           "\nparameters: {t: [{filter: mlp, value: []}, {value: 0.5}]}\n");
  expect_failure(merge_, "recipe.yaml:4");
  EXPECT_FALSE(fs::exists(folder() / "out"));
}

TEST_F(MergeErrors, AFileSizeLimitIsAnErrorOfWriting) {
  write_good_recipe(model("base-lm"));
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  rlimit limit = old_limit;
  limit.rlim_cur = 1'000'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  expect_failure(merge_, "cannot write file: .out.tmp/model.safetensors: ");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  EXPECT_FALSE(fs::exists(folder() / "out"));
  EXPECT_FALSE(fs::exists(folder() / ".out.tmp"));
}

TEST_F(MergeErrors, AFullDiskIsFoundAtTheBeginningOrInTheMiddleAndCanBeResumed) {
  const fs::path small = folder() / "small";
  fs::create_directory(small);
  const auto mount = [&](const char* options) {
    return ::mount("tmpfs", small.c_str(), "tmpfs", 0, options) == 0;
  };
  if (!mount("size=2m")) GTEST_SKIP() << "only root may mount a small file system";
  write_good_recipe(model("base-lm"));
  // Each shard takes its room when it is begun.
  std::vector<std::string> merge{"merge",     "recipe.yaml", "small/out",        "--quiet",
                                 "--threads", "1",           "--max-shard-size", "1MB"};
  expect_failure(merge, "/small: 6689664 bytes to write, 2097152 free");
  EXPECT_TRUE(fs::is_empty(small));
  ASSERT_EQ(::umount(small.c_str()), 0);

  ASSERT_TRUE(mount("size=16m"));
  const auto fill = [&] { std::ofstream(small / "filler") << std::string(20'000'000, 'x'); };
  const pid_t process = start_and_stop(merge, small / "out");
  fill();
  expect_failure_of(process, "No space left on device");
  fs::remove(small / "filler");
  EXPECT_TRUE(fs::is_empty(small));

  merge.emplace_back("--resume");
  const pid_t resumable = start_and_stop(merge, small / "out");
  fill();
  expect_failure_of(resumable, "No space left on device");
  EXPECT_TRUE(fs::exists(small / ".out.tmp"));
  fs::remove(small / "filler");
  const ProgramResult result = run(merge);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_TRUE(fs::exists(small / "out/model.safetensors.index.json"));
  EXPECT_FALSE(fs::exists(small / ".out.tmp"));
}

TEST_F(MergeErrors, TheTargetMayBeOnAnotherFileSystem) {
  const fs::path other = "/dev/shm";
  if (!fs::is_directory(other)) GTEST_SKIP() << "no second file system";
  write_good_recipe(model("base-lm"));
  ASSERT_EQ(run(merge_).exit_code, 0);
  const fs::path target = other / folder().filename();
  const ProgramResult result = run({"merge", "recipe.yaml", target.string(), "--quiet"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(read_text_file(target / "model.safetensors"),
            read_text_file(folder() / "out/model.safetensors"));
  fs::remove_all(target);
}

TEST_F(MergeErrors, AModelThatChangesMeanwhileIsRefused) {
  const fs::path file = copied_model();
  write_good_recipe("model");
  const pid_t process = start_and_stop(merge_, folder() / "out");
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
  expect_failure_of(process, "file changed while it was read: " + file.string() + ": ");
  EXPECT_FALSE(fs::exists(folder() / "out"));
  EXPECT_FALSE(fs::exists(folder() / ".out.tmp"));
}

TEST_F(MergeErrors, AModelThatIsCutOffMeanwhileIsAnErrorToo) {
  const fs::path file = copied_model();
  write_good_recipe("model");
  const pid_t process = start_and_stop(merge_, folder() / "out");
  fs::resize_file(file, 100);
  expect_failure_of(process, "file");
  EXPECT_FALSE(fs::exists(folder() / "out"));
}

TEST_F(MergeErrors, ASecondWriterOfATargetIsRefused) {
  write_good_recipe(model("base-lm"));
  const pid_t process = start_and_stop(merge_, folder() / "out");
  ASSERT_NE(process, 0);
  std::vector<std::string> resuming = merge_;
  resuming.emplace_back("--resume");
  for (const std::vector<std::string>& second : {merge_, resuming}) {
    const ProgramResult refused = run(second);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_EQ(refused.errors,
              "vlm-merge: error: output is being written by another process: out\n");
  }
  ::kill(process, SIGCONT);
  EXPECT_EQ(finish(process).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder() / "out/model.safetensors"));
}

}  // namespace
}  // namespace vlm
