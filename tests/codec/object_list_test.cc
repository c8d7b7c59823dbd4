#include "codec/object_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::codec {
namespace {

using ::testing::IsEmpty;

struct Seen {
  Result<ListHead> head = ListHead{};
  std::vector<ListedObject> objects;  // their json is gone
};

Seen read(std::string page) {
  Seen seen;
  ObjectListReader reader;
  seen.head = reader.read(page, [&](const ListedObject& o) { seen.objects.push_back(o); });
  return seen;
}

TEST(ObjectList, HasWhatItsHeadAndItsItemsSay) {
  const auto seen = read(R"({"metadata":{"continue":"t","remainingItemCount":7},"items":[
    {"metadata":{"name":"a","namespace":"shop","uid":"u","labels":{"pod-template-hash":"5d"},
      "ownerReferences":[{"kind":"Other","name":"x"},
        {"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5d","uid":"r","controller":true}]},
     "status":{"phase":"Succeeded"}},
    {"metadata":{"name":"b","ownerReferences":null},"status":{"phase":7}},
    {"metadata":{"name":"c","uid":7},"status":"odd"},
    null, 5]})");
  ASSERT_TRUE(seen.head);
  EXPECT_EQ(seen.head->continue_token, "t");
  EXPECT_EQ(seen.head->remaining, 7U);
  EXPECT_EQ(seen.head->items, 5U);
  ASSERT_EQ(seen.objects.size(), 5U);
  const ListedObject& a = seen.objects[0];
  EXPECT_EQ(a.namespace_name + "/" + a.name + " " + a.uid, "shop/a u");
  ASSERT_TRUE(a.controller);
  EXPECT_EQ(a.controller->api_version + " " + a.controller->uid, "apps/v1 r");
  EXPECT_TRUE(a.ended);
  EXPECT_EQ(deployment_of(a), "web");
  EXPECT_FALSE(seen.objects[1].ended);
  EXPECT_FALSE(seen.objects[1].controller);
  EXPECT_THAT(seen.objects[1].faults, IsEmpty());
  ASSERT_EQ(seen.objects[2].faults.size(), 1U);
  EXPECT_EQ(seen.objects[2].faults[0].path, "/metadata/uid");
  EXPECT_EQ(seen.objects[4].faults.size(), 1U);
}

TEST(ObjectList, WhatIsNoListIsAnError) {
  for (const char* page : {"", "<html>", "[]", "7", "{}", R"({"items":{}})", R"({"items":[)"})
    EXPECT_FALSE(read(page).head) << page;
  EXPECT_TRUE(read(R"({"items":null})").head);
}

TEST(ObjectList, ADeploymentIsToldByTheHashAlone) {
  ListedObject pod;
  EXPECT_FALSE(deployment_of(pod));
  pod.controller = {.api_version = "apps/v1", .kind = "ReplicaSet", .name = "web-5d", .uid = ""};
  EXPECT_FALSE(deployment_of(pod));
  pod.template_hash = "6e";
  EXPECT_FALSE(deployment_of(pod));
  pod.template_hash = "5d";
  EXPECT_EQ(deployment_of(pod), "web");
  pod.controller->name = "-5d";
  EXPECT_FALSE(deployment_of(pod));
  pod.controller->name = "web-5d";
  pod.controller->kind = "StatefulSet";
  EXPECT_FALSE(deployment_of(pod));
  pod.controller->kind = "ReplicaSet";
  pod.controller->api_version = "example.org/v1";
  EXPECT_FALSE(deployment_of(pod));
}

TEST(ObjectList, AnObjectMayBeNestedAsTheApiServerTakesIt) {
  const std::string deep = std::string(9'000, '[') + std::string(9'000, ']');
  const auto seen = read(R"({"items":[{"metadata":{"name":"a"},"spec":)" + deep + "}]}");
  ASSERT_TRUE(seen.head);
  EXPECT_EQ(seen.objects.at(0).name, "a");
}

TEST(ObjectList, PlacesNameElements) {
  std::string page = R"({"items":[{"spec":{"containers":[{"name":"a"},{"name":"b",
    "capabilities":{"add":["NET_RAW",7]},"ports":[{"hostPort":1}]}]}}]})";
  ObjectListReader reader;
  std::vector<std::string> places;
  ASSERT_TRUE(reader.read(page, [&](const ListedObject& o) {
    for (const char* at :
         {"/spec/containers/1/image", "/spec/containers/1/capabilities/add/0",
          "/spec/containers/1/ports/0/hostPort", "/spec/containers/9/image", "/spec/volumes/-", ""})
      places.push_back(place_of(o.json, at));
  }));
  EXPECT_THAT(places, ::testing::ElementsAre(R"(spec.containers["b"].image)",
                                             R"(spec.containers["b"].capabilities.add["NET_RAW"])",
                                             R"(spec.containers["b"].ports[0].hostPort)",
                                             "spec.containers[9].image", "spec.volumes.-", ""));
}

}  // namespace
}  // namespace plimsoll::codec
