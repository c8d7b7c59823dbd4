#include "app/cluster_scan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/command.h"
#include "app/fake_cluster.h"
#include "app/findings.h"
#include "app/settings.h"
#include "codec/object_list.h"
#include "text/yaml.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

const std::string kPods = "/api/v1/pods", kDeployments = "/apis/apps/v1/deployments",
                  kSets = "/apis/apps/v1/replicasets", kJobs = "/apis/batch/v1/jobs",
                  kCronJobs = "/apis/batch/v1/cronjobs";

/// A container that passes least-privilege.
json good_container(const std::string& name) {
  return {{"name", name},
          {"image", "registry.example/app:1"},
          {"securityContext",
           {{"allowPrivilegeEscalation", false},
            {"readOnlyRootFilesystem", true},
            {"runAsNonRoot", true},
            {"runAsUser", 10001},
            {"runAsGroup", 10001},
            {"seccompProfile", {{"type", "RuntimeDefault"}}},
            {"capabilities", {{"drop", {"ALL"}}}}}}};
}
json good_spec() {
  return {{"automountServiceAccountToken", false}, {"containers", {good_container("app")}}};
}
json bad_spec() {
  json spec = good_spec();
  spec["hostPID"] = true;
  return spec;
}
json pod_of(json spec) { return {{"spec", std::move(spec)}, {"status", {{"phase", "Running"}}}}; }
json workload_of(json spec, int replicas = 1) {
  return {{"spec", {{"replicas", replicas}, {"template", {{"spec", std::move(spec)}}}}}};
}
json cron_job_of(json spec) {
  return {{"spec", {{"jobTemplate", {{"spec", {{"template", {{"spec", std::move(spec)}}}}}}}}}};
}
json controlled_by(json object, const std::string& api_version, const std::string& kind,
                   const std::string& name, const std::string& uid) {
  object["metadata"]["ownerReferences"] = {{{"apiVersion", api_version},
                                            {"kind", kind},
                                            {"name", name},
                                            {"uid", uid},
                                            {"controller", true}}};
  return object;
}
std::string uid_of(const json& object) { return object["metadata"]["uid"]; }

/// What discovery says of a kind: `rollouts`, `Rollout`.
json served(const std::string& resource, const std::string& kind) {
  return {{"resource", resource},
          {"responseKind", {{"kind", kind}}},
          {"scope", "Namespaced"},
          {"verbs", {"get", "list"}}};
}
void serve(FakeCluster& cluster, const std::string& group, const std::string& version,
           json resources) {
  json of{{"version", version}, {"resources", std::move(resources)}};
  json one{{"metadata", {{"name", group}}}, {"versions", json::array()}};
  one["versions"].push_back(std::move(of));
  cluster.discovery["items"].push_back(std::move(one));
}

/// A Deployment with its ReplicaSet and so many pods.
void add_deployment(FakeCluster& cluster, const std::string& space, const std::string& name,
                    const json& spec, int pods, const json& pod_spec) {
  const auto uid = uid_of(cluster.add(kDeployments, space, name, workload_of(spec, pods)));
  const auto set = uid_of(
      cluster.add(kSets, space, name + "-1",
                  controlled_by(workload_of(spec, pods), "apps/v1", "Deployment", name, uid)));
  for (int i = 0; i < pods; ++i)
    cluster.add(kPods, space, fmt::format("{}-1-{}", name, i),
                controlled_by(pod_of(pod_spec), "apps/v1", "ReplicaSet", name + "-1", set));
}

struct Scanned {
  Status status;
  std::vector<Resource> resources;
  std::vector<std::string> incomplete;  // names of those whose namespace was not read whole
  ReportTail tail;
  std::vector<std::string> notes;
  std::vector<milliseconds> pauses;

  /// `pass Pod shop/a`
  [[nodiscard]] std::vector<std::string> rows() const {
    std::vector<std::string> out;
    for (const Resource& r : resources)
      out.push_back(fmt::format("{} {} {}{}{}", name_of(r.outcome), r.kind, r.namespace_name,
                                r.namespace_name.empty() ? "" : "/", r.name));
    return out;
  }
  [[nodiscard]] const Resource& of(const std::string& name) const {
    const auto at = std::ranges::find(resources, name, &Resource::name);
    if (at == resources.end()) throw std::runtime_error("no resource " + name);
    return *at;
  }
  /// `host-namespaces: spec.hostPID ...`
  [[nodiscard]] std::vector<std::string> findings(const std::string& name) const {
    std::vector<std::string> out;
    for (const ReportedFinding& f : of(name).findings)
      out.push_back(fmt::format("{} {} {}", f.check->id, f.field, f.message));
    return out;
  }
  [[nodiscard]] std::string fact(const std::string& name, std::string_view key) const {
    for (const Fact& fact : of(name).facts)
      if (fact.name == key)
        return std::holds_alternative<std::string>(fact.value)
                   ? std::get<std::string>(fact.value)
                   : std::to_string(std::get<std::uint64_t>(fact.value));
    return "none";
  }
};

std::shared_ptr<const policy::Policy> policy_of(Settings settings = {}) {
  settings.namespace_labels = true;
  return make_policy(settings).value();
}

ScanOptions options_with(Scanned& scanned, const std::string& everywhere = "",
                         std::shared_ptr<const policy::Policy> policy = policy_of()) {
  ScanOptions options;
  options.policy = std::move(policy);
  if (!everywhere.empty())
    options.everywhere = options.policy->library.find(*TemplateRef::parse(everywhere));
  options.note = [&scanned](const std::string& line) { scanned.notes.push_back(line); };
  options.wait = [&scanned](milliseconds pause, const std::stop_token&) {
    scanned.pauses.push_back(pause);
  };
  return options;
}

void scan(FakeCluster& cluster, const ScanOptions& options, Scanned& scanned) {
  scanned.status = scan_cluster(
      cluster, options,
      [&](const Resource& r, bool complete) {
        scanned.resources.push_back(r);
        if (!complete) scanned.incomplete.push_back(r.name);
      },
      scanned.tail);
}

Scanned scan(FakeCluster& cluster, const std::string& everywhere = "baseline") {
  Scanned scanned;
  scan(cluster, options_with(scanned, everywhere), scanned);
  return scanned;
}

// --- owners --------------------------------------------------------------------------------------

TEST(ClusterScan, ADeploymentIsOneRow) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  add_deployment(cluster, "shop", "web", bad_spec(), 3, bad_spec());
  // Its old revisions count for nothing.
  const auto uid = uid_of(cluster.lists[kDeployments][0]);
  json old = bad_spec();
  old["hostNetwork"] = true;
  cluster.add(kSets, "shop", "web-0",
              controlled_by(workload_of(old, 0), "apps/v1", "Deployment", "web", uid));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail Deployment shop/web"));
  const Resource& web = scanned.of("web");
  EXPECT_EQ(web.api_version, "apps/v1");
  EXPECT_EQ(web.uid, uid);
  EXPECT_EQ(scanned.fact("web", "pods"), "3");
  ASSERT_THAT(web.findings, SizeIs(1));
  const ReportedFinding& finding = web.findings[0];
  EXPECT_EQ(finding.path, "/spec/template/spec/hostPID");
  EXPECT_EQ(finding.template_ref, "");  // the report's
  EXPECT_EQ(finding.mode, "");
  EXPECT_EQ(json::parse(finding.patch)[0]["path"], finding.path);
  EXPECT_EQ(web.patch, finding.patch);
  EXPECT_FALSE(finding.fingerprint.empty());
  EXPECT_THAT(scanned.tail.missing, IsEmpty());
  EXPECT_EQ(scanned.tail.summary.findings, 1U);
}

