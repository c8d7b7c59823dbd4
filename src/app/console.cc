#include "app/console.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "app/commands.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

// Null: it could not be opened.
Result<std::string> read_all(std::FILE* file, const std::string& name) {
  Error error;
  error.file = name;
  struct stat status{};
  if (file != nullptr && fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
    error.message = "is a folder, not a file";
    return error;
  }
  std::string bytes;
  char buffer[1 << 16];
  while (file != nullptr && bytes.size() <= kMaxFileBytes) {
    const std::size_t got = std::fread(buffer, 1, sizeof buffer, file);
    bytes.append(buffer, got);
    if (got < sizeof buffer) break;
  }
  if (bytes.size() > kMaxFileBytes) {
    error.message = fmt::format("has more than {} bytes", kMaxFileBytes);
    error.remedy = "split it";
    return error;
  }
  if (file != nullptr && std::ferror(file) == 0) return bytes;
  error.message = fmt::format("cannot be read: {}", std::strerror(errno));
  return error;
}

}  // namespace

Palette palette_for(std::FILE* stream) {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  if ((no_color != nullptr && *no_color != '\0') || dumb || isatty(fileno(stream)) == 0) return {};
  return {"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[0m"};
}

bool print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return true;
  fmt::print(stderr, "plimsoll: standard output: {}\n", std::strerror(errno));
  return false;
}

// Source: kubectl starts a plugin by the path of its file, kubectl-NAME.
std::string_view program_name() {
  return std::string_view(program_invocation_short_name) == "kubectl-plimsoll" ? "kubectl plimsoll"
                                                                               : "plimsoll";
}

std::string as_typed(std::string text) {
  constexpr std::string_view kPlain = "`plimsoll ";
  if (program_name() == "plimsoll") return text;
  for (std::size_t at = 0; (at = text.find(kPlain, at)) != std::string::npos; at += kPlain.size())
    text.replace(at + 1, kPlain.size() - 2, program_name());
  return text;
}

int fail(const Error& error) {
  fmt::print(stderr, "plimsoll: {}\n", verdict::printable(as_typed(error.to_string())));
  return kFailed;
}

Result<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  return read_all(file.get(), path);
}

Result<std::string> read_stdin() {
  auto text = read_all(stdin, std::string(kStdin));
  if (!text || text->find_first_not_of(" \t\r\n") != std::string::npos) return text;
  Error error;
  error.file = kStdin;
  error.message = "is empty";
  error.remedy = "see why the command that should have written it did not";
  return error;
}

}  // namespace plimsoll::app
