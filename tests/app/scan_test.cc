// `plimsoll scan`, as a process, beside an API server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/fake_cluster.h"
#include "kube/api_server.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ScanOfACluster : public ::testing::Test {
 protected:
  ScanOfACluster() {
    cluster_.add_namespace("shop", {{"plimsoll.dev/enforce", "baseline"}});
    cluster_.add("/api/v1/pods", "shop", "web", pod("hostPID"));
    cluster_.add_namespace("blog");
    cluster_.add("/api/v1/pods", "blog", "site", pod("hostIPC"));
  }

  static json pod(const char* host) {
    return {{"spec", {{host, true}, {"containers", {{{"name", "app"}}}}}}};
  }

  Ran scan(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"scan", "--kubeconfig", kubeconfig()});
    return run(std::move(arguments));
  }

  /// The server starts with the first scan: from then on its threads read the cluster, and nothing
  /// may be added to it.
  [[nodiscard]] int port() {
    if (!server_)
      server_.emplace(
          [this](kube::testing::Call& call) {
            const auto answer = cluster_.send({.method = call.method, .path = call.target});
            call.answer(answer->status, answer->body);
          },
          kube::testing::ApiServer::Options{.tls = false});
    return server_->port();
  }

  [[nodiscard]] std::string kubeconfig() {
    const std::string server = "'http://127.0.0.1:" + std::to_string(port()) + "'";
    return folder_.write(
        "kubeconfig",
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: c}}, {name: away, context: {cluster: away}}]\n"
        "clusters: [{name: c, cluster: {server: " +
            server + "}}, {name: away, cluster: {server: 'http://127.0.0.1:1'}}]\n");
  }

  const Folder folder_;
  FakeCluster cluster_;
  std::optional<kube::testing::ApiServer> server_;
};

TEST_F(ScanOfACluster, JudgesByWhatBinds) {
  const auto ran = scan({});
  EXPECT_EQ(ran.status, 1) << ran.errors;
  EXPECT_THAT(ran.output,
              AllOf(HasSubstr("skip Namespace blog"), HasSubstr("fail Pod shop/web"),
                    HasSubstr("[host-namespaces, critical, enforce by baseline@"),
                    HasSubstr("2 resources against what binds them: 0 passed, 1 failed, 1 skipped"),
                    Not(HasSubstr("site"))));
  EXPECT_EQ(ran.errors, "");
}

TEST_F(ScanOfACluster, JudgesAllByOneTemplate) {
  const auto ran = scan({"-t", "baseline", "-o", "json"});
  EXPECT_EQ(ran.status, 1) << ran.errors;
  const json report = json::parse(ran.output);
  EXPECT_THAT(report["template"].get<std::string>(), StartsWith("baseline@"));
  EXPECT_EQ(report["subject"], "cluster http://127.0.0.1:" + std::to_string(port()));
  ASSERT_EQ(report["resources"].size(), 2U);
  EXPECT_EQ(report["resources"][0]["name"], "site");
  EXPECT_EQ(report["resources"][1]["uid"], "uid-1");
  EXPECT_EQ(scan({"-t", "privileged"}).status, 0);
}

TEST_F(ScanOfACluster, WhatIsNotSeenFailsIt) {
  cluster_.before = [](std::size_t,
                       const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.find("/jobs?") == std::string::npos) return std::nullopt;
    return FakeCluster::refusal(403, "Forbidden");
  };
  const auto ran = scan({"-t", "privileged", "-o", "json"});
  EXPECT_EQ(ran.status, 2);
  const std::string line =
      "jobs.batch in namespaces blog, shop: listing them is forbidden; allow it with a role: "
      "{apiGroups: [\"batch\"], resources: [jobs], verbs: [list]}";
  EXPECT_EQ(ran.errors, "plimsoll: not seen: " + line + "\n");
  const json report = json::parse(ran.output);
  EXPECT_EQ(report["missing"], json{line});
  EXPECT_EQ(report["summary"]["passed"], 2);
}

