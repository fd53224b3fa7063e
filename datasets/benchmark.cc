#include "datasets/benchmark.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/error.h"
#include "datasets/content_hash.h"
#include "datasets/jsonl.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, const std::string& where,
                       const std::string& value) {
  throw Error(ErrorCode::kCorruptFile, what + ": " + where + ": " + value);
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), written.ptr};
}

std::string read_id(const JsonFields& fields, std::size_t index) {
  if (!fields.has("id")) return std::to_string(index);
  if (fields.json().at("id").is_number()) return std::to_string(fields.size("id"));
  return fields.text("id");
}

// A picture named by untrusted data must lie below the data's folder.
fs::path resolve_image(const fs::path& folder, const std::string& name, const std::string& where) {
  const fs::path relative = fs::path(name).lexically_normal();
  const bool leaves = relative.is_absolute() || relative.empty() || *relative.begin() == "..";
  if (leaves || name.find('\0') != std::string::npos) {
    fail("picture is not inside the benchmark's folder", where, "'" + name + "'");
  }
  fs::path path = folder / relative;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    throw Error(ErrorCode::kNotFound, "picture not found: " + where + ": " + path.string());
  }
  return path;
}

BenchmarkItem read_item(const JsonFields& fields, std::size_t index, const fs::path& folder) {
  BenchmarkItem item;
  item.id = read_id(fields, index);
  item.question = fields.text("question");
  if (item.question.empty()) fail("empty question", fields.where(), item.id);
  if (fields.has("answer_number")) item.answer_number = fields.number("answer_number");
  if (!fields.has("answer") && !item.answer_number) {
    fail("neither answer nor answer_number", fields.where(), item.id);
  }
  item.answer =
      fields.has("answer") ? fields.text("answer") : number_text(item.answer_number.value_or(0.0));
  item.type = fields.text_or("type", "");
  if (fields.has("image")) {
    item.image = resolve_image(folder, fields.text("image"), fields.where());
  }
  return item;
}

}  // namespace

std::vector<BenchmarkItem> load_benchmark_items(const fs::path& path) {
  std::error_code error;
  const fs::path file = fs::is_directory(path, error) ? path / "data.jsonl" : path;
  std::vector<BenchmarkItem> items;
  std::set<std::string> ids;
  for (const JsonlLine& line : read_jsonl_file(file)) {
    const JsonFields fields(line.object, line.where);
    items.push_back(read_item(fields, items.size(), file.parent_path()));
    if (!ids.insert(items.back().id).second) {
      fail("repeated id", line.where, "'" + items.back().id + "'");
    }
  }
  if (items.empty()) throw Error(ErrorCode::kCorruptFile, "no items: " + file.string());
  return items;
}

std::string hash_benchmark_items(const std::vector<BenchmarkItem>& items) {
  ContentHash hash;
  for (const BenchmarkItem& item : items) {
    hash.add_field(item.id);
    hash.add_field(item.question);
    hash.add_field(item.answer);
    hash.add_field(item.type);
    hash.add_field(item.answer_number ? number_text(*item.answer_number) : "");
    hash.add_field(item.image ? hash_file(*item.image) : "");
  }
  return hash.finish();
}

}  // namespace vlm