TEST(ClusterScan, WhatOnlySomePodsHaveSaysSo) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  add_deployment(cluster, "shop", "web", bad_spec(), 3, bad_spec());
  json injected = bad_spec();
  json sidecar = good_container("sidecar");
  sidecar["ports"] = {{{"containerPort", 80}, {"hostPort", 80}}};
  injected["containers"].insert(injected["containers"].begin(), sidecar);
  cluster.lists[kPods][1]["spec"] = injected;
  const auto scanned = scan(cluster);
  ASSERT_THAT(scanned.findings("web"), SizeIs(2));
  EXPECT_THAT(scanned.findings("web")[0], HasSubstr("host-namespaces spec.template.spec.hostPID"));
  EXPECT_THAT(scanned.findings("web")[0], Not(HasSubstr("pods")));
  EXPECT_THAT(scanned.findings("web")[1], StartsWith("host-ports spec.containers[0].ports[0]"));
  EXPECT_THAT(scanned.findings("web")[1], HasSubstr("(in 1 of 3 pods, not in the template)"));
  // What the next pod does not change.
  EXPECT_EQ(scanned.of("web").findings[0].lasting, "");
  EXPECT_THAT(scanned.of("web").findings[1].lasting,
              ::testing::AllOf(HasSubstr(" (not in the template)"), Not(HasSubstr("pods"))));
  // Nothing in the Deployment can be patched for it.
  EXPECT_EQ(scanned.of("web").findings[1].patch, "[]");
  EXPECT_EQ(scanned.of("web").findings[1].container, "sidecar");
}

TEST(ClusterScan, AContainerIsTheSameWhereverItStands) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  json spec = good_spec();
  spec["containers"][0]["securityContext"]["privileged"] = true;
  json pod = spec;
  pod["containers"].insert(pod["containers"].begin(), good_container("sidecar"));
  add_deployment(cluster, "shop", "web", spec, 2, pod);
  EXPECT_THAT(scan(cluster).findings("web"),
              ElementsAre(StartsWith("privileged spec.template.spec.containers[0]")));
}

TEST(ClusterScan, ControllersWithoutPodsAreJudgedByTheirTemplates) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  add_deployment(cluster, "shop", "idle", bad_spec(), 0, bad_spec());
  cluster.add(kCronJobs, "shop", "nightly", cron_job_of(bad_spec()));
  cluster.add("/apis/apps/v1/statefulsets", "shop", "db", workload_of(bad_spec()));
  cluster.add("/apis/apps/v1/daemonsets", "shop", "agent", workload_of(good_spec()));
  cluster.add("/api/v1/replicationcontrollers", "shop", "old", workload_of(bad_spec(), 0));
  cluster.add(kSets, "shop", "alone", workload_of(bad_spec(), 0));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(),
              ElementsAre("fail CronJob shop/nightly", "pass DaemonSet shop/agent",
                          "fail Deployment shop/idle", "fail ReplicaSet shop/alone",
                          "fail ReplicationController shop/old", "fail StatefulSet shop/db"));
  EXPECT_EQ(scanned.of("nightly").findings[0].field, "spec.jobTemplate.spec.template.spec.hostPID");
}

TEST(ClusterScan, JobsBelongToTheirCronJobAndEndedPodsToNobody) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  const auto cron = uid_of(cluster.add(kCronJobs, "shop", "nightly", cron_job_of(good_spec())));
  const auto job = uid_of(
      cluster.add(kJobs, "shop", "nightly-1",
                  controlled_by(workload_of(good_spec()), "batch/v1", "CronJob", "nightly", cron)));
  cluster.add(kPods, "shop", "nightly-1-a",
              controlled_by(pod_of(bad_spec()), "batch/v1", "Job", "nightly-1", job));
  json done = controlled_by(pod_of(bad_spec()), "batch/v1", "Job", "nightly-1", job);
  done["status"]["phase"] = "Succeeded";
  cluster.add(kPods, "shop", "nightly-1-b", done);
  json failed = pod_of(bad_spec());
  failed["status"]["phase"] = "Failed";
  cluster.add(kPods, "shop", "bare", failed);
  json finished = workload_of(bad_spec());
  finished["status"]["conditions"] = {{{"type", "Complete"}, {"status", "True"}}};
  cluster.add(kJobs, "shop", "migrate", finished);
  cluster.add(kJobs, "shop", "running", workload_of(bad_spec()));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail CronJob shop/nightly", "fail Job shop/running"));
  EXPECT_EQ(scanned.fact("nightly", "pods"), "1");
  EXPECT_THAT(scanned.findings("nightly")[0], HasSubstr("(in its pod, not in the template)"));
}

TEST(ClusterScan, AnUnknownControllerHasTheNameThatItsPodsSay) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  for (int i = 0; i < 3; ++i)
    cluster.add(kPods, "shop", fmt::format("p{}", i),
                controlled_by(pod_of(i == 0 ? good_spec() : bad_spec()), "example.org/v1",
                              "Website", "home", "w-1"));
  // What an operator makes to run for good stands for itself.
  cluster.add("/apis/apps/v1/statefulsets", "shop", "db",
              controlled_by(workload_of(good_spec()), "example.org/v1", "Database", "db", "d-1"));
  // The static pods of a node do not belong together.
  for (const char* name : {"etcd-n1", "proxy-n1"})
    cluster.add(kPods, "shop", name, controlled_by(pod_of(good_spec()), "v1", "Node", "n1", "n-1"));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("pass Pod shop/etcd-n1", "pass Pod shop/proxy-n1",
                                          "pass StatefulSet shop/db", "fail Website shop/home"));
  EXPECT_EQ(scanned.of("home").api_version, "example.org/v1");
  EXPECT_EQ(scanned.of("home").uid, "w-1");
  EXPECT_EQ(scanned.fact("home", "pods"), "3");
  EXPECT_THAT(scanned.findings("home")[0], HasSubstr("(in 2 of 3 pods)"));
  EXPECT_EQ(scanned.fact("db", "controlledBy"), "Database db");
  EXPECT_EQ(scanned.fact("etcd-n1", "controlledBy"), "Node n1");
}

// The list of ReplicaSets may be older than the pod, or forbidden.
TEST(ClusterScan, APodOfAReplicaSetThatWasNotSeenFindsItsDeployment) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.add(kDeployments, "shop", "web", workload_of(good_spec()));
  json pod = controlled_by(pod_of(bad_spec()), "apps/v1", "ReplicaSet", "web-5d8f", "unseen");
  pod["metadata"]["labels"]["pod-template-hash"] = "5d8f";
  cluster.add(kPods, "shop", "web-5d8f-x", pod);
  EXPECT_THAT(scan(cluster).rows(), ElementsAre("fail Deployment shop/web"));
}

TEST(ClusterScan, AChainThatLeadsInACircleLosesNothing) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  const int links = 3;
  for (int i = 0; i < links; ++i)
    cluster.add(kSets, "shop", fmt::format("s{}", i),
                controlled_by(workload_of(bad_spec()), "apps/v1", "ReplicaSet",
                              fmt::format("s{}", (i + 1) % links),
                              fmt::format("uid-{}", (i + 1) % links + 1)));
  EXPECT_THAT(
      scan(cluster).rows(),
      ElementsAre("fail ReplicaSet shop/s0", "fail ReplicaSet shop/s1", "fail ReplicaSet shop/s2"));
}

// A reference does not lead out of a namespace.
TEST(ClusterScan, NobodyHidesBehindTheOwnersOfOthers) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.add_namespace("evil");
  const auto uid = uid_of(cluster.add(kDeployments, "shop", "web", workload_of(good_spec())));
  cluster.add(kPods, "evil", "miner",
              controlled_by(pod_of(bad_spec()), "apps/v1", "Deployment", "web", uid));
  EXPECT_THAT(scan(cluster).rows(),
              ElementsAre("fail Deployment evil/web", "pass Deployment shop/web"));
}