TEST_F(ScanOfACluster, AdvisesInTextAndJson) {
  auto ran = scan({"--advise"});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, StartsWith("blog  1 workload, 1 running pod\n"
                                     "  meets     privileged@v1."));
  EXPECT_THAT(ran.output, HasSubstr("            host-namespaces    1  Pod site\n"));
  EXPECT_THAT(ran.output, HasSubstr("\n2 namespaces: 2 at privileged@v1."));
  ran = scan({"--advise", "-o", "json", "-n", "shop"});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  const json advice = json::parse(ran.output);
  ASSERT_EQ(advice["namespaces"].size(), 1U);
  EXPECT_EQ(advice["namespaces"][0]["refused"], 1);
  EXPECT_EQ(advice["missing"], json::array());
}

TEST_F(ScanOfACluster, CountsAlsoWhatNoLabelCanHold) {
  cluster_.add_namespace("calm");
  const std::string config = folder_.write("config.yaml", "apiVersion: plimsoll.dev/v1alpha1\n"
                                                          "kind: Configuration\n"
                                                          "namespaceLabels: false\n");
  const auto ran = scan({"--advise", "--config", config});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("  label     none: the configuration reads no labels"),
                                HasSubstr("; 1 can be held to more than today\n")));
}

TEST_F(ScanOfACluster, GoesOnWithoutReportsWhereThereCanBeNone) {
  const auto ran = scan({"--policy-reports"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.output, HasSubstr("fail Pod shop/web"));
  EXPECT_THAT(ran.errors,
              StartsWith("plimsoll: not seen: reports in the cluster: --policy-reports: "
                         "the cluster has neither openreports.io/v1alpha1"));
}

TEST_F(ScanOfACluster, SaysInALineWhatKeepsItFromScanning) {
  const auto expect = [](const Ran& ran, std::string_view says) {
    EXPECT_EQ(ran.status, 2);
    EXPECT_EQ(ran.output, "");
    EXPECT_THAT(ran.errors, AllOf(StartsWith("plimsoll: "), HasSubstr(std::string(says))));
    EXPECT_EQ(std::ranges::count(ran.errors, '\n'), 1) << ran.errors;
  };
  expect(scan({"--context", "away"}), "127.0.0.1:1: GET /api/v1/namespaces: cannot connect");
  expect(scan({"--context", "nowhere"}), "there is no \"nowhere\" in contexts");
  expect(scan({"-t", "restrictde"}), "there is no template \"restrictde\"");
  expect(scan({"--config", "/nonexistent"}), "/nonexistent: cannot be read");
  expect(scan({"--advise", "-o", "html"}), "with --advise write text or json");
  expect(scan({"--advise", "-t", "baseline"}), "--template");
  expect(scan({"--advise", "--exit-zero"}), "--exit-zero");
  expect(scan({"--advise", "--trend", "/nonexistent"}), "--trend");
  expect(run({"scan"}, "", {"HOME=" + folder_.path()}), "give --kubeconfig");
  expect(run({"scan", "--context", "c"}, "", {"KUBERNETES_SERVICE_HOST=127.0.0.1"}),
         "\"c\" is a context of a kubeconfig, and there is none");
}

TEST_F(ScanOfACluster, LabelsOfPodSecurityCountWhenAskedFor) {
  cluster_.lists["/api/v1/namespaces"][1]["metadata"]["labels"]["pod-security.kubernetes.io/warn"] =
      "baseline";
  EXPECT_THAT(scan({}).output, HasSubstr("skip Namespace blog"));
  EXPECT_THAT(scan({"--pod-security-labels"}).output,
              AllOf(HasSubstr("fail Pod blog/site"), HasSubstr("warn by baseline@")));
}

TEST_F(ScanOfACluster, ReadsBindingsOfAConfiguration) {
  const std::string config =
      folder_.write("config.yaml", "apiVersion: plimsoll.dev/v1alpha1\n"
                                   "kind: Configuration\n"
                                   "bindings:\n"
                                   "- {mode: audit, template: baseline, namespaces: [blog]}\n");
  const auto ran = scan({"--config", config});
  EXPECT_EQ(ran.status, 1) << ran.errors;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("fail Pod blog/site"), HasSubstr("audit by baseline@"),
                                HasSubstr("skip Namespace shop")));
}

}  // namespace
}  // namespace plimsoll::app
