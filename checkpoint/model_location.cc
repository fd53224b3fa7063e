#include "checkpoint/model_location.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

// What is looked for, and the file that a directory of it holds.
struct Wanted {
  std::string_view what;
  std::string_view file;
};

constexpr Wanted kModel{"model", "config.json"};
constexpr Wanted kAdapter{"adapter", "adapter_config.json"};

std::string no_such(const Wanted& wanted, std::string_view name) {
  return "no such " + std::string(wanted.what) + ": " + std::string(name);
}

struct HubId {
  std::string repository;  // org/name or name
  std::string revision;
};

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets it
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

// One part of a path: letters, digits, ".", "_", "-", not beginning with "." or "-".
bool is_plain_part(std::string_view part) {
  const auto allowed = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
  };
  return !part.empty() && part.front() != '.' && part.front() != '-' &&
         std::all_of(part.begin(), part.end(), allowed);
}

bool has_plain_parts(std::string_view path) {
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return is_plain_part(path);
  return is_plain_part(path.substr(0, slash)) && has_plain_parts(path.substr(slash + 1));
}

std::optional<HubId> parse_hub_id(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view repository = text.substr(0, at);
  const std::string_view revision = at == std::string_view::npos ? "main" : text.substr(at + 1);
  if (std::count(repository.begin(), repository.end(), '/') > 1) return std::nullopt;
  if (!has_plain_parts(repository) || !has_plain_parts(revision)) return std::nullopt;
  return HubId{.repository = std::string(repository), .revision = std::string(revision)};
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The commit a branch or tag stands for; a revision without a file in refs/ is taken for a commit.
std::string commit_of(const fs::path& folder, const std::string& revision) {
  const fs::path reference = folder / "refs" / revision;
  std::error_code error;
  if (!fs::is_regular_file(reference, error)) return revision;
  constexpr std::size_t kLongestReferenceBytes = 4096;
  std::string commit = read_text_file(reference, kLongestReferenceBytes);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ')) commit.pop_back();
  if (!is_plain_part(commit)) {
    throw Error(ErrorCode::kCorruptFile, "not a commit: " + reference.string());
  }
  return commit;
}

// " (did you mean ...?)" if such a directory beside the one that was named has nearly its name.
std::string neighbour_hint(const fs::path& directory, const Wanted& wanted) {
  std::vector<std::string> names;
  std::error_code error;
  const fs::path folder = directory.has_parent_path() ? directory.parent_path() : fs::path(".");
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_there(entry->path() / wanted.file)) names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  const std::string nearest = nearest_name(directory.filename().string(), names);
  if (nearest.empty()) return "";
  return " (did you mean '" + (directory.parent_path() / nearest).string() + "'?)";
}

fs::path find_snapshot(const HubId& id, const fs::path& hub_cache, const Wanted& wanted) {
  const fs::path folder = hub_cache / hub_folder(id.repository);
  if (!is_there(folder)) {
    throw Error(ErrorCode::kNotFound, no_such(wanted, id.repository) +
                                          ": neither a directory nor in the cache " +
                                          hub_cache.string() + " (models are not downloaded)" +
                                          neighbour_hint(id.repository, wanted));
  }
  fs::path snapshot = folder / "snapshots" / commit_of(folder, id.revision);
  if (!is_there(snapshot / wanted.file)) {
    throw Error(ErrorCode::kNotFound, "no such revision in the cache: " + id.repository + "@" +
                                          id.revision + ": no " +
                                          (snapshot / wanted.file).string());
  }
  return snapshot;
}

fs::path resolve_directory(std::string_view name, const fs::path& hub_cache, const Wanted& wanted) {
  if (name.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "the name of a " + std::string(wanted.what) + " is empty");
  }
  fs::path directory(name);
  if (is_there(directory / wanted.file)) return directory;
  std::error_code error;
  if (fs::is_directory(directory, error)) {
    const bool is_adapter = is_there(directory / kAdapter.file);
    throw Error(ErrorCode::kNotFound,
                "not a " + std::string(wanted.what) + " directory: " + directory.string() +
                    ": no " + std::string(wanted.file) + " in it" +
                    (is_adapter ? " (an adapter: write MODEL+" + directory.string() +
                                      " with the model that it was trained on; a recipe of "
                                      "adapters alone makes an adapter)"
                                : ""));
  }
  const auto id = parse_hub_id(name);
  if (!id) {
    throw Error(ErrorCode::kNotFound,
                no_such(wanted, name) +
                    ": not a directory, and no hub id of the form org/name[@revision]" +
                    neighbour_hint(directory, wanted));
  }
  return find_snapshot(*id, hub_cache, wanted);
}

}  // namespace

fs::path hub_cache_directory() {
  if (const auto cache = environment("HF_HUB_CACHE")) return *cache;
  if (const auto home = environment("HF_HOME")) return fs::path(*home) / "hub";
  if (const auto cache = environment("XDG_CACHE_HOME")) {
    return fs::path(*cache) / "huggingface/hub";
  }
  return fs::path(environment("HOME").value_or(".")) / ".cache/huggingface/hub";
}

fs::path resolve_model_directory(std::string_view model, const fs::path& hub_cache) {
  return resolve_directory(model, hub_cache, kModel);
}

fs::path resolve_model_directory(std::string_view model) {
  return resolve_model_directory(model, hub_cache_directory());
}

std::string hub_folder(std::string_view repository) {
  std::string folder = "models--";
  for (const char letter : repository) folder += letter == '/' ? "--" : std::string(1, letter);
  return folder;
}

fs::path resolve_tower_directory(std::string_view tower, const std::string& what) {
  return resolve_directory(tower, hub_cache_directory(), {what, kModel.file});
}

fs::path resolve_adapter_directory(std::string_view adapter) {
  return resolve_directory(adapter, hub_cache_directory(), kAdapter);
}

bool names_adapter(std::string_view name) {
  const auto is_adapter = [](const fs::path& directory) {
    return is_there(directory / kAdapter.file) && !is_there(directory / kModel.file);
  };
  std::error_code error;
  if (fs::is_directory(name, error)) return is_adapter(name);
  const auto id = parse_hub_id(name);
  if (!id) return false;
  const fs::path folder = hub_cache_directory() / hub_folder(id->repository);
  return is_there(folder) && is_adapter(folder / "snapshots" / commit_of(folder, id->revision));
}

}  // namespace vlm
