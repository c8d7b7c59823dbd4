#include "app/policy_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
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
  std::vector<std::string> reads;       // paths
  std::function<std::optional<kube::Response>(const kube::Request&)> refuse;
  bool unlisted = false;  // what it has is not found by the label

  Result<kube::Response> send(const kube::Request& request) override {
    if (refuse)
      if (auto refusal = refuse(request)) return *std::move(refusal);
    if (request.method == "GET") return get(request.path);
    writes.push_back(request.method + " " + request.path);
    kube::Response response{.status = 200, .body = "{}"};
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
  Result<kube::Response> stream(const kube::Request& request, std::chrono::milliseconds,
                                const std::stop_token&,
                                const std::function<bool(std::string_view)>& take) override {
    reads.push_back(request.path);
    auto response = send(request);
    if (response && response->status == 200) take(std::exchange(response->body, ""));
    return response;
  }

 private:
  kube::Response get(const std::string& path) {
    const bool open = group == "openreports.io";
    const std::string version = open ? "v1alpha1" : "v1alpha2";
    const std::string resource = open ? "reports" : "policyreports";
    const std::string base = "/apis/" + group + "/" + version;
    if (path == base)
      return {.status = 200, .body = json{{"resources", {{{"name", resource}}}}}.dump()};
    if (const auto at = path.find("?fieldSelector=metadata.name%3D"); at != std::string::npos) {
      const auto named = objects.find(path.substr(0, at) + "/" + path.substr(path.rfind('D') + 1));
      const json items = named == objects.end() ? json::array() : json::array({named->second});
      return {.status = 200, .body = json{{"items", items}}.dump()};
    }
    const auto query =
        path.find("?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dplimsoll&limit=500");
    const std::string list = path.substr(0, query);
    if (query == std::string::npos || !list.starts_with(base) || !list.ends_with("/" + resource))
      return {.status = 404, .body = "{}"};
    if (unlisted) return {.status = 200, .body = R"({"items":null})"};
    const std::string within = list == base + "/" + resource ? base : list;
    std::size_t from = 0;
    if (const auto at = path.find("&continue="); at != std::string::npos)
      from = std::stoul(path.substr(at + 10));
    json items = json::array(), metadata = json::object();
    std::size_t index = 0;
    for (const auto& [key, object] : objects) {
      if (!key.starts_with(within + "/")) continue;
      if (index >= from + 2) metadata["continue"] = std::to_string(from + 2);
      if (index >= from && index < from + 2) items.push_back(object);
      ++index;
    }
    if (items.empty()) items = nullptr;
    return {.status = 200, .body = json{{"metadata", metadata}, {"items", items}}.dump()};
  }

  int version_ = 0;
};

void at_once(std::chrono::milliseconds /*pause*/, const std::stop_token& /*stop*/) {}

/// The answer for what is not there: `kind` is, or its namespace.
kube::Response not_found(const std::string& kind) {
  return {.status = 404, .body = json{{"details", {{"name", "shop"}, {"kind", kind}}}}.dump()};
}

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
  auto reports = PolicyReports::open(api, events, {}, at_once);
  EXPECT_TRUE(reports) << reports.error().to_string();
  for (const Resource& one : owners) reports->write(one, "restricted@v1.37", !partial);
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
  const auto reports = PolicyReports::open(api, false, {}, at_once);
  ASSERT_FALSE(reports);
  EXPECT_EQ(reports.error().to_string(),
            "--policy-reports: the cluster has neither openreports.io/v1alpha1 nor "
            "wgpolicyk8s.io/v1alpha2; install the custom resource definitions of one of them");
}

