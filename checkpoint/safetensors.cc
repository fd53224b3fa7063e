#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& where, const std::string& seen) {
  throw Error(ErrorCode::kCorruptFile, "damaged safetensors file: " + where + ": " + what + seen);
}

// In quotes, with line breaks and control characters escaped.
std::string quoted(const std::string& name) {
  constexpr std::size_t kLongest = 200;
  return Json(name.substr(0, kLongest)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The header's JSON text, without the length before it.
std::string_view header_text(std::span<const std::byte> file, const std::string& where) {
  if (file.size() < kHeaderLengthBytes) {
    fail("shorter than the header length field: ", where, std::to_string(file.size()) + " bytes");
  }
  std::uint64_t length_bytes = 0;
  for (std::size_t i = 0; i < kHeaderLengthBytes; ++i) {
    length_bytes |= std::to_integer<std::uint64_t>(file[i]) << (8 * i);
  }
  if (length_bytes > kMaxSafetensorsHeaderBytes) {
    fail("header larger than 100 MB: ", where, std::to_string(length_bytes) + " bytes");
  }
  if (length_bytes > file.size() - kHeaderLengthBytes) {
    fail("header ends behind the end of the file: ", where,
         std::to_string(length_bytes) + " bytes in a file of " + std::to_string(file.size()));
  }
  const auto bytes = file.subspan(kHeaderLengthBytes, static_cast<std::size_t>(length_bytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.empty() || text.front() != '{') fail("header does not begin with '{'", where, "");
  return text;
}

std::map<std::string, std::string> parse_metadata(const Json& object, const std::string& where) {
  if (!object.is_object()) fail("__metadata__ is not an object", where, "");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string())
      fail("__metadata__ holds a value that is no text: ", where, quoted(key));
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

std::vector<std::size_t> parse_sizes(const Json& array, const char* key, const std::string& place) {
  if (!array.is_array()) fail(std::string(key) + " is not a list", place, "");
  std::vector<std::size_t> sizes;
  for (const Json& value : array) {
    if (!value.is_number_unsigned()) {
      fail(std::string(key) + " holds what is no non-negative integer: ", place, value.dump());
    }
    sizes.push_back(value.get<std::size_t>());
  }
  return sizes;
}

DType parse_dtype(const JsonFields& fields) {
  const std::string name = fields.text("dtype");
  if (const auto dtype = dtype_from_safetensors_name(name)) return *dtype;
  throw Error(ErrorCode::kUnsupported, "unknown dtype: " + fields.where() + ": " + quoted(name));
}

// The length that shape and dtype ask for.
std::size_t stored_size_bytes(const SafetensorsEntry& entry, const std::string& place) {
  const auto count = element_count(entry.shape);
  std::size_t size_bytes = 0;
  if (!count || __builtin_mul_overflow(*count, element_size_bytes(entry.dtype), &size_bytes)) {
    fail("shape overflows: ", place, to_string(entry.shape));
  }
  return size_bytes;
}

SafetensorsEntry parse_entry(const std::string& name, const Json& object,
                             const std::string& where) {
  const std::string place = where + ": tensor " + quoted(name);
  const JsonFields fields(object, place);
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = parse_dtype(fields);
  for (const char* key : {"shape", "data_offsets"}) {
    if (!fields.has(key)) fail("missing key: ", place, key);
  }
  if (object["shape"].size() > kMaxTensorRank) {
    fail("more than 8 dimensions: ", place, std::to_string(object["shape"].size()));
  }
  entry.shape = parse_sizes(object["shape"], "shape", place);
  const auto offsets = parse_sizes(object["data_offsets"], "data_offsets", place);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    fail("data_offsets are no range: ", place, to_string(offsets));
  }
  entry.begin_bytes = offsets[0];
  entry.end_bytes = offsets[1];
  const std::size_t wanted = stored_size_bytes(entry, place);
  if (entry.end_bytes - entry.begin_bytes != wanted) {
    fail("data_offsets do not fit shape and dtype: ", place,
         std::to_string(entry.end_bytes - entry.begin_bytes) + " bytes instead of " +
             std::to_string(wanted));
  }
  return entry;
}

// Proves that the sorted entries cover [0, data_bytes) without overlap or hole.
void check_coverage(const std::vector<SafetensorsEntry>& entries, std::size_t data_bytes,
                    const std::string& where) {
  std::size_t expected = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin_bytes != expected) {
      const char* what = entry.begin_bytes < expected ? "tensors overlap: " : "hole in the data: ";
      fail(what, where + ": tensor " + quoted(entry.name),
           "begins at " + std::to_string(entry.begin_bytes) + ", expected " +
               std::to_string(expected));
    }
    expected = entry.end_bytes;
  }
  if (expected != data_bytes) {
    const char* what = expected > data_bytes ? "data ends too early: " : "data no tensor covers: ";
    fail(what, where,
         std::to_string(data_bytes) + " bytes of data, the header describes " +
             std::to_string(expected));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& where) {
  const std::string_view text = header_text(file, where);
  const Json json = parse_json(text, where + ": header");
  SafetensorsHeader header;
  header.data_start_bytes = kHeaderLengthBytes + text.size();
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      header.metadata = parse_metadata(value, where);
    } else {
      header.entries.push_back(parse_entry(name, value, where));
    }
  }
  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
                     return std::pair(a.begin_bytes, a.end_bytes) <
                            std::pair(b.begin_bytes, b.end_bytes);
                   });
  check_coverage(header.entries, file.size() - header.data_start_bytes, where);
  return header;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path), file_(path), header_(parse_safetensors_header(file_.bytes(), path.string())) {}

TensorView SafetensorsFile::view(const SafetensorsEntry& entry) const {
  return {.dtype = entry.dtype,
          .shape = entry.shape,
          .bytes = file_.bytes().subspan(header_.data_start_bytes + entry.begin_bytes,
                                         entry.end_bytes - entry.begin_bytes)};
}

TensorView SafetensorsFile::view(std::string_view name) const {
  const auto found =
      std::find_if(entries().begin(), entries().end(),
                   [name](const SafetensorsEntry& entry) { return entry.name == name; });
  if (found == entries().end()) {
    throw Error(ErrorCode::kNotFound,
                "no such tensor: " + path_.string() + ": " + std::string(name));
  }
  return view(*found);
}

bool SafetensorsFile::holds(const TensorView& tensor) const noexcept {
  const std::span<const std::byte> all = file_.bytes();
  const std::less_equal<> is_not_behind;
  return is_not_behind(all.data(), tensor.bytes.data()) &&
         is_not_behind(tensor.bytes.data() + tensor.bytes.size(), all.data() + all.size());
}

}  // namespace vlm
