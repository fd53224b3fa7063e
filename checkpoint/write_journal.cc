#include "checkpoint/write_journal.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "checkpoint/safetensors_writer.h"
#include "core/checksum.h"
#include "core/descriptor.h"
#include "core/error.h"
#include "core/files.h"
#include "core/system_error.h"

namespace vlm {
namespace {

constexpr std::string_view kNumbers = "= ";  // how their lines begin

// Of lists whose elements begin with their names: in brackets the first one that is not the same.
std::string differing_element(const Json& before, const Json& now) {
  if (!now.is_array()) return "";
  for (const Json& element : now) {
    const bool is_known = std::find(before.begin(), before.end(), element) != before.end();
    if (!is_known) return " (" + element.at(0).get<std::string>() + ")";
  }
  return "";
}

void check_identity(const Json& before, const Json& now, const std::filesystem::path& path) {
  if (before == now) return;
  std::string differing;
  for (const auto& [key, value] : now.items()) {
    if (before.is_object() && before.contains(key) && before.at(key) == value) continue;
    differing += (differing.empty() ? "'" : ", '") + key + "'" +
                 differing_element(before.is_object() ? before.value(key, Json()) : Json(), value);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "cannot resume, this is not as it was when the writing began: " +
                  path.parent_path().string() + ": " + (differing.empty() ? "options" : differing) +
                  " (without --resume it begins anew)");
}

}  // namespace

WriteJournal::WriteJournal(std::filesystem::path path, const Json& identity)
    : path_(std::move(path)) {
  if (std::filesystem::exists(path_)) read_lines(identity);
  constexpr mode_t kReadableByAll = 0644;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kReadableByAll);
  if (descriptor_ < 0) fail_writing("cannot create file", path_);
  // The line break ends a line that a killed run left incomplete.
  append(std::filesystem::file_size(path_) == 0 ? json_line(identity) + "\n" : "\n");
}

WriteJournal::~WriteJournal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void WriteJournal::read_lines(const Json& identity) {
  std::istringstream lines(read_text_file(path_));
  std::string line;
  if (!std::getline(lines, line) || lines.eof()) {  // killed while it began
    std::filesystem::resize_file(path_, 0);
    return;
  }
  check_identity(parse_json(line, path_.string()), identity, path_);
  while (std::getline(lines, line) && !lines.eof()) {
    line.starts_with(kNumbers) ? read_numbers(line) : read_part(line);
  }
}

void WriteJournal::read_part(const std::string& line) {
  std::istringstream fields(line);
  TensorPart part;
  std::uint64_t sum = 0;
  fields >> part.shard >> part.tensor >> part.first >> part.count >> sum;
  if (fields && (fields >> std::ws).eof()) parts_[part] = sum;
}

void WriteJournal::read_numbers(const std::string& line) {
  std::istringstream fields(line.substr(kNumbers.size()));
  std::uint64_t sum = 0;
  std::string content;
  fields >> sum >> std::ws;
  std::getline(fields, content);
  if (sum != checksum(std::as_bytes(std::span(content)))) return;
  fields = std::istringstream(content);
  std::string name;
  fields >> name;
  Numbers& numbers = numbers_[name];
  numbers.assign(std::istream_iterator<std::uint64_t>(fields), {});
}

std::optional<std::uint64_t> WriteJournal::find(const TensorPart& part) const {
  const auto found = parts_.find(part);
  return found == parts_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<TensorPart> WriteJournal::parts_of(std::size_t shard, std::size_t tensor) const {
  std::vector<TensorPart> parts;
  auto next = parts_.lower_bound({shard, tensor, 0, 0});
  for (; next != parts_.end(); ++next) {
    if (next->first.shard != shard || next->first.tensor != tensor) break;
    parts.push_back(next->first);
  }
  return parts;
}

void WriteJournal::add(const TensorPart& part, std::uint64_t checksum) {
  std::ostringstream line;
  line << part.shard << ' ' << part.tensor << ' ' << part.first << ' ' << part.count << ' '
       << checksum << '\n';
  append(line.str());
}

Numbers WriteJournal::recall(const std::string& name, const std::function<Numbers()>& make) {
  const auto found = numbers_.find(name);
  if (found != numbers_.end()) return found->second;
  Numbers numbers = make();
  std::string content = name;
  for (const std::uint64_t number : numbers) content += " " + std::to_string(number);
  const std::uint64_t sum = checksum(std::as_bytes(std::span(content)));
  append(std::string(kNumbers) + std::to_string(sum) + " " + content + "\n");
  return numbers;
}

void WriteJournal::append(const std::string& line) {
  const std::lock_guard lock(mutex_);
  write_bytes(descriptor_, line, path_);
}

bool is_written(const WriteJournal* journal, const SafetensorsWriter& file, const TensorPart& part,
                std::size_t element_bytes) {
  const auto sum = journal == nullptr ? std::nullopt : journal->find(part);
  if (!sum) return false;
  std::vector<std::byte> bytes(part.count * element_bytes);
  file.read(part.tensor, part.first * element_bytes, bytes);
  return checksum(bytes) == *sum;
}

}  // namespace vlm
