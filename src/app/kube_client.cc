#include "app/kube_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/console.h"
#include "app/version.h"
#include "kube/config.h"
#include "kube/http_transport.h"
#include "text/yaml.h"

namespace plimsoll::app {
namespace {

Result<kube::KubeconfigFile> read_kubeconfig(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  text::YamlReader reader(*text, path);
  auto document = reader.next();
  if (!document) return document.error();
  Error error;
  error.file = path;
  error.message = "is empty; a kubeconfig names clusters, users and contexts";
  if (!*document) return error;
  return kube::KubeconfigFile{.path = path,
                              .folder = std::filesystem::path(path).parent_path().string(),
                              .json = (*document)->json()};
}

Result<kube::ClusterConfig> cluster_of(const std::string& kubeconfig, const std::string& context) {
  if (kubeconfig.empty() && !context.empty()) {
    Error error;
    error.field = "--context";
    error.message = fmt::format("\"{}\" is a context of a kubeconfig, and there is none", context);
    error.remedy = "give --kubeconfig";
    return error;
  }
  if (kubeconfig.empty()) return kube::in_cluster(kube::process_environment());
  // Several files, as in KUBECONFIG.
  std::vector<kube::KubeconfigFile> files;
  for (std::string_view rest = kubeconfig; !rest.empty();) {
    const auto colon = std::min(rest.find(':'), rest.size());
    const std::string path(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    if (path.empty()) continue;
    auto file = read_kubeconfig(path);
    if (!file) return file.error();
    files.push_back(*std::move(file));
  }
  return kube::from_kubeconfig(files, context);
}

}  // namespace

std::string kubeconfig_of(const std::string& given) {
  if (!given.empty()) return given;
  for (const char* name : {"KUBECONFIG", "KUBERNETES_SERVICE_HOST"})
    if (const char* const value = std::getenv(name); value != nullptr && *value != '\0')
      return std::string_view(name) == "KUBECONFIG" ? value : "";
  const char* const home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.kube/config";
}

Result<ApiServer> connect(const std::string& kubeconfig, const std::string& context) {
  auto cluster = cluster_of(kubeconfig, context);
  if (!cluster) {
    Error error = cluster.error();
    if (kubeconfig.empty() && error.remedy.empty())
      error.remedy = "outside a cluster, give --kubeconfig";
    return error;
  }
  kube::HttpOptions options;
  options.user_agent = fmt::format("plimsoll/{}", kVersion);
  std::string url = cluster->server;
  auto transport = kube::HttpTransport::make(*std::move(cluster), std::move(options));
  if (!transport) return transport.error();
  return ApiServer{std::move(transport.value()), std::move(url)};
}

Result<std::unique_ptr<kube::Transport>> connect(const Settings& settings) {
  auto server = connect(settings.kubeconfig, "");
  if (!server) return server.error();
  return std::move(server->transport);
}

}  // namespace plimsoll::app