TEST(PolicyReports, OnlyOwnersThatWereJudgedHaveOne) {
  FakeReports api;
  Resource skipped = owner("a", false), nowhere = owner("b", true);
  skipped.outcome = Outcome::Skipped;
  nowhere.namespace_name.clear();
  write_all(api, {skipped, nowhere});
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

TEST(PolicyReports, TellNoMoreThanThatAlsoWhereTheyAreRefused) {
  FakeReports api;
  std::size_t asked = 0;
  api.refuse = [&](const kube::Request& request) -> std::optional<kube::Response> {
    if (!request.path.ends_with("/events")) return std::nullopt;
    ++asked;
    return kube::Response{.status = 403};
  };
  std::vector<Resource> owners;
  for (std::size_t i = 0; i < PolicyReports::kMostEvents + 7; ++i)
    owners.push_back(owner("o" + std::to_string(i), true));
  const auto counts = write_all(api, owners, true);
  EXPECT_EQ(asked, PolicyReports::kMostEvents);
  EXPECT_EQ(counts.events_failed, PolicyReports::kMostEvents);
  EXPECT_EQ(counts.events_left_out, 7U);
}

TEST(PolicyReports, AnOwnerThatIsGoneHasNoneAndARefusalIsSaid) {
  FakeReports api;
  api.refuse = [](const kube::Request& request) -> std::optional<kube::Response> {
    if (request.method == "POST") return not_found("namespaces");
    return std::nullopt;
  };
  EXPECT_EQ(write_all(api, {owner("a", true)}).created, 0U);
  api.refuse = [](const kube::Request& request) -> std::optional<kube::Response> {
    if (request.method == "POST") return kube::Response{.status = 403};
    return std::nullopt;
  };
  auto reports = PolicyReports::open(api, false, {}, at_once);
  ASSERT_TRUE(reports);
  reports->write(owner("a", true), "restricted@v1.37", true);
  EXPECT_THAT(reports->problems(),
              ::testing::ElementsAre(::testing::HasSubstr("create reports.openreports.io")));
}

TEST(PolicyReports, OneThatIsRefusedKeepsNoOtherFromBeingWritten) {
  FakeReports api;
  write_all(api, {owner("old", true)});
  api.refuse = [](const kube::Request& request) -> std::optional<kube::Response> {
    if (request.body.find("uid-a") != std::string::npos) return kube::Response{.status = 403};
    return std::nullopt;
  };
  auto reports = PolicyReports::open(api, false, {}, at_once);
  ASSERT_TRUE(reports);
  for (const char* name : {"a", "b", "c"})
    reports->write(owner(name, true), "restricted@v1.37", true);
  reports->end(false);
  EXPECT_EQ(reports->counts().created, 2U);
  EXPECT_EQ(reports->counts().deleted, 1U);
  EXPECT_EQ(reports->counts().failed, 1U);
  EXPECT_THAT(reports->problems(),
              ::testing::ElementsAre(::testing::HasSubstr("Deployment shop/a")));
}

TEST(PolicyReports, A404OfTheApiItselfIsAFailure) {
  FakeReports api;
  api.refuse = [](const kube::Request& request) -> std::optional<kube::Response> {
    if (request.method == "POST")
      return kube::Response{.status = 404, .body = "404 page not found"};
    return std::nullopt;
  };
  auto reports = PolicyReports::open(api, false, {}, at_once);
  ASSERT_TRUE(reports);
  reports->write(owner("a", true), "restricted@v1.37", true);
  EXPECT_EQ(reports->counts().failed, 1U);
}

TEST(PolicyReports, ARequestThatMayPassIsMadeAgain) {
  FakeReports api;
  int refusals = 2;
  std::vector<std::chrono::milliseconds> pauses;
  auto reports = PolicyReports::open(
      api, false, {},
      [&](std::chrono::milliseconds pause, const std::stop_token&) { pauses.push_back(pause); });
  ASSERT_TRUE(reports);
  api.refuse = [&](const kube::Request&) -> std::optional<kube::Response> {
    if (refusals-- > 0) return kube::Response{.status = 429};
    return std::nullopt;
  };
  reports->write(owner("a", true), "restricted@v1.37", true);
  EXPECT_EQ(reports->counts().created, 1U);
  EXPECT_THAT(pauses, ::testing::ElementsAre(std::chrono::milliseconds(1000),
                                             std::chrono::milliseconds(2000)));
}

TEST(PolicyReports, WhatComesBeforeTheScanIsAskedForAgainAsWell) {
  for (const char* once : {"/apis/openreports.io/v1alpha1", "/reports?labelSelector="}) {
    FakeReports api;
    write_all(api, {owner("a", true)});
    int refusals = 1;
    api.refuse = [&](const kube::Request& request) -> std::optional<kube::Response> {
      if (request.path.find(once) != std::string::npos && refusals-- > 0)
        return kube::Response{.status = 503};
      return std::nullopt;
    };
    EXPECT_EQ(write_all(api, {owner("a", true)}).unchanged, 1U) << once;
  }
}

// A webhook that refuses all of them must not hold up the scan for each.
TEST(PolicyReports, AllTogetherAreWaitedForAMinuteAtMost) {
  FakeReports api;
  std::chrono::milliseconds waited{};
  auto reports = PolicyReports::open(
      api, false, {},
      [&](std::chrono::milliseconds pause, const std::stop_token&) { waited += pause; });
  ASSERT_TRUE(reports);
  api.refuse = [](const kube::Request& request) -> std::optional<kube::Response> {
    if (request.body.find("uid-good") == std::string::npos) return kube::Response{.status = 500};
    return std::nullopt;
  };
  for (int i = 0; i < 100; ++i)
    reports->write(owner("bad" + std::to_string(i), true), "restricted@v1.37", true);
  reports->write(owner("good", true), "restricted@v1.37", true);
  EXPECT_LE(waited, std::chrono::minutes(1));
  EXPECT_EQ(reports->counts().failed, 100U);
  EXPECT_EQ(reports->counts().created, 1U);
}

// More may be wrong than was seen, so that nothing is said to be better than it was.
TEST(PolicyReports, OfWhatWasNotReadWholeTheyOnlyBecomeWorse) {
  FakeReports api;
  Resource warned = owner("a", true);
  warned.findings[0].mode = "warn";
  const auto summary = [&] { return api.objects.begin()->second["summary"]; };
  EXPECT_EQ(write_all(api, {owner("a", false)}, false, true).created, 0U);
  EXPECT_TRUE(api.objects.empty());
  EXPECT_EQ(write_all(api, {warned}, false, true).created, 1U);
  EXPECT_EQ(write_all(api, {owner("a", false)}, false, true).kept, 1U);
  EXPECT_EQ(summary()["warn"], 1);
  EXPECT_EQ(write_all(api, {owner("a", true)}, false, true).updated, 1U);
  EXPECT_EQ(summary()["fail"], 1);
  EXPECT_EQ(write_all(api, {warned}, false, true).kept, 1U);
  EXPECT_EQ(summary()["fail"], 1);
  EXPECT_EQ(write_all(api, {owner("a", false)}).updated, 1U);
  EXPECT_EQ(summary()["pass"], 1);
}

TEST(PolicyReports, OfSomeNamespacesAreListedInThem) {
  FakeReports api;
  Resource elsewhere = owner("b", true);
  elsewhere.namespace_name = "blog";
  write_all(api, {owner("a", true), elsewhere});
  api.reads.clear();
  auto reports = PolicyReports::open(api, false, {"shop", "blog"}, at_once);
  ASSERT_TRUE(reports);
  const std::string base = "/apis/openreports.io/v1alpha1";
  const std::string query =
      "/reports?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dplimsoll&limit=500";
  EXPECT_THAT(api.reads, ::testing::ElementsAre(base, base + "/namespaces/shop" + query,
                                                base + "/namespaces/blog" + query));
  reports->write(owner("a", true), "restricted@v1.37", true);
  reports->write(elsewhere, "restricted@v1.37", true);
  EXPECT_EQ(reports->counts().unchanged, 2U);
}

// With the rights that the docs ask for: `list`, and no `get`.
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
  const std::string space = "/apis/openreports.io/v1alpha1/namespaces/shop/reports/";
  json other = api.objects.begin()->second;
  other["metadata"]["name"] = "theirs";
  api.objects[space + "theirs"] = other;
  other["metadata"]["name"] = "plimsoll-monthly";
  other["metadata"].erase("annotations");
  api.objects[space + "plimsoll-monthly"] = other;
  EXPECT_EQ(write_all(api, {}).deleted, 1U);
  EXPECT_EQ(api.objects.size(), 2U);
}

