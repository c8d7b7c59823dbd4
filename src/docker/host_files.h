// The file system of a Docker host, below a folder: `/`, or where a container has the host's root.
//
// Symbolic links count from that folder, so that a link of the host means what it means there.
// Thread-safety: stateless but for the file system.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cis/facts.h"

namespace plimsoll::docker {

class HostFiles {
 public:
  /// Bytes of a file that are read: more than any of those that are asked for has.
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;

  explicit HostFiles(std::string root = "/");

  /// The first of the paths that is there, or else the last.
  [[nodiscard]] cis::File file(std::initializer_list<std::string_view> paths) const;
  [[nodiscard]] cis::File file(std::string_view path) const { return file({path}); }
  /// A systemd unit, where systemd would find it.
  /// Source: systemd.unit(5), "Unit File Load Path".
  [[nodiscard]] cis::File unit(std::string_view name) const;

  /// The bytes of a file; empty without one.
  [[nodiscard]] cis::Seen<std::string> read(std::string_view path) const;
  /// The names in a folder, sorted; none without one.
  [[nodiscard]] cis::Seen<std::vector<std::string>> list(std::string_view path) const;

  /// What a path is when symbolic links are followed as far as they can be seen, without `.`, `..`
  /// and empty parts. A path of links without end is itself.
  [[nodiscard]] std::string leads_to(std::string_view path) const;

  // What is made of several files.
  [[nodiscard]] cis::Seen<std::vector<cis::File>> registry_certificates() const;
  [[nodiscard]] cis::Seen<std::vector<cis::Watch>> watches() const;
  [[nodiscard]] cis::Seen<std::vector<std::string>> mount_points() const;
  /// Who is in a group, be it their first one. `name`: or its number.
  [[nodiscard]] cis::Seen<std::vector<std::string>> group(std::string_view name) const;
  /// Whether a TCP port listens on every address.
  [[nodiscard]] cis::Seen<bool> listens_everywhere(unsigned port) const;
  /// Where a systemd socket listens for streams, its drop-ins counted. Not seen without the unit.
  /// Source: systemd.socket(5), ListenStream.
  [[nodiscard]] cis::Seen<std::vector<std::string>> listen_streams(std::string_view unit) const;
  /// The arguments of dockerd, without its name: of that process if it is one, else of the one
  /// that /run/docker.pid names, or any.
  [[nodiscard]] cis::Seen<std::vector<std::string>> dockerd_arguments(int process = 0) const;
  /// What a process was given for a variable; empty: nothing.
  [[nodiscard]] cis::Seen<std::string> environment_of(int process, std::string_view name) const;
  /// Whether /etc/environment sets it to that value.
  [[nodiscard]] bool environment_says(std::string_view assignment) const;

 private:
  /// Where it is for this process; nothing with errno: it is not. `all`: what is not there, or
  /// cannot be seen, is as good as a folder.
  [[nodiscard]] std::optional<std::string> resolve(std::string_view path, bool all = false) const;

  std::string root_;  ///< without a slash at its end; empty: /
};

}  // namespace plimsoll::docker
