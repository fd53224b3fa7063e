#pragma once

// How the side files of a merge (tokenizer, chat template) differ from those of its config donor.

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace vlm {

struct SideFileChanges {
  std::map<std::string, std::string> written;  // name -> content, in place of the donor's
  std::set<std::string> dropped;               // names that the result does not have

  [[nodiscard]] bool empty() const noexcept { return written.empty() && dropped.empty(); }
};

// A directory in which the changes are made: it holds the files that were written, and links to the
// donor's other side files. It lies among the temporary files and is removed with the object.
class ChangedSideFiles {
 public:
  // Throws Error{kIo}.
  ChangedSideFiles(const std::filesystem::path& donor, const SideFileChanges& changes);
  ~ChangedSideFiles();
  ChangedSideFiles(const ChangedSideFiles&) = delete;
  ChangedSideFiles& operator=(const ChangedSideFiles&) = delete;
  ChangedSideFiles(ChangedSideFiles&&) = delete;
  ChangedSideFiles& operator=(ChangedSideFiles&&) = delete;

  // Its last part is the name of the donor's directory.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path root_;
  std::filesystem::path path_;
};

}  // namespace vlm
