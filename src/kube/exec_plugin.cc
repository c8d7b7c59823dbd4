#include "kube/exec_plugin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

namespace plimsoll::kube {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::size_t kMaxOutput = 1024UL * 1024;
constexpr std::size_t kMaxComplaint = 400;

/// What a program left behind.
struct Outcome {
  std::string output, complaint;
  int status = 0;  ///< as waitpid() has it
  bool started = false, timed_out = false, too_much = false;
  int problem = 0;  ///< errno: why it was not started
};

class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) ends_[0] = ends_[1] = -1;
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] int end(int which) const { return ends_[which]; }
  void close_end(int which) {
    if (ends_[which] >= 0) close(ends_[which]);
    ends_[which] = -1;
  }

 private:
  int ends_[2];
};

/// Reads what is there, without waiting; false: the end.
bool drain(int descriptor, std::string& to, std::size_t most) {
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    to.append(buffer, std::min(static_cast<std::size_t>(count), most + 1 - to.size()));
    if (to.size() > most) return true;
  }
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Outcome run_program(const std::string& command, std::vector<std::string> args,
                    std::vector<std::string> environment, std::chrono::milliseconds limit) {
  Outcome outcome;
  Pipe output, complaint;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.end(1), 1);
  posix_spawn_file_actions_adddup2(&actions, complaint.end(1), 2);
  // A group of its own, so that what it starts ends with it; signals as a program expects them.
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) sigaddset(&usual, signal);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes,
      static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  args.insert(args.begin(), command);
  std::vector<char*> argv = pointers(args), envp = pointers(environment);
  pid_t child = -1;
  outcome.problem =
      posix_spawnp(&child, command.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (outcome.problem != 0) return outcome;
  outcome.started = true;
  output.close_end(1);
  complaint.close_end(1);
  fcntl(output.end(0), F_SETFL, O_NONBLOCK);
  fcntl(complaint.end(0), F_SETFL, O_NONBLOCK);

  const auto deadline = steady_clock::now() + limit;
  bool output_open = true, complaint_open = true, gone = false;
  while (!gone) {
    // What it started may hold the pipes open for longer than it lives.
    gone = waitpid(child, &outcome.status, WNOHANG) == child;
    pollfd watched[] = {{output_open ? output.end(0) : -1, POLLIN, 0},
                        {complaint_open ? complaint.end(0) : -1, POLLIN, 0}};
    poll(watched, 2, gone ? 0 : 20);
    if (output_open) output_open = drain(output.end(0), outcome.output, kMaxOutput);
    std::string rest;
    if (complaint_open) complaint_open = drain(complaint.end(0), rest, kMaxOutput);
    outcome.complaint +=
        rest.substr(0, kMaxComplaint - std::min(kMaxComplaint, outcome.complaint.size()));
    outcome.too_much = outcome.output.size() > kMaxOutput;
    outcome.timed_out = !gone && steady_clock::now() >= deadline;
    if (outcome.too_much || outcome.timed_out) break;
  }
  if (!gone) {
    kill(child, SIGKILL);  // it may have left its group
    kill(-child, SIGKILL);
    waitpid(child, &outcome.status, 0);
  }
  return outcome;
}

/// A line of what the program said on its standard error.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string text_at(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

/// RFC 3339.
std::optional<std::chrono::system_clock::time_point> time_of(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, read = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
                  &second, &read) != 6)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  std::string zone = text.substr(static_cast<std::size_t>(read));
  if (zone.starts_with('.'))
    zone.erase(0, std::min(zone.find_first_not_of("0123456789", 1), zone.size()));
  int hours = 0, minutes = 0;
  char sign = '+';
  if (zone != "Z" && zone != "z" &&
      (zone.size() != 6 || std::sscanf(zone.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3))
    return std::nullopt;
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + (sign == '-' ? offset : -offset);
}

}  // namespace

ExecCredentials::ExecCredentials(ExecSpec spec, WallClock clock)
    : spec_(std::move(spec)), clock_(std::move(clock)) {}