// An ownerReference is written by whoever makes the object.
TEST(ClusterScan, NobodyHidesBehindAControllerThatPasses) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  const auto good = uid_of(cluster.add(kDeployments, "shop", "good", workload_of(good_spec())));
  cluster.add(kCronJobs, "shop", "evil",
              controlled_by(cron_job_of(bad_spec()), "apps/v1", "Deployment", "good", good));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail Deployment shop/good"));
  ASSERT_THAT(scanned.findings("good"), SizeIs(1));
  EXPECT_THAT(scanned.findings("good")[0], HasSubstr("(in CronJob evil, not in the template)"));
}

TEST(ClusterScan, ACustomResourceThatSaysNothingOfItsPodsLeavesThatToWhatItMakes) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  const std::string path = "/apis/argoproj.io/v1alpha1/rollouts";
  cluster.discovery["items"] = {{{"metadata", {{"name", "argoproj.io"}}},
                                 {"versions",
                                  {{{"version", "v1alpha1"},
                                    {"resources",
                                     {{{"resource", "rollouts"},
                                       {"responseKind", {{"kind", "Rollout"}}},
                                       {"scope", "Namespaced"},
                                       {"verbs", {"get", "list"}}}}}}}}}};
  const auto uid = uid_of(cluster.add(path, "shop", "canary", {{"spec", json::object()}}));
  cluster.add(
      "/apis/apps/v1/statefulsets", "shop", "canary-x",
      controlled_by(workload_of(bad_spec()), "argoproj.io/v1alpha1", "Rollout", "canary", uid));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail Rollout shop/canary"));
  EXPECT_THAT(scanned.findings("canary"), SizeIs(1));
}

// Which of them a pod is made from nobody knows: the places that are to be mended count.
TEST(ClusterScan, EachPodOfACustomResourceIsFound) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  serve(cluster, "kubeflow.org", "v1", json::array({served("pytorchjobs", "PyTorchJob")}));
  json job;
  for (const char* replica : {"Master", "Worker"})
    job["spec"]["pytorchReplicaSpecs"][replica]["template"]["spec"] = bad_spec();
  const auto uid = uid_of(cluster.add("/apis/kubeflow.org/v1/pytorchjobs", "shop", "train", job));
  for (const char* name : {"train-master-0", "train-worker-0"})
    cluster.add(kPods, "shop", name,
                controlled_by(pod_of(bad_spec()), "kubeflow.org/v1", "PyTorchJob", "train", uid));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.findings("train"),
              ElementsAre(HasSubstr("pytorchReplicaSpecs.Master.template.spec.hostPID"),
                          HasSubstr("pytorchReplicaSpecs.Worker.template.spec.hostPID")));
  EXPECT_EQ(scanned.fact("train", "pods"), "2");
}

TEST(ClusterScan, EachObjectBetweenAnOwnerAndItsPodsIsFound) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  serve(cluster, "elasticsearch.k8s.elastic.co", "v1",
        json::array({served("elasticsearches", "Elasticsearch")}));
  json search;
  search["spec"]["nodeSets"].push_back({{"name", "x"}, {"podTemplate", {{"spec", good_spec()}}}});
  const std::string version = "elasticsearch.k8s.elastic.co/v1";
  const auto uid =
      uid_of(cluster.add("/apis/" + version + "/elasticsearches", "shop", "es", search));
  for (const char* name : {"es-x", "es-y"})
    cluster.add("/apis/apps/v1/statefulsets", "shop", name,
                controlled_by(workload_of(bad_spec()), version, "Elasticsearch", "es", uid));
  EXPECT_THAT(scan(cluster).findings("es"),
              ElementsAre(HasSubstr("(in StatefulSet es-x, not in the template)"),
                          HasSubstr("(in StatefulSet es-y, not in the template)")));
}

TEST(ClusterScan, WhatHasRunToItsEndNoLongerCounts) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  serve(cluster, "kueue.x-k8s.io", "v1beta1", json::array({served("workloads", "Workload")}));
  serve(cluster, "argoproj.io", "v1alpha1", json::array({served("workflows", "Workflow")}));
  json done = workload_of(bad_spec());
  done["status"]["conditions"] = {{{"type", "Complete"}, {"status", "True"}}};
  const auto uid = uid_of(cluster.add(kJobs, "shop", "done", done));
  json queued;
  queued["spec"]["podSets"].push_back({{"name", "main"}, {"template", {{"spec", bad_spec()}}}});
  queued["status"]["conditions"].push_back({{"type", "Finished"}, {"status", "True"}});
  cluster.add("/apis/kueue.x-k8s.io/v1beta1/workloads", "shop", "job-done",
              controlled_by(queued, "batch/v1", "Job", "done", uid));
  json flow;
  flow["spec"]["templates"].push_back({{"name", "m"}, {"container", good_container("c")}});
  flow["status"]["phase"] = "Succeeded";
  cluster.add("/apis/argoproj.io/v1alpha1/workflows", "shop", "flow", flow);
  serve(cluster, "argoproj.io", "v1alpha1", json::array({served("analysisruns", "AnalysisRun")}));
  json analysis;
  analysis["spec"]["metrics"].push_back(
      {{"provider", {{"job", {{"spec", {{"template", {{"spec", bad_spec()}}}}}}}}}});
  analysis["status"]["phase"] = "Successful";
  cluster.add("/apis/argoproj.io/v1alpha1/analysisruns", "shop", "analysis", analysis);
  EXPECT_THAT(scan(cluster).rows(), IsEmpty());
}

TEST(ClusterScan, WhatIsLeftOfAnOwnerThatHasEndedIsSaid) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  serve(cluster, "ray.io", "v1",
        json::array({served("rayjobs", "RayJob"), served("rayclusters", "RayCluster")}));
  json ray;
  ray["headGroupSpec"]["template"]["spec"] = bad_spec();
  const auto uid = uid_of(cluster.add(
      "/apis/ray.io/v1/rayjobs", "shop", "train",
      {{"spec", {{"rayClusterSpec", ray}}}, {"status", {{"jobDeploymentStatus", "Complete"}}}}));
  cluster.add("/apis/ray.io/v1/rayclusters", "shop", "train-1",
              controlled_by({{"spec", ray}}, "ray.io/v1", "RayJob", "train", uid));
  EXPECT_THAT(scan(cluster).findings("train"), ElementsAre(HasSubstr("(in RayCluster train-1)")));
}

TEST(ClusterScan, OldRevisionsCountForNothing) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  serve(cluster, "apps.openshift.io", "v1",
        json::array({served("deploymentconfigs", "DeploymentConfig")}));
  serve(cluster, "serving.knative.dev", "v1",
        json::array({served("services", "Service"), served("revisions", "Revision")}));
  const std::string knative = "/apis/serving.knative.dev/v1/";
  const auto config = uid_of(cluster.add("/apis/apps.openshift.io/v1/deploymentconfigs", "shop",
                                         "web", workload_of(good_spec())));
  cluster.add("/api/v1/replicationcontrollers", "shop", "web-1",
              controlled_by(workload_of(bad_spec(), 0), "apps.openshift.io/v1", "DeploymentConfig",
                            "web", config));
  const auto service =
      uid_of(cluster.add(knative + "services", "shop", "site", workload_of(good_spec())));
  json old =
      controlled_by({{"spec", bad_spec()}}, "serving.knative.dev/v1", "Service", "site", service);
  old["metadata"]["labels"]["serving.knative.dev/routingState"] = "reserve";
  const auto revision = uid_of(cluster.add(knative + "revisions", "shop", "site-1", old));
  cluster.add(kDeployments, "shop", "site-1",
              controlled_by(workload_of(bad_spec(), 0), "serving.knative.dev/v1", "Revision",
                            "site-1", revision));
  EXPECT_THAT(scan(cluster).rows(),
              ElementsAre("pass DeploymentConfig shop/web", "pass Service shop/site"));
}

