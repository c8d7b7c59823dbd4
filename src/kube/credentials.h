// Credentials that lie in texts and files.
//
// Thread-safety: a source may be used from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "kube/cluster.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

using Clock = std::function<std::chrono::steady_clock::time_point()>;

/// A text that is given, or lies in a file.
struct TextOrFile {
  std::string text;
  std::string file;  ///< instead of the text

  [[nodiscard]] bool empty() const { return text.empty() && file.empty(); }
};

struct FileCredentialsSpec {
  TextOrFile token;  ///< white space around it is dropped
  TextOrFile client_certificate, client_key;
  std::string authorization;  ///< instead of a token, such as `Basic ...`
};

/// Reads the files when they were read more than a minute ago, as client-go does, and after a 401.
/// A file that cannot be read, or is empty, when it was before leaves the credentials as they are.
class FileCredentials final : public CredentialSource {
 public:
  explicit FileCredentials(FileCredentialsSpec spec, Clock clock = std::chrono::steady_clock::now);

  Result<Credentials> current() override;
  void refused(const Credentials& credentials) override;

 private:
  [[nodiscard]] Result<Credentials> read() const;

  const FileCredentialsSpec spec_;
  const Clock clock_;
  std::mutex mutex_;
  bool known_ = false;
  bool stale_ = false;
  Credentials credentials_;
  std::chrono::steady_clock::time_point read_at_;
};

/// The whole file. Errors: it cannot be read, or is empty.
Result<std::string> read_text(const std::string& path);

/// Whether it says nothing but base64 (white space apart), and what that is.
bool decode_base64(std::string_view text, std::string& out);
std::string encode_base64(std::string_view bytes);

}  // namespace plimsoll::kube