TEST(PolicyReports, PodsThatComeAndGoMakeNoOtherReport) {
  FakeReports api;
  Resource one = owner("a", true);
  ReportedFinding& finding = one.findings[0];
  finding.message = "it is bad (in 2 of 3 pods, not in the template)";
  finding.lasting = "it is bad (not in the template)";
  finding.place = R"(spec.containers["app"].securityContext.privileged)";
  finding.field = "spec.containers[0].securityContext.privileged";
  finding.advice = "set spec.containers[0].securityContext.privileged to false";
  write_all(api, {one});
  finding.message = "it is bad (in all 4 pods, not in the template)";
  // The first pod that was seen is another one, with its containers in another order.
  finding.field = "spec.containers[1].securityContext.privileged";
  finding.advice = "set spec.containers[1].securityContext.privileged to false";
  EXPECT_EQ(write_all(api, {one}).unchanged, 1U);
  Resource two = one;
  ReportedFinding& other = two.findings.emplace_back(finding);
  other.place = R"(spec.containers["agent"].securityContext.privileged)";
  write_all(api, {two});
  std::swap(two.findings[0], two.findings[1]);
  EXPECT_EQ(write_all(api, {two}).unchanged, 1U);
  // In the owner's own list it is where it says.
  finding.lasting.clear();
  write_all(api, {one});
  finding.field = "spec.containers[0].securityContext.privileged";
  EXPECT_EQ(write_all(api, {one}).updated, 1U);
}