// It is written by whoever makes the pod, who may want no report of it.
TEST(ClusterScan, AControllerThatCannotBeOneIsNone) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.add(kPods, "shop", "a", controlled_by(pod_of(bad_spec()), "x/v1", "Y", "n", "NOT A UID"));
  cluster.add(kPods, "shop", "b",
              controlled_by(pod_of(bad_spec()), "x/v1", "Y", std::string(300, 'n'), "u-1"));
  cluster.add(kPods, "shop", "c",
              controlled_by(pod_of(bad_spec()), "x/v1", std::string(64, 'K'), "n", "u-2"));
  cluster.add(kPods, "shop", "d", controlled_by(pod_of(bad_spec()), "x/v1", "Y", "n", "u-"));
  EXPECT_THAT(scan(cluster).rows(), ElementsAre("fail Pod shop/a", "fail Pod shop/b",
                                                "fail Pod shop/c", "fail Pod shop/d"));
}

TEST(ClusterScan, APhantomDeploymentHasNoUid) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  for (const char* hash : {"5d8f", "6e9a"}) {
    json pod = controlled_by(pod_of(bad_spec()), "apps/v1", "ReplicaSet",
                             fmt::format("web-{}", hash), fmt::format("set-{}", hash));
    pod["metadata"]["labels"]["pod-template-hash"] = hash;
    cluster.add(kPods, "shop", fmt::format("web-{}-x", hash), pod);
  }
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail Deployment shop/web"));
  EXPECT_EQ(scanned.of("web").uid, "");  // those of its ReplicaSets are not its own
  EXPECT_EQ(scanned.fact("web", "pods"), "2");
}

TEST(ClusterScan, WhatIsEnforcedIsKeptBeforeWhatIsWarnedAbout) {
  FakeCluster cluster;
  cluster.add_namespace(
      "shop", {{"plimsoll.dev/enforce", "baseline"}, {"plimsoll.dev/warn", "restricted"}});
  // Their order of names is not the order of what binds: another namespace warns of it first.
  cluster.add_namespace("before", {{"plimsoll.dev/warn", "restricted"}});
  json loud = good_spec();
  for (int i = 0; i < 1100; ++i)
    loud["containers"].push_back({{"name", fmt::format("c{}", i)}, {"image", "i"}});
  cluster.add(kPods, "shop", "a", controlled_by(pod_of(loud), "x/v1", "Foo", "foo", "uid-foo"));
  cluster.add(kPods, "shop", "b",
              controlled_by(pod_of(bad_spec()), "x/v1", "Foo", "foo", "uid-foo"));
  const auto scanned = scan(cluster, "");
  const auto& findings = scanned.of("foo").findings;
  EXPECT_THAT(findings, SizeIs(1000));
  EXPECT_EQ(std::ranges::count(findings, "enforce", &ReportedFinding::mode), 1);
}

// Of one owner there may be many findings, and of a namespace many owners.
TEST(ClusterScan, OfVeryManyFindingsInAllAFewOfEachOwnerAreKept) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  for (int pod = 0; pod < 20; ++pod) {
    json spec = good_spec();
    for (int i = 0; i < 1000; ++i)
      spec["containers"].push_back(
          {{"name", fmt::format("c{}-{}{}", pod, i, std::string(4'000, 'n'))},
           {"securityContext", {{"privileged", true}}}});
    cluster.add(kPods, "shop", fmt::format("p{:02}", pod), pod_of(spec));
  }
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.of("p00").findings, SizeIs(1000));
  EXPECT_THAT(scanned.of("p19").findings, SizeIs(10));
  EXPECT_EQ(scanned.fact("p19", "findingsLeftOut"), "990");
}

TEST(ClusterScan, OfManyPodsOfOneControllerThatAllDifferNotAllFindingsAreKept) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  for (int pod = 0; pod < 30; ++pod) {
    json spec = bad_spec();
    spec["hostPID"] = false;
    for (int i = 0; i < 100; ++i) {
      json container = good_container(fmt::format("c{}-{}", pod, i));
      container["securityContext"]["privileged"] = true;
      spec["containers"].push_back(container);
    }
    cluster.add(kPods, "shop", fmt::format("p{}", pod),
                controlled_by(pod_of(spec), "x/v1", "Foo", "foo", "uid-foo"));
  }
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.of("foo").findings, SizeIs(1000));
  EXPECT_EQ(scanned.fact("foo", "findingsLeftOut"), "2000");
  EXPECT_EQ(scanned.fact("foo", "pods"), "30");
}

TEST(ClusterScan, AKindOfKubernetesThatIsNotFoundIsMissing) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.add(kDeployments, "shop", "web", workload_of(good_spec()));
  cluster.lists.erase(kPods);
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.tail.missing, ElementsAre(HasSubstr("pods: GET /api/v1/pods")));
  EXPECT_THAT(scanned.incomplete, ElementsAre("web"));
}

TEST(ClusterScan, AnApiThatHoldsNoPodsMayBeAway) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.discovery["items"] = {
      {{"metadata", {{"name", "metrics.k8s.io"}}},
       {"versions",
        {{{"version", "v1beta1"}, {"freshness", "Stale"}, {"resources", json::array()}}}}},
      {{"metadata", {{"name", "argoproj.io"}}},
       {"versions",
        {{{"version", "v1alpha1"}, {"freshness", "Stale"}, {"resources", json::array()}}}}}};
  EXPECT_THAT(scan(cluster).tail.missing, ElementsAre(HasSubstr("argoproj.io/v1alpha1")));
}

TEST(ClusterScan, CustomKindsAreFoundByDiscovery) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  const std::string path = "/apis/argoproj.io/v1alpha1/rollouts";
  cluster.discovery["items"] = {{{"metadata", {{"name", "argoproj.io"}}},
                                 {"versions",
                                  {{{"version", "v1alpha1"},
                                    {"resources",
                                     {{{"resource", "rollouts"},
                                       {"responseKind", {{"kind", "Rollout"}}},
                                       {"scope", "Namespaced"},
                                       {"verbs", {"get", "list"}}},
                                      {{"resource", "applications"},
                                       {"responseKind", {{"kind", "Application"}}},
                                       {"scope", "Namespaced"},
                                       {"verbs", {"get", "list"}}}}}}}}}};
  const auto uid = uid_of(cluster.add(path, "shop", "canary", workload_of(bad_spec())));
  const auto set = uid_of(cluster.add(
      kSets, "shop", "canary-1",
      controlled_by(workload_of(bad_spec()), "argoproj.io/v1alpha1", "Rollout", "canary", uid)));
  cluster.add(kPods, "shop", "canary-1-a",
              controlled_by(pod_of(bad_spec()), "apps/v1", "ReplicaSet", "canary-1", set));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail Rollout shop/canary"));
  EXPECT_EQ(scanned.of("canary").api_version, "argoproj.io/v1alpha1");
  EXPECT_EQ(scanned.fact("canary", "pods"), "1");
  EXPECT_THAT(scanned.findings("canary"), SizeIs(1));
  for (const std::string& asked : cluster.paths())
    EXPECT_THAT(asked, ::testing::Not(HasSubstr("applications")));
}

