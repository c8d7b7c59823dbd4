// What decides: templates, bindings, exemptions, and what the labels of namespaces add to them.
//
// Ownership: a Policy owns its parts. Thread-safety: immutable once made; functions are pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/labels.h"
#include "plimsoll/pod_places.h"
#include "plimsoll/verdict.h"
#include "templates/library.h"

namespace plimsoll::policy {

/// Reviews that are let through unjudged. Source: pod-security-admission
/// admission/api/types.go, PodSecurityExemptions; `groups` goes beyond it.
struct Exemptions {
  std::vector<std::string> usernames, groups;
  std::vector<std::string> namespaces;  ///< names or globs
  std::vector<std::string> runtime_classes;
};

/// Who may lower or remove a label of a namespace.
struct Editors {
  std::vector<std::string> users, groups;
  std::vector<std::string> service_accounts;  ///< `namespace/name`

  [[nodiscard]] bool empty() const {
    return users.empty() && groups.empty() && service_accounts.empty();
  }
  [[nodiscard]] bool include(const RequestFacts& facts) const;
  /// `user "a"; group "b"; service account "ns/c"`
  [[nodiscard]] std::string names() const;
};

struct Policy {
  templates::Library library;
  std::vector<Binding> bindings;
  Exemptions exemptions;
  bool dry_run = false;
  bool namespace_labels = false;        ///< labels bind templates
  bool pod_security_labels = false;     ///< those of Pod Security Admission as well
  Updates updates = Updates::Upstream;  ///< of what labels bind
  Editors label_editors;                ///< empty: everybody
  PodPlaces pod_places;                 ///< the custom kinds that are judged
};

/// Why a review about a pod or a workload is not judged: `namespace`, `user`, `group` or
/// `runtimeClass`; empty: it is. Upstream's order.
std::string_view exempt(const Review& review, const Exemptions& exemptions);

/// What holds in one namespace.
struct NamespacePolicy {
  std::vector<Binding> bindings;      ///< of the configuration and of labels; they all apply
  std::vector<std::string> warnings;  ///< what is wrong with its labels
};

/// Of the namespace of that name and those labels. Bindings that ask the same are one.
NamespacePolicy resolve(const Policy& policy, std::string_view namespace_name,
                        const Labels& labels);

}  // namespace plimsoll::policy
