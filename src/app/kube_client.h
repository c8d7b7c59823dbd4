// The way to the API server that the settings name.
//
// Thread-safety: stateless.
#pragma once

#include <memory>
#include <string>

#include "app/settings.h"
#include "kube/transport.h"
#include "plimsoll/result.h"

namespace plimsoll::app {

/// What a person's command uses to reach the API server: the kubeconfig that was given, else what
/// KUBECONFIG says, else the pod's service account (empty), else kubectl's own file.
std::string kubeconfig_of(const std::string& given);

struct ApiServer {
  std::unique_ptr<kube::Transport> transport;
  std::string url;  ///< without credentials
};

/// By the context of that name of the kubeconfig, or the current one if it is empty. Errors as of
/// connect(settings), and a context without a kubeconfig.
Result<ApiServer> connect(const std::string& kubeconfig, const std::string& context);

/// By the kubeconfig, or as the pod's service account. Nothing is connected to yet. Errors: a file
/// that cannot be read, names no cluster, or is not there.
Result<std::unique_ptr<kube::Transport>> connect(const Settings& settings);

}  // namespace plimsoll::app
