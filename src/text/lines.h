// The lines of a text.
//
// Ownership: borrows the text. Thread-safety: immutable once made.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "text/utf8.h"

namespace plimsoll::text {

/// Lines end at a line feed, as those of `Mark`; numbers and columns are 1-based, columns in bytes.
/// The first begins behind a byte order mark.
class Lines {
 public:
  struct Place {
    std::size_t line = 0, column = 0;
  };

  explicit Lines(std::string_view text)
      : text_(text), starts_{text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0} {
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos;)
      starts_.push_back(++at);
  }

  /// A text that ends with a line feed has an empty line behind it.
  [[nodiscard]] std::size_t count() const { return starts_.size(); }

  /// The line without what ends it (a carriage return too); `number`: 1 up to count().
  [[nodiscard]] std::string_view operator[](std::size_t number) const {
    const std::size_t begin = starts_[number - 1];
    const std::size_t end = number < starts_.size() ? starts_[number] - 1 : text_.size();
    auto line = text_.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  /// Of a byte, or of the end of the text.
  [[nodiscard]] Place place(std::size_t offset) const {
    offset = std::max(offset, starts_.front());
    const auto behind = std::ranges::upper_bound(starts_, offset);
    const auto line = static_cast<std::size_t>(behind - starts_.begin());
    return {line, offset - starts_[line - 1] + 1};
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

}  // namespace plimsoll::text
