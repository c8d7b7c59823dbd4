// A file that is written whole or not at all: first beside its place, then into it.
//
// Ownership: what has not been put into its place is removed with the StagedFile. Thread-safety:
// one a thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "plimsoll/result.h"

namespace plimsoll::app {

class StagedFile {
 public:
  /// Writes a new file beside `path`, which itself stays as it is. Of several files that belong
  /// together, all are staged before the first is put.
  static Result<StagedFile> write(std::string path, std::string_view text, mode_t mode);

  /// Lets the file take the place of what is at `path`, a symbolic link as well as a file.
  Status put();

  /// Where the file is until it is put.
  [[nodiscard]] const std::string& staged_at() const { return staged_at_; }

  ~StagedFile();
  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;

 private:
  StagedFile(std::string path, std::string staged_at)
      : path_(std::move(path)), staged_at_(std::move(staged_at)) {}

  std::string path_;
  std::string staged_at_;  ///< empty: it is put, or moved from
};

/// Replaces a file, or makes one that others may read as far as the umask lets them. Through a
/// symbolic link it is the file that is meant. What cannot be replaced is written over instead: a
/// device, a pipe, this process's own output, a file of several names or one that is mounted.
Status write_file(const std::string& path, std::string_view text);

}  // namespace plimsoll::app
