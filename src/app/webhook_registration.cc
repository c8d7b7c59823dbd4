#include "app/webhook_registration.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace plimsoll::app {
namespace {

using nlohmann::json;

/// Leads into an object, and remembers the first thing on the way that is not as it should be.
class Reader {
 public:
  [[nodiscard]] const Status& error() const { return error_; }

  /// A member; null where there is none.
  const json& member(const json& object, const char* name) {
    static const json kNone;
    if (!object.is_object()) return kNone;
    const auto at = object.find(name);
    return at == object.end() ? kNone : *at;
  }
  std::string text(const json& value, const std::string& field) {
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_null()) wrong(field, "is not a string");
    return "";
  }
  /// Calls `each(element, field)`.
  template <class Each>
  void array(const json& value, const std::string& field, Each each) {
    if (!value.is_array() && !value.is_null()) wrong(field, "is not an array");
    for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
      each(value[i], fmt::format("{}[{}]", field, i));
  }
  std::vector<std::string> texts(const json& value, const std::string& field) {
    std::vector<std::string> all;
    array(value, field,
          [&](const json& element, const std::string& at) { all.push_back(text(element, at)); });
    return all;
  }
  void wrong(const std::string& field, std::string message) {
    if (error_) return;
    error_.emplace();
    error_->field = field;
    error_->message = std::move(message);
  }

 private:
  Status error_;
};

std::string path_of_url(const std::string& url) {
  const auto scheme = url.find("://");
  const auto slash = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  return slash == std::string::npos ? "/" : url.substr(slash);
}

std::optional<Selector::Operator> parse_operator(std::string_view text) {
  using enum Selector::Operator;
  for (const auto& [name, op] : {std::pair<std::string_view, Selector::Operator>{"In", In},
                                 {"NotIn", NotIn},
                                 {"Exists", Exists},
                                 {"DoesNotExist", DoesNotExist}})
    if (text == name) return op;
  return std::nullopt;
}

Selector read_selector(Reader& r, const json& value, const std::string& field) {
  Selector out;
  const json& labels = r.member(value, "matchLabels");
  if (labels.is_object()) {
    for (const auto& [key, text] : labels.items())
      out.requirements.push_back(
          {key, Selector::Operator::In, {r.text(text, field + ".matchLabels." + key)}});
  } else if (!labels.is_null()) {
    r.wrong(field + ".matchLabels", "is not an object");
  }
  r.array(r.member(value, "matchExpressions"), field + ".matchExpressions",
          [&](const json& element, const std::string& at) {
            const std::string name = r.text(r.member(element, "operator"), at + ".operator");
            const auto op = parse_operator(name);
            // A selector that is half understood would be taken for a wider one.
            if (!op) return r.wrong(at + ".operator", fmt::format("\"{}\" is not known", name));
            out.requirements.push_back({r.text(r.member(element, "key"), at + ".key"), *op,
                                        r.texts(r.member(element, "values"), at + ".values")});
          });
  return out;
}

RegisteredEntry read_entry(Reader& r, const json& value, const std::string& field) {
  RegisteredEntry entry;
  if (!value.is_object()) r.wrong(field, "is not an object");
  entry.name = r.text(r.member(value, "name"), field + ".name");
  const json& client = r.member(value, "clientConfig");
  const std::string url = r.text(r.member(client, "url"), field + ".clientConfig.url");
  entry.path = url.empty() ? r.text(r.member(r.member(client, "service"), "path"),
                                    field + ".clientConfig.service.path")
                           : path_of_url(url);
  entry.has_ca_bundle =
      !r.text(r.member(client, "caBundle"), field + ".clientConfig.caBundle").empty();
  entry.ignores_failure =
      r.text(r.member(value, "failurePolicy"), field + ".failurePolicy") == "Ignore";
  entry.selector =
      read_selector(r, r.member(value, "namespaceSelector"), field + ".namespaceSelector");
  r.array(r.member(value, "rules"), field + ".rules",
          [&](const json& element, const std::string& at) {
            entry.rules.push_back(
                {.groups = r.texts(r.member(element, "apiGroups"), at + ".apiGroups"),
                 .operations = r.texts(r.member(element, "operations"), at + ".operations"),
                 .resources = r.texts(r.member(element, "resources"), at + ".resources")});
          });
  r.array(
      r.member(value, "matchConditions"), field + ".matchConditions",
      [&](const json& element, const std::string& at) {
        entry.conditions.push_back({r.text(r.member(element, "name"), at + ".name"),
                                    r.text(r.member(element, "expression"), at + ".expression")});
      });
  return entry;
}

}  // namespace

Result<WebhookRegistration> read_registration(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  Reader r;
  if (object.is_discarded())
    r.wrong("", "is not JSON");
  else if (r.text(r.member(object, "kind"), "kind") != kRegistrationKind)
    r.wrong("kind", fmt::format("is not {}", kRegistrationKind));
  WebhookRegistration out;
  out.name = r.text(r.member(r.member(object, "metadata"), "name"), "metadata.name");
  r.array(r.member(object, "webhooks"), "webhooks",
          [&](const json& value, const std::string& field) {
            out.entries.push_back(read_entry(r, value, field));
          });
  if (r.error()) return *r.error();
  return out;
}

}  // namespace plimsoll::app
