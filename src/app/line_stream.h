// The lines of a file, plain or compressed with gzip, some at a time.
//
// Ownership: a stream owns its file and buffers; batches own their text. Thread-safety: one thread
// at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/result.h"

namespace plimsoll::app {

/// A longer line is passed over. What kube-apiserver takes is 3 MiB, and an event of its audit log
/// holds the object twice at most.
inline constexpr std::size_t kMostLineBytes = std::size_t{16} << 20;

/// Whole lines, in the order of the file.
struct LineBatch {
  std::string text;            ///< has room for a JSON parser behind it
  std::size_t first_line = 1;  ///< 1-based
  bool document = false;       ///< the text is one JSON document of many lines
  bool cut = false;            ///< the file ends before the last line does
  std::vector<Error> faults;   ///< what could not be read on the way; file and line are named
  std::uint64_t bytes = 0;     ///< of the file itself that it took
};

class LineStream {
 public:
  /// `path`: `-` is standard input. Whether it is compressed is told by its first bytes. Errors: it
  /// cannot be read, or is compressed in another way.
  static Result<LineStream> open(const std::string& path);
  ~LineStream();
  LineStream(LineStream&&) noexcept;
  LineStream& operator=(LineStream&&) noexcept;

  /// The next lines; nothing after the last.
  std::optional<LineBatch> next();

  /// Whether there was nothing in it so far.
  [[nodiscard]] bool empty() const;

 private:
  class Impl;
  explicit LineStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::app
