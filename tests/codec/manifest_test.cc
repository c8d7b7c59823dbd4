#include "codec/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::codec {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<Manifest> read(const char* yaml) {
  YamlReader reader(yaml, "f.yaml");
  auto document = reader.next();
  EXPECT_TRUE(document) << document.error().to_string();
  return manifests_of(**document);
}

TEST(Manifest, APodAndItsHead) {
  const auto all = read("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"
                        "spec: {hostPID: true}\n");
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].api_version, "v1");
  EXPECT_EQ(all[0].kind, "Pod");
  EXPECT_EQ(all[0].name, "web");
  EXPECT_EQ(all[0].namespace_name, "shop");
  EXPECT_TRUE(all[0].pod->host_pid);
}

TEST(Manifest, EachItemOfAListWithItsPath) {
  const auto all = read("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service}\n"
                        "- {apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: "
                        "{containers: [{name: a}]}}}}\n");
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].skipped, "no pod template is known in Service of v1");
  EXPECT_EQ(all[1].path, "/items/1");
  EXPECT_EQ(all[1].pod->containers.at(0).path, "/items/1/spec/template/spec/containers/0");
}

TEST(Manifest, WhatCannotBeJudgedIsNamed) {
  EXPECT_EQ(read("a: 1\n")[0].skipped, "it is no Kubernetes object: apiVersion or kind is missing");
  EXPECT_EQ(read("apiVersion: example.com/v1\nkind: Pod\n")[0].skipped,
            "no pod template is known in Pod of example.com/v1");
  EXPECT_EQ(read("apiVersion: v1\nkind: ReplicationController\nspec: {}\n")[0].skipped,
            "it has no pod template");
}

TEST(Manifest, WhatCannotBeReadIsAFaultNotAPass) {
  EXPECT_THAT(read("[1, 2]\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("just text\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: 7\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: List\nitems: {}\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: Pod\nspec: {hostPID: 'true'}\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: Pod\nspec: text\n")[0].faults, SizeIs(1));
}

// Source: kubernetes pkg/apis/core/v1/defaults.go.
TEST(Manifest, DefaultsThatAChecksReadsAreFilledIn) {
  const auto pod =
      *read("apiVersion: v1\nkind: Pod\nspec:\n  hostNetwork: true\n  volumes: [{name: v}]\n"
            "  containers:\n  - ports: [{containerPort: 80}, {containerPort: 81, hostPort: 9}]\n"
            "  initContainers:\n  - ports: [{containerPort: 82}]\n")[0]
           .pod;
  EXPECT_TRUE(pod.volumes.at(0).has(VolumeKind::EmptyDir));
  EXPECT_TRUE(pod.containers.at(0).default_host_ports);
  EXPECT_THAT(pod.containers.at(1).host_ports, ::testing::ElementsAre(0, 9));
  EXPECT_TRUE(pod.containers.at(1).default_host_ports);
  const auto alone = *read("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n"
                           "  - ports: [{containerPort: 80}]\n")[0]
                          .pod;
  EXPECT_FALSE(alone.containers.at(0).default_host_ports);
  const auto listed =
      *read("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: "
            "{hostNetwork: true, containers: [{ports: [{containerPort: 80}]}]}\n")[0]
           .pod;
  EXPECT_TRUE(listed.containers.at(0).default_host_ports) << "a list holds pods, not templates";
  const auto workload =
      *read("apiVersion: apps/v1\nkind: DaemonSet\nspec: {template: {spec: {hostNetwork: "
            "true, containers: [{ports: [{containerPort: 80}]}]}}}\n")[0]
           .pod;
  EXPECT_FALSE(workload.containers.at(0).default_host_ports)
      << "only the pod that is made of it gets the default";
}

TEST(Manifest, AListInsideAListIsNotOpened) {
  const auto all =
      read("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: []}\n");
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].skipped, "no pod template is known in List of v1");
}

TEST(Manifest, AnEmptyListHoldsNothing) {
  EXPECT_THAT(read("apiVersion: v1\nkind: PodList\nitems: []\n"), IsEmpty());
}

}  // namespace
}  // namespace plimsoll::codec
