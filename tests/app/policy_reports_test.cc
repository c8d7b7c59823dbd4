#include "app/policy_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::app {
namespace {

using nlohmann::json;

/// An API server that knows reports and Events, and hands out lists in pages of two.
class FakeReports : public kube::Transport {
 public:
  std::string group = "openreports.io";
  std::map<std::string, json> objects;  // by path
  std::vector<std::string> writes;      // `POST /apis/...`
  std::function<std::optional<int>(const kube::Request&)> refuse;
  bool unlisted = false;  // what it has is not found by the label

  Result<kube::Response> send(const kube::Request& request) override {
    kube::Response response{.status = 200, .body = "{}"};
    if (refuse)
      if (const auto status = refuse(request)) {
        response.status = *status;
        return response;
      }
    if (request.method == "GET") return get(request.path);
    writes.push_back(request.method + " " + request.path);
    json object = json::parse(request.body, nullptr, false);
    std::string path = request.path;
    if (request.method == "POST") path += "/" + object["metadata"]["name"].get<std::string>();
    const auto at = objects.find(path);
    if (request.method == "POST" ? at != objects.end() : at == objects.end()) {
      response.status = request.method == "POST" ? 409 : 404;
    } else if (request.method == "DELETE") {
      objects.erase(at);
    } else {
      if (request.method == "PUT" &&
          object["metadata"]["resourceVersion"] != at->second["metadata"]["resourceVersion"]) {
        response.status = 409;
        return response;
      }
      object["metadata"]["resourceVersion"] = std::to_string(++version_);
      objects[path] = std::move(object);
      if (request.method == "POST") response.status = 201;
    }
    return response;
  }
  Result<kube::Response> stream(const kube::Request&, std::chrono::milliseconds,
                                const std::stop_token&,
                                const std::function<bool(std::string_view)>&) override {
    return Error{.message = "it is not watched"};
  }

 private:
  kube::Response get(const std::string& path) {
    kube::Response response{.status = 404, .body = "{}"};
    const bool open = group == "openreports.io";
    const std::string version = open ? "v1alpha1" : "v1alpha2";
    const std::string resource = open ? "reports" : "policyreports";
    const std::string base = "/apis/" + group + "/" + version;
    if (path == base)
      return {.status = 200, .body = json{{"resources", {{{"name", resource}}}}}.dump()};
    const std::string list = base + "/" + resource +
                             "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dplimsoll&limit=500";
    if (const auto at = objects.find(path); at != objects.end())
      return {.status = 200, .body = at->second.dump()};
    if (!path.starts_with(list)) return response;
    if (unlisted) return {.status = 200, .body = R"({"items":null})"};
    std::size_t from = 0;
    if (const auto at = path.find("&continue="); at != std::string::npos)
      from = std::stoul(path.substr(at + 10));
    json items = json::array(), metadata = json::object();
    std::size_t index = 0;
    for (const auto& [key, object] : objects) {
      if (key.find("/events/") != std::string::npos) continue;
      if (index >= from + 2) metadata["continue"] = std::to_string(from + 2);
      if (index >= from && index < from + 2) items.push_back(object);
      ++index;
    }
    if (items.empty()) items = nullptr;
    return {.status = 200, .body = json{{"metadata", metadata}, {"items", items}}.dump()};
  }

