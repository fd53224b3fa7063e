#pragma once

// A model directory with tokenizer files, made for one test.

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "language/tokenizer.h"
#include "tests/error_message.h"

namespace vlm {

class TokenizerDirectory {
 public:
  TokenizerDirectory()
      : path_(std::filesystem::temp_directory_path() /
              ("vlm_tokenizer_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TokenizerDirectory() { std::filesystem::remove_all(path_); }
  TokenizerDirectory(const TokenizerDirectory&) = delete;
  TokenizerDirectory& operator=(const TokenizerDirectory&) = delete;
  TokenizerDirectory(TokenizerDirectory&&) = delete;
  TokenizerDirectory& operator=(TokenizerDirectory&&) = delete;

  void write(const std::string& name, const std::string& content) const {
    write_file_atomically(path_ / name, content);
  }
  void copy(const std::filesystem::path& file) const {
    std::filesystem::copy_file(file, path_ / file.filename());
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // The message of loading its tokenizer.
  [[nodiscard]] std::string load_error() const {
    return error_message([&] { Tokenizer::load(path_); });
  }

 private:
  std::filesystem::path path_;
};

}  // namespace vlm
