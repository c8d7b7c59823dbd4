// What `plimsoll serve` is to do: defaults, then the configuration file, then the flags.
//
// Thread-safety: plain values.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/files.h"
#include "plimsoll/result.h"
#include "policy/policy.h"
#include "server/http_server.h"
#include "server/tls.h"

namespace plimsoll::app {

struct Settings {
  std::string listen = "0.0.0.0:8443", management = "0.0.0.0:8080";
  server::TlsFiles tls;
  server::Limits limits;
  std::chrono::milliseconds drain_delay{5'000}, drain_timeout{15'000};
  bool dry_run = false;
  std::string log_level = "info", log_decisions = "none";
  std::vector<std::string> templates;
  std::vector<codec::PodTemplatesSpec> pod_templates;  ///< beside those that come with Plimsoll
  std::vector<codec::BindingSpec> bindings;
  bool namespace_labels = false, pod_security_labels = false;
  std::optional<codec::SelfManagedSpec> self_managed;  ///< instead of the files of `tls`
  std::string webhook_configuration;  ///< the registration that leads here; empty: not known
  std::string kubeconfig;             ///< empty: the pod's own service account
  Updates updates = Updates::Upstream;
  policy::Exemptions exemptions;
  policy::Editors label_editors;
};

/// `config`: the file; empty: none. Errors name file, line and field.
Result<Settings> settle(const std::string& config, const codec::Configuration& flags);

/// The same for a command that judges and does not serve: what a server needs is not asked for.
Result<Settings> settle_policy(const std::string& config, const codec::Configuration& flags);

/// The templates, with those of files, and all that is bound to them.
Result<std::shared_ptr<const policy::Policy>> make_policy(const Settings& settings);

}  // namespace plimsoll::app
