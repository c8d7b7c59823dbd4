#include "app/self_managed.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "text/base64.h"

namespace plimsoll::app {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr int kAttempts = 5;  // in a row, when others write at the same time
constexpr milliseconds kLongestPause = std::chrono::seconds(60);
constexpr const char* kSecretSource = "secret";
constexpr const char* kSecretWrite = "secret write";
constexpr const char* kWebhooks = "webhooks";
constexpr const char* kWebhooksWrite = "webhooks write";
constexpr const char* kServe = "serve";
constexpr const char* kTrust = "trust";
constexpr const char* kMake = "make";
constexpr const char* kConflict = "conflict";

Moment machine_clock() {
  return {server::current_second(), std::chrono::duration_cast<milliseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())};
}

struct Key {
  const char* name;
  std::string SecretData::* member;
};
constexpr Key kKeys[] = {{"ca.crt", &SecretData::ca_certificate},
                         {"ca.key", &SecretData::ca_key},
                         {"tls.crt", &SecretData::certificate},
                         {"tls.key", &SecretData::key},
                         {"ca-bundle.crt", &SecretData::bundle}};

/// The member of an object, of any value; null: there is none.
json member(const json& value, const char* name) {
  if (!value.is_object()) return nullptr;
  const auto at = value.find(name);
  return at == value.end() ? json() : *at;
}

std::string text(const json& value) { return value.is_string() ? value.get<std::string>() : ""; }

std::string decoded(const json& value) {
  return text::decode_base64(text(value)).value_or(std::string());
}

/// The host that a webhook's clientConfig leads to.
std::string host_of(const json& client) {
  const json service = member(client, "service");
  if (service.is_object())
    return fmt::format("{}.{}.svc", text(member(service, "name")),
                       text(member(service, "namespace")));
  std::string url = text(member(client, "url"));
  if (const auto scheme = url.find("://"); scheme != std::string::npos) url.erase(0, scheme + 3);
  if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
  return url.substr(0, url.find_first_of(":/"));
}

/// What the API server says of its refusal.
std::string refusal(const kube::Response& response) {
  const json body = json::parse(response.body, nullptr, false);
  const std::string message = text(member(body, "message"));
  return message.empty() ? fmt::format("status {}", response.status)
                         : fmt::format("status {}: {}", response.status, message);
}

}  // namespace

struct SelfManaged::Secret {
  json object;
  SecretData data;
};

struct SelfManaged::Webhooks {
  Registration registration;
  std::vector<std::size_t> places;  ///< of the bundles among the entries
  std::string resource_version;
};

SelfManaged::SelfManaged(SelfManagedSettings settings, kube::Transport& transport,
                         SelfManagedHooks hooks)
    : settings_(std::move(settings)),
      transport_(transport),
      hooks_(std::move(hooks)),
      secret_label_(fmt::format("Secret {}/{}", settings_.secret_namespace, settings_.secret_name)),
      webhooks_label_(
          fmt::format("ValidatingWebhookConfiguration {}", settings_.webhook_configuration)),
      // Often enough for what holds for seconds only.
      poll_(std::clamp<milliseconds>(settings_.rules.serving_validity / 40, milliseconds(100),
                                     std::chrono::seconds(5))) {
  if (!hooks_.clock) hooks_.clock = machine_clock;
}

SelfManagedStatus SelfManaged::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void SelfManaged::add_metrics(metrics::Registry& registry) const {
  registry.computed(
      "plimsoll_ca_expiry_seconds",
      "When the CA of self-managed certificates ends, in seconds since 1970.", "gauge",
      [this] { return static_cast<double>(status().ca_not_after.time_since_epoch().count()); });
  registry.computed("plimsoll_certificate_rotations_total",
                    "Self-managed serving certificates that took the place of another.", "counter",
                    [this] { return static_cast<double>(status().rotations); });
  registry.computed("plimsoll_certificate_errors_total",
                    "What failed in keeping self-managed certificates.", "counter",
                    [this] { return static_cast<double>(status().errors); });
}

