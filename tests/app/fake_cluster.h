// An API server full of objects that can be listed, as far as a scan uses one: pages, discovery,
// namespaces, and whatever goes wrong.
//
// Thread-safety: as a Transport; objects are added before it is asked.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/transport.h"

namespace plimsoll::app::testing {

using nlohmann::json;

class FakeCluster final : public kube::Transport {
 public:
  FakeCluster() {
    for (const char* own :
         {"/api/v1/pods", "/api/v1/namespaces", "/api/v1/replicationcontrollers",
          "/apis/apps/v1/deployments", "/apis/apps/v1/replicasets", "/apis/apps/v1/statefulsets",
          "/apis/apps/v1/daemonsets", "/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs"})
      lists[own];
  }

  /// May answer in the server's place, or do something first. `number` counts requests from 1.
  std::function<std::optional<Result<kube::Response>>(std::size_t number, const kube::Request&)>
      before;
  /// Objects by the path of their list in all namespaces.
  std::map<std::string, std::vector<json>> lists;
  json discovery = {{"kind", "APIGroupDiscoveryList"}, {"items", json::array()}};

  void add_namespace(const std::string& name, const json& labels = json::object()) {
    lists["/api/v1/namespaces"].push_back(
        json{{"metadata", {{"name", name}, {"uid", "ns-" + name}, {"labels", labels}}}});
  }
  json& add(const std::string& path, const std::string& space, const std::string& name,
            json object) {
    object["metadata"]["name"] = name;
    object["metadata"]["namespace"] = space;
    object["metadata"]["uid"] = "uid-" + std::to_string(++uids_);
    lists[path].push_back(std::move(object));
    return lists[path].back();
  }

  Result<kube::Response> send(const kube::Request& request) override {
    std::size_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      number = requests_.size();
    }
    if (before)
      if (auto answer = before(number, request)) return *std::move(answer);
    return answer(request);
  }
  Result<kube::Response> stream(const kube::Request& request, std::chrono::milliseconds,
                                const std::stop_token&,
                                const std::function<bool(std::string_view)>& take) override {
    auto response = send(request);
    if (!response || response->status != 200) return response;
    if (take("")) take(response->body);
    response->body.clear();
    return response;
  }

  [[nodiscard]] std::vector<std::string> paths() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& request : requests_) out.push_back(request.path);
    return out;
  }

  static kube::Response refusal(int status, const std::string& reason, json metadata = {}) {
    return {status, json{{"kind", "Status"},
                         {"code", status},
                         {"reason", reason},
                         {"metadata", std::move(metadata)}}
                        .dump()};
  }

 private:
  kube::Response answer(const kube::Request& request) const {
    const auto question = request.path.find('?');
    std::string path = request.path.substr(0, question);
    const std::string query = question == std::string::npos ? "" : request.path.substr(question);
    if (path == "/apis") return {200, discovery.dump()};
    const auto value = [&](const std::string& name) {
      const auto at = query.find(name + "=");
      return at == std::string::npos
                 ? ""
                 : query.substr(at + name.size() + 1, query.find('&', at) - at - name.size() - 1);
    };
    std::string space;
    constexpr std::string_view kSpaces = "/namespaces/";
    if (const auto at = path.find(kSpaces); at != std::string::npos) {
      const auto begin = at + kSpaces.size(), end = path.find('/', begin);
      space = path.substr(begin, end - begin);
      if (end == std::string::npos) {
        for (const json& one : lists.at("/api/v1/namespaces"))
          if (one["metadata"]["name"] == space) return {200, one.dump()};
        return refusal(404, "NotFound");
      }
      path.erase(at, end - at);
    }
    const auto list = lists.find(path);
    if (list == lists.end()) return refusal(404, "NotFound");
    std::vector<const json*> all;
    for (const json& one : list->second)
      if (space.empty() || one["metadata"].value("namespace", "") == space) all.push_back(&one);
    const std::size_t begin = value("continue").empty() ? 0 : std::stoul(value("continue"));
    const std::size_t end = std::min(all.size(), begin + std::stoul(value("limit")));
    json page{{"metadata", json::object()}, {"items", json::array()}};
    for (std::size_t i = begin; i < end; ++i) page["items"].push_back(*all[i]);
    if (end < all.size()) {
      page["metadata"]["continue"] = std::to_string(end);
      page["metadata"]["remainingItemCount"] = all.size() - end;
    }
    return {200, page.dump()};
  }

  mutable std::mutex mutex_;
  std::vector<kube::Request> requests_;
  std::size_t uids_ = 0;
};

}  // namespace plimsoll::app::testing
