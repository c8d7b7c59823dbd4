// Credentials from a program: client.authentication.k8s.io/v1 and v1beta1, as client-go runs them.
//
// Thread-safety: a source may be used from any thread; one that comes while the program runs waits
// for it.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/cluster.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

struct ExecSpec {
  std::string api_version;  ///< client.authentication.k8s.io/v1 or /v1beta1
  std::string command;      ///< a path, or a name to be found in PATH
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  ///< beside those of this process
  std::string install_hint;
  std::string cluster_json;  ///< of KUBERNETES_EXEC_INFO's spec.cluster; empty: not provided
  std::string origin;        ///< the kubeconfig, for messages
  std::chrono::milliseconds time_limit{60'000};
};

/// Runs the program, without a shell and without a terminal, when there are no credentials, when
/// those of the last time have expired, and after a 401. Errors: it cannot be started, fails, takes
/// longer than the limit (it is killed, with all it started), says more than a mebibyte, or
/// something else than an ExecCredential of its version with a token or a certificate and key.
class ExecCredentials final : public CredentialSource {
 public:
  using WallClock = std::function<std::chrono::system_clock::time_point()>;
  explicit ExecCredentials(ExecSpec spec, WallClock clock = std::chrono::system_clock::now);

  Result<Credentials> current() override;
  void refused(const Credentials& credentials) override;

 private:
  Result<Credentials> run();
  [[nodiscard]] Error error_of(std::string message, std::string remedy = "") const;

  const ExecSpec spec_;
  const WallClock clock_;
  std::mutex mutex_;
  std::optional<Credentials> credentials_;
  std::optional<std::chrono::system_clock::time_point> expires_;
};

}  // namespace plimsoll::kube