// --- what is said --------------------------------------------------------------------------------

void SelfManaged::say(bool problem, const std::string& message) const {
  if (hooks_.log) hooks_.log(problem, message);
}

void SelfManaged::problem(const std::string& source, const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    ++status_.errors;
  }
  std::string& known = problems_[source];
  if (known == text) return;
  known = text;
  say(true, text);
}

void SelfManaged::solved(const std::string& source) {
  const auto at = problems_.find(source);
  if (at == problems_.end()) return;
  say(false, fmt::format("no longer: {}", at->second));
  problems_.erase(at);
}

SelfManaged::Outcome SelfManaged::conflict(const std::string& label,
                                           const kube::Response& response) {
  conflict_ = fmt::format("{} cannot be written: {}", label, refusal(response));
  return Outcome::Again;
}

bool SelfManaged::send(const kube::Request& request, const std::string& source,
                       const std::string& what, std::initializer_list<int> expected,
                       kube::Response& response) {
  auto answer = transport_.send(request);
  if (!answer) {
    problem(source, fmt::format("{}: {}", what, answer.error().to_string()));
    return false;
  }
  response = *std::move(answer);
  if (response.date) skew_ = *response.date - hooks_.clock().wall;
  if (response.status / 100 != 2 &&
      std::ranges::find(expected, response.status) == expected.end()) {
    problem(source, fmt::format("{}: {}", what, refusal(response)));
    return false;
  }
  solved(source);
  return true;
}

// --- what is read and written --------------------------------------------------------------------

SelfManaged::Webhooks SelfManaged::read_webhooks() {
  Webhooks webhooks;
  kube::Response response;
  const std::string what = fmt::format("{} cannot be read", webhooks_label_);
  if (!send({.path = fmt::format("/apis/admissionregistration.k8s.io/v1/"
                                 "validatingwebhookconfigurations/{}",
                                 settings_.webhook_configuration)},
            kWebhooks, what, {404}, response))
    return webhooks;
  const json object = json::parse(response.body, nullptr, false);
  if (response.status != 404 && !object.is_object()) {
    problem(kWebhooks, fmt::format("{}: the answer is not JSON", what));
    return webhooks;
  }
  webhooks.registration.known = true;
  const bool there = response.status != 404;
  if (there_ != there)
    say(false, fmt::format("{} {}", webhooks_label_, there ? "found" : "is not there yet"));
  there_ = there;
  if (!there) return webhooks;
  webhooks.resource_version = text(member(member(object, "metadata"), "resourceVersion"));
  const json all = member(object, "webhooks");
  for (std::size_t i = 0; all.is_array() && i < all.size(); ++i) {
    const json client = member(all[i], "clientConfig");
    if (std::ranges::find(settings_.rules.hosts, host_of(client)) == settings_.rules.hosts.end())
      continue;  // somebody else's
    webhooks.places.push_back(i);
    webhooks.registration.bundles.push_back(decoded(member(client, "caBundle")));
  }
  return webhooks;
}

SelfManaged::Outcome SelfManaged::read_secret(Secret& secret) {
  const std::string path = fmt::format("/api/v1/namespaces/{}/secrets/{}",
                                       settings_.secret_namespace, settings_.secret_name);
  const std::string what = fmt::format("{} cannot be read", secret_label_);
  kube::Response response;
  if (!send({.path = path}, kSecretSource, what, {404}, response)) return Outcome::Failed;
  if (response.status == 404) {
    // Applied, because the right to create can then be given for one name. Empty: whoever fills it
    // has to name the version he fills, and so only one does.
    const json labels = {{"app.kubernetes.io/name", "plimsoll"},
                         {"app.kubernetes.io/managed-by", "plimsoll"}};
    const json empty = {{"apiVersion", "v1"},
                        {"kind", "Secret"},
                        {"metadata", {{"name", settings_.secret_name}, {"labels", labels}}}};
    if (!send({.method = "PATCH",
               .path = path + "?fieldManager=plimsoll&force=false",
               .body = empty.dump(),
               .content_type = "application/apply-patch+yaml"},
              kSecretWrite, fmt::format("{} cannot be created", secret_label_), {409}, response))
      return Outcome::Failed;
    if (response.status == 409) return conflict(secret_label_, response);
    if (response.status == 201) say(false, fmt::format("{} created", secret_label_));
  }
  secret.object = json::parse(response.body, nullptr, false);
  if (!secret.object.is_object() || !secret.object["metadata"].is_object()) {
    problem(kSecretSource, fmt::format("{}: the answer is not a Secret", what));
    return Outcome::Failed;
  }
  const json data = member(secret.object, "data");
  for (const Key& key : kKeys) secret.data.*key.member = decoded(member(data, key.name));
  return Outcome::Done;
}

