// A ValidatingWebhookConfiguration, as far as it says who is asked about what.
//
// Ownership: plain values. Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cel/cel.h"
#include "plimsoll/labels.h"
#include "plimsoll/result.h"

namespace plimsoll::app {

inline constexpr std::string_view kRegistrationKind = "ValidatingWebhookConfiguration";

/// One of `webhooks`.
struct RegisteredEntry {
  struct Rule {
    std::vector<std::string> groups, operations, resources;
  };
  std::string name;
  std::string path;              ///< on the server, of a Service or of a URL; empty: none is given
  bool has_ca_bundle = false;    ///< what the API server trusts; false: the roots of its machine
  bool ignores_failure = false;  ///< failurePolicy: Ignore
  Selector selector;             ///< of namespaces; matchLabels are requirements as well
  std::vector<Rule> rules;
  std::vector<cel::MatchCondition> conditions;  ///< all of them
};

struct WebhookRegistration {
  std::string name;
  std::vector<RegisteredEntry> entries;
};

/// Reads one object of that kind in JSON. What is absent is empty. Errors, which name the field:
/// not JSON, of another kind, a field that is not what the API has there.
Result<WebhookRegistration> read_registration(std::string_view json);

}  // namespace plimsoll::app
