// Plimsoll's own YAML files: templates and the server's configuration.
//
// Stricter than Kubernetes objects: a field that is not known is an error. Thread-safety:
// stateless.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/pod_templates.h"
#include "plimsoll/result.h"
#include "plimsoll/template.h"
#include "plimsoll/verdict.h"
#include "text/yaml.h"

namespace plimsoll::codec {

/// What is wrong with a document of a file.
Error error_at(const text::YamlDocument& document, const std::string& file, const Fault& fault);

/// Every `SecurityTemplate` of plimsoll.dev/v1alpha1 in the text. Errors name line and field.
Result<std::vector<TemplateSpec>> read_templates(std::string_view text, const std::string& file);

/// A binding as it is written.
struct BindingSpec {
  std::string name;  ///< empty: it has none
  Mode mode = Mode::Enforce;
  TemplateRef policy;
  Workloads workloads = Workloads::Warn;
  std::optional<Updates> updates;  ///< empty: as all bindings
  std::vector<std::string> namespaces, exclude_namespaces;
  Selector selector;
  /// Where the template is named, for messages: of a file, or of a flag, which has neither.
  std::string field, file;
  std::size_t line = 0;
};

/// Certificates that the server makes itself, as it is written.
struct SelfManagedSpec {
  std::string secret_namespace, secret_name;
  std::vector<std::string> hosts;
  std::string webhook_configuration;
  std::chrono::milliseconds ca_validity = std::chrono::hours(8760);
  std::chrono::milliseconds serving_validity = std::chrono::hours(2160);
  std::string file;  ///< where it is written, for messages
  std::size_t line = 0;
};

/// What settings may be. A CA signs in two thirds of its time, and the last thing that it signs has
/// to end before it does.
inline constexpr std::chrono::milliseconds kMinServingValidity = std::chrono::seconds(10);
inline constexpr int kMinCaRatio = 3;
inline constexpr std::int64_t kMinBodyBytes = 1 << 10, kMaxBodyBytes = 1 << 30;
inline constexpr std::int64_t kMaxConnections = 100'000;
inline constexpr std::array<std::string_view, 4> kLogLevels = {"debug", "info", "warn", "error"};
inline constexpr std::array<std::string_view, 4> kLogDecisions = {"none", "denied", "findings",
                                                                  "all"};

/// What `plimsoll serve` is told. Absent: not said.
struct Configuration {
  std::optional<std::string> listen, management, tls_cert, tls_key, client_ca;
  std::optional<bool> dry_run;
  std::optional<std::int64_t> max_body_bytes, max_connections;
  std::optional<std::chrono::milliseconds> handshake_timeout, idle_timeout, request_timeout;
  std::optional<std::chrono::milliseconds> drain_delay, drain_timeout;
  std::optional<std::string> log_level, log_decisions;
  std::vector<std::string> templates;       ///< files, as written
  std::vector<std::size_t> template_lines;  ///< where each is written; of flags there are none
  std::vector<PodTemplatesSpec> pod_templates;
  std::vector<BindingSpec> bindings;
  std::optional<bool> namespace_labels, pod_security_labels;
  std::optional<std::string> kubeconfig;
  std::optional<Updates> updates;
  std::optional<SelfManagedSpec> self_managed;
  /// The ValidatingWebhookConfiguration that leads here; if self_managed names one, it is the same.
  std::optional<std::string> webhook_configuration;
  /// Of the exemptions.
  std::vector<std::string> exempt_users, exempt_groups, exempt_namespaces, exempt_runtime_classes;
  /// Who may lower or remove a label.
  std::vector<std::string> editor_users, editor_groups, editor_service_accounts;
};

/// The `Configuration` of plimsoll.dev/v1alpha1 that the text holds. Errors name line and field.
Result<Configuration> read_configuration(std::string_view text, const std::string& file);

/// `enforce=restricted@v1.31,namespaces=shop-*|web,excludeNamespaces=x,workloads=enforce`.
Result<BindingSpec> parse_binding(std::string_view text);

/// `250ms`, `5s`, `2m`, `24h`: a whole number and its unit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace plimsoll::codec
