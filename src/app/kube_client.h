// The way to the API server that the settings name.
//
// Thread-safety: stateless.
#pragma once

#include <memory>

#include "app/settings.h"
#include "kube/transport.h"
#include "plimsoll/result.h"

namespace plimsoll::app {

/// By the kubeconfig, or as the pod's service account. Nothing is connected to yet. Errors: a file
/// that cannot be read, names no cluster, or is not there.
Result<std::unique_ptr<kube::Transport>> connect(const Settings& settings);

}  // namespace plimsoll::app
