// Looks at a Docker host: asks its engine, and reads its files.
//
// Ownership: borrows the engine and the files. Thread-safety: one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cis/facts.h"
#include "docker/engine.h"
#include "docker/host_files.h"
#include "plimsoll/result.h"

namespace plimsoll::app {

/// What is to be looked at.
struct Wanted {
  bool images = true, containers = true, processes = true, users = true;
};

class DockerHost {
 public:
  DockerHost(docker::Engine& engine, const docker::HostFiles& files, Wanted wanted)
      : engine_(engine), files_(files), wanted_(wanted) {}

  /// The daemon itself, and which containers there are. An error: nothing can be said at all.
  Status begin();
  /// How many steps are left, for a progress bar.
  [[nodiscard]] std::size_t steps() const { return images_.size() + containers_.size(); }

  struct Name {
    std::string id, name;
  };
  [[nodiscard]] const std::vector<Name>& containers() const { return containers_; }
  /// Leaves out the containers for which it says false.
  void keep(const std::function<bool(const Name&)>& wanted);

  /// The host; `step` is called after each image.
  const cis::Host& look(const std::function<void()>& step);

  /// A container. An error: it, or what is in it, could not be read; it is listed as missing.
  Result<cis::Container> container(const Name& name);

  /// Whether the engine has stopped to answer at all: nothing more can be looked at.
  [[nodiscard]] bool lost() const { return lost_; }

  /// What should have been seen and could not be: a line for people each. Of `left` containers
  /// nobody asked, since the engine was lost.
  [[nodiscard]] std::vector<std::string> missing(std::size_t left) const;

 private:
  /// The whole answer. An error that is not of this request alone makes the engine lost.
  Result<docker::Answer> ask(const std::string& path);
  /// The body of a 200; otherwise why there is none. `optional`: podman need not have it, and a
  /// node that is no manager neither; else what fails is missing.
  cis::Seen<std::string> fetch(const std::string& path, bool optional = false);
  template <class T>
  cis::Seen<T> decoded(const std::string& path, Result<T> (*decode)(std::string_view),
                       bool optional = false);
  void look_at_files();
  /// A file of the daemon's for TLS: as a setting names it, or else where it is without one.
  [[nodiscard]] cis::File of_tls(std::string_view setting, std::string_view usual) const;
  /// Where the daemon's own file is when nothing says so.
  [[nodiscard]] cis::Seen<std::string> usual_config() const;
  void look_at_processes(cis::Container& container);
  void follow_mounts(cis::Container& container) const;
  /// To the container whose namespaces it shares.
  void follow_namespaces(cis::Container& container);
  /// In the container's own list of users.
  void look_up_user(cis::Container& container);

  docker::Engine& engine_;
  const docker::HostFiles& files_;
  Wanted wanted_;
  cis::Host host_;
  cis::Defaults defaults_;
  std::vector<Name> images_, containers_;
  cis::Seen<std::map<std::string, std::string, std::less<>>> volumes_;  ///< paths of the host
  std::vector<std::string> missing_;
  bool lost_ = false;
};

}  // namespace plimsoll::app
