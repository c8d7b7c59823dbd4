#include "docker/host_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace plimsoll::docker {
namespace {

using cis::File;
using cis::Seen;

constexpr int kMostLinks = 40;  // as the kernel has it

constexpr std::string_view kUnitFolders[] = {
    "/etc/systemd/system.control",   "/run/systemd/system.control",  "/run/systemd/transient",
    "/run/systemd/generator.early",  "/etc/systemd/system",          "/etc/systemd/system.attached",
    "/run/systemd/system",           "/run/systemd/system.attached", "/run/systemd/generator",
    "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",      "/lib/systemd/system",
    "/run/systemd/generator.late"};

enum class Empty : std::uint8_t { Dropped, Kept };

std::vector<std::string_view> split(std::string_view text, char at, Empty empty = Empty::Dropped) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(at);
    const auto part = text.substr(0, end);
    if (empty == Empty::Kept || !part.empty()) parts.push_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> all;
  constexpr std::string_view kSpace = " \t\r";
  for (std::size_t at = 0; (at = line.find_first_not_of(kSpace, at)) != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(kSpace, at), line.size());
    all.push_back(line.substr(at, end - at));
    at = end;
  }
  return all;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front())
    return text.substr(1, text.size() - 2);
  return text;
}

// In /proc/self/mountinfo a space is \040.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr ==
            text.data() + i + 4) {
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

/// The paths that a line of auditd's rules watches, or watches no more.
/// Source: auditctl(8), -w, -W, -D, and -F with path and dir of rules that record.
void add_watches(std::string_view line, std::vector<cis::Watch>& out) {
  const auto parts = words(line);
  if (parts.empty() || parts[0].starts_with('#')) return;
  if (parts[0] == "-D") return out.clear();
  // Rules with fields: those that are added, and record.
  bool records = false;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    if (parts[i] == "-a" || parts[i] == "-A") {
      const auto all = split(parts[i + 1], ',');
      records = std::ranges::find(all, "always") != all.end() &&
                std::ranges::find(all, "exit") != all.end();
    }
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto value = unquoted(parts[i + 1]);
    if (parts[i] == "-W")
      std::erase_if(out, [&](const cis::Watch& watch) {
        return watch.path == without_slash(std::string(value));
      });
    else if (parts[i] == "-w")
      out.push_back({without_slash(std::string(value)), true});
    else if (records && parts[i] == "-F" && value.starts_with("path="))
      out.push_back({std::string(unquoted(value.substr(5))), false});
    else if (records && parts[i] == "-F" && value.starts_with("dir="))
      out.push_back({without_slash(std::string(unquoted(value.substr(4)))), true});
  }
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

HostFiles::HostFiles(std::string root) : root_(std::move(root)) {
  while (root_.ends_with('/')) root_.pop_back();
}

std::optional<std::string> HostFiles::resolve(std::string_view path, bool all) const {
  std::vector<std::string> left;  // the next one last
  const auto push = [&](std::string_view text) {
    const auto parts = split(text, '/');
    for (auto at = parts.rbegin(); at != parts.rend(); ++at) left.emplace_back(*at);
  };
  push(path);
  std::vector<std::string> done;
  std::string at = root_;
  int links = 0;
  while (!left.empty()) {
    const std::string part = std::move(left.back());
    left.pop_back();
    if (part == ".") continue;
    if (part == "..") {
      if (!done.empty()) {
        at.resize(at.size() - done.back().size() - 1);
        done.pop_back();
      }
      continue;
    }
    const std::string next = at + "/" + part;
    char target[PATH_MAX];
    const ssize_t size = ::readlink(next.c_str(), target, sizeof target);
    if (size < 0 && errno != EINVAL && !all) return {};
    if (size < 0) {
      at = next;
      done.push_back(part);
      continue;
    }
    if (++links > kMostLinks) {
      errno = ELOOP;
      return {};
    }
    const std::string_view link(target, static_cast<std::size_t>(size));
    if (link.starts_with('/')) {
      done.clear();
      at = root_;
    }
    push(link);
  }
  return at.empty() ? "/" : at;
}

std::string HostFiles::leads_to(std::string_view path) const {
  const auto place = resolve(path, true);
  if (!place) return std::string(path);
  return place->size() <= root_.size() ? "/" : place->substr(root_.size());
}

File HostFiles::file(std::initializer_list<std::string_view> paths) const {
  File file;
  for (const std::string_view path : paths) {
    file.path = path;
    const auto place = resolve(path);
    struct stat status{};
    if (place && ::stat(place->c_str(), &status) == 0) {
      file.state = File::State::There;
      file.mode = status.st_mode & 07777U;
      file.uid = status.st_uid;
      file.gid = status.st_gid;
      if (const auto groups = read("/etc/group"))
        for (const auto line : split(*groups, '\n')) {
          const auto parts = split(line, ':', Empty::Kept);
          if (file.group.empty() && parts.size() >= 3 && parts[2] == std::to_string(file.gid))
            file.group = parts[0];
        }
      return file;
    }
    if (errno != ENOENT && errno != ENOTDIR) {
      file.state = File::State::Hidden;
      file.why = fmt::format("{}: {}", path, std::strerror(errno));
    }
  }
  return file;
}

File HostFiles::unit(std::string_view name) const {
  File found;
  for (const std::string_view folder : kUnitFolders) {
    found = file(fmt::format("{}/{}", folder, name));
    if (found.state != File::State::Missing) return found;
  }
  found.path = fmt::format("unit {}", name);
  return found;
}

Seen<std::string> HostFiles::read(std::string_view path) const {
  const auto fail = [&] {
    return errno == ENOENT || errno == ENOTDIR
               ? Seen<std::string>(std::string())
               : Seen<std::string>::not_seen(fmt::format("{}: {}", path, std::strerror(errno)));
  };
  const auto place = resolve(path);
  // A pipe would be waited for.
  const int descriptor =
      place ? ::open(place->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
  if (descriptor < 0) return fail();
  std::string text;
  char buffer[16 * 1024];
  ssize_t count = 0;
  while (text.size() <= kMaxBytes && (count = ::read(descriptor, buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(count));
  const int problem = errno;
  ::close(descriptor);
  errno = problem;
  if (count < 0) return fail();
  if (text.size() > kMaxBytes)
    return Seen<std::string>::not_seen(
        fmt::format("{}: is larger than {} MiB", path, kMaxBytes >> 20));
  return text;
}

Seen<std::vector<std::string>> HostFiles::list(std::string_view path) const {
  using Names = Seen<std::vector<std::string>>;
  const auto place = resolve(path);
  std::error_code problem;
  std::vector<std::string> names;
  if (place)
    for (std::filesystem::directory_iterator at(*place, problem), end; !problem && at != end;
         at.increment(problem))
      names.push_back(at->path().filename());
  else
    problem = std::error_code(errno, std::generic_category());
  if (problem && problem != std::errc::no_such_file_or_directory &&
      problem != std::errc::not_a_directory)
    return Names::not_seen(fmt::format("{}: {}", path, problem.message()));
  std::ranges::sort(names);
  return names;
}

Seen<std::vector<File>> HostFiles::registry_certificates() const {
  using Files = Seen<std::vector<File>>;
  constexpr std::string_view kFolder = "/etc/docker/certs.d";
  const auto registries = list(kFolder);
  if (!registries) return Files::not_seen(registries.why);
  std::vector<File> files;
  for (const std::string& registry : *registries) {
    const std::string folder = fmt::format("{}/{}", kFolder, registry);
    const auto names = list(folder);
    if (!names) return Files::not_seen(names.why);
    for (const std::string& name : *names)
      if (name.ends_with(".crt") || name.ends_with(".cert"))
        files.push_back(file(fmt::format("{}/{}", folder, name)));
  }
  return files;
}

Seen<std::vector<cis::Watch>> HostFiles::watches() const {
  using Watches = Seen<std::vector<cis::Watch>>;
  constexpr std::string_view kFolder = "/etc/audit/rules.d";
  std::vector<std::string> paths{"/etc/audit/audit.rules"};
  const auto names = list(kFolder);
  if (!names) return Watches::not_seen(names.why);
  for (const std::string& name : *names)
    if (name.ends_with(".rules")) paths.push_back(fmt::format("{}/{}", kFolder, name));
  std::vector<cis::Watch> watches;
  for (const std::string& path : paths) {
    const auto text = read(path);
    if (!text) return Watches::not_seen(text.why);
    std::vector<cis::Watch> own;  // what a file takes back is its own: which counts is not known
    for (const auto line : split(*text, '\n')) add_watches(line, own);
    watches.insert(watches.end(), own.begin(), own.end());
  }
  return watches;
}

Seen<std::vector<std::string>> HostFiles::mount_points() const {
  // Those of the host's first process, where they may be seen: a container's own say nothing.
  auto text = read("/proc/1/mountinfo");
  if (!text && root_.empty()) text = read("/proc/self/mountinfo");
  if (text && text->empty()) text = Seen<std::string>::not_seen("/proc/1/mountinfo: is not there");
  if (!text) return Seen<std::vector<std::string>>::not_seen(text.why);
  std::vector<std::string> points;
  for (const auto line : split(*text, '\n'))
    if (const auto parts = words(line); parts.size() > 4) points.push_back(unescaped(parts[4]));
  return points;
}

Seen<std::vector<std::string>> HostFiles::group(std::string_view name) const {
  const auto text = read("/etc/group");
  if (!text) return Seen<std::vector<std::string>>::not_seen(text.why);
  std::vector<std::string> members;
  std::string_view id;
  for (const auto line : split(*text, '\n')) {
    const auto parts = split(line, ':', Empty::Kept);
    if (parts.size() < 4 || (parts[0] != name && parts[2] != name)) continue;
    id = parts[2];
    for (const auto member : split(parts[3], ',')) members.emplace_back(member);
  }
  // It is the first group of some without being said of the group.
  if (const auto users = read("/etc/passwd"); users && !id.empty())
    for (const auto line : split(*users, '\n'))
      if (const auto parts = split(line, ':', Empty::Kept);
          parts.size() > 3 && parts[3] == id &&
          std::ranges::find(members, parts[0]) == members.end())
        members.emplace_back(parts[0]);
  return members;
}

// Source: Documentation/networking/proc_net_tcp.rst of the kernel: local address and state 0A.
Seen<bool> HostFiles::listens_everywhere(unsigned port) const {
  const std::string wanted = fmt::format(":{:04X}", port);
  bool any = false;
  for (const std::string_view path : {"/proc/1/net/tcp", "/proc/1/net/tcp6"}) {
    auto text = read(path);
    if ((!text || text->empty()) && root_.empty())
      text = read(path.ends_with('6') ? "/proc/net/tcp6" : "/proc/net/tcp");
    if (!text) return Seen<bool>::not_seen(text.why);
    // Without IPv6 there is no list of that.
    if (text->empty() && !path.ends_with('6'))
      return Seen<bool>::not_seen(fmt::format("{}: is not there", path));
    for (const auto line : split(*text, '\n'))
      if (const auto parts = words(line); parts.size() > 3 && parts[1].ends_with(wanted) &&
                                          parts[3] == "0A" &&
                                          parts[1].find_first_not_of('0') == parts[1].find(':'))
        any = true;
  }
  return any;
}

Seen<std::vector<std::string>> HostFiles::listen_streams(std::string_view name) const {
  using Streams = Seen<std::vector<std::string>>;
  const File file = unit(name);
  if (file.state != File::State::There)
    return Streams::not_seen(file.why.empty() ? fmt::format("there is no unit {}", name)
                                              : file.why);
  std::vector<std::string> paths{file.path};
  for (const std::string_view folder : kUnitFolders) {
    const std::string drop_ins = fmt::format("{}/{}.d", folder, name);
    const auto names = list(drop_ins);
    if (!names) return Streams::not_seen(names.why);
    for (const std::string& drop_in : *names)
      if (drop_in.ends_with(".conf")) paths.push_back(fmt::format("{}/{}", drop_ins, drop_in));
  }
  std::vector<std::string> streams;
  for (const std::string& path : paths) {
    const auto text = read(path);
    if (!text) return Streams::not_seen(text.why);
    for (const auto line : split(*text, '\n')) {
      const auto equals = line.find('=');
      const auto key = words(line.substr(0, equals));
      if (equals == std::string_view::npos || key.size() != 1 || key[0] != "ListenStream") continue;
      const auto value = words(line.substr(equals + 1));
      if (value.empty())
        streams.clear();
      else
        streams.emplace_back(value[0]);
    }
  }
  return streams;
}

Seen<std::string> HostFiles::environment_of(int process, std::string_view name) const {
  const auto text = read(fmt::format("/proc/{}/environ", process));
  if (!text) return text;
  for (const auto variable : split(*text, '\0'))
    if (variable.size() > name.size() && variable.starts_with(name) && variable[name.size()] == '=')
      return std::string(variable.substr(name.size() + 1));
  return std::string();
}

Seen<std::vector<std::string>> HostFiles::dockerd_arguments(int process) const {
  using Arguments = Seen<std::vector<std::string>>;
  auto pids = list("/proc");
  if (!pids) return Arguments::not_seen(pids.why);
  // There may be several.
  std::vector<std::string> order;
  if (process > 0) order.push_back(std::to_string(process));
  if (const auto pid = read("/run/docker.pid"); pid && is_number(*pid)) order.push_back(*pid);
  std::ranges::copy_if(*pids, std::back_inserter(order), is_number);
  for (const std::string& pid : order) {
    const auto line = read(fmt::format("/proc/{}/cmdline", pid));
    if (!line || line->empty()) continue;
    std::vector<std::string> arguments;
    for (std::size_t at = 0; at < line->size();) {
      const auto end = std::min(line->find('\0', at), line->size());
      arguments.push_back(line->substr(at, end - at));
      at = end + 1;
    }
    const std::string& program = arguments[0];
    if (program.substr(program.rfind('/') + 1) != "dockerd") continue;
    arguments.erase(arguments.begin());
    return arguments;
  }
  return Arguments::not_seen("no process is called dockerd here, so its command line is not known");
}

bool HostFiles::environment_says(std::string_view assignment) const {
  const auto text = read("/etc/environment");
  if (!text) return false;
  return std::ranges::any_of(split(*text, '\n'), [&](std::string_view line) {
    const auto parts = words(line);
    if (parts.empty()) return false;
    std::string_view said = parts.back();
    const auto equals = said.find('=');
    return equals != std::string_view::npos &&
           fmt::format("{}={}", said.substr(0, equals), unquoted(said.substr(equals + 1))) ==
               assignment;
  });
}

}  // namespace plimsoll::docker
