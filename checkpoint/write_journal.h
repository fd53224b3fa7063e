#pragma once

// What a writer that is killed leaves behind so that the next one can go on: what it was writing,
// which parts of which tensors are in their files, and numbers that took long to find.
//
// A text file. The first line is the identity, a JSON object; each further line is one part (shard,
// tensor, first element, elements, checksum of the stored bytes) or, behind "=", numbers (checksum
// of the rest of the line, name, numbers).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "checkpoint/recall_numbers.h"
#include "core/json_fields.h"

namespace vlm {

class SafetensorsWriter;

// Elements [first, first + count) of a tensor of a shard.
struct TensorPart {
  std::size_t shard = 0;
  std::size_t tensor = 0;  // in the order of the shard's file
  std::size_t first = 0;
  std::size_t count = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a 0 in what the compiler makes of it
  friend auto operator<=>(const TensorPart&, const TensorPart&) = default;
};

class WriteJournal {
 public:
  // Continues the journal of that name, or begins one if there is none or none was begun. A last
  // line that is incomplete counts as not there.
  // Throws Error{kInvalidArgument} naming what differs if the journal has another identity,
  // Error{kIo}.
  WriteJournal(std::filesystem::path path, const Json& identity);
  ~WriteJournal();
  WriteJournal(const WriteJournal&) = delete;
  WriteJournal& operator=(const WriteJournal&) = delete;
  WriteJournal(WriteJournal&&) = delete;
  WriteJournal& operator=(WriteJournal&&) = delete;

  // The checksum of a part that an earlier run wrote.
  [[nodiscard]] std::optional<std::uint64_t> find(const TensorPart& part) const;
  // The parts of a tensor that earlier runs wrote, in order.
  [[nodiscard]] std::vector<TensorPart> parts_of(std::size_t shard, std::size_t tensor) const;
  // Notes a part that is in its file. May be called from several threads at once.
  void add(const TensorPart& part, std::uint64_t checksum);
  // What an earlier run noted under that name, else what `make` returns, which is noted. May be
  // called from several threads at once, for different names. REQUIRES: no white space in the name.
  Numbers recall(const std::string& name, const std::function<Numbers()>& make);

 private:
  void read_lines(const Json& identity);
  void read_part(const std::string& line);
  void read_numbers(const std::string& line);
  void append(const std::string& line);

  std::filesystem::path path_;
  std::map<TensorPart, std::uint64_t> parts_;            // of earlier runs
  std::map<std::string, Numbers, std::less<>> numbers_;  // likewise
  int descriptor_ = -1;
  std::mutex mutex_;
};

// Whether an earlier run wrote the part, of elements of that size, and it is still in its file.
// `journal` may be null: none did.
bool is_written(const WriteJournal* journal, const SafetensorsWriter& file, const TensorPart& part,
                std::size_t element_bytes);

}  // namespace vlm
