#include "app/policy_reports.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "app/earlier_reports.h"
#include "app/findings.h"
#include "kube/objects.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using nlohmann::json;
using Ordered = nlohmann::ordered_json;

// What the report was made of. Whoever edits the rest of one by hand keeps the change until the
// owner changes.
constexpr const char* kContent = "plimsoll.dev/content";
constexpr std::chrono::minutes kListTime{2};
constexpr std::size_t kEventWords = 1024;  // bytes; the API server's own limit for a note

std::string text_at(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

std::string content_of(const Ordered& report) {
  return fingerprint_of({report.dump(-1, ' ', false, Ordered::error_handler_t::replace)});
}

bool good(int status) { return status >= 200 && status < 300; }

Result<kube::Response> send(kube::Transport& transport, std::string method, std::string path,
                            std::string body = "") {
  return transport.send(
      {.method = std::move(method), .path = std::move(path), .body = std::move(body)});
}

Error error_of(std::string method, std::string path, const kube::Response& response) {
  return kube::api_error({.method = std::move(method), .path = std::move(path)}, response);
}

/// Whether the cluster has the API.
Result<bool> has(kube::Transport& transport, const report::ReportApi& api) {
  const std::string path = fmt::format("/apis/{}/{}", api.group, api.version);
  const auto response = send(transport, "GET", path);
  if (!response) return response.error();
  if (response->status == 404) return false;
  if (!good(response->status)) return error_of("GET", path, *response);
  const json list = json::parse(response->body, nullptr, false);
  if (!list.is_object() || !list.contains("resources") || !list["resources"].is_array())
    return false;
  for (const json& resource : list["resources"])
    if (resource.is_object() && text_at(resource, "name") == api.resource) return true;
  return false;
}

}  // namespace

Result<PolicyReports> PolicyReports::open(kube::Transport& transport, bool events) {
  for (const report::ReportApi* api : {&report::kOpenReports, &report::kPolicyReports}) {
    const auto there = has(transport, *api);
    if (!there) return there.error();
    if (!*there) continue;
    PolicyReports reports(transport, *api, events);
    if (auto error = reports.read_known()) return *std::move(error);
    return reports;
  }
  Error error;
  error.field = "--policy-reports";
  error.message = "the cluster has neither openreports.io/v1alpha1 nor wgpolicyk8s.io/v1alpha2";
  error.remedy = "install the custom resource definitions of one of them";
  return error;
}

Status PolicyReports::read_known() {
  const std::string path = fmt::format(
      "{}?labelSelector={}%3D{}", kube::path_of(api_->group, api_->version, api_->resource, "", ""),
      kube::percent_encoded(report::kManagedBy), report::kManager);
  kube::PageLimits limits;
  limits.max_items = SIZE_MAX;
  limits.deadline = std::chrono::steady_clock::now() + kListTime;
  limits.accept = kube::kMetadataList;
  const auto listed =
      kube::list_pages(*transport_, path, limits, [&](std::string_view body) -> Result<kube::Page> {
        const json list = json::parse(body, nullptr, false);
        // An empty list of metadata has null in their place.
        const json items = list.is_object() ? list.value("items", json()) : json();
        if (!list.is_object() || !(items.is_array() || items.is_null())) {
          Error error;
          error.message = fmt::format("the list of {} cannot be read", api_->resource);
          return error;
        }
        kube::Page page;
        if (list.contains("metadata") && list["metadata"].is_object())
          page.continue_token = text_at(list["metadata"], "continue");
        for (const json& item : items) {
          ++page.items;
          const json metadata = item.value("metadata", json::object());
          Known known;
          if (metadata.contains("annotations"))
            known.content = text_at(metadata["annotations"], kContent);
          known.resource_version = text_at(metadata, "resourceVersion");
          known_[{text_at(metadata, "namespace"), text_at(metadata, "name")}] = std::move(known);
        }
        return page;
      });
  if (!listed) return listed.error();
  if (!listed->cut) return {};
  Error error;
  error.message = fmt::format("the list of {} could not be read to its end", api_->resource);
  error.remedy = "try again";
  return error;
}

