#pragma once

// A study file of its own for each test, and small values to put into it.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "search/sqlite_database.h"
#include "search/study_store.h"

namespace vlm {

inline constexpr const char* kWorker = "host:1:2";

class StudyStoreTest : public ::testing::Test {
 protected:
  StudyStoreTest()
      : folder(std::filesystem::temp_directory_path() /
               ("vlm_study_store_" + std::to_string(getpid()) + "_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        file(folder / "study.db") {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~StudyStoreTest() override { std::filesystem::remove_all(folder); }
  StudyStoreTest(const StudyStoreTest&) = delete;
  StudyStoreTest& operator=(const StudyStoreTest&) = delete;

  [[nodiscard]] StudyStore create() const { return StudyStore::create(file, description()); }
  [[nodiscard]] StudyStore open() const { return StudyStore::open(file, "ja-vlm"); }

  static StudyDescription description() {
    return {"ja-vlm",
            {Direction::kMaximize},
            {{"seed", "42"}, {"model base", "sha256:ab"}},
            {{"recipe", "merge_method: ties"}, {"weights", Json::array({0.5, 1})}}};
  }

  // The code and the message with which `call` fails.
  template <typename Call>
  static std::pair<ErrorCode, std::string> refusal(const Call& call) {
    try {
      static_cast<void>(call());
    } catch (const Error& error) {
      return {error.code(), error.what()};
    }
    return {ErrorCode::kInterrupted, "no error"};
  }

  void execute(const std::string& sql) const {
    SqliteDatabase(file, SqliteDatabase::Missing::kRefuse).execute(sql);
  }

  [[nodiscard]] std::string integrity() const {
    SqliteDatabase database(file, SqliteDatabase::Missing::kRefuse);
    SqliteStatement row = database.prepare("PRAGMA integrity_check");
    row.step();
    return row.text(0);
  }

  std::filesystem::path folder;
  std::filesystem::path file;
};

inline const SearchSpace& space() {
  static const SearchSpace search_space{{{"weight", 0.0, 1.5, 0.5}, {"density", 0.1, 1.0, 0.3}}};
  return search_space;
}

inline StudyGeneration generation(std::size_t index) {
  return {index, Json{{"sigma", 0.1}}};
}

inline const std::vector<std::vector<double>>& two_points() {
  static const std::vector<std::vector<double>> points{{0.5, 0.3}, {1.25, 0.7}};
  return points;
}

inline Evaluation evaluation(double value) {
  return {{value},
          {{"ja-math", "17", 1.0, "答えは42"}, {"ja-math", "18", 0.0, std::string("a\0b\xFF", 4)}},
          {{"merge", 0.01}, {"generate", 2.5}},
          {{"language_rate", 0.9}}};
}

}  // namespace vlm
