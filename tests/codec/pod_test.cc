#include "codec/pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace plimsoll::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Read {
  std::optional<Pod> pod;  // the only one
  std::vector<Fault> faults;
};

Read read(const char* json, std::string_view template_path = "",
          Origin origin = Origin::ApiServer) {
  Read out;
  simdjson::dom::parser parser;
  const PodPlace place{std::string(template_path),
                       template_path.empty() ? PodShape::Pod : PodShape::Template};
  auto pods = decode_pods(parser.parse(std::string(json)).value(), "/base", {&place, 1}, origin,
                          out.faults);
  EXPECT_LE(pods.size(), 1U);
  if (!pods.empty()) out.pod = std::move(pods[0]);
  return out;
}

TEST(DecodePod, TakesContainersOfEachListWithTheirKindAndPath) {
  const auto [pod, faults] =
      read(R"({"spec":{"ephemeralContainers":[{"name":"e"}],"initContainers":[{"name":"i"}],
               "containers":[{"name":"a"},{"name":"b"}]}})");
  EXPECT_THAT(faults, IsEmpty());
  ASSERT_TRUE(pod);
  std::vector<std::tuple<ContainerKind, std::string, std::string>> seen;
  for (const Container& c : pod->containers) seen.emplace_back(c.kind, c.name, c.path);
  EXPECT_THAT(seen,
              ::testing::UnorderedElementsAre(
                  std::tuple(ContainerKind::Init, "i", "/base/spec/initContainers/0"),
                  std::tuple(ContainerKind::Regular, "a", "/base/spec/containers/0"),
                  std::tuple(ContainerKind::Regular, "b", "/base/spec/containers/1"),
                  std::tuple(ContainerKind::Ephemeral, "e", "/base/spec/ephemeralContainers/0")));
}

TEST(DecodePod, FindsTheTemplateOfAWorkload) {
  const char* const cron =
      R"({"spec":{"jobTemplate":{"spec":{"template":{"spec":{"hostPID":true}}}}}})";
  const auto [pod, faults] = read(cron, "/spec/jobTemplate/spec/template");
  EXPECT_THAT(faults, IsEmpty());
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->path, "/base/spec/jobTemplate/spec/template");
  EXPECT_TRUE(pod->host_pid);
  for (const char* without : {"{}", R"({"spec":{}})", R"({"spec":{"template":null}})"}) {
    const auto none = read(without, "/spec/template");
    EXPECT_FALSE(none.pod) << without;
    EXPECT_THAT(none.faults, IsEmpty()) << without;
  }
}

// Which of two counts is anybody's guess, above the template as well as in it.
TEST(DecodePod, WhatStandsTwiceIsAFault) {
  const std::tuple<const char*, const char*, const char*> kRows[] = {
      {R"({"spec":{},"spec":{}})", "", "/base/spec"},
      {R"({"spec":{"template":{},"template":{}}})", "/spec/template", "/base/spec/template"},
      {R"({"spec":{"volumes":[{"hostPath":{},"hostPath":null,"emptyDir":{},"emptyDir":{}}]}})", "",
       "/base/spec/volumes/0/emptyDir"},
      {R"({"metadata":{"annotations":{"seccomp.security.alpha.kubernetes.io/pod":"a",
           "seccomp.security.alpha.kubernetes.io/pod":"b"}}})",
       "", "/base/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod"}};
  for (const auto& [json, at, path] : kRows) {
    const auto faults = read(json, at).faults;
    ASSERT_THAT(faults, SizeIs(1)) << json;
    EXPECT_EQ(faults[0].path, path);
  }
}

TEST(DecodePod, HoldsTheRestOfWhatCannotBeRead) {
  const auto [pod, faults] =
      read(R"({"spec":{"hostPID":"yes","hostIPC":true,"containers":[{"securityContext":
               {"privileged":1,"runAsUser":0}},"text"]}})");
  ASSERT_TRUE(pod);
  std::vector<std::string> paths;
  for (const Fault& fault : faults) paths.push_back(fault.path);
  EXPECT_THAT(
      paths, ElementsAre("/base/spec/hostPID", "/base/spec/containers/0/securityContext/privileged",
                         "/base/spec/containers/1"));
  EXPECT_TRUE(pod->host_ipc);
  EXPECT_EQ(pod->containers.at(0).security_context.run_as_user, 0);
}

TEST(DecodePod, OnlyAManifestLacksItsDefaults) {
  const char* const json = R"({"spec":{"volumes":[{"name":"v"}]}})";
  EXPECT_EQ(read(json).pod->volumes.at(0).sources, 0U);
  EXPECT_TRUE(read(json, "", Origin::Manifest).pod->volumes.at(0).has(VolumeKind::EmptyDir));
}

TEST(DecodePod, PodsThatAskTheSameAreEqualHoweverTheyAreWritten) {
  EXPECT_EQ(*read(R"({"spec":{"containers":[{"name":"a","livenessProbe":{"httpGet":{"host":"h"}},
                      "readinessProbe":{"tcpSocket":{"host":"g"}}}],"hostPID":true}})")
                 .pod,
            *read(R"({"spec":{"hostPID":true,"containers":[{"readinessProbe":{"tcpSocket":{"host":
                      "g"}},"livenessProbe":{"httpGet":{"host":"h"}},"name":"a"}]}})")
                 .pod);
}

}  // namespace
}  // namespace plimsoll::codec
