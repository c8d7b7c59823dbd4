#include "codec/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::codec {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<Manifest> read(const char* yaml) {
  text::YamlReader reader(yaml, "f.yaml");
  auto document = reader.next();
  EXPECT_TRUE(document) << document.error().to_string();
  return manifests_of(**document, {});
}

TEST(Manifest, APodAndItsHead) {
  const auto all = read("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"
                        "spec: {hostPID: true}\n");
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].api_version, "v1");
  EXPECT_EQ(all[0].kind, "Pod");
  EXPECT_EQ(all[0].name, "web");
  EXPECT_EQ(all[0].namespace_name, "shop");
  EXPECT_TRUE(all[0].pods.at(0).host_pid);
}

TEST(Manifest, EachItemOfAListWithItsPath) {
  const auto all = read("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service}\n"
                        "- {apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: "
                        "{containers: [{name: a}]}}}}\n");
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].skipped, "no pod template is known in Service of v1");
  EXPECT_EQ(all[1].path, "/items/1");
  EXPECT_EQ(all[1].pods.at(0).containers.at(0).path, "/items/1/spec/template/spec/containers/0");
}

TEST(Manifest, WhatCannotBeJudgedIsNamed) {
  for (const char* other :
       {"a: 1\n", "[1, 2]\n", "[]\n", "just text\n", "7\n", "- {op: add, path: /spec, value: {}}\n",
        "apiVersion: v1\nkind: 7\n", "apiVersion: [v1]\nkind: Pod\n", "kind: Pod\n",
        "metadata: foo\n", "apiVersion: ''\nkind: Pod\n",
        "items: [{apiVersion: v1, kind: Pod, spec: {hostPID: true}}]\n"}) {
    const auto all = read(other);
    ASSERT_THAT(all, SizeIs(1)) << other;
    EXPECT_EQ(all[0].skipped, "it is no Kubernetes object: apiVersion or kind is missing");
    EXPECT_THAT(all[0].faults, IsEmpty());
  }
  EXPECT_EQ(read("apiVersion: example.com/v1\nkind: Pod\n")[0].skipped,
            "no pod template is known in Pod of example.com/v1; if it has one, say where with "
            "--pod-templates");
  EXPECT_EQ(read("apiVersion: v1\nkind: ReplicationController\nspec: {}\n")[0].skipped,
            "it has no pod template");
}

TEST(Manifest, WhatCannotBeReadIsAFaultNotAPass) {
  EXPECT_THAT(read("apiVersion: v1\nkind: Pod\nmetadata: foo\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: PodList\nitems: [foo]\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: List\nitems: {}\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: Pod\nspec: {hostPID: 'true'}\n")[0].faults, SizeIs(1));
  EXPECT_THAT(read("apiVersion: v1\nkind: Pod\nspec: text\n")[0].faults, SizeIs(1));
}

// Source: kubernetes pkg/apis/core/v1/defaults.go.
TEST(Manifest, DefaultsThatAChecksReadsAreFilledIn) {
  const auto pod =
      read("apiVersion: v1\nkind: Pod\nspec:\n  hostNetwork: true\n  volumes: [{name: v}]\n"
           "  containers:\n  - ports: [{containerPort: 80}, {containerPort: 81, hostPort: 9}]\n"
           "  initContainers:\n  - ports: [{containerPort: 82}]\n")[0]
          .pods.at(0);
  EXPECT_TRUE(pod.volumes.at(0).has(VolumeKind::EmptyDir));
  EXPECT_TRUE(pod.containers.at(0).default_host_ports);
  EXPECT_THAT(pod.containers.at(1).host_ports, ::testing::ElementsAre(0, 9));
  EXPECT_TRUE(pod.containers.at(1).default_host_ports);
  const auto alone = read("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n"
                          "  - ports: [{containerPort: 80}]\n")[0]
                         .pods.at(0);
  EXPECT_FALSE(alone.containers.at(0).default_host_ports);
  const auto listed =
      read("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: "
           "{hostNetwork: true, containers: [{ports: [{containerPort: 80}]}]}\n")[0]
          .pods.at(0);
  EXPECT_TRUE(listed.containers.at(0).default_host_ports) << "a list holds pods, not templates";
  const auto workload =
      read("apiVersion: apps/v1\nkind: DaemonSet\nspec: {template: {spec: {hostNetwork: "
           "true, containers: [{ports: [{containerPort: 80}]}]}}}\n")[0]
          .pods.at(0);
  EXPECT_FALSE(workload.containers.at(0).default_host_ports)
      << "only the pod that is made of it gets the default";
}

// Source of these four: kubectl, by way of k8s.io/apimachinery's unstructuredJSONScheme.
TEST(Manifest, ListsInsideListsAreOpened) {
  const auto all = read("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: "
                        "[{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod}]}]}\n"
                        "- {apiVersion: v1, kind: PodList, items: [{spec: {hostPID: true}}]}\n");
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].path, "/items/0/items/0/items/0");
  EXPECT_EQ(all[0].kind, "Pod");
  EXPECT_EQ(all[1].path, "/items/1/items/0");
  EXPECT_TRUE(all[1].pods.at(0).host_pid);
}

TEST(Manifest, ItemsOfATypedListAreOfItsType) {
  const auto all = read("apiVersion: apps/v1\nkind: DeploymentList\nitems:\n"
                        "- {spec: {template: {spec: {hostPID: true}}}}\n"
                        "- {kind: Pod, spec: {template: {spec: {hostIPC: true}}}}\n"
                        "- {apiVersion: v1, kind: Pod, spec: {hostNetwork: true}}\n");
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[0].api_version, "apps/v1");
  EXPECT_EQ(all[0].kind, "Deployment");
  EXPECT_TRUE(all[0].pods.at(0).host_pid);
  EXPECT_EQ(all[1].kind, "Deployment") << "half a type is none";
  EXPECT_TRUE(all[1].pods.at(0).host_ipc);
  EXPECT_EQ(all[2].kind, "Pod");
  EXPECT_TRUE(all[2].pods.at(0).host_network);
}

TEST(Manifest, WhatHasItemsIsAListOfAnyKind) {
  const auto all = read("apiVersion: v1\nkind: ConfigMap\nitems:\n"
                        "- {apiVersion: v1, kind: Pod, spec: {hostPID: true}}\n");
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_TRUE(all[0].pods.at(0).host_pid);
}

TEST(Manifest, AnObjectWithAPodAndItemsIsBoth) {
  const auto all = read("apiVersion: v1\nkind: Pod\nspec: {hostIPC: true}\nitems:\n"
                        "- {apiVersion: v1, kind: Pod, spec: {hostPID: true}}\n- {spec: {}}\n");
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_TRUE(all[0].pods.at(0).host_pid);
  EXPECT_EQ(all[1].kind, "Pod");
  EXPECT_EQ(all[2].path, "");
  EXPECT_TRUE(all[2].pods.at(0).host_ipc);
}

TEST(Manifest, AnEmptyListHoldsNothing) {
  EXPECT_THAT(read("apiVersion: v1\nkind: PodList\nitems: []\n"), IsEmpty());
}

}  // namespace
}  // namespace plimsoll::codec