// So that a finding of one object has one place, in check and in scan.
TEST(ClusterScan, PlacesAreThoseOfManifests) {
  const std::string object =
      R"({"spec":{"containers":[{"name":"a"},{"name":"b\"","add":["NET_RAW",7,null],"ports":[{}]}]}})";
  auto document = text::YamlReader(object, "-").next();
  ASSERT_TRUE(document && *document);
  simdjson::dom::parser parser;
  const codec::Json json = parser.parse(object).value();
  for (const char* path : {"/spec/containers/1/add/0", "/spec/containers/1/add/1",
                           "/spec/containers/1/add/2", "/spec/containers/1/ports/0/hostPort",
                           "/spec/containers/0/image", "/spec/containers/7/image", ""})
    EXPECT_EQ(codec::place_of(json, path), place_of(**document, path)) << path;
}

// --- what binds ----------------------------------------------------------------------------------

TEST(ClusterScan, WhatBindsANamespaceJudgesIt) {
  FakeCluster cluster;
  cluster.add_namespace(
      "enforced", {{"plimsoll.dev/enforce", "baseline"}, {"plimsoll.dev/audit", "restricted"}});
  cluster.add_namespace("free");
  json spec = bad_spec();
  spec["containers"][0]["securityContext"].erase("seccompProfile");
  for (const char* space : {"enforced", "free"}) cluster.add(kPods, space, "a", pod_of(spec));
  cluster.add(kPods, "free", "b", pod_of(spec));
  const auto scanned = scan(cluster, "");
  EXPECT_THAT(scanned.rows(), ElementsAre("skipped Namespace free", "fail Pod enforced/a"));
  EXPECT_THAT(scanned.of("free").reason, StartsWith("nothing binds a template to it"));
  EXPECT_EQ(scanned.fact("free", "pods"), "2");
  EXPECT_EQ(scanned.fact("free", "workloads"), "2");
  const auto& findings = scanned.of("a").findings;
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[0].check->id, "host-namespaces");
  EXPECT_THAT(findings[0].template_ref, StartsWith("baseline@"));
  EXPECT_EQ(findings[0].mode, "enforce");
  EXPECT_EQ(findings[1].check->id, "seccomp");
  EXPECT_THAT(findings[1].template_ref, StartsWith("restricted@"));
  EXPECT_EQ(findings[1].mode, "audit");
  EXPECT_EQ(scanned.tail.summary.skipped, 1U);
}

TEST(ClusterScan, ConfiguredBindingsAndExemptionsCount) {
  FakeCluster cluster;
  for (const char* name : {"shop", "kube-system", "other"}) {
    cluster.add_namespace(name);
    cluster.add(kPods, name, std::string("pod-") + name, pod_of(bad_spec()));
  }
  json kata = bad_spec();
  kata["runtimeClassName"] = "kata";
  cluster.add(kPods, "shop", "isolated", pod_of(kata));
  Settings settings;
  auto binding = codec::parse_binding("enforce=baseline,excludeNamespaces=other").value();
  settings.bindings.push_back(binding);
  settings.exemptions.namespaces = {"kube-*"};
  settings.exemptions.runtime_classes = {"kata"};
  Scanned scanned;
  scan(cluster, options_with(scanned, "", policy_of(settings)), scanned);
  EXPECT_THAT(scanned.rows(),
              ElementsAre("skipped Namespace kube-system", "skipped Namespace other",
                          "skipped Pod shop/isolated", "fail Pod shop/pod-shop"));
  EXPECT_THAT(scanned.of("kube-system").reason, HasSubstr("exempt"));
  EXPECT_THAT(scanned.of("isolated").reason, HasSubstr("runtime class is exempt"));
}

TEST(ClusterScan, AMisspeltLabelIsSaid) {
  FakeCluster cluster;
  cluster.add_namespace("shop", {{"plimsoll.dev/enforce", "restrictde"}});
  const auto scanned = scan(cluster, "");
  EXPECT_THAT(scanned.notes, ElementsAre(HasSubstr("restrictde")));
}

TEST(ClusterScan, RowsAreSorted) {
  FakeCluster cluster;
  for (const char* space : {"b", "a-x", "a"}) {
    cluster.add_namespace(space);
    for (const char* name : {"z", "y"}) cluster.add(kPods, space, name, pod_of(good_spec()));
    cluster.add(kDeployments, space, "z", workload_of(good_spec()));
  }
  EXPECT_THAT(scan(cluster).rows(),
              ElementsAre("pass Deployment a/z", "pass Pod a/y", "pass Pod a/z",
                          "pass Deployment a-x/z", "pass Pod a-x/y", "pass Pod a-x/z",
                          "pass Deployment b/z", "pass Pod b/y", "pass Pod b/z"));
}

// --- namespaces that are asked for ---------------------------------------------------------------

TEST(ClusterScan, OnlyTheNamespacesThatAreAskedForAreRead) {
  FakeCluster cluster;
  for (const char* name : {"a", "b", "c"}) {
    cluster.add_namespace(name);
    cluster.add(kPods, name, "p", pod_of(good_spec()));
  }
  Scanned only;
  auto options = options_with(only, "baseline");
  options.namespaces = {"b", "gone"};
  scan(cluster, options, only);
  EXPECT_THAT(only.rows(), ElementsAre("pass Pod b/p"));
  EXPECT_THAT(only.tail.missing, ElementsAre("namespace gone: there is none of that name"));
  for (const std::string& path : cluster.paths())
    EXPECT_THAT(path, ::testing::AnyOf(HasSubstr("/namespaces/"), "/apis"));
  Scanned rest;
  options = options_with(rest, "baseline");
  options.exclude_namespaces = {"b*"};
  scan(cluster, options, rest);
  EXPECT_THAT(rest.rows(), ElementsAre("pass Pod a/p", "pass Pod c/p"));
}

// --- faults --------------------------------------------------------------------------------------

bool is_list_of(const kube::Request& request, std::string_view resource) {
  return request.path.starts_with(fmt::format("/api/v1/{}?", resource));
}

/// 1,200 pods: three pages.
void fill(FakeCluster& cluster) {
  cluster.add_namespace("shop");
  for (int i = 0; i < 1200; ++i)
    cluster.add(kPods, "shop", fmt::format("p{:04}", i), pod_of(good_spec()));
}

TEST(ClusterScan, PagesAreOf500) {
  FakeCluster cluster;
  fill(cluster);
  Scanned scanned;
  auto options = options_with(scanned, "baseline");
  std::vector<std::pair<std::uint64_t, std::uint64_t>> steps;
  options.progress = [&](std::uint64_t read, std::uint64_t left) {
    steps.emplace_back(read, left);
  };
  scan(cluster, options, scanned);
  EXPECT_THAT(scanned.resources, SizeIs(1200));
  const auto paths = cluster.paths();
  EXPECT_THAT(
      std::vector(paths.begin(), paths.begin() + 4),
      ElementsAre("/api/v1/namespaces?limit=500", "/api/v1/pods?limit=500",
                  "/api/v1/pods?limit=500&continue=500", "/api/v1/pods?limit=500&continue=1000"));
  using Step = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_THAT(std::vector(steps.begin(), steps.begin() + 3),
              ElementsAre(Step(500, 700), Step(1000, 200), Step(1200, 0)));
}

TEST(ClusterScan, ARestartOfTheServerIsWaitedFor) {
  FakeCluster cluster;
  fill(cluster);
  std::size_t down = 0;
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (!is_list_of(request, "pods") || request.path.find("continue=500") == std::string::npos)
      return std::nullopt;
    if (++down > 4) return std::nullopt;
    if (down == 3) {
      auto busy = FakeCluster::refusal(429, "TooManyRequests");
      busy.retry_after = std::chrono::seconds(7);
      return busy;
    }
    if (down == 4) return FakeCluster::refusal(503, "ServiceUnavailable");
    Error error;
    error.message = "connection refused";
    return Result<kube::Response>(error);
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.resources, SizeIs(1200));
  EXPECT_THAT(scanned.tail.missing, IsEmpty());
  EXPECT_THAT(scanned.pauses, ElementsAre(milliseconds(1000), milliseconds(2000),
                                          milliseconds(7000), milliseconds(8000)));
}

