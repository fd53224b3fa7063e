#pragma once

// Runs the real program, for tests: its output, its errors, how it ended.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/files.h"
#include "core/json_fields.h"

namespace vlm {

struct ProgramResult {
  int exit_code = -1;  // -1: ended by a signal
  std::string out;
  std::string errors;
};

// A folder of its own for each test, and the program started from it. The bundled models and
// benchmarks are found through VLM_MERGE_HOME.
class ProgramTest : public testing::Test {
 protected:
  ProgramTest() { std::filesystem::create_directories(folder_); }
  ~ProgramTest() override { std::filesystem::remove_all(folder_); }
  ProgramTest(const ProgramTest&) = delete;
  ProgramTest& operator=(const ProgramTest&) = delete;
  ProgramTest(ProgramTest&&) = delete;
  ProgramTest& operator=(ProgramTest&&) = delete;

  // Standard output goes to `output_file`, by default the one that finish() reads.
  [[nodiscard]] pid_t start(const std::vector<std::string>& arguments,
                            const std::filesystem::path& output_file = {},
                            const std::filesystem::path& program = VLM_BINARY) const {
    std::vector<std::string> words{program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::filesystem::path target = output_file.empty() ? output() : output_file;
    write_file_atomically(output(), "");
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, target.c_str(), kFlags, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors().c_str(), kFlags, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, folder_.c_str());
    ::setenv("VLM_MERGE_HOME", VLM_PROJECT_DIR, 1);  // NOLINT(concurrency-mt-unsafe): one thread
    pid_t process = 0;
    const int failed =
        ::posix_spawn(&process, program.c_str(), &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(failed, 0) << std::strerror(failed);  // NOLINT(concurrency-mt-unsafe)
    return process;
  }

  [[nodiscard]] ProgramResult finish(pid_t process) const {
    int status = 0;
    ::waitpid(process, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text_file(output()),
            read_text_file(errors())};
  }

  [[nodiscard]] ProgramResult run(const std::vector<std::string>& arguments) const {
    return finish(start(arguments));
  }

  // Runs the program, which must say so in one line.
  void expect_failure(const std::vector<std::string>& arguments, const std::string& message,
                      int exit_code = 1) const {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_TRUE(result.errors.starts_with("vlm-merge: error: ")) << result.errors;
    EXPECT_NE(result.errors.find(message), std::string::npos) << result.errors;
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
    EXPECT_EQ(result.errors.back(), '\n');
  }

  // Waits until `reached` says so. False: the program ended before, and finish() must not be
  // called.
  template <typename Condition>
  [[nodiscard]] static bool wait_until(pid_t process, Condition reached) {
    while (!reached()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (::waitpid(process, nullptr, WNOHANG) != 0) return false;
    }
    return true;
  }

  // Starts the program and kills it (kill -9) as soon as `reached` says so. False: it ended before.
  template <typename Condition>
  [[nodiscard]] bool kill_when(const std::vector<std::string>& arguments, Condition reached) const {
    const pid_t process = start(arguments);
    if (!wait_until(process, reached)) return false;
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    return true;
  }

  // Writes a file of the test's folder.
  std::filesystem::path write(const std::string& name, const std::string& content) const {
    write_file_atomically(folder_ / name, content);
    return folder_ / name;
  }

  // Standard output, a JSON value on each line.
  [[nodiscard]] std::vector<Json> json_lines(const std::vector<std::string>& arguments) const {
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    std::vector<Json> lines;
    std::istringstream in(result.out);
    for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
    return lines;
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  static std::filesystem::path project() { return VLM_PROJECT_DIR; }
  static std::string model(const std::string& name) {
    return (project() / "zoo/models" / name).string();
  }

 private:
  [[nodiscard]] std::filesystem::path output() const { return folder_ / ".stdout"; }
  [[nodiscard]] std::filesystem::path errors() const { return folder_ / ".stderr"; }

  std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                  ("vlm_program_" + std::to_string(::getpid()) + "_" +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

}  // namespace vlm