SelfManaged::Outcome SelfManaged::write_secret(Secret& secret, const Plan& plan) {
  json object = secret.object;
  object["metadata"].erase("managedFields");
  json& data = object["data"];
  if (!data.is_object()) data = json::object();
  for (const Key& key : kKeys) data[key.name] = text::encode_base64(plan.secret.*key.member);
  kube::Response response;
  if (!send({.method = "PUT",
             .path = fmt::format("/api/v1/namespaces/{}/secrets/{}?fieldManager=plimsoll",
                                 settings_.secret_namespace, settings_.secret_name),
             .body = object.dump(-1, ' ', false, json::error_handler_t::replace)},
            kSecretWrite, fmt::format("{} cannot be written", secret_label_), {404, 409}, response))
    return Outcome::Failed;
  if (response.status / 100 != 2) return conflict(secret_label_, response);
  say(false, fmt::format("{} written: {}", secret_label_, fmt::join(plan.reasons, "; ")));
  secret.data = plan.secret;
  return Outcome::Done;
}

SelfManaged::Outcome SelfManaged::write_webhooks(const Webhooks& webhooks,
                                                 const std::string& bundle) {
  const auto& bundles = webhooks.registration.bundles;
  json patch = json::array({json::object({{"op", "test"},
                                          {"path", "/metadata/resourceVersion"},
                                          {"value", webhooks.resource_version}})});
  std::size_t count = 0;
  for (std::size_t i = 0; i < bundles.size(); ++i) {
    if (bundles[i] == bundle) continue;
    ++count;
    patch.push_back(json::object(
        {{"op", "add"},  // which replaces what is there
         {"path", fmt::format("/webhooks/{}/clientConfig/caBundle", webhooks.places[i])},
         {"value", text::encode_base64(bundle)}}));
  }
  if (count == 0) {
    solved(kWebhooksWrite);
    return Outcome::Done;
  }
  kube::Response response;
  // 422 is what a failed test is answered with.
  if (!send({.method = "PATCH",
             .path = fmt::format("/apis/admissionregistration.k8s.io/v1/"
                                 "validatingwebhookconfigurations/{}?fieldManager=plimsoll",
                                 settings_.webhook_configuration),
             .body = patch.dump(),
             .content_type = "application/json-patch+json"},
            kWebhooksWrite, fmt::format("{} cannot be written", webhooks_label_), {404, 409, 422},
            response))
    return Outcome::Failed;
  if (response.status / 100 != 2) return conflict(webhooks_label_, response);
  say(false, fmt::format("{}: caBundle written to {} webhook{}", webhooks_label_, count,
                         count == 1 ? "" : "s"));
  // To see what came of it; when it never lasts somebody else writes it too.
  conflict_ = fmt::format("{}: what is written does not stay", webhooks_label_);
  return Outcome::Again;
}

void SelfManaged::serve(Moment now) {
  Replica next = replica_;
  if (!adopt(next, secret_, settings_.rules, now)) return solved(kServe);
  if (const Status error = hooks_.serve(next.serving)) {
    problem(kServe, fmt::format("{} holds a pair that cannot be served with: {}", secret_label_,
                                error->to_string()));
    return;
  }
  solved(kServe);
  const bool first = replica_.serving.certificate.empty();
  replica_ = std::move(next);
  if (!first) {
    const std::lock_guard lock(mutex_);
    ++status_.rotations;
  }
  say(false, fmt::format("serving with {} certificate, until {:%Y-%m-%dT%H:%M:%SZ}",
                         first ? "a" : "a new", replica_.facts.not_after));
}