// Its roles are read anew when it starts.
TEST(ClusterScan, AServerThatHasJustStartedMayNotKnowYetWhoMayDoWhat) {
  FakeCluster cluster;
  fill(cluster);
  std::size_t asked = 0;
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (!request.path.ends_with("continue=500") || ++asked > 2) return std::nullopt;
    if (asked == 2) return FakeCluster::refusal(403, "Forbidden");
    Error error;
    error.message = "connection refused";
    return Result<kube::Response>(error);
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.resources, SizeIs(1200));
  EXPECT_THAT(scanned.tail.missing, IsEmpty());
}

TEST(ClusterScan, AServerThatStaysAwayLeavesAPartOfTheReport) {
  FakeCluster cluster;
  fill(cluster);
  cluster.before = [&](std::size_t number,
                       const kube::Request&) -> std::optional<Result<kube::Response>> {
    if (number < 3) return std::nullopt;
    Error error;
    error.message = "connection refused";
    return Result<kube::Response>(error);
  };
  const auto scanned = scan(cluster);
  EXPECT_FALSE(scanned.status);
  EXPECT_THAT(scanned.resources, SizeIs(500));
  ASSERT_THAT(scanned.tail.missing, SizeIs(9));  // eight kinds and discovery
  EXPECT_EQ(scanned.tail.missing[0], "pods: only the first 500 were read: connection refused");
  EXPECT_EQ(scanned.tail.missing[1], "deployments.apps: connection refused");
  // It is waited for once, and not for each kind.
  milliseconds waited{0};
  for (const auto pause : scanned.pauses) waited += pause;
  EXPECT_LE(waited, std::chrono::seconds(60));
  EXPECT_GE(waited, std::chrono::seconds(40));
}

TEST(ClusterScan, NobodyIsAskedAboutEachNamespaceWhereNobodyAnswers) {
  FakeCluster cluster;
  for (int i = 0; i < 20; ++i) cluster.add_namespace(fmt::format("n{}", i));
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (is_list_of(request, "namespaces")) return std::nullopt;
    if (is_list_of(request, "pods")) return FakeCluster::refusal(403, "Forbidden");
    Error error;
    error.message = "connection refused";
    return Result<kube::Response>(error);
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.tail.missing, SizeIs(9));
  EXPECT_EQ(scanned.tail.missing[0], "pods: connection refused");
}

TEST(ClusterScan, WithoutAnAnswerThereIsNoReport) {
  FakeCluster cluster;
  cluster.before = [&](std::size_t, const kube::Request&) -> std::optional<Result<kube::Response>> {
    Error error;
    error.message = "https://nowhere: connection refused";
    return Result<kube::Response>(error);
  };
  const auto scanned = scan(cluster);
  ASSERT_TRUE(scanned.status);
  EXPECT_THAT(scanned.status->message, HasSubstr("nowhere"));
  EXPECT_THAT(scanned.pauses, IsEmpty());  // an address that never answered is not waited for
}

TEST(ClusterScan, AnExpiredTokenGoesOnInALaterState) {
  FakeCluster cluster;
  fill(cluster);
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.ends_with("continue=500"))
      return FakeCluster::refusal(410, "Expired", {{"continue", "499"}});
    return std::nullopt;
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.resources, SizeIs(1200));  // the one of two pages is there once
  EXPECT_THAT(scanned.tail.missing, IsEmpty());
  EXPECT_THAT(scanned.notes, ElementsAre("pods: the API server has dropped the state that the list "
                                         "began with; the rest is read as it is now"));
}

TEST(ClusterScan, AnExpiredTokenWithoutAnotherBeginsAnew) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  add_deployment(cluster, "shop", "web", bad_spec(), 700, bad_spec());
  std::size_t expired = 0;
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.ends_with("continue=500") && ++expired <= 2)
      return FakeCluster::refusal(410, "Expired");
    return std::nullopt;
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail Deployment shop/web"));
  EXPECT_EQ(scanned.fact("web", "pods"), "700");  // none is counted twice
  EXPECT_THAT(scanned.tail.missing, IsEmpty());
  EXPECT_THAT(scanned.notes, SizeIs(2));
}

TEST(ClusterScan, TokensThatAlwaysExpireLeaveAPart) {
  FakeCluster cluster;
  fill(cluster);
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.ends_with("continue=500")) return FakeCluster::refusal(410, "Expired");
    return std::nullopt;
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.resources, SizeIs(500));
  EXPECT_THAT(scanned.tail.missing, ElementsAre(HasSubstr("410 Expired")));
}

kube::Response forbidden() { return FakeCluster::refusal(403, "Forbidden"); }

TEST(ClusterScan, WhatIsForbiddenForAllIsAskedForOneByOne) {
  FakeCluster cluster;
  for (const char* name : {"a", "b", "c"}) {
    cluster.add_namespace(name);
    cluster.add(kPods, name, "p", pod_of(good_spec()));
  }
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (is_list_of(request, "pods") || request.path.starts_with("/api/v1/namespaces/b/pods"))
      return forbidden();
    return std::nullopt;
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("pass Pod a/p", "pass Pod c/p"));
  EXPECT_THAT(scanned.incomplete, IsEmpty());
  EXPECT_THAT(scanned.tail.missing,
              ElementsAre("pods in namespace b: listing them is forbidden; allow it with a role: "
                          "{apiGroups: [\"\"], resources: [pods], verbs: [list]}"));
}

TEST(ClusterScan, WhatIsInNoNamespaceHidesNothingOfANamespace) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  json kind = served("clusterworkflowtemplates", "ClusterWorkflowTemplate");
  kind["scope"] = "Cluster";
  serve(cluster, "argoproj.io", "v1alpha1", json::array({kind}));
  cluster.add(kPods, "shop", "p", pod_of(good_spec()));
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.find("/clusterworkflowtemplates?") != std::string::npos) return forbidden();
    return std::nullopt;
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("pass Pod shop/p"));
  EXPECT_THAT(scanned.tail.missing, ElementsAre(StartsWith("clusterworkflowtemplates.argoproj")));
  EXPECT_THAT(scanned.incomplete, IsEmpty());
}

TEST(ClusterScan, NamespacesThatRefuseAreCountedInARow) {
  FakeCluster cluster;
  for (int i = 0; i < 410; ++i) {
    const std::string name = fmt::format("n{:03}", i);
    cluster.add_namespace(name);
    if (i % 2 == 1) cluster.add(kPods, name, "p", pod_of(good_spec()));
  }
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (is_list_of(request, "pods")) return forbidden();
    if (!request.path.starts_with("/api/v1/namespaces/n")) return std::nullopt;
    const auto pods = request.path.find("/pods?");
    if (pods == std::string::npos || (request.path[pods - 1] - '0') % 2 == 1) return std::nullopt;
    return forbidden();
  };
  EXPECT_THAT(scan(cluster).resources, SizeIs(205));
}

TEST(ClusterScan, NamespacesThatComeMeanwhileAreReadAfterTheOthers) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.add(kPods, "fresh", "p", pod_of(bad_spec()));
  cluster.add(kPods, "gone", "q", pod_of(bad_spec()));
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path == "/apis")
      cluster.add_namespace("fresh", {{"plimsoll.dev/enforce", "baseline"}});
    return std::nullopt;
  };
  const auto scanned = scan(cluster, "");
  EXPECT_THAT(scanned.rows(), ElementsAre("skipped Namespace shop", "fail Pod fresh/p"));
  EXPECT_THAT(scanned.tail.missing, IsEmpty());
  EXPECT_THAT(scanned.notes,
              ElementsAre("namespaces that came while the cluster was read, and are not "
                          "listed, are not in the report: gone"));
}