TEST(PolicyReports, AnOwnerWhoseUidIsNoneIsNamed) {
  FakeReports api;
  Resource one = owner("a", true);
  one.uid = "A B";
  auto reports = PolicyReports::open(api, false, {}, at_once);
  ASSERT_TRUE(reports);
  reports->write(one, "restricted@v1.37", true);
  EXPECT_TRUE(api.objects.empty());
  EXPECT_THAT(reports->problems(),
              ::testing::ElementsAre("the report of Deployment shop/a: not written, for the owner "
                                     "has no uid that it could be named by"));
}

// It is gone, or may not be listed, and only the names of its pods tell of it.
TEST(PolicyReports, AnOwnerThatNobodyHasSeenHasNone) {
  FakeReports api;
  Resource one = owner("a", true);
  one.uid.clear();
  EXPECT_EQ(write_all(api, {one}).failed, 0U);
  EXPECT_TRUE(api.objects.empty());
}

TEST(PolicyReports, ANamespaceWhoseReportsAreForbiddenKeepsNoOtherFromHavingThem) {
  FakeReports api;
  Resource elsewhere = owner("b", true);
  elsewhere.namespace_name = "blog";
  api.refuse = [](const kube::Request& request) -> std::optional<kube::Response> {
    if (request.path.find("/namespaces/blog/") != std::string::npos)
      return kube::Response{.status = 403};
    return std::nullopt;
  };
  auto reports = PolicyReports::open(api, false, {"blog", "shop"}, at_once);
  ASSERT_TRUE(reports) << reports.error().to_string();
  reports->write(elsewhere, "restricted@v1.37", true);
  reports->write(owner("a", true), "restricted@v1.37", true);
  EXPECT_EQ(reports->counts().created, 1U);
  EXPECT_THAT(reports->problems(),
              ::testing::ElementsAre(::testing::StartsWith("the report of each owner in namespace "
                                                           "blog: GET /apis/openreports.io")));
}

}  // namespace
}  // namespace plimsoll::app
