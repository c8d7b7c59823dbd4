#include "app/line_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "app/console.h"

namespace plimsoll::app {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;    // of text, that is asked for at once
constexpr std::size_t kInput = std::size_t{128} << 10;  // of the file itself
// Behind a text a parser reads, and does not look at, up to 64 bytes (SIMDJSON_PADDING).
constexpr std::size_t kRoom = 64;

constexpr std::string_view kGzip = "\x1f\x8b";

struct Compression {
  std::string_view magic, name, program;
};
constexpr Compression kOthers[] = {{"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"},
                                   {"\xfd\x37zXZ", "xz", "xz -dc"},
                                   {"BZh", "bzip2", "bzip2 -dc"}};

// Documents of many lines, as people and `jq` write them, begin with a brace that stands alone.
bool begins_document(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '{') return false;
  const auto behind = text.find_first_not_of(" \t\r", begin + 1);
  return behind != std::string_view::npos && text[behind] == '\n';
}

}  // namespace

class LineStream::Impl {
 public:
  Impl(std::string name, int file) : name_(std::move(name)), file_(file) {}
  ~Impl() {
    if (zipped_) inflateEnd(&zip_);
    if (file_ != STDIN_FILENO) ::close(file_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status begin() {
    // A pipe may give less at once than tells one compression from another.
    constexpr std::size_t kMostMagic = 6;
    while (size_ < kMostMagic) {
      const std::size_t count = read(buffer_.data() + size_, buffer_.size() - size_);
      if (count == 0) break;
      size_ += count;
    }
    if (fault_) return std::exchange(fault_, {});
    for (const auto& [magic, name, program] : kOthers)
      if (input().starts_with(magic)) {
        Error error = wrong(fmt::format("is compressed with {}, which is not read", name));
        error.line = 0;
        error.remedy = fmt::format("`{} {} | plimsoll replay -`", program, name_);
        return error;
      }
    if (!input().starts_with(kGzip)) return {};
    zip_ = {};
    constexpr int kOfGzip = 15 + 16;  // the largest window, and gzip's own header
    if (inflateInit2(&zip_, kOfGzip) != Z_OK) return wrong("zlib has no memory for it");
    zipped_ = true;
    return {};
  }

  std::optional<LineBatch> next() {
    if (ended_) return std::nullopt;
    LineBatch batch;
    batch.first_line = line_;
    std::string& text = batch.text;
    text = std::exchange(carry_, {});
    bool long_line = false;
    for (;;) {
      const std::size_t before = text.size();
      text.reserve(before + kBlock + kRoom);
      text.resize(before + kBlock);
      const std::size_t count = fill(text.data() + before, kBlock);
      text.resize(before + count);
      empty_ = empty_ && count == 0;
      if (count == 0) {
        ended_ = true;
        if (long_line) text.clear();
        batch.cut = !text.empty() && !batch.document;
        break;
      }
      batch.document = batch.document || (line_ == 1 && before == 0 && begins_document(text));
      if (long_line) {
        const auto end = text.find('\n');
        text.erase(0, end == std::string::npos ? end : end + 1);
        if (end == std::string::npos) continue;
        batch.first_line = ++line_;
        long_line = false;
      }
      const auto last = batch.document ? std::string::npos : text.rfind('\n');
      if (last != std::string::npos) {
        carry_.assign(text, last + 1);
        text.resize(last + 1);
        break;
      }
      if (text.size() <= kMostLineBytes) continue;
      batch.faults.push_back(wrong(
          batch.document ? fmt::format("is one document of more than {} MiB", kMostLineBytes >> 20)
                         : fmt::format("the line has more than {} MiB", kMostLineBytes >> 20)));
      text.clear();
      long_line = true;
      if (!batch.document) continue;
      ended_ = true;
      break;
    }
    line_ += static_cast<std::size_t>(std::ranges::count(text, '\n'));
    if (fault_) {
      fault_->line = line_;
      batch.faults.push_back(*std::exchange(fault_, {}));
      batch.cut = false;  // it is said why
      ended_ = true;
      // Half a line tells nothing.
      if (const auto last = text.rfind('\n'); last != text.size() - 1)
        text.resize(last == std::string::npos ? 0 : last + 1);
    }
    batch.bytes = std::exchange(bytes_, 0);
    return batch;
  }

  [[nodiscard]] bool empty() const { return empty_; }

 private:
  [[nodiscard]] std::string_view input() const { return {buffer_.data() + at_, size_ - at_}; }

  Error wrong(std::string message) const {
    Error error;
    error.file = name_;
    error.line = line_;
    error.message = std::move(message);
    return error;
  }

  std::size_t read(char* to, std::size_t most) {
    ssize_t count = 0;
    do {
      count = ::read(file_, to, most);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      fault_ = wrong(fmt::format("cannot be read: {}", std::strerror(errno)));
      return 0;
    }
    bytes_ += static_cast<std::uint64_t>(count);
    return static_cast<std::size_t>(count);
  }

  bool refill() {
    at_ = 0;
    size_ = read(buffer_.data(), buffer_.size());
    return size_ > 0;
  }

  /// As much as there is, at most `most`; 0: there is no more.
  std::size_t fill(char* to, std::size_t most) {
    if (fault_) return 0;
    if (zipped_) return inflate_some(to, most);
    if (at_ == size_) return read(to, most);
    const std::size_t count = std::min(most, size_ - at_);
    std::memcpy(to, buffer_.data() + at_, count);
    at_ += count;
    return count;
  }

  std::size_t inflate_some(char* to, std::size_t most) {
    zip_.next_out = reinterpret_cast<Bytef*>(to);
    zip_.avail_out = static_cast<uInt>(most);
    while (zip_.avail_out > 0) {
      if (at_ == size_ && !refill()) {
        if (!fault_ && !between_)
          fault_ = wrong("ends before its gzip data does; what comes after this line is lost");
        break;
      }
      if (between_) {
        // Further members follow each other; what tapes are filled up with is nothing.
        if (buffer_[at_] == '\0') {
          ++at_;
          continue;
        }
        if (buffer_[at_] != kGzip.front()) {
          fault_ = wrong("its gzip data is followed by what is none, which is not read");
          break;
        }
        inflateReset(&zip_);
        between_ = false;
      }
      zip_.next_in = reinterpret_cast<Bytef*>(buffer_.data() + at_);
      zip_.avail_in = static_cast<uInt>(size_ - at_);
      const int result = inflate(&zip_, Z_NO_FLUSH);
      at_ = size_ - zip_.avail_in;
      if (result == Z_STREAM_END) {
        between_ = true;
      } else if (result != Z_OK) {
        fault_ = wrong(fmt::format("is broken gzip data ({}); what comes after this line is lost",
                                   zip_.msg != nullptr ? zip_.msg : zError(result)));
        break;
      }
    }
    return most - zip_.avail_out;
  }

  std::string name_;
  int file_;
  z_stream zip_{};
  bool zipped_ = false, between_ = false;  // it is compressed; one member of it has ended
  std::array<char, kInput> buffer_;
  std::size_t at_ = 0, size_ = 0;  // what of the buffer was not used yet
  std::uint64_t bytes_ = 0;        // read since the last batch
  std::string carry_;              // the beginning of the next line
  std::size_t line_ = 1;           // of what comes next
  bool ended_ = false, empty_ = true;
  Status fault_;
};

LineStream::LineStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineStream::~LineStream() = default;
LineStream::LineStream(LineStream&&) noexcept = default;
LineStream& LineStream::operator=(LineStream&&) noexcept = default;

Result<LineStream> LineStream::open(const std::string& path) {
  const bool from_stdin = path == "-";
  const int file = from_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    Error error;
    error.file = path;
    error.message = fmt::format("cannot be read: {}", std::strerror(errno));
    return error;
  }
  auto impl = std::make_unique<Impl>(from_stdin ? std::string(kStdin) : path, file);
  if (auto error = impl->begin()) return *std::move(error);
  return LineStream(std::move(impl));
}

std::optional<LineBatch> LineStream::next() { return impl_->next(); }

bool LineStream::empty() const { return impl_->empty(); }

}  // namespace plimsoll::app