// What they own says what they are called, and what their templates hold.
TEST(ClusterScan, OwnersThatMayNotBeListedAreStillOwners) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  add_deployment(cluster, "shop", "web", bad_spec(), 0, bad_spec());
  cluster.lists[kSets][0]["spec"]["replicas"] = 2;  // whose pods could not be made yet
  add_deployment(cluster, "shop", "idle", bad_spec(), 0, bad_spec());
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.find("/deployments?") != std::string::npos) return forbidden();
    return std::nullopt;
  };
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("fail Deployment shop/web"));
  EXPECT_EQ(scanned.of("web").uid, uid_of(cluster.lists[kDeployments][0]));
  EXPECT_EQ(scanned.of("web").findings[0].patch, "[]");  // it is for the ReplicaSet
  EXPECT_THAT(scanned.tail.missing, ElementsAre(StartsWith("deployments.apps in namespace shop")));
}

TEST(ClusterScan, OfManyFindingsOfOneObjectNotAllAreKept) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  json spec = good_spec();
  for (int i = 0; i < 1500; ++i) {
    json container = good_container(fmt::format("c{}", i));
    container["securityContext"]["privileged"] = true;
    spec["containers"].push_back(container);
  }
  cluster.add(kPods, "shop", "many", pod_of(spec));
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.of("many").findings, SizeIs(1000));
  EXPECT_EQ(scanned.fact("many", "findingsLeftOut"), "500");
}

TEST(ClusterScan, NamespacesThatMayNotBeListedAreToBeNamed) {
  FakeCluster cluster;
  cluster.add_namespace("a");
  cluster.add(kPods, "a", "p", pod_of(bad_spec()));
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.find("/namespaces?") != std::string::npos ||
        request.path.ends_with("/namespaces/a"))
      return forbidden();
    return std::nullopt;
  };
  const auto all = scan(cluster);
  ASSERT_TRUE(all.status);
  EXPECT_THAT(all.status->remedy, HasSubstr("name namespaces with -n"));
  Scanned named;
  auto options = options_with(named, "baseline");
  options.namespaces = {"a"};
  scan(cluster, options, named);
  EXPECT_THAT(named.rows(), ElementsAre("fail Pod a/p"));  // -t asks for no labels
  EXPECT_THAT(named.tail.missing, IsEmpty());
  Scanned bound;
  options = options_with(bound);
  options.namespaces = {"a"};
  scan(cluster, options, bound);
  EXPECT_THAT(bound.rows(), IsEmpty());
  EXPECT_THAT(bound.tail.missing, ElementsAre(HasSubstr("its labels say what binds it")));
}

TEST(ClusterScan, WhatCannotBeReadIsSaid) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  json odd = good_spec();
  odd["hostPID"] = "yes";
  cluster.add(kPods, "shop", "odd", pod_of(odd));
  cluster.add(kPods, "shop", "good", pod_of(good_spec()));
  cluster.lists[kPods].push_back("no object at all");
  const auto scanned = scan(cluster);
  EXPECT_THAT(scanned.rows(), ElementsAre("pass Pod shop/good", "fail Pod shop/odd"));
  EXPECT_EQ(scanned.of("odd").findings[0].check->id, "unreadable-field");
  EXPECT_THAT(scanned.tail.missing,
              ElementsAre("Pod shop/odd: could not be read whole: spec.hostPID must be a boolean, "
                          "is a string",
                          "Pod (no name): could not be read whole: it has no name"));
}

TEST(ClusterScan, AnAnswerThatIsNoListIsSaid) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (is_list_of(request, "pods")) return kube::Response{200, "<html>"};
    return std::nullopt;
  };
  EXPECT_THAT(scan(cluster).tail.missing,
              ElementsAre(StartsWith("pods: GET /api/v1/pods: the answer cannot be read")));
}

// --- advice --------------------------------------------------------------------------------------

/// With a template that restricted does not imply.
std::shared_ptr<const policy::Policy> policy_with_mine(Settings settings = {}) {
  const Folder folder;
  settings.templates.push_back(folder.write(
      "mine.yaml", "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\n"
                   "metadata: {name: mine}\nspec: {rules: [{check: service-account-token}]}\n"));
  return policy_of(settings);
}

std::map<std::string, Advice> advise(FakeCluster& cluster, std::vector<std::string>* missing = {},
                                     std::shared_ptr<const policy::Policy> policy = policy_of(),
                                     std::vector<std::string>* notes = {}) {
  Scanned scanned;
  std::map<std::string, Advice> out;
  std::vector<std::string> lines;
  const auto status = advise_cluster(
      cluster, options_with(scanned, "", std::move(policy)),
      [&](const Advice& advice) { out.emplace(advice.namespace_name, advice); }, lines);
  EXPECT_FALSE(status);
  if (missing != nullptr) *missing = lines;
  if (notes != nullptr) *notes = scanned.notes;
  return out;
}

TEST(Advice, NamesTheStrictestTemplateAndWhatIsInTheWay) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  json root = good_spec();
  for (const char* key : {"runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile"})
    root["containers"][0]["securityContext"].erase(key);
  add_deployment(cluster, "shop", "web", root, 2, root);
  json no_seccomp = good_spec();
  no_seccomp["containers"][0]["securityContext"].erase("seccompProfile");
  cluster.add(kCronJobs, "shop", "nightly", cron_job_of(no_seccomp));
  cluster.add(kPods, "shop", "fine", pod_of(good_spec()));
  const auto shop = advise(cluster).at("shop");
  EXPECT_EQ(shop.workloads, 3U);
  EXPECT_EQ(shop.pods, 3U);
  EXPECT_THAT(shop.meets, StartsWith("baseline@v1."));
  EXPECT_THAT(shop.next, StartsWith("restricted@v1."));
  ASSERT_THAT(shop.obstacles, SizeIs(2));
  const auto ids = [](const Obstacle& obstacle) {
    std::string text = obstacle.kind + " " + obstacle.name + ":";
    for (const Check* check : obstacle.checks) text += fmt::format(" {}", check->id);
    return text;
  };
  EXPECT_EQ(ids(shop.obstacles[0]), "CronJob nightly: seccomp");
  EXPECT_EQ(ids(shop.obstacles[1]), "Deployment web: run-as-non-root seccomp");
  EXPECT_EQ(shop.command, "kubectl label namespace shop plimsoll.dev/enforce=baseline "
                          "plimsoll.dev/enforce-version=" +
                              shop.meets.substr(shop.meets.find('@') + 1));
  const std::string text = advice_text({&shop, 1}, {}, {});
  EXPECT_THAT(text, HasSubstr("seccomp            2  CronJob nightly, Deployment web\n"));
  const json document = json::parse(advice_json({&shop, 1}, {}, "", "")).at("namespaces").at(0);
  EXPECT_EQ(document["checks"][0], (json{{"check", "seccomp"}, {"workloads", 2}}));
  EXPECT_EQ(document["enforced"], nullptr);
  EXPECT_EQ(document["command"], shop.command);
}

