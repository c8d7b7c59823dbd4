#include "kube/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tuple>
#include <utility>

#include "kube/objects.h"

namespace plimsoll::kube {
namespace {

using nlohmann::json;

// Source: KEP-3352; stable since 1.30.
constexpr std::string_view kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

std::string text_at(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

const json& array_at(const json& object, const char* key) {
  static const json kNone = json::array();
  if (!object.is_object()) return kNone;
  const auto at = object.find(key);
  return at != object.end() && at->is_array() ? *at : kNone;
}

const json& object_at(const json& object, const char* key) {
  static const json kNone = json::object();
  if (!object.is_object()) return kNone;
  const auto at = object.find(key);
  return at != object.end() && at->is_object() ? *at : kNone;
}

bool can_list(const json& resource) {
  const json& verbs = array_at(resource, "verbs");
  return std::ranges::find(verbs, json("list")) != verbs.end();
}

class Collector {
 public:
  // The first that is said of a kind counts.
  void add(ServedResource resource) {
    const bool known = std::ranges::any_of(served.resources, [&](const ServedResource& other) {
      return other.group == resource.group && other.kind == resource.kind;
    });
    if (!known && !resource.kind.empty() && !resource.resource.empty() && !resource.group.empty())
      served.resources.push_back(std::move(resource));
  }
  Served end() {
    std::ranges::sort(served.resources, {},
                      [](const ServedResource& r) { return std::tie(r.group, r.kind); });
    return std::move(served);
  }
  Served served;
};

using Wanted = std::function<bool(std::string_view group)>;

void add_aggregated(const json& root, const Wanted& wanted, Collector& out) {
  for (const json& group : array_at(root, "items")) {
    const std::string name = text_at(object_at(group, "metadata"), "name");
    if (!wanted(name)) continue;
    for (const json& version : array_at(group, "versions")) {
      const std::string of = text_at(version, "version");
      if (text_at(version, "freshness") == "Stale")
        out.served.missing.push_back(
            fmt::format("what {}/{} serves: its API server does not answer", name, of));
      for (const json& resource : array_at(version, "resources"))
        if (can_list(resource))
          out.add({.group = name,
                   .version = of,
                   .resource = text_at(resource, "resource"),
                   .kind = text_at(object_at(resource, "responseKind"), "kind"),
                   .namespaced = text_at(resource, "scope") != "Cluster"});
    }
  }
}

void add_group(CollectionReader& reader, const json& group, Collector& out) {
  const std::string name = text_at(group, "name");
  std::vector<std::string> versions = {text_at(object_at(group, "preferredVersion"), "version")};
  for (const json& version : array_at(group, "versions"))
    versions.push_back(text_at(version, "version"));
  for (auto at = versions.begin(); at != versions.end(); ++at) {
    if (at->empty() || std::find(versions.begin(), at, *at) != at) continue;
    const Request request{
        .path = fmt::format("/apis/{}/{}", percent_encoded(name), percent_encoded(*at))};
    const auto response = reader.get(request);
    if (!response || response->status != 200) {
      const Error error = response ? api_error(request, *response) : response.error();
      out.served.missing.push_back(
          fmt::format("what {}/{} serves: {}", name, *at, error.to_string()));
      continue;
    }
    const json list = json::parse(response->body, nullptr, false);
    for (const json& resource : array_at(list, "resources")) {
      std::string plural = text_at(resource, "name");
      if (plural.find('/') != std::string::npos || !can_list(resource)) continue;
      const auto namespaced = resource.find("namespaced");
      out.add({.group = name,
               .version = *at,
               .resource = std::move(plural),
               .kind = text_at(resource, "kind"),
               .namespaced = namespaced == resource.end() || *namespaced != json(false)});
    }
  }
}

}  // namespace

Result<Served> discover(CollectionReader& reader, const Wanted& wanted) {
  const Request request{.path = "/apis", .accept = std::string(kAggregated)};
  const auto response = reader.get(request);
  if (!response) return response.error();
  if (response->status != 200) return api_error(request, *response);
  const json root = json::parse(response->body, nullptr, false);
  Collector collector;
  const std::string kind = text_at(root, "kind");
  if (kind == "APIGroupDiscoveryList") {
    add_aggregated(root, wanted, collector);
  } else if (kind == "APIGroupList") {
    // A group that nobody wants may be away for good: it is not waited for.
    for (const json& group : array_at(root, "groups"))
      if (wanted(text_at(group, "name"))) add_group(reader, group, collector);
  } else {
    Error error;
    error.message = "GET /apis: the answer is no list of API groups";
    return error;
  }
  return collector.end();
}

}  // namespace plimsoll::kube
