#pragma once

// The items of a benchmark: a question, the answer hoped for, and the picture it is about.
// On disk: data.jsonl with one item per line and picture files beside it (docs/formats.md).

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vlm {

struct BenchmarkItem {
  std::string id;  // unique within its file
  std::string question;
  std::string answer;                          // the reference
  std::optional<std::filesystem::path> image;  // exists when loaded
  std::optional<double> answer_number;         // of a word problem
  std::string type;                            // kind of question; "" if not given
};

// Loads a JSON lines file, or the file data.jsonl of a folder. Keys: `id`, `question`, `answer`
// (texts; `id` also an integer; without it the line's number from 0), `image` (a path relative to
// the file's folder, which it may not leave), `answer_number`, `type`. Without `answer`, the
// number's text is the reference. Other keys, such as `scene`, are not read: they may give the
// answer away.
// Throws Error{kNotFound, kIo, kCorruptFile}: also for no items, a repeated id, an empty question,
// neither answer nor number, a picture that is missing.
std::vector<BenchmarkItem> load_benchmark_items(const std::filesystem::path& path);

// SHA-256 over ids, questions, answers, types and the bytes of the pictures, in order.
// It does not depend on where the files are. Throws Error{kNotFound, kIo}.
std::string hash_benchmark_items(const std::vector<BenchmarkItem>& items);

}  // namespace vlm
