#include <gtest/gtest.h>

#include "plimsoll/review.h"

namespace plimsoll {
namespace {

Scope scope(Operation operation, std::string group, std::string resource, std::string sub = "") {
  RequestFacts facts;
  facts.operation = operation;
  facts.group = std::move(group);
  facts.resource = std::move(resource);
  facts.subresource = std::move(sub);
  return scope_of(facts, {});
}

// Source: pod-security-admission admission/admission.go, ignoredPodSubresources.
TEST(Scope, PodsAndTheirSubresources) {
  for (const auto operation : {Operation::Create, Operation::Update, Operation::Other}) {
    for (const char* sub : {"", "ephemeralcontainers", "resize", "something-new"})
      EXPECT_EQ(scope(operation, "", "pods", sub), Scope::Pod) << sub;
    for (const char* sub :
         {"attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"})
      EXPECT_EQ(scope(operation, "", "pods", sub), Scope::NotOurs) << sub;
  }
}

TEST(Scope, DeleteAndConnectAreNotOurs) {
  for (const auto operation : {Operation::Delete, Operation::Connect}) {
    EXPECT_EQ(scope(operation, "", "pods"), Scope::NotOurs);
    EXPECT_EQ(scope(operation, "apps", "deployments"), Scope::NotOurs);
  }
}

TEST(Scope, Workloads) {
  for (const auto& [group, resource] : {std::pair{"", "replicationcontrollers"},
                                        {"", "podtemplates"},
                                        {"apps", "replicasets"},
                                        {"apps", "deployments"},
                                        {"apps", "statefulsets"},
                                        {"apps", "daemonsets"},
                                        {"batch", "jobs"},
                                        {"batch", "cronjobs"}}) {
    EXPECT_EQ(scope(Operation::Create, group, resource), Scope::Workload) << resource;
    EXPECT_EQ(scope(Operation::Update, group, resource, "status"), Scope::NotOurs) << resource;
    EXPECT_EQ(scope(Operation::Update, group, resource, "scale"), Scope::NotOurs) << resource;
    EXPECT_EQ(scope(Operation::Create, "example.com", resource), Scope::NotOurs) << resource;
  }
  EXPECT_EQ(scope(Operation::Create, "", "deployments"), Scope::NotOurs);
  EXPECT_EQ(scope(Operation::Create, "", "services"), Scope::NotOurs);
  EXPECT_EQ(scope(Operation::Create, "apps", "pods"), Scope::NotOurs);
}

TEST(Scope, NamespacesAndTheirSubresources) {
  for (const char* sub : {"", "status", "finalize"})
    EXPECT_EQ(scope(Operation::Update, "", "namespaces", sub), Scope::Namespace) << sub;
  EXPECT_EQ(scope(Operation::Create, "", "namespaces"), Scope::Namespace);
  EXPECT_EQ(scope(Operation::Delete, "", "namespaces"), Scope::NotOurs);
  EXPECT_EQ(scope(Operation::Create, "example.com", "namespaces"), Scope::NotOurs);
}

TEST(PlacesIn, Table) {
  const auto path = [](std::string_view group, std::string_view kind) -> std::string {
    const auto places = places_in(group, kind, {});
    return places.size() == 1 ? places[0].path : "none";
  };
  EXPECT_EQ(path("", "Pod"), "");
  EXPECT_EQ(places_in("", "Pod", {})[0].shape, PodShape::Pod);
  EXPECT_EQ(path("", "PodTemplate"), "/template");
  EXPECT_EQ(path("", "ReplicationController"), "/spec/template");
  EXPECT_EQ(path("apps", "Deployment"), "/spec/template");
  EXPECT_EQ(path("batch", "CronJob"), "/spec/jobTemplate/spec/template");
  EXPECT_EQ(path("apps", "Pod"), "none");
  EXPECT_EQ(path("", "Service"), "none");
}

}  // namespace
}  // namespace plimsoll
