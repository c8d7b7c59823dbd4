#include "app/settings.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

#include "app/console.h"
#include "app/templates_of.h"
#include "server/certificates.h"

namespace plimsoll::app {
namespace {

Error setting_error(std::string field, std::string message, std::string remedy = "") {
  Error error;
  error.field = std::move(field);
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

// What both the file and the flags say, laid over the settings.
void lay_over(Settings& settings, const codec::Configuration& said) {
  const auto take = [](auto& to, const auto& from) {
    if (from) to = std::remove_reference_t<decltype(to)>(*from);
  };
  take(settings.listen, said.listen);
  take(settings.management, said.management);
  take(settings.tls.certificate, said.tls_cert);
  take(settings.tls.key, said.tls_key);
  take(settings.tls.client_ca, said.client_ca);
  take(settings.dry_run, said.dry_run);
  take(settings.limits.max_body, said.max_body_bytes);
  take(settings.limits.max_connections, said.max_connections);
  take(settings.limits.handshake, said.handshake_timeout);
  take(settings.limits.idle, said.idle_timeout);
  take(settings.limits.request, said.request_timeout);
  take(settings.drain_delay, said.drain_delay);
  take(settings.drain_timeout, said.drain_timeout);
  take(settings.log_level, said.log_level);
  take(settings.log_decisions, said.log_decisions);
  take(settings.namespace_labels, said.namespace_labels);
  take(settings.pod_security_labels, said.pod_security_labels);
  take(settings.kubeconfig, said.kubeconfig);
  take(settings.updates, said.updates);
  take(settings.webhook_configuration, said.webhook_configuration);
  if (said.self_managed) {
    settings.self_managed = said.self_managed;
    settings.webhook_configuration = said.self_managed->webhook_configuration;
  }
  const auto add = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  add(settings.exemptions.usernames, said.exempt_users);
  add(settings.exemptions.groups, said.exempt_groups);
  add(settings.exemptions.namespaces, said.exempt_namespaces);
  add(settings.exemptions.runtime_classes, said.exempt_runtime_classes);
  add(settings.label_editors.users, said.editor_users);
  add(settings.label_editors.groups, said.editor_groups);
  add(settings.label_editors.service_accounts, said.editor_service_accounts);
  for (const auto& file : said.templates) settings.templates.push_back(file);
  add(settings.pod_templates, said.pod_templates);
  for (const auto& binding : said.bindings) settings.bindings.push_back(binding);
}

/// Whether certificates can be made as they are asked for, and are not given as well.
Status check(const codec::SelfManagedSpec& spec, const server::TlsFiles& tls) {
  const auto wrong = [&](std::string field, std::string message, std::string remedy) {
    Error error = setting_error(std::move(field), std::move(message), std::move(remedy));
    error.file = spec.file;
    error.line = spec.line;
    return error;
  };
  for (std::size_t i = 0; i < spec.hosts.size(); ++i)
    if (!server::is_host(spec.hosts[i]))
      return wrong(fmt::format("selfManaged.hosts[{}]", i),
                   fmt::format("\"{}\" is neither a DNS name nor an IP address", spec.hosts[i]),
                   "give hosts without a scheme or a port");
  if (!tls.certificate.empty() || !tls.key.empty())
    return wrong("selfManaged", "makes the certificate that --tls-cert and --tls-key name",
                 "keep one of them");
  return {};
}

/// Whether the server has what it needs.
Status check_server(const Settings& settings) {
  if (settings.self_managed) {
    if (auto error = check(*settings.self_managed, settings.tls)) return error;
  } else if (settings.tls.certificate.empty())
    return setting_error("--tls-cert", "is missing", "`plimsoll certs DIR --host NAME` makes one");
  else if (settings.tls.key.empty())
    return setting_error("--tls-key", "is missing", "`plimsoll certs DIR --host NAME` makes one");
  return {};
}

/// Whether what decides goes together.
Status check_policy(const Settings& settings) {
  if (settings.pod_security_labels && !settings.namespace_labels)
    return setting_error("honourPodSecurityLabels", "needs the labels of namespaces",
                         "set namespaceLabels: true");
  return {};
}

}  // namespace

Result<Settings> settle_policy(const std::string& config, const codec::Configuration& flags) {
  Settings settings;
  if (!config.empty()) {
    const auto text = read_file(config);
    if (!text) return text.error();
    auto file = codec::read_configuration(*text, config);
    if (!file) return file.error();
    // Paths of a file are relative to it.
    const auto slash = config.rfind('/');
    for (std::size_t i = 0; i < file->templates.size(); ++i) {
      std::string& name = file->templates[i];
      if (!name.starts_with('/') && slash != std::string::npos)
        name = config.substr(0, slash + 1) + name;
      const auto there = read_file(name);
      if (there) continue;
      Error error = setting_error(fmt::format("templates[{}]", i), there.error().to_string());
      error.file = config;
      error.line = file->template_lines[i];
      return error;
    }
    lay_over(settings, *file);
  }
  lay_over(settings, flags);
  if (auto error = check_policy(settings)) return *std::move(error);
  return settings;
}

Result<Settings> settle(const std::string& config, const codec::Configuration& flags) {
  auto settings = settle_policy(config, flags);
  if (!settings) return settings;
  if (auto error = check_server(*settings)) return *std::move(error);
  return settings;
}

Result<std::shared_ptr<const policy::Policy>> make_policy(const Settings& settings) {
  auto library = load_library(settings.templates);
  if (!library) return library.error();
  auto policy = std::make_shared<policy::Policy>();
  policy->library = *std::move(library);
  policy->dry_run = settings.dry_run;
  policy->namespace_labels = settings.namespace_labels;
  policy->pod_security_labels = settings.pod_security_labels;
  policy->updates = settings.updates;
  policy->exemptions = settings.exemptions;
  policy->label_editors = settings.label_editors;
  auto builtin = load_pod_places({});
  if (!builtin) return builtin.error();
  policy->pod_places = *std::move(builtin);
  for (const auto& [group, kind, places] : settings.pod_templates)
    policy->pod_places.set(group, kind, places);
  for (const auto& spec : settings.bindings) {
    const auto wrong = [&](std::string message, std::string remedy) {
      Error error = setting_error(spec.field, std::move(message), std::move(remedy));
      error.file = spec.file;
      error.line = spec.line;
      return error;
    };
    Binding& binding = policy->bindings.emplace_back();
    binding.mode = spec.mode;
    binding.workloads = spec.workloads;
    binding.updates = spec.updates.value_or(settings.updates);
    binding.namespaces = spec.namespaces;
    binding.exclude_namespaces = spec.exclude_namespaces;
    binding.selector = spec.selector;
    // `bindings[0].template` and `--bind` say where it is written.
    binding.source = spec.name.empty() ? spec.field.substr(0, spec.field.rfind(".template"))
                                       : fmt::format("binding \"{}\"", spec.name);
    binding.policy = policy->library.find(spec.policy);
    if (!binding.policy)
      return wrong(fmt::format("there is no template \"{}\"", spec.policy.name),
                   fmt::format("use one of {}", fmt::join(policy->library.names(), ", ")));
    if (!spec.selector.requirements.empty() && !settings.namespace_labels)
      return wrong("is bound by a selector, which needs the labels of namespaces",
                   "set namespaceLabels: true");
  }
  return std::shared_ptr<const policy::Policy>(std::move(policy));
}

}  // namespace plimsoll::app
