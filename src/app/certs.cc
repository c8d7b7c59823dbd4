#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "app/staged_file.h"
#include "server/certificates.h"
#include "server/tls.h"

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

/// The CA of the folder, made if there is none.
Result<server::KeyPair> ca_of(const fs::path& folder, const Options& options, bool& fresh) {
  const fs::path certificate = folder / "ca.crt", key = folder / "ca.key";
  fresh = !fs::exists(certificate) && !fs::exists(key);
  if (fresh) return server::make_ca("Plimsoll CA", std::chrono::days(options.ca_days));
  const auto read = [](const fs::path& file, const fs::path& other) {
    auto text = read_file(file.string());
    if (text) return text;
    Error error = text.error();
    error.remedy = fmt::format("put it back, or remove {} to have a new CA made", other.string());
    return Result<std::string>(std::move(error));
  };
  auto certificate_text = read(certificate, key);
  if (!certificate_text) return certificate_text.error();
  auto key_text = read(key, certificate);
  if (!key_text) return key_text.error();
  return server::KeyPair{*std::move(certificate_text), *std::move(key_text)};
}

/// Writes all files or none, and says when the serving certificate ends.
Result<std::chrono::sys_seconds> write_files(const fs::path& folder, const server::KeyPair& ca,
                                             bool fresh, const server::KeyPair& serving) {
  struct File {
    const char* name;
    std::string_view text;
    mode_t mode;
  };
  // Keys before certificates: whoever sees a new certificate finds its key.
  std::vector<File> files = {{"tls.key", serving.key, 0600},
                             {"tls.crt", serving.certificate, 0644}};
  if (fresh)
    files.insert(files.begin(), {{"ca.key", ca.key, 0600}, {"ca.crt", ca.certificate, 0644}});
  std::vector<StagedFile> staged;
  for (const File& file : files) {
    auto one = StagedFile::write((folder / file.name).string(), file.text, file.mode);
    if (!one) return one.error();
    staged.push_back(std::move(one.value()));
  }
  const auto tls = server::TlsContext::load({.certificate = staged[staged.size() - 1].staged_at(),
                                             .key = staged[staged.size() - 2].staged_at()});
  if (!tls) return tls.error();
  const auto end = std::chrono::sys_seconds(std::chrono::seconds((*tls)->not_after()));
  for (StagedFile& file : staged)
    if (auto error = file.put()) return *std::move(error);
  return end;
}

int run(const Options& options) {
  const fs::path folder = options.folder;
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) return fail(about(folder, fmt::format("cannot be made: {}", problem.message())));
  bool fresh = false;
  const auto ca = ca_of(folder, options, fresh);
  if (!ca) return fail(ca.error());
  const auto facts = server::read_certificate(ca->certificate);
  if (facts && facts->not_after <= server::current_second()) {
    Error error = about(folder / "ca.crt", "has expired");
    error.remedy =
        fmt::format("remove it and {} to have a new CA made", (folder / "ca.key").string());
    return fail(error);
  }
  const auto serving = server::make_serving(*ca, options.hosts, std::chrono::days(options.days));
  if (!serving) {
    Error error = serving.error();
    if (error.message.find("CA") != std::string::npos) error.file = (folder / "ca.crt").string();
    return fail(error);
  }
  const auto end = write_files(folder, *ca, fresh, *serving);
  if (!end) return fail(end.error());
  return print(fmt::format("{}: {} and a serving pair for {} (ECDSA P-256, until {:%Y-%m-%d})\n",
                           folder.string(), fresh ? "a new CA" : "the CA that was there",
                           fmt::join(options.hosts, ", "), *end))
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
