#include "checkpoint/writer.h"

#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "tests/checkpoint/writer_fixture.h"

namespace vlm {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

void expect_equal_tensors(const Checkpoint& expected, const Checkpoint& written) {
  EXPECT_EQ(written.tensors().size(), expected.tensors().size());
  for (const TensorInfo& info : expected.tensors()) {
    const TensorInfo* found = written.find(info.name);
    ASSERT_NE(found, nullptr) << info.name;
    EXPECT_EQ(found->dtype, info.dtype);
    EXPECT_EQ(found->shape, info.shape);
    std::vector<float> wanted(element_count(info.shape).value());
    std::vector<float> seen(wanted.size());
    expected.read(info, wanted);
    written.read(*found, seen);
    EXPECT_EQ(seen, wanted) << info.name;
  }
}

TEST_F(Writer, ReadsBackEveryDtype) {
  const MadeUpCheckpoint checkpoint = source();
  write(checkpoint);
  EXPECT_TRUE(fs::exists(target / "model.safetensors"));
  expect_equal_tensors(checkpoint, *FileCheckpoint::open(target));
  EXPECT_EQ(SafetensorsFile(target / "model.safetensors").metadata().at("format"), "pt");
}

TEST_F(Writer, WiderTypesGoFirstSoThatEveryTensorIsAligned) {
  write(source());
  const SafetensorsFile file(target / "model.safetensors");
  std::vector<std::string> names;
  for (const SafetensorsEntry& entry : file.entries()) {
    names.push_back(entry.name);
    EXPECT_EQ(entry.begin_bytes % element_size_bytes(entry.dtype), 0U);
  }
  EXPECT_EQ(names[0], "model.layers.0.a.weight");
  EXPECT_EQ(names[1], "model.layers.1.a.weight");
  EXPECT_EQ(names[2], "model.embed_tokens.weight");
}

TEST_F(Writer, SplitsIntoShardsWithAnIndex) {
  options.max_shard_size_bytes = 400;  // 128 + 256 | 128 + 256 + 0 | 128
  const MadeUpCheckpoint checkpoint = source();
  write(checkpoint);
  const Json index = read_json_file(target / "model.safetensors.index.json");
  EXPECT_EQ(index["metadata"]["total_size"], 896);
  EXPECT_EQ(index["weight_map"]["model.embed_tokens.weight"], "model-00001-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"]["model.layers.1.a.weight"], "model-00002-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"]["lm_head.weight"], "model-00003-of-00003.safetensors");
  EXPECT_FALSE(fs::exists(target / "model.safetensors"));
  expect_equal_tensors(checkpoint, *FileCheckpoint::open(target));
}

TEST_F(Writer, ATensorLargerThanAShardHasOneOfItsOwn) {
  options.max_shard_size_bytes = 1;
  const MadeUpCheckpoint checkpoint = source();
  write(checkpoint);
  expect_equal_tensors(checkpoint, *FileCheckpoint::open(target));
}

TEST_F(Writer, TensorsAreReadAheadOnceBeforeTheyAreOpened) {
  options.max_shard_size_bytes = 400;
  MadeUpCheckpoint checkpoint = source();
  std::multiset<std::size_t> fetched;
  checkpoint.on_read_ahead = [&](std::size_t place) { fetched.insert(place); };
  checkpoint.on_open = [&](std::size_t place) { EXPECT_EQ(fetched.count(place), 1U) << place; };
  write(checkpoint);
  EXPECT_EQ(fetched.size(), checkpoint.tensors().size());
}

TEST_F(Writer, BytesDoNotDependOnThreads) {
  options.max_shard_size_bytes = 700;
  write(source(), 1);
  const auto expected = contents(target);
  for (const std::size_t num_threads : {2U, 3U, 8U}) {
    fs::remove_all(target);
    write(source(), num_threads);
    EXPECT_TRUE(contents(target) == expected) << num_threads;
  }
}

TEST_F(Writer, OpensOnlyWhatFitsIntoTheMemory) {
  MadeUpCheckpoint checkpoint = source();
  std::vector<std::size_t> opened;
  checkpoint.on_open_together = [&](std::size_t count) { opened.push_back(count); };
  checkpoint.bytes_while_open = kMaxWorkingBytes / 4;
  write(checkpoint);
  EXPECT_EQ(opened, (std::vector<std::size_t>{4, 2}));
  std::filesystem::remove_all(target);
  opened.clear();
  checkpoint.bytes_while_open = kMaxWorkingBytes + 1;
  write(checkpoint);
  EXPECT_EQ(opened, std::vector<std::size_t>(6, 1));
}

TEST_F(Writer, EveryLayoutReadsBack) {
  const auto data = fs::path(VLM_TEST_DATA) / "checkpoint/llava15";
  const auto original = FileCheckpoint::open(data / "hub_layout");
  options.config_json = original->config().original.dump();
  for (const LayoutKind kind :
       {LayoutKind::kLlavaHub, LayoutKind::kLlavaSavedV5, LayoutKind::kLlavaInMemoryV5}) {
    fs::remove_all(target);
    options.layout = Layout(kind);
    write(*original, 2);
    const auto written = FileCheckpoint::open(target);
    EXPECT_EQ(written->layout().kind(), kind);
    expect_equal_tensors(*original, *written);
  }
}

TEST_F(Writer, CopiesSideFilesAndAddsExtraOnes) {
  options.extra_files = {{"recipe.yaml", "merge_method: ties\n"},
                         {"chat_template.jinja", "new template"}};
  write(source());
  const auto files = contents(target);
  EXPECT_EQ(files.at("tokenizer.json"), "tokens");
  EXPECT_EQ(files.at("chat_template.jinja"), "new template");
  EXPECT_EQ(files.at("recipe.yaml"), "merge_method: ties\n");
  EXPECT_EQ(files.at("config.json"), text_config());
  EXPECT_FALSE(files.contains("README.md"));
}