  int version_ = 0;
};

Resource owner(const std::string& name, bool bad) {
  Resource made;
  made.api_version = "apps/v1";
  made.kind = "Deployment";
  made.namespace_name = "shop";
  made.name = name;
  made.uid = "uid-" + name;
  if (!bad) return made;
  made.outcome = Outcome::Fail;
  ReportedFinding& finding = made.findings.emplace_back();
  finding.check = find_check("privileged");
  finding.message = "container \"app\" is privileged";
  return made;
}

ReportCounts write_all(FakeReports& api, const std::vector<Resource>& owners, bool events = false,
                       bool partial = false) {
  auto reports = PolicyReports::open(api, events, [](std::chrono::milliseconds) {});
  EXPECT_TRUE(reports) << reports.error().to_string();
  for (const Resource& one : owners) reports->write(one, "restricted@v1.37");
  reports->end(partial);
  EXPECT_THAT(reports->problems(), ::testing::IsEmpty());
  return reports->counts();
}

TEST(PolicyReports, AreWrittenOnceAndThenOnlyWhenTheyChange) {
  FakeReports api;
  std::vector<Resource> owners;
  for (const char* name : {"a", "b", "c", "d", "e"}) owners.push_back(owner(name, true));
  EXPECT_EQ(write_all(api, owners).created, 5U);
  api.writes.clear();
  EXPECT_EQ(write_all(api, owners).unchanged, 5U);
  EXPECT_THAT(api.writes, ::testing::IsEmpty());
  owners[1].findings[0].message = "it still is";
  const auto counts = write_all(api, owners);
  EXPECT_EQ(counts.updated, 1U);
  EXPECT_EQ(counts.unchanged, 4U);
  EXPECT_THAT(api.writes,
              ::testing::ElementsAre("PUT /apis/openreports.io/v1alpha1/namespaces/shop/"
                                     "reports/plimsoll-uid-b"));
}

TEST(PolicyReports, WhatIsJudgedNoMoreIsDeletedUnlessNobodyKnows) {
  FakeReports api;
  write_all(api, {owner("a", true), owner("b", false)});
  api.writes.clear();
  EXPECT_EQ(write_all(api, {owner("a", true)}, false, true).deleted, 0U);
  EXPECT_THAT(api.writes, ::testing::IsEmpty());
  EXPECT_EQ(write_all(api, {owner("a", true)}).deleted, 1U);
  EXPECT_EQ(api.objects.size(), 1U);
}

TEST(PolicyReports, FallBackToTheOlderApiAndSayWhenThereIsNone) {
  FakeReports api;
  api.group = "wgpolicyk8s.io";
  write_all(api, {owner("a", true)});
  EXPECT_EQ(api.objects.begin()->second["kind"], "PolicyReport");
  api.group = "example.com";
  const auto reports = PolicyReports::open(api, false);
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().to_string(),
            "--policy-reports: the cluster has neither openreports.io/v1alpha1 nor "
            "wgpolicyk8s.io/v1alpha2; install the custom resource definitions of one of them");
}

TEST(PolicyReports, OnlyOwnersThatWereJudgedHaveOne) {
  FakeReports api;
  Resource skipped = owner("a", false), nowhere = owner("b", true), unknown = owner("c", true);
  skipped.outcome = Outcome::Skipped;
  nowhere.namespace_name.clear();
  unknown.uid.clear();
  write_all(api, {skipped, nowhere, unknown});
  EXPECT_TRUE(api.objects.empty());
}

TEST(PolicyReports, TellOwnersOnceAndOnlyOfWhatIsWrong) {
  FakeReports api;
  EXPECT_EQ(write_all(api, {owner("a", true), owner("b", false)}, true).events, 1U);
  EXPECT_EQ(write_all(api, {owner("a", true), owner("b", false)}, true).events, 0U);
  json event;
  for (const auto& [path, object] : api.objects)
    if (object["kind"] == "Event") event = object;
  EXPECT_EQ(event["involvedObject"]["uid"], "uid-a");
  EXPECT_EQ(event["reason"], "ExcessPrivilege");
  EXPECT_EQ(event["message"],
            "more privilege than its templates allow (privileged); see report plimsoll-uid-a");
}

TEST(PolicyReports, TellOnlySoManyAtOnce) {
  FakeReports api;
  std::vector<Resource> owners;
  for (std::size_t i = 0; i < PolicyReports::kMostEvents + 7; ++i)
    owners.push_back(owner("o" + std::to_string(i), true));
  const auto counts = write_all(api, owners, true);
  EXPECT_EQ(counts.events, PolicyReports::kMostEvents);
  EXPECT_EQ(counts.events_left_out, 7U);
  EXPECT_EQ(counts.created, owners.size());
}