TEST(Advice, APodThatIsNotExemptCountsWhateverItsTemplateSays) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  json exempt = good_spec();
  exempt["runtimeClassName"] = "kata";
  add_deployment(cluster, "shop", "web", exempt, 1, bad_spec());
  Settings settings;
  settings.exemptions.runtime_classes = {"kata"};
  Scanned scanned;
  std::vector<Advice> all;
  std::vector<std::string> missing;
  EXPECT_FALSE(advise_cluster(
      cluster, options_with(scanned, "", policy_of(settings)),
      [&](const Advice& advice) { all.push_back(advice); }, missing));
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].exempt, 0U);
  EXPECT_THAT(all[0].meets, StartsWith("privileged@"));
}

TEST(Advice, SaysNothingThatATerminalWouldObey) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.add(kPods, "shop", "p",
              controlled_by(pod_of(bad_spec()), "x/v1", "\x1b[31mEVIL\a", "n\x1b[2J", "u"));
  cluster.add_namespace("x; rm");
  cluster.add_namespace("--all");
  for (const auto& [name, advice] : advise(cluster)) {
    const std::string text = advice_text({&advice, 1}, {}, {});
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
    EXPECT_EQ(text.find('\a'), std::string::npos) << text;
    EXPECT_EQ(advice.command.empty(), name != "shop" || advice.meets.starts_with("privileged"));
  }
}

TEST(Advice, SaysWhatIsWrongWithLabels) {
  FakeCluster cluster;
  cluster.add_namespace("shop", {{"plimsoll.dev/enforce", "restrictde"}});
  std::vector<std::string> notes;
  advise(cluster, nullptr, policy_of(), &notes);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("restrictde")));
}

TEST(Advice, KnowsWhatIsEnforced) {
  FakeCluster cluster;
  cluster.add_namespace("low", {{"plimsoll.dev/enforce", "baseline"}});
  cluster.add_namespace("right", {{"plimsoll.dev/enforce", "least-privilege"}});
  cluster.add_namespace("high", {{"plimsoll.dev/enforce", "restricted"}});
  for (const char* space : {"low", "right"}) cluster.add(kPods, space, "p", pod_of(good_spec()));
  cluster.add(kPods, "high", "p", pod_of(bad_spec()));
  const auto all = advise(cluster);
  EXPECT_THAT(all.at("low").meets, StartsWith("least-privilege@"));
  EXPECT_EQ(all.at("low").next, "");
  EXPECT_THAT(all.at("low").command, HasSubstr("namespace low --overwrite plimsoll.dev/enforce="
                                               "least-privilege "));
  EXPECT_EQ(all.at("right").command, "");
  EXPECT_THAT(all.at("high").enforced, StartsWith("restricted@"));
  EXPECT_EQ(all.at("high").refused, 1U);
  EXPECT_EQ(all.at("high").command, "");
  EXPECT_THAT(all.at("high").meets, StartsWith("privileged@"));
}

TEST(Advice, TakesNothingAwayThatIsAskedToday) {
  FakeCluster cluster;
  cluster.add_namespace("shop", {{"plimsoll.dev/enforce", "mine"}});
  json spec = good_spec();
  spec["containers"][0]["securityContext"].erase("readOnlyRootFilesystem");
  cluster.add(kPods, "shop", "p", pod_of(spec));
  const Advice shop = advise(cluster, nullptr, policy_with_mine()).at("shop");
  EXPECT_THAT(shop.enforced, StartsWith("mine@"));
  EXPECT_THAT(shop.meets, StartsWith("restricted@"));
  EXPECT_EQ(shop.command, "");
  EXPECT_THAT(shop.unlabelled, StartsWith("mine@"));
  EXPECT_THAT(advice_text({&shop, 1}, {}, {}), HasSubstr("  label     none: mine@"));
}

TEST(Advice, KnowsAllThatIsEnforced) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  json spec = good_spec();
  spec.erase("automountServiceAccountToken");
  cluster.add(kDeployments, "shop", "web", workload_of(spec));
  Settings settings;
  for (const char* binding : {"enforce=baseline", "enforce=restricted", "enforce=mine"})
    settings.bindings.push_back(codec::parse_binding(binding).value());
  const Advice shop = advise(cluster, nullptr, policy_with_mine(settings)).at("shop");
  EXPECT_THAT(shop.enforced, ::testing::AllOf(StartsWith("restricted@"), HasSubstr(", mine@"),
                                              Not(HasSubstr("baseline"))));
  EXPECT_EQ(shop.refused, 1U);
}

TEST(Advice, GivesNoLabelWhereNoneIsRead) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  cluster.add(kPods, "shop", "p", pod_of(good_spec()));
  auto policy = std::make_shared<policy::Policy>(*policy_of());
  policy->namespace_labels = false;
  const Advice shop = advise(cluster, nullptr, policy).at("shop");
  EXPECT_EQ(shop.command, "");
  EXPECT_THAT(shop.unlabelled, HasSubstr("namespaceLabels"));
}

TEST(Advice, LeavesTheClustersOwnNamespacesAlone) {
  FakeCluster cluster;
  cluster.add_namespace("kube-system");
  cluster.add(kPods, "kube-system", "p", pod_of(good_spec()));
  const auto system = advise(cluster).at("kube-system");
  EXPECT_TRUE(system.system);
  EXPECT_EQ(system.command, "");
  EXPECT_THAT(system.meets, StartsWith("least-privilege@"));
}

TEST(Advice, SaysNothingOfWhatWasNotSeenWhole) {
  FakeCluster cluster;
  cluster.add_namespace("a");
  cluster.add_namespace("b");
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.starts_with("/apis/apps/v1/deployments") ||
        request.path.starts_with("/apis/apps/v1/namespaces/a/deployments"))
      return forbidden();
    return std::nullopt;
  };
  std::vector<std::string> missing;
  const auto all = advise(cluster, &missing);
  EXPECT_THAT(missing, SizeIs(1));
  EXPECT_NE(all.at("a").unknown, "");
  EXPECT_EQ(all.at("a").command, "");
  EXPECT_EQ(all.at("a").meets, "");
  EXPECT_EQ(all.at("b").unknown, "");
}

TEST(Advice, SaysNothingOfNamespacesThatNobodyRead) {
  FakeCluster cluster;
  cluster.add_namespace("shop");
  for (int i = 0; i < 103; ++i)
    cluster.add(kPods, fmt::format("came-{}", i), "p", pod_of(bad_spec()));
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path != "/apis") return std::nullopt;
    for (int i = 0; i < 103; ++i) cluster.add_namespace(fmt::format("came-{}", i));
    cluster.add_namespace("late");
    cluster.add(kPods, "late", "p", pod_of(bad_spec()));
    return std::nullopt;
  };
  std::vector<std::string> missing;
  const auto all = advise(cluster, &missing);
  EXPECT_THAT(all, SizeIs(101));
  EXPECT_FALSE(all.contains("late"));
  EXPECT_FALSE(all.contains("came-102"));
  EXPECT_THAT(missing, ElementsAre(StartsWith("more than 100 namespaces came")));
}

TEST(Advice, NeedsAllKindsOfObjects) {
  FakeCluster cluster;
  cluster.add_namespace("a");
  json odd = good_spec();
  odd["hostPID"] = "yes";
  cluster.add_namespace("b");
  cluster.add(kPods, "b", "odd", pod_of(odd));
  std::vector<std::string> missing;
  auto all = advise(cluster, &missing);
  EXPECT_THAT(missing, SizeIs(1));
  EXPECT_EQ(all.at("a").unknown, "");
  EXPECT_NE(all.at("b").unknown, "");
  cluster.before = [&](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path != "/apis") return std::nullopt;
    cluster.add_namespace("came");
    return forbidden();
  };
  cluster.add(kPods, "came", "p", pod_of(good_spec()));
  all = advise(cluster, &missing);
  EXPECT_NE(all.at("a").unknown, "");
  EXPECT_NE(all.at("came").unknown, "");
}

}  // namespace
}  // namespace plimsoll::app
