#include "app/policy_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <stop_token>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>

#include "app/earlier_reports.h"
#include "app/findings.h"
#include "app/owners.h"
#include "kube/objects.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using nlohmann::json;
using Ordered = nlohmann::ordered_json;

// What the report comes to and was made of: `fail-0123456789abcdef`. Whoever edits the rest of one
// by hand keeps the change until the owner changes.
constexpr const char* kContent = "plimsoll.dev/content";
constexpr std::size_t kEventWords = 1024;  // bytes; the API server's own limit for a note

std::string text_at(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

/// What the annotation of the owner's report says. Where a container stands is no part of it unless
/// it is the owner's own: each pod may have it in another place.
std::string content_of(Resource owner, const std::string& template_ref,
                       const report::ReportApi& api) {
  for (ReportedFinding& finding : owner.findings) {
    if (finding.lasting.empty()) continue;  // the owner's own
    finding.field = finding.place;
    finding.advice.clear();
  }
  // Nor is their order, which follows from the places in the first pod.
  std::ranges::stable_sort(owner.findings, {}, [](const ReportedFinding& finding) {
    return std::tuple(finding.check->id, std::string_view(finding.place),
                      std::string_view(finding.lasting), std::string_view(finding.message));
  });
  const Ordered report = report::policy_report_of(owner, template_ref, api);
  const Ordered& summary = report["summary"];
  return fmt::format(
      "{}-{}",
      summary["fail"] > 0   ? "fail"
      : summary["warn"] > 0 ? "warn"
                            : "pass",
      fingerprint_of({report.dump(-1, ' ', false, Ordered::error_handler_t::replace)}));
}

/// How bad a report of this content is.
int weight_of(std::string_view content) {
  return content.starts_with("fail-") ? 2 : content.starts_with("warn-") ? 1 : 0;
}

bool good(int status) { return status >= 200 && status < 300; }

Error error_of(std::string method, std::string path, const kube::Response& response) {
  return kube::api_error({.method = std::move(method), .path = std::move(path)}, response);
}

/// Whether the cluster has the API.
Result<bool> has(kube::CollectionReader& reader, const report::ReportApi& api) {
  const std::string path = fmt::format("/apis/{}/{}", api.group, api.version);
  const auto response = reader.get({.path = path});
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

Result<PolicyReports> PolicyReports::open(kube::Transport& transport, bool events,
                                          const std::vector<std::string>& namespaces, Wait wait) {
  if (!wait)
    wait = [](std::chrono::milliseconds pause, const std::stop_token& /*stop*/) {
      std::this_thread::sleep_for(pause);
    };
  kube::CollectionReader reader(transport, {}, {}, [](const std::string& /*note*/) {}, wait);
  for (const report::ReportApi* api : {&report::kOpenReports, &report::kPolicyReports}) {
    const auto there = has(reader, *api);
    if (!there) return there.error();
    if (!*there) continue;
    PolicyReports reports(transport, *api, events, std::move(wait));
    for (const std::string& space :
         namespaces.empty() ? std::vector<std::string>{""} : namespaces) {
      const auto known = reports.read_known(reader, space);
      if (!known.error) continue;
      if (known.status != 403 || space.empty()) return *known.error;
      reports.failed(fmt::format("each owner in namespace {}", space), *known.error);
      reports.forbidden_.insert(space);
    }
    return reports;
  }
  Error error;
  error.field = "--policy-reports";
  error.message = "the cluster has neither openreports.io/v1alpha1 nor wgpolicyk8s.io/v1alpha2";
  error.remedy = "install the custom resource definitions of one of them";
  return error;
}

// In one namespace, or in all of them. What is begun anew may come a second time.
kube::Collected PolicyReports::read_known(kube::CollectionReader& reader,
                                          const std::string& space) {
  const std::string path =
      fmt::format("{}?labelSelector={}%3D{}",
                  kube::path_of(api_->group, api_->version, api_->resource, space, ""),
                  kube::percent_encoded(report::kManagedBy), report::kManager);
  const auto take = [&](const std::string& body) -> Result<kube::PageHead> {
    const json list = json::parse(body, nullptr, false);
    // An empty list of metadata has null in their place.
    const json items = list.is_object() ? list.value("items", json()) : json();
    if (!list.is_object() || !(items.is_array() || items.is_null())) {
      Error error;
      error.message = fmt::format("it is no list of {}", api_->resource);
      return error;
    }
    kube::PageHead page;
    page.items = items.size();
    if (list.contains("metadata") && list["metadata"].is_object())
      page.continue_token = text_at(list["metadata"], "continue");
    for (const json& item : items) {
      const json metadata =
          item.is_object() ? item.value("metadata", json::object()) : json::object();
      if (!metadata.is_object()) continue;
      std::string name = text_at(metadata, "name");
      // A label is put on easily: what has another name was made by somebody else.
      if (!name.starts_with(report::kReportPrefix)) continue;
      Known known;
      if (metadata.contains("annotations") && metadata["annotations"].is_object())
        known.content = text_at(metadata["annotations"], kContent);
      known.resource_version = text_at(metadata, "resourceVersion");
      known_[{text_at(metadata, "namespace"), std::move(name)}] = std::move(known);
    }
    return page;
  };
  return reader.read(api_->resource, path, take, kube::kMetadataList);
}

// As the API server asks for it, but not for ever, and all of them together no longer than a page
// of the scan: the next scan comes.
Result<kube::Response> PolicyReports::send(const std::string& method, const std::string& path,
                                           const std::string& body) {
  constexpr int kTries = 4;
  std::chrono::milliseconds next{1000};
  for (int i = 1;; ++i) {
    auto response = transport_->send({.method = method, .path = path, .body = body});
    const bool passing = !response || response->status == 429 || response->status >= 500;
    const std::chrono::milliseconds asked = response ? response->retry_after : next;
    const auto pause =
        std::min<std::chrono::milliseconds>(std::max(next, asked), std::chrono::seconds(10));
    if (!passing || i == kTries || pause > pauses_) {
      gone_ = !response || response->status == 401;
      return response;
    }
    pauses_ -= pause;
    wait_(pause, {});
    next *= 2;
  }
}

/// Whether a 404 is about the namespace or the report: else it is the API that is not there.
bool PolicyReports::is_gone(const kube::Response& response) const {
  if (response.status != 404) return false;
  const json status = json::parse(response.body, nullptr, false);
  if (!status.is_object() || !status.contains("details") || !status["details"].is_object())
    return false;
  const std::string kind = text_at(status["details"], "kind");
  return kind == "namespaces" || kind == api_->resource;
}

void PolicyReports::failed(const std::string& whose, const Error& error) {
  constexpr std::size_t kMost = 10;
  if (++counts_.failed <= kMost)
    problems_.push_back(fmt::format("the report of {}: {}", whose, error.to_string()));
}

std::vector<std::string> PolicyReports::problems() const {
  auto lines = problems_;
  if (counts_.failed > lines.size())
    lines.push_back(fmt::format("{} more reports could not be written or deleted",
                                counts_.failed - lines.size()));
  return lines;
}

void PolicyReports::write(const Resource& owner, const std::string& template_ref, bool complete) {
  if (owner.namespace_name.empty() || owner.name.empty() ||
      forbidden_.contains(owner.namespace_name) ||
      (owner.outcome != Outcome::Pass && owner.outcome != Outcome::Fail))
    return;
  // Nobody has seen it: it is gone, or its list is missing, which is said once.
  if (owner.uid.empty()) return;
  const std::string whose = fmt::format("{} {}/{}", owner.kind, owner.namespace_name, owner.name);
  if (!is_uid(owner.uid)) {
    Error error;
    error.message = "not written, for the owner has no uid that it could be named by";
    return failed(whose, error);
  }
  const std::string content = content_of(owner, template_ref, *api_);
  const std::string name = report::policy_report_name(owner);
  const auto at = known_.find({owner.namespace_name, name});
  const bool known = at != known_.end();
  if (known) at->second.seen = true;
  const std::string before = known ? at->second.content : "";
  if (content == before || (!complete && weight_of(content) <= weight_of(before))) {
    if (known) ++(content == before ? counts_.unchanged : counts_.kept);
    return;
  }
  if (gone_) return failed(whose, {.message = "not written, for nobody answers any more"});
  Ordered report = report::policy_report_of(owner, template_ref, *api_);
  report["metadata"]["annotations"] = {{kContent, content}};
  const auto path_of = [&](std::string_view named) {
    return kube::path_of(api_->group, api_->version, api_->resource, owner.namespace_name, named);
  };
  std::string version = known ? at->second.resource_version : "";
  // Twice, for somebody else may have written it since it was listed, or it is there without the
  // label that it is listed by.
  for (const bool last : {false, true}) {
    if (!version.empty()) report["metadata"]["resourceVersion"] = version;
    const std::string method = version.empty() ? "POST" : "PUT";
    const std::string path = path_of(version.empty() ? "" : name);
    const auto response =
        send(method, path, report.dump(-1, ' ', false, Ordered::error_handler_t::replace));
    if (!response) return failed(whose, response.error());
    // The namespace, or the report with its owner, went between the scan and now.
    if (is_gone(*response)) return;
    if (good(response->status)) {
      ++(version.empty() ? counts_.created : counts_.updated);
      break;
    }
    if (response->status != 409 || last) return failed(whose, error_of(method, path, *response));
    // Listed, so that no right to get them is needed.
    const auto there =
        send("GET", fmt::format("{}?fieldSelector=metadata.name%3D{}", path_of(""), name));
    if (!there) return failed(whose, there.error());
    const json list = json::parse(there->body, nullptr, false);
    const json::json_pointer now("/items/0/metadata/resourceVersion");
    version = list.contains(now) && list.at(now).is_string() ? list.at(now).get<std::string>() : "";
  }
  if (!events_ || owner.findings.empty()) return;
  if (told_ >= kMostEvents) {
    ++counts_.events_left_out;
  } else {
    ++told_;
    tell(owner);
  }
}

// Named by what it says, so that the same is not told twice while the API server remembers the
// first one. An Event is a hint: what becomes of it is no failure of the scan.
void PolicyReports::tell(const Resource& owner) {
  std::set<std::string_view> checks;
  for (const ReportedFinding& finding : owner.findings) checks.insert(finding.check->id);
  const std::string ids = fmt::format("{}", fmt::join(checks, ", "));
  const std::string time = rfc3339(std::chrono::system_clock::now());
  const Ordered event{
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata",
       {{"name", fmt::format("plimsoll-{}.{}", owner.uid, fingerprint_of({ids}))},
        {"namespace", owner.namespace_name}}},
      {"involvedObject",
       {{"apiVersion", owner.api_version},
        {"kind", owner.kind},
        {"namespace", owner.namespace_name},
        {"name", owner.name},
        {"uid", owner.uid}}},
      {"type", "Warning"},
      {"reason", "ExcessPrivilege"},
      {"message", verdict::cut(verdict::printable(fmt::format(
                                   "more privilege than its templates allow ({}); see report {}",
                                   ids, report::policy_report_name(owner))),
                               kEventWords)},
      {"source", {{"component", "plimsoll"}}},
      {"firstTimestamp", time},
      {"lastTimestamp", time},
      {"count", 1}};
  const auto response = send("POST", kube::path_of("", "v1", "events", owner.namespace_name, ""),
                             event.dump(-1, ' ', false, Ordered::error_handler_t::replace));
  if (response && (response->status == 404 || response->status == 409)) return;
  ++(response && good(response->status) ? counts_.events : counts_.events_failed);
}

void PolicyReports::end(bool partial) {
  if (partial || gone_) return;
  for (const auto& [key, known] : known_) {
    // What has no content was made by somebody else, or changed by hand.
    if (known.seen || known.content.empty()) continue;
    const auto& [space, name] = key;
    const std::string path = kube::path_of(api_->group, api_->version, api_->resource, space, name);
    const auto response = send("DELETE", path);
    const std::string whose = fmt::format("{}/{}", space, name);
    if (!response)
      failed(whose, response.error());
    else if (good(response->status))
      ++counts_.deleted;
    else if (!is_gone(*response))
      failed(whose, error_of("DELETE", path, *response));
    if (gone_) return;
  }
}

}  // namespace plimsoll::app
