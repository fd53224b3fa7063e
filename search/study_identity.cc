#include "search/study_identity.h"

#include <set>

#include "core/error.h"

namespace vlm {
namespace {

std::string shown(const StudyIdentity& identity, const std::string& key) {
  const auto found = identity.find(key);
  if (found == identity.end()) return "nothing";
  constexpr std::size_t kLongest = 40;
  std::string value = found->second.substr(0, kLongest);
  for (char& letter : value) letter = letter == '\n' ? ' ' : letter;
  return found->second.size() > kLongest ? value + "..." : value;
}

}  // namespace

std::vector<std::string> identity_differences(const StudyIdentity& study,
                                              const StudyIdentity& run) {
  std::set<std::string> keys;
  for (const auto& [key, value] : study) keys.insert(key);
  for (const auto& [key, value] : run) keys.insert(key);
  std::vector<std::string> differences;
  for (const std::string& key : keys) {
    const auto in_study = study.find(key);
    const auto in_run = run.find(key);
    if (in_study != study.end() && in_run != run.end() && in_study->second == in_run->second) {
      continue;
    }
    differences.push_back(key + ": study has " + shown(study, key) + ", this run has " +
                          shown(run, key));
  }
  return differences;
}

void require_same_identity(const std::string& study_name, const StudyIdentity& study,
                           const StudyIdentity& run) {
  const std::vector<std::string> differences = identity_differences(study, run);
  if (differences.empty()) return;
  std::string message = "study was made with other inputs: " + study_name + ": " + differences[0];
  if (differences.size() > 1) {
    message += " (and " + std::to_string(differences.size() - 1) + " more)";
  }
  throw Error(ErrorCode::kInvalidArgument, message);
}

}  // namespace vlm
