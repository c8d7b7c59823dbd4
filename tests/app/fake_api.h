// An API server with one Secret and one ValidatingWebhookConfiguration, as far as self-managed
// certificates use them: resource versions, conflicts, server-side apply, JSON patches with tests.
//
// Thread-safety: send() may be called from several threads; `before` and `after` are called without
// the lock, so that they may call send() themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/rotation.h"
#include "kube/transport.h"
#include "text/base64.h"

namespace plimsoll::app::testing {

using nlohmann::json;

class FakeApi : public kube::Transport {
 public:
  static constexpr const char* kSecretPath =
      "/api/v1/namespaces/plimsoll/secrets/plimsoll-certificates";
  static constexpr const char* kWebhooksPath =
      "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/plimsoll";

  /// May answer in the server's place, or do something first.
  std::function<std::optional<Result<kube::Response>>(const kube::Request&)> before;
  /// The server's clock, which is in its answers; empty: it says nothing of it.
  std::function<std::chrono::sys_seconds()> date;
  /// May lose the answer.
  std::function<std::optional<Error>(const kube::Request&)> after;

  Result<kube::Response> send(const kube::Request& request) override {
    if (before)
      if (auto answer = before(request)) return *std::move(answer);
    kube::Response response;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request.method + " " + request.path);
      response = answer(request);
    }
    if (date) response.date = date();
    if (after)
      if (auto lost = after(request)) return *std::move(lost);
    return response;
  }

  /// The whole answer at once.
  Result<kube::Response> stream(const kube::Request& request, std::chrono::milliseconds,
                                const std::stop_token&,
                                const std::function<bool(std::string_view)>& take) override {
    auto response = send(request);
    if (!response || response->status != 200) return response;
    take("");
    take(response->body);
    response->body.clear();
    return response;
  }

  // What an administrator does.

  void register_webhooks(std::size_t count) {
    const std::lock_guard lock(mutex_);
    json webhooks = json::array();
    for (std::size_t i = 0; i < count; ++i)
      webhooks.push_back(
          json{{"name", "w" + std::to_string(i)},
               {"clientConfig", {{"service", {{"name", "plimsoll"}, {"namespace", "plimsoll"}}}}}});
    webhooks_ = json{{"kind", "ValidatingWebhookConfiguration"},
                     {"metadata", {{"name", "plimsoll"}}},
                     {"webhooks", webhooks}};
    touch(*webhooks_);
  }
  void register_webhooks(json registration) {
    const std::lock_guard lock(mutex_);
    webhooks_ = std::move(registration);
    touch(*webhooks_);
  }
  void remove_webhooks() {
    const std::lock_guard lock(mutex_);
    webhooks_.reset();
  }
  void edit_webhooks(const std::function<void(json&)>& edit) {
    const std::lock_guard lock(mutex_);
    if (!webhooks_) return;
    edit(*webhooks_);
    touch(*webhooks_);
  }
  void edit_secret(const std::function<void(json&)>& edit) {
    const std::lock_guard lock(mutex_);
    if (!secret_) return;
    edit(*secret_);
    touch(*secret_);
  }
  void create_secret(json secret) {
    const std::lock_guard lock(mutex_);
    secret_ = std::move(secret);
    (*secret_)["metadata"]["uid"] = std::to_string(++version_);
    touch(*secret_);
  }
  void delete_secret() {
    const std::lock_guard lock(mutex_);
    secret_.reset();
  }

  [[nodiscard]] std::optional<json> secret() const {
    const std::lock_guard lock(mutex_);
    return secret_;
  }
  [[nodiscard]] SecretData data() const {
    const std::lock_guard lock(mutex_);
    SecretData data;
    if (!secret_) return data;
    for (const auto& [name, member] : members())
      data.*member = text::decode_base64((*secret_).value("data", json::object()).value(name, ""))
                         .value_or("");
    return data;
  }
  void set_data(const SecretData& data) {
    edit_secret([&](json& secret) {
      for (const auto& [name, member] : members())
        if ((data.*member).empty())
          secret["data"].erase(name);
        else
          secret["data"][name] = text::encode_base64(data.*member);
    });
  }
  /// The caBundle of each webhook, decoded.
  [[nodiscard]] std::vector<std::string> bundles() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    if (webhooks_)
      for (const json& webhook : (*webhooks_)["webhooks"])
        all.push_back(
            text::decode_base64(webhook["clientConfig"].value("caBundle", "")).value_or(""));
    return all;
  }
  [[nodiscard]] std::optional<json> webhooks() const {
    const std::lock_guard lock(mutex_);
    return webhooks_;
  }
  /// `METHOD PATH` of everything that was asked; and forgets it.
  std::vector<std::string> take_requests() {
    const std::lock_guard lock(mutex_);
    return std::exchange(requests_, {});
  }
  [[nodiscard]] std::size_t secret_writes() const {
    const std::lock_guard lock(mutex_);
    return secret_writes_;
  }
  [[nodiscard]] std::size_t webhook_writes() const {
    const std::lock_guard lock(mutex_);
    return webhook_writes_;
  }

  static kube::Response refusal(int status, const std::string& message) {
    return {status, json{{"kind", "Status"}, {"code", status}, {"message", message}}.dump()};
  }

 private:
  static std::vector<std::pair<const char*, std::string SecretData::*>> members() {
    return {{"ca.crt", &SecretData::ca_certificate},
            {"ca.key", &SecretData::ca_key},
            {"tls.crt", &SecretData::certificate},
            {"tls.key", &SecretData::key},
            {"ca-bundle.crt", &SecretData::bundle}};
  }
  void touch(json& object) { object["metadata"]["resourceVersion"] = std::to_string(++version_); }

  kube::Response answer(const kube::Request& request) {
    const auto question = request.path.find('?');
    const std::string path = request.path.substr(0, question);
    const std::string query = question == std::string::npos ? "" : request.path.substr(question);
    if (path == kSecretPath) return answer_secret(request, query);
    if (path == kWebhooksPath) return answer_webhooks(request, query);
    return refusal(404, "the server could not find the requested resource");
  }

  kube::Response answer_secret(const kube::Request& request, const std::string& query) {
    if (request.method == "GET")
      return secret_ ? kube::Response{200, secret_->dump()} : refusal(404, "not found");
    const json body = json::parse(request.body, nullptr, false);
    if (!body.is_object()) return refusal(400, "not JSON");
    if (request.method == "PATCH") {
      if (request.content_type != "application/apply-patch+yaml") return refusal(415, "type");
      if (query.find("fieldManager=") == std::string::npos)
        return refusal(400, "fieldManager is required");
      if (query.find("force=false") == std::string::npos || body.contains("data"))
        return refusal(400, "others' fields are not taken");
      if (secret_) return {200, secret_->dump()};
      secret_ = body;
      (*secret_)["metadata"]["uid"] = std::to_string(++version_);
      (*secret_)["metadata"]["managedFields"] = json::array({json{{"manager", "plimsoll"}}});
      touch(*secret_);
      return {201, secret_->dump()};
    }
    if (request.method != "PUT") return refusal(405, "method");
    if (request.content_type != "application/json") return refusal(415, "type");
    if (!secret_) return refusal(404, "not found");
    const json& old = (*secret_)["metadata"];
    const json& metadata = body["metadata"];
    // A write that names no version wins over everybody: nobody here may make one.
    if (!metadata.contains("resourceVersion")) return refusal(400, "blind write");
    if (metadata["resourceVersion"] != old["resourceVersion"] || metadata["uid"] != old["uid"])
      return refusal(409, "the object has been modified; please apply your changes to the latest");
    if (secret_->value("immutable", false)) return refusal(422, "field is immutable");
    ++secret_writes_;
    secret_ = body;
    touch(*secret_);
    return {200, secret_->dump()};
  }

  kube::Response answer_webhooks(const kube::Request& request, const std::string& query) {
    if (!webhooks_) return refusal(404, "not found");
    if (request.method == "GET") return {200, webhooks_->dump()};
    if (request.method != "PATCH") return refusal(405, "method");
    if (request.content_type != "application/json-patch+json") return refusal(415, "type");
    if (query != "?fieldManager=plimsoll") return refusal(400, "fieldManager");
    const json patch = json::parse(request.body, nullptr, false);
    if (!patch.is_array() || patch.empty() || patch[0].value("op", "") != "test" ||
        patch[0].value("path", "") != "/metadata/resourceVersion")
      return refusal(400, "blind write");
    try {
      json patched = webhooks_->patch(patch);
      if (patched != *webhooks_) {
        ++webhook_writes_;
        webhooks_ = std::move(patched);
        touch(*webhooks_);
      }
    } catch (const json::exception&) {
      return refusal(422, "the server rejected our request due to an error in our request");
    }
    return {200, webhooks_->dump()};
  }

  mutable std::mutex mutex_;
  std::optional<json> secret_, webhooks_;
  std::uint64_t version_ = 100;
  std::size_t secret_writes_ = 0, webhook_writes_ = 0;
  std::vector<std::string> requests_;
};

}  // namespace plimsoll::app::testing