TEST_F(Writer, ReportsProgressPerTensor) {
  std::vector<std::size_t> done;
  options.on_progress = [&](const ProgressEvent& event) {
    EXPECT_EQ(event.total, 6U);
    done.push_back(event.done);
  };
  write(source());
  EXPECT_THAT(done, testing::ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(Writer, AStopRequestLeavesNothing) {
  std::atomic<int> asked = 0;
  options.stop_requested = [&] { return ++asked == 3; };
  error_message(ErrorCode::kInterrupted, [&] { write(source()); });
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(Writer, ASourceThatFailsLeavesNothing) {
  MadeUpCheckpoint failing = source();
  failing.on_read = [](std::size_t place) {
    if (place == 3) throw Error(ErrorCode::kIo, "lost");
  };
  for (const std::size_t num_threads : {1U, 2U}) {
    error_message(ErrorCode::kIo, [&] { write(failing, num_threads); });
    EXPECT_TRUE(nothing_is_left());
  }
}

TEST_F(Writer, KilledInTheMiddleItLeavesNothingUnderTheName) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    MadeUpCheckpoint deadly = source();
    deadly.on_read = [](std::size_t place) {
      if (place == 3) ::raise(SIGKILL);
    };
    write(deadly);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(fs::exists(target));
  write(source());
  EXPECT_EQ(FileCheckpoint::open(target)->tensors().size(), 6U);
}

TEST_F(Writer, AWeightFileThatChangesMeanwhileIsRefused) {
  const fs::path weights = directory.add("source/model.safetensors", "weights");
  for (const Resumption resumption : {Resumption::kNever, Resumption::kOffered}) {
    options.resumption = resumption;
    MadeUpCheckpoint checkpoint = source();
    checkpoint.files = {file_state(weights)};
    checkpoint.on_read = [&](std::size_t place) {
      if (place == 5) std::ofstream(weights, std::ios::app) << "!";
    };
    EXPECT_THAT(error_message(ErrorCode::kCorruptFile, [&] { write(checkpoint); }),
                HasSubstr("source/model.safetensors: "));
    EXPECT_TRUE(nothing_is_left());
  }
}

TEST_F(Writer, TwoWritersOfOneTargetAreOneTooMany) {
  MadeUpCheckpoint checkpoint = source();
  std::string message;
  checkpoint.on_read = [&](std::size_t place) {
    if (place != 3) return;
    message = error_message(ErrorCode::kExists, [&] { write(source()); });
  };
  write(checkpoint);
  EXPECT_THAT(message, HasSubstr("output is being written by another process: "));
  expect_equal_tensors(checkpoint, *FileCheckpoint::open(target));
}

TEST_F(Writer, ADiskWithTooLittleRoomIsFoundBeforeTheWork) {
  // Holes count for nothing in the test's file system, their size does for the writer.
  const MadeUpCheckpoint large({{"text/lm_head.weight", DType::kF32, {1U << 31U, 1U << 20U}}},
                               directory.path() / "source");
  EXPECT_THAT(error_message(ErrorCode::kIo, [&] { write(large); }),
              testing::AllOf(HasSubstr("no room on the disk"),
                             HasSubstr("9007199254740992 bytes to write")));
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(Writer, KeepsAnExistingTarget) {
  directory.add("out/mine.txt", "precious");
  error_message(ErrorCode::kExists, [&] { write(source()); });
  EXPECT_EQ(contents(target), (std::map<std::string, std::string>{{"mine.txt", "precious"}}));
}

// A limit on the file size fails as a full disk does: write() returns an error half-way.
TEST_F(Writer, AFullDiskNamesTheFileAndLeavesNothing) {
  const MadeUpCheckpoint large({{"text/lm_head.weight", DType::kF32, {1000, 1000}}},
                               directory.path() / "source");
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  rlimit limit = old_limit;
  limit.rlim_cur = 1'000'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string message = error_message(ErrorCode::kIo, [&] { write(large); });
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, HasSubstr("model.safetensors"));
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(Writer, APlaceThatCannotBeWrittenIsAnError) {
  directory.add("file", "");
  target = directory.path() / "file/out";
  error_message(ErrorCode::kIo, [&] { write(source()); });
}

TEST_F(Writer, AReadOnlyDirectoryIsAnError) {
  fs::create_directories(directory.path() / "locked");
  fs::permissions(directory.path() / "locked", fs::perms(0555));
  target = directory.path() / "locked/out";
  constexpr uid_t kNobody = 65534;
  const uid_t user = ::geteuid();
  ASSERT_EQ(::seteuid(user == 0 ? kNobody : user), 0);  // root may write everywhere
  const std::string message = error_message(ErrorCode::kIo, [&] { write(source()); });
  ASSERT_EQ(::seteuid(user), 0);
  EXPECT_THAT(message, HasSubstr("locked"));
}

TEST_F(Writer, ATensorWithoutAPlaceInTheLayoutIsAnError) {
  const MadeUpCheckpoint vision({{"vision/post_layernorm.bias", DType::kF32, {2}}},
                                directory.path() / "source");
  error_message(ErrorCode::kInvalidArgument, [&] { write(vision); });
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(Writer, ExtraFilesCannotLeaveTheDirectoryOrReplaceWeights) {
  for (const char* name : {"../x", "a/b", "", "..", "config.json", "model.safetensors",
                           "model.safetensors.index.json"}) {
    options.extra_files = {{name, ""}};
    error_message(ErrorCode::kInvalidArgument, [&] { write(source()); });
  }
  EXPECT_TRUE(nothing_is_left());
}

}  // namespace
}  // namespace vlm