Status PolicyReports::write(const Resource& owner, const std::string& template_ref) {
  if (owner.namespace_name.empty() || owner.uid.empty() || owner.name.empty() ||
      (owner.outcome != Outcome::Pass && owner.outcome != Outcome::Fail))
    return {};
  Ordered report = report::policy_report_of(owner, template_ref, *api_);
  const std::string content = content_of(report);
  const std::string name = report::policy_report_name(owner);
  const auto at = known_.find({owner.namespace_name, name});
  const bool exists = at != known_.end();
  if (exists) at->second.seen = true;
  if (exists && at->second.content == content) {
    ++counts_.unchanged;
    return {};
  }
  report["metadata"]["annotations"] = {{kContent, content}};
  if (exists) report["metadata"]["resourceVersion"] = at->second.resource_version;
  const std::string method = exists ? "PUT" : "POST";
  const std::string path = kube::path_of(api_->group, api_->version, api_->resource,
                                         owner.namespace_name, exists ? name : "");
  const auto response = send(*transport_, method, path,
                             report.dump(-1, ' ', false, Ordered::error_handler_t::replace));
  if (!response) return response.error();
  // The namespace, or the report with its owner, went between the scan and now; or another scan
  // has just written it.
  if (response->status == 404 || response->status == 409) return {};
  if (!good(response->status)) return error_of(method, path, *response);
  ++(exists ? counts_.updated : counts_.created);
  if (!events_ || owner.findings.empty()) return {};
  if (counts_.events >= kMostEvents) {
    ++counts_.events_left_out;
    return {};
  }
  return tell(owner, content);
}

// Named by its content, so that the same is not told twice while the API server remembers the first
// one.
Status PolicyReports::tell(const Resource& owner, const std::string& content) {
  std::set<std::string_view> checks;
  for (const ReportedFinding& finding : owner.findings) checks.insert(finding.check->id);
  const std::string time = rfc3339(std::chrono::system_clock::now());
  const Ordered event{
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata",
       {{"name", fmt::format("plimsoll-{}.{}", owner.uid, content)},
        {"namespace", owner.namespace_name}}},
      {"involvedObject",
       {{"apiVersion", owner.api_version},
        {"kind", owner.kind},
        {"namespace", owner.namespace_name},
        {"name", owner.name},
        {"uid", owner.uid}}},
      {"type", "Warning"},
      {"reason", "ExcessPrivilege"},
      {"message",
       verdict::cut(
           verdict::printable(fmt::format(
               "more privilege than its templates allow: {} ({}); see report {}",
               owner.findings.size() == 1 ? "1 finding"
                                          : fmt::format("{} findings", owner.findings.size()),
               fmt::join(checks, ", "), report::policy_report_name(owner))),
           kEventWords)},
      {"source", {{"component", "plimsoll"}}},
      {"firstTimestamp", time},
      {"lastTimestamp", time},
      {"count", 1}};
  const std::string path = kube::path_of("", "v1", "events", owner.namespace_name, "");
  const auto response = send(*transport_, "POST", path,
                             event.dump(-1, ' ', false, Ordered::error_handler_t::replace));
  if (!response) return response.error();
  if (response->status == 404 || response->status == 409) return {};
  if (!good(response->status)) return error_of("POST", path, *response);
  ++counts_.events;
  return {};
}

Status PolicyReports::end(bool partial) {
  if (partial) return {};
  for (const auto& [key, known] : known_) {
    if (known.seen) continue;
    const auto& [space, name] = key;
    const std::string path = kube::path_of(api_->group, api_->version, api_->resource, space, name);
    const auto response = send(*transport_, "DELETE", path);
    if (!response) return response.error();
    if (response->status == 404) continue;
    if (!good(response->status)) return error_of("DELETE", path, *response);
    ++counts_.deleted;
  }
  return {};
}

}  // namespace plimsoll::app
