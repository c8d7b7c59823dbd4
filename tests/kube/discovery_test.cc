#include "kube/discovery.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "kube/fake_transport.h"

namespace plimsoll::kube {
namespace {

using ::testing::ElementsAre;
using testing::FakeTransport;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Discovered {
  Result<Served> served = Served{};
  std::vector<std::string> paths;

  [[nodiscard]] std::vector<std::string> all() const {
    std::vector<std::string> out;
    for (const auto& r : served->resources)
      out.push_back(fmt::format("{}/{} {} {}{}", r.group, r.version, r.resource, r.kind,
                                r.namespaced ? "" : " (cluster)"));
    return out;
  }
};

Discovered discover_from(const std::map<std::string, std::string>& answers) {
  Discovered out;
  FakeTransport transport([&](std::size_t, const Request& request, const std::stop_token&,
                              const auto&) -> Result<Response> {
    const auto at = answers.find(request.path);
    return at == answers.end() ? Response{404, "{}"} : Response{200, at->second};
  });
  CollectionReader reader(transport, {}, {}, [](const std::string&) {});
  out.served = discover(reader, [](std::string_view group) { return group != "unwanted.example"; });
  out.paths = transport.paths();
  return out;
}

TEST(Discovery, OneRequestTellsAll) {
  const auto found = discover_from({{"/apis", R"({"kind":"APIGroupDiscoveryList","items":[
    {"metadata":{"name":"ray.io"},"versions":[
      {"version":"v1","freshness":"Current","resources":[
        {"resource":"rayjobs","responseKind":{"kind":"RayJob"},"scope":"Namespaced","verbs":["get","list"],
         "subresources":[{"subresource":"status"}]},
        {"resource":"hidden","responseKind":{"kind":"Hidden"},"scope":"Namespaced","verbs":["create"]}]},
      {"version":"v1alpha1","resources":[
        {"resource":"rayjobs","responseKind":{"kind":"RayJob"},"scope":"Namespaced","verbs":["list"]},
        {"resource":"olds","responseKind":{"kind":"Old"},"scope":"Cluster","verbs":["list"]}]}]},
    {"metadata":{"name":"away.example"},"versions":[{"version":"v1","freshness":"Stale"}]},
    {"metadata":{"name":"unwanted.example"},"versions":[{"version":"v1","freshness":"Stale"}]},
    7, {"metadata":7,"versions":{}}]})"}});
  ASSERT_TRUE(found.served);
  EXPECT_THAT(found.all(),
              ElementsAre("ray.io/v1alpha1 olds Old (cluster)", "ray.io/v1 rayjobs RayJob"));
  ASSERT_EQ(found.served->missing.size(), 1U);
  EXPECT_EQ(found.served->missing[0],
            "what away.example/v1 serves: its API server does not answer");
  EXPECT_THAT(found.paths, ElementsAre("/apis"));
}

TEST(Discovery, OlderServersAreAskedGroupByGroup) {
  const auto found = discover_from({{"/apis", R"({"kind":"APIGroupList","groups":[
         {"name":"ray.io","preferredVersion":{"version":"v1"},
          "versions":[{"version":"v1alpha1"},{"version":"v1"}]},
         {"name":"unwanted.example","versions":[{"version":"v1"}]},
         {"name":"away.example","preferredVersion":{"version":"v1"},"versions":[{"version":"v1"}]}]})"},
                                    {"/apis/ray.io/v1", R"({"resources":[
         {"name":"rayjobs","kind":"RayJob","namespaced":true,"verbs":["list"]},
         {"name":"rayjobs/status","kind":"RayJob","namespaced":true,"verbs":["list"]}]})"},
                                    {"/apis/ray.io/v1alpha1", R"({"resources":[
         {"name":"rayjobs","kind":"RayJob","namespaced":true,"verbs":["list"]},
         {"name":"olds","kind":"Old","namespaced":false,"verbs":["list"]}]})"}});
  ASSERT_TRUE(found.served);
  EXPECT_THAT(found.all(),
              ElementsAre("ray.io/v1alpha1 olds Old (cluster)", "ray.io/v1 rayjobs RayJob"));
  ASSERT_EQ(found.served->missing.size(), 1U);
  EXPECT_THAT(found.served->missing[0], HasSubstr("what away.example/v1 serves: GET "));
  EXPECT_THAT(found.paths, ElementsAre("/apis", "/apis/ray.io/v1", "/apis/ray.io/v1alpha1",
                                       "/apis/away.example/v1"));
}

TEST(Discovery, WhatIsNoListIsAnError) {
  for (const char* answer : {"<html>", "{}", "[]", R"({"kind":7})"})
    EXPECT_FALSE(discover_from({{"/apis", answer}}).served) << answer;
  EXPECT_FALSE(discover_from({}).served);
}

}  // namespace
}  // namespace plimsoll::kube
