#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "server/certificates.h"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string folder;
  std::vector<std::string> hosts;
  int days = 365, ca_days = 3650;
};

Error about(const fs::path& file, std::string message) {
  Error error;
  error.file = file.string();
  error.message = std::move(message);
  return error;
}

// Whole or not at all: a server may be reading the file.
Status write_file(const fs::path& path, std::string_view text, mode_t mode) {
  const std::string temporary = path.string() + ".new";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  const auto written = [&] {
    for (std::string_view rest = text; !rest.empty();) {
      const ssize_t count = ::write(file, rest.data(), rest.size());
      if (count < 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    return ::fchmod(file, mode) == 0 && ::fsync(file) == 0;
  };
  bool ok = file >= 0 && written();
  int problem = errno;
  if (file >= 0 && ::close(file) != 0 && ok) {
    ok = false;
    problem = errno;
  }
  if (ok && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
  if (ok) problem = errno;
  ::unlink(temporary.c_str());
  return about(path, fmt::format("cannot be written: {}", std::strerror(problem)));
}

/// The CA of the folder, made if there is none.
Result<server::KeyPair> ca_of(const fs::path& folder, const Options& options, bool& fresh) {
  const fs::path certificate = folder / "ca.crt", key = folder / "ca.key";
  fresh = !fs::exists(certificate) && !fs::exists(key);
  if (!fresh) {
    auto certificate_text = read_file(certificate.string());
    if (!certificate_text) return certificate_text.error();
    auto key_text = read_file(key.string());
    if (!key_text) return key_text.error();
    return server::KeyPair{*std::move(certificate_text), *std::move(key_text)};
  }
  return server::make_ca("Plimsoll CA", std::chrono::days(options.ca_days));
}

int run(const Options& options) {
  const fs::path folder = options.folder;
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) return fail(about(folder, fmt::format("cannot be made: {}", problem.message())));
  bool fresh = false;
  const auto ca = ca_of(folder, options, fresh);
  if (!ca) return fail(ca.error());
  const auto serving = server::make_serving(*ca, options.hosts, std::chrono::days(options.days));
  if (!serving) {
    Error error = serving.error();
    if (error.message.find("CA") != std::string::npos) error.file = (folder / "ca.crt").string();
    return fail(error);
  }
  // Keys before certificates: whoever sees a new certificate finds its key.
  if (fresh) {
    if (const auto error = write_file(folder / "ca.key", ca->key, 0600)) return fail(*error);
    if (const auto error = write_file(folder / "ca.crt", ca->certificate, 0644))
      return fail(*error);
  }
  if (const auto error = write_file(folder / "tls.key", serving->key, 0600)) return fail(*error);
  if (const auto error = write_file(folder / "tls.crt", serving->certificate, 0644))
    return fail(*error);
  return print(fmt::format("{}: {} and a serving pair for {} (ECDSA P-256, {} days)\n",
                           folder.string(), fresh ? "a new CA" : "the CA that was there",
                           fmt::join(options.hosts, ", "), options.days))
             ? kPassed
             : kFailed;
}

}  // namespace

void add_certs(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "certs", "Make a CA and a serving certificate: ca.crt, ca.key, tls.crt, tls.key");
  command
      ->add_option("dir", options->folder, "Folder to write to; a CA that is there is used again")
      ->required();
  command->add_option("--host", options->hosts, "DNS name or IP address to serve at; repeatable")
      ->required();
  command->add_option("--days", options->days, "Days that the serving certificate holds")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  command->add_option("--ca-days", options->ca_days, "Days that a new CA holds")
      ->check(CLI::Range(1, 36500))
      ->capture_default_str();
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace plimsoll::app