Error ExecCredentials::error_of(std::string message, std::string remedy) const {
  Error error;
  error.file = spec_.origin;
  error.field = "exec";
  error.message = fmt::format("{}: {}", spec_.command, message);
  error.remedy = std::move(remedy);
  return error;
}

Result<Credentials> ExecCredentials::current() {
  const std::lock_guard lock(mutex_);
  if (credentials_ && (!expires_ || clock_() < *expires_)) return *credentials_;
  auto fresh = run();
  if (fresh) credentials_ = *fresh;
  return fresh;
}

void ExecCredentials::refused(const Credentials& credentials) {
  const std::lock_guard lock(mutex_);
  if (credentials_ == credentials) credentials_.reset();
}

Result<Credentials> ExecCredentials::run() {
  json info = {{"kind", "ExecCredential"},
               {"apiVersion", spec_.api_version},
               {"spec", {{"interactive", false}}}};
  if (!spec_.cluster_json.empty())
    info["spec"]["cluster"] = json::parse(spec_.cluster_json, nullptr, false);
  std::vector<std::pair<std::string, std::string>> own = spec_.env;
  own.emplace_back("KUBERNETES_EXEC_INFO",
                   info.dump(-1, ' ', false, json::error_handler_t::replace));
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    if (std::ranges::none_of(own, [&](const auto& one) { return one.first == name; }))
      environment.emplace_back(text);
  }
  for (const auto& [name, value] : own) environment.push_back(fmt::format("{}={}", name, value));

  const Outcome outcome =
      run_program(spec_.command, spec_.args, std::move(environment), spec_.time_limit);
  if (!outcome.started)
    return error_of(
        fmt::format("cannot be started: {}", std::system_category().message(outcome.problem)),
        spec_.install_hint.empty() ? "install it, or name it with its path"
                                   : one_line(spec_.install_hint));
  if (outcome.timed_out)
    return error_of(fmt::format("gave no credentials in {} ms", spec_.time_limit.count()),
                    "run it by hand to see what it waits for");
  if (outcome.too_much) return error_of("says more than a mebibyte");
  if (!WIFEXITED(outcome.status) || WEXITSTATUS(outcome.status) != 0) {
    const std::string said = one_line(outcome.complaint);
    return error_of(
        fmt::format("{}{}{}",
                    WIFEXITED(outcome.status)
                        ? fmt::format("failed with status {}", WEXITSTATUS(outcome.status))
                        : fmt::format("was ended by signal {}", WTERMSIG(outcome.status)),
                    said.empty() ? "" : ": ", said),
        "run it by hand to see why");
  }

  const json answer = json::parse(outcome.output, nullptr, false);
  if (!answer.is_object() || text_at(answer, "kind") != "ExecCredential")
    return error_of("does not print an ExecCredential as JSON");
  if (text_at(answer, "apiVersion") != spec_.api_version)
    return error_of(fmt::format("answers in another version than {}", spec_.api_version),
                    "set apiVersion to the one that it prints");
  const auto status = answer.find("status");
  if (status == answer.end() || !status->is_object())
    return error_of("prints an ExecCredential without a status");
  Credentials credentials;
  const std::string token = text_at(*status, "token");
  if (!token.empty()) credentials.authorization = "Bearer " + token;
  credentials.client_certificate = text_at(*status, "clientCertificateData");
  credentials.client_key = text_at(*status, "clientKeyData");
  if (credentials.client_certificate.empty() != credentials.client_key.empty())
    return error_of("gives one of clientCertificateData and clientKeyData only");
  if (token.empty() && credentials.client_certificate.empty())
    return error_of("gives neither a token nor a client certificate");
  std::optional<std::chrono::system_clock::time_point> expires;
  if (const std::string expiry = text_at(*status, "expirationTimestamp"); !expiry.empty()) {
    expires = time_of(expiry);
    if (!expires) return error_of("gives an expirationTimestamp that is not RFC 3339");
  }
  expires_ = expires;
  return credentials;
}

}  // namespace plimsoll::kube
