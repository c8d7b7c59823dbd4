#include "kube/credentials.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

namespace plimsoll::kube {
namespace {

constexpr std::chrono::minutes kKnownFor{1};

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Result<std::string> text_of(const TextOrFile& source) {
  if (source.file.empty()) return source.text;
  return read_text(source.file);
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  const int problem = errno;
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.is_open() && !in.bad() && !text.empty()) return text;
  Error error;
  error.file = path;
  error.message = in.is_open() ? "the file is empty"
                               : "the file cannot be read: " +
                                     std::system_category().message(problem == 0 ? EIO : problem);
  return error;
}

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  unsigned bits = 0, count = 0, padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    const char* const digit = c == '\0' ? nullptr : std::strchr(kDigits, c);
    if (c == '=' ? ++padding > 2 : digit == nullptr || padding > 0) return false;
    bits = (bits << 6U) | (c == '=' ? 0U : static_cast<unsigned>(digit - kDigits));
    if (++count % 4 == 0) {
      out += static_cast<char>(bits >> 16U & 0xFFU);
      if (padding < 2) out += static_cast<char>(bits >> 8U & 0xFFU);
      if (padding < 1) out += static_cast<char>(bits & 0xFFU);
      bits = 0;
    }
  }
  return count % 4 == 0;
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U;
    };
    const unsigned bits = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    out += kDigits[bits >> 18U];
    out += kDigits[bits >> 12U & 63U];
    out += i + 1 < bytes.size() ? kDigits[bits >> 6U & 63U] : '=';
    out += i + 2 < bytes.size() ? kDigits[bits & 63U] : '=';
  }
  return out;
}

FileCredentials::FileCredentials(FileCredentialsSpec spec, Clock clock)
    : spec_(std::move(spec)), clock_(std::move(clock)) {}

Result<Credentials> FileCredentials::read() const {
  Credentials credentials;
  credentials.authorization = spec_.authorization;
  if (!spec_.token.empty()) {
    auto token = text_of(spec_.token);
    if (!token) return token.error();
    const auto first = token->find_first_not_of(" \t\r\n");
    if (first == std::string::npos ||
        token->find_first_of("\r\n", first) < token->find_last_not_of(" \t\r\n")) {
      Error error;
      error.file = spec_.token.file;
      error.message = "this is not a token";
      error.remedy = "the token is one line";
      return error;
    }
    credentials.authorization =
        "Bearer " + token->substr(first, token->find_last_not_of(" \t\r\n") - first + 1);
  }
  auto certificate = text_of(spec_.client_certificate);
  if (!certificate) return certificate.error();
  auto key = text_of(spec_.client_key);
  if (!key) return key.error();
  credentials.client_certificate = std::move(*certificate);
  credentials.client_key = std::move(*key);
  return credentials;
}

Result<Credentials> FileCredentials::current() {
  const std::lock_guard lock(mutex_);
  const auto now = clock_();
  if (known_ && !stale_ && now - read_at_ < kKnownFor) return credentials_;
  auto fresh = read();
  if (!fresh && !known_) return fresh;
  if (fresh) credentials_ = std::move(*fresh);
  known_ = true;
  stale_ = false;
  read_at_ = now;
  return credentials_;
}

void FileCredentials::refused(const Credentials& credentials) {
  const std::lock_guard lock(mutex_);
  if (credentials == credentials_) stale_ = true;
}

}  // namespace plimsoll::kube