Moment SelfManaged::now() const {
  Moment moment = hooks_.clock();
  moment.wall += skew_;
  return moment;
}

SelfManaged::Outcome SelfManaged::look() {
  const Webhooks webhooks = read_webhooks();  // before the Secret: see above
  Secret secret;
  if (const Outcome read = read_secret(secret); read != Outcome::Done) {
    report(webhooks, now());
    return read;
  }
  const Moment now = this->now();
  if (secret.data != secret_.text) secret_ = inspect(secret.data);
  observe(replica_, webhooks.registration, secret_, settings_.rules, now);
  Outcome written = Outcome::Done;
  const auto next = plan(secret_, webhooks.registration, replica_, settings_.rules, now);
  if (!next)
    problem(kMake, next.error().to_string());
  else if (!next->reasons.empty())
    written = write_secret(secret, *next);
  else
    solved(kSecretWrite);  // by somebody else
  if (written == Outcome::Again) return written;
  if (next) solved(kMake);
  if (secret.data != secret_.text) secret_ = inspect(secret.data);
  serve(now);
  Outcome published = Outcome::Done;
  if (webhooks.registration.known && publishable(secret_))
    published = write_webhooks(webhooks, secret_.text.bundle);
  report(webhooks, now);
  if (!next || written == Outcome::Failed || !webhooks.registration.known) return Outcome::Failed;
  return published;
}

void SelfManaged::report(const Webhooks& webhooks, Moment now) {
  const Registration& registration = webhooks.registration;
  const bool any = !replica_.serving.certificate.empty();
  const bool expired = any && replica_.facts.not_after <= now.wall;
  Trusted& last = was_trusted_;
  // What has been verified is not verified again as long as nothing changes.
  if (registration.known && (!last.now || expired || last.bundles != registration.bundles ||
                             last.certificate != replica_.serving.certificate)) {
    last.now = trusted(replica_, registration, now);
    last.ever = last.ever || last.now;
    last.bundles = registration.bundles;
    last.certificate = replica_.serving.certificate;
  }
  std::string detail;
  for (const auto& [source, text] : problems_) detail += text + "\n";
  if (!any)
    detail += "there is no serving certificate yet\n";
  else if (expired)
    detail += "the serving certificate has expired\n";
  else if (registration.known && !last.now)
    detail += fmt::format("{} does not trust the serving certificate\n", webhooks_label_);
  const std::lock_guard lock(mutex_);
  status_.ready = last.ever && any && !expired;
  status_.detail = std::move(detail);
  if (secret_.ca_facts) status_.ca_not_after = secret_.ca_facts->not_after;
}

// --- again and again -----------------------------------------------------------------------------

milliseconds SelfManaged::round() {
  Outcome outcome = Outcome::Again;
  for (int i = 0; i < kAttempts && outcome == Outcome::Again; ++i) outcome = look();
  if (outcome == Outcome::Again)
    problem(kConflict, conflict_);
  else if (outcome == Outcome::Done)
    solved(kConflict);
  if (outcome != Outcome::Failed) {
    failures_ = 0;
    return jittered(poll_);
  }
  const milliseconds longest =
      std::clamp<milliseconds>(settings_.rules.serving_validity / 10, poll_, kLongestPause);
  return jittered(std::min(longest, poll_ * (1 << std::min(failures_++, 10U))));
}

milliseconds SelfManaged::jittered(milliseconds time) {
  std::uniform_real_distribution<double> factor(0.8, 1.2);
  return std::chrono::duration_cast<milliseconds>(time * factor(random_));
}

void SelfManaged::run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) wake.wait_for(lock, stop, round(), [] { return false; });
}

}  // namespace plimsoll::app
