// Where the cluster is: from the pod's service account, or from kubeconfig files.
//
// Thread-safety: stateless.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kube/cluster.h"
#include "kube/credentials.h"
#include "kube/environment.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

/// Where a pod finds its service account.
inline constexpr std::string_view kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/// From inside a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and `token`, `ca.crt`
/// and `namespace` in the folder. The token is read again every minute and after a 401, the CA for
/// each connection. Errors: not in a pod, or in one without a service account's token.
Result<ClusterConfig> in_cluster(const Environment& environment,
                                 const std::string& folder = std::string(kServiceAccount),
                                 const Clock& clock = std::chrono::steady_clock::now);

/// A kubeconfig as JSON.
struct KubeconfigFile {
  std::string path;    ///< for messages
  std::string folder;  ///< what its relative paths count from
  std::string json;
};

/// The cluster and user of the context, or of the current one when `context` is empty. Several
/// files are merged as kubectl does with KUBECONFIG: of each name the first one counts, and the
/// first current-context. A user has one of token, tokenFile, username and password, or exec, and
/// may have a client certificate. Errors name the file and the field: what is not there, or cannot
/// be used (auth-provider, an exec plugin that must have a terminal).
Result<ClusterConfig> from_kubeconfig(std::span<const KubeconfigFile> files,
                                      std::string_view context = "",
                                      const Clock& clock = std::chrono::steady_clock::now);

}  // namespace plimsoll::kube
