// Decodes what the Docker Engine API answers, and what dockerd was told.
//
// Thread-safety: stateless. Errors name the field that cannot be read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cis/facts.h"
#include "plimsoll/result.h"

namespace plimsoll::codec::docker {

/// Source: GET /info and GET /version.
Result<cis::Daemon> decode_daemon(std::string_view info, std::string_view version);

/// An entry of a list.
struct Listed {
  std::string id, name, image_id;
};
/// Source: GET /containers/json.
Result<std::vector<Listed>> decode_containers(std::string_view json);
/// Source: GET /images/json. The name is the first tag, or the id in short.
Result<std::vector<Listed>> decode_images(std::string_view json);

/// Source: GET /containers/{id}/json. The uid is filled in where no list of users is needed.
/// Errors: also where what it is set up with (HostConfig, Config) or its state is not there at all.
Result<cis::Container> decode_container(std::string_view json, const cis::Defaults& defaults);

/// The command lines. Source: GET /containers/{id}/top.
Result<std::vector<std::string>> decode_top(std::string_view json);

/// The image's health check. Source: GET /images/{id}/json.
Result<bool> decode_health_check(std::string_view json);
/// What made it, newest first. Source: GET /images/{id}/history.
Result<std::vector<std::string>> decode_history(std::string_view json);

/// Source: GET /networks.
Result<std::vector<cis::Network>> decode_networks(std::string_view json);
/// The volumes that are a folder or a device of the host by another name: their names, and its
/// path. Source: GET /volumes; moby volume/local, whose options are those of mount(8).
Result<std::map<std::string, std::string, std::less<>>> decode_volumes(std::string_view json);
/// Source: GET /swarm.
Result<cis::Swarm> decode_swarm(std::string_view json);
/// Source: GET /secrets.
Result<std::int64_t> decode_count(std::string_view json);

/// What an error of the API says; empty: nothing.
std::string decode_message(std::string_view json);

/// daemon.json. Source: docs.docker.com/reference/cli/dockerd, "Daemon configuration file".
Result<cis::Settings> decode_daemon_file(std::string_view json);
/// What dockerd's arguments, without its name, say.
cis::Settings settings_of(std::span<const std::string> arguments);

/// The first file of a tar archive, as GET /containers/{id}/archive gives it.
struct Archived {
  std::string_view bytes;  ///< in the archive
  std::string link;        ///< it is a symbolic link, and leads there
};
/// Nothing: this is no whole archive, or no file is in it.
std::optional<Archived> file_in(std::string_view archive);
/// The id of a user in the text of /etc/passwd, as Docker reads it; nothing: it is not there.
std::optional<std::int64_t> uid_in(std::string_view list, std::string_view user);

}  // namespace plimsoll::codec::docker