TEST(PolicyReports, AnOwnerThatIsGoneHasNoneAndARefusalIsSaid) {
  FakeReports api;
  api.refuse = [](const kube::Request& request) -> std::optional<int> {
    if (request.method == "POST") return 404;
    return std::nullopt;
  };
  EXPECT_EQ(write_all(api, {owner("a", true)}).created, 0U);
  api.refuse = [](const kube::Request& request) -> std::optional<int> {
    if (request.method == "POST") return 403;
    return std::nullopt;
  };
  auto reports = PolicyReports::open(api, false);
  ASSERT_TRUE(reports);
  reports->write(owner("a", true), "restricted@v1.37");
  EXPECT_THAT(reports->problems(),
              ::testing::ElementsAre(::testing::HasSubstr("create reports.openreports.io")));
}

TEST(PolicyReports, OneThatIsRefusedKeepsNoOtherFromBeingWritten) {
  FakeReports api;
  write_all(api, {owner("old", true)});
  api.refuse = [](const kube::Request& request) -> std::optional<int> {
    if (request.body.find("uid-a") != std::string::npos) return 403;
    return std::nullopt;
  };
  auto reports = PolicyReports::open(api, false, [](std::chrono::milliseconds) {});
  ASSERT_TRUE(reports);
  for (const char* name : {"a", "b", "c"}) reports->write(owner(name, true), "restricted@v1.37");
  reports->end(false);
  EXPECT_EQ(reports->counts().created, 2U);
  EXPECT_EQ(reports->counts().deleted, 1U);
  EXPECT_EQ(reports->counts().failed, 1U);
  EXPECT_THAT(reports->problems(),
              ::testing::ElementsAre(::testing::HasSubstr("Deployment shop/a")));
}

TEST(PolicyReports, ARequestThatMayPassIsMadeAgain) {
  FakeReports api;
  int refusals = 2;
  std::vector<std::chrono::milliseconds> pauses;
  auto reports = PolicyReports::open(
      api, false, [&](std::chrono::milliseconds pause) { pauses.push_back(pause); });
  ASSERT_TRUE(reports);
  api.refuse = [&](const kube::Request&) -> std::optional<int> {
    if (refusals-- > 0) return 429;
    return std::nullopt;
  };
  reports->write(owner("a", true), "restricted@v1.37");
  EXPECT_EQ(reports->counts().created, 1U);
  EXPECT_THAT(pauses, ::testing::ElementsAre(std::chrono::milliseconds(1000),
                                             std::chrono::milliseconds(2000)));
}

TEST(PolicyReports, OneThatIsThereAlreadyIsWrittenOver) {
  FakeReports api;
  write_all(api, {owner("a", true)});
  api.unlisted = true;
  EXPECT_EQ(write_all(api, {owner("a", false)}).updated, 1U);
  EXPECT_EQ(api.objects.begin()->second["summary"]["pass"], 1);
}

TEST(PolicyReports, WhatIsNotOursIsNotDeleted) {
  FakeReports api;
  write_all(api, {owner("a", true)});
  json other = api.objects.begin()->second;
  other["metadata"]["name"] = "theirs";
  api.objects["/apis/openreports.io/v1alpha1/namespaces/shop/reports/theirs"] = other;
  EXPECT_EQ(write_all(api, {}).deleted, 1U);
  EXPECT_EQ(api.objects.size(), 1U);
}

TEST(PolicyReports, PodsThatComeAndGoMakeNoOtherReport) {
  FakeReports api;
  Resource one = owner("a", true);
  one.findings[0].message = "it is (really) bad (in 2 of 3 pods, not in the template)";
  write_all(api, {one});
  EXPECT_EQ(api.objects.begin()->second["results"][0]["message"],
            "it is (really) bad (not in the template): ");
  one.findings[0].message = "it is (really) bad (in all 4 pods, not in the template)";
  EXPECT_EQ(write_all(api, {one}).unchanged, 1U);
}

TEST(PolicyReports, AUidThatIsNoneHasNoReport) {
  FakeReports api;
  Resource one = owner("a", true);
  one.uid = "A B";
  write_all(api, {one});
  EXPECT_TRUE(api.objects.empty());
}

}  // namespace
}  // namespace plimsoll::app
