// `plimsoll doctor`, as a process, over files and beside an API server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "app/command.h"
#include "app/fake_api.h"
#include "app/registered.h"
#include "kube/api_server.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string list_of(const std::vector<json>& objects) {
  return json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", objects}}.dump();
}
json different() {
  json object = sound();
  object["webhooks"][0]["matchConditions"][1] = condition_of({"restricted", 36}, cel::Kind::Pods);
  return object;
}

void expect_failure(const Ran& ran, const std::vector<std::string>& says) {
  EXPECT_EQ(ran.status, 2) << ran.output;
  EXPECT_EQ(ran.output, "");
  EXPECT_THAT(ran.errors, StartsWith("plimsoll: "));
  EXPECT_EQ(std::ranges::count(ran.errors, '\n'), 1) << ran.errors;
  for (const auto& part : says) EXPECT_THAT(ran.errors, HasSubstr(part));
}

TEST(Doctor, FindsARegistrationWell) {
  const auto ran = run({"doctor", "--file", "-"}, sound().dump());
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_EQ(ran.output,
            "ValidatingWebhookConfiguration plimsoll (<stdin>:1)\n"
            "  3 entries about pods and workloads, 2 prefiltered\n"
            "  always asked 1 entry: templates of labels that have no entry of their own\n"
            "The prefilter is what this plimsoll writes.\n");
  EXPECT_EQ(ran.errors, "");
}

TEST(Doctor, TellsWhatDiffersAndWhatToDo) {
  const Folder folder;
  // As Helm prints: other documents, and a comment.
  const std::string file = folder.write(
      "rendered.yaml", "---\n# Source: a\napiVersion: v1\nkind: ConfigMap\n---\n" +
                           different().dump() + "\n---\napiVersion: v1\nkind: Service\n");
  const auto ran = run({"doctor", "--file", file});
  EXPECT_EQ(ran.status, 1) << ran.errors;
  EXPECT_EQ(ran.output,
            "ValidatingWebhookConfiguration plimsoll (" + file +
                ":6)\n"
                "  3 entries about pods and workloads, 2 prefiltered\n"
                "  differs enforce.restricted.pods.plimsoll.dev: condition "
                "prefilter.plimsoll.dev/restricted.v1.36 is of v1.36, and the newest restricted "
                "here is v1.37: an upgrade half done\n"
                "    `helm upgrade` with the chart of this version, or put in what `plimsoll "
                "templates export restricted --as match-conditions` writes\n"
                "  always asked 1 entry: templates of labels that have no entry of their own\n"
                "1 difference from what this plimsoll writes.\n");
}

TEST(Doctor, WritesJson) {
  const auto ran = run({"doctor", "--file", "-", "-o", "json"}, different().dump());
  EXPECT_EQ(ran.status, 1) << ran.errors;
  const json report = json::parse(ran.output);
  EXPECT_EQ(report.at("schemaVersion"), 1);
  const json& one = report.at("registrations").at(0);
  EXPECT_EQ(one.at("name"), "plimsoll");
  EXPECT_EQ(one.at("entries"), 3);
  EXPECT_EQ(one.at("prefiltered"), 2);
  ASSERT_EQ(one.at("differences").size(), 1U);
  EXPECT_EQ(one.at("differences")[0].at("entry"), "enforce.restricted.pods.plimsoll.dev");
  EXPECT_THAT(one.at("differences")[0].at("message").get<std::string>(), HasSubstr("v1.36"));
  EXPECT_THAT(one.at("differences")[0].at("remedy").get<std::string>(), HasSubstr("helm upgrade"));
  EXPECT_EQ(one.at("unfiltered")[0].at("entry"), "enforce.general.pods.plimsoll.dev");
}

TEST(Doctor, LooksAtEveryRegistrationThatIsOurs) {
  json other = sound();
  other["metadata"]["name"] = "second";
  json foreign = different();
  for (json& entry : foreign["webhooks"]) entry["name"] = "x.example.com";
  const auto ran = run({"doctor", "--file", "-"}, list_of({sound(), other, foreign}));
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("ValidatingWebhookConfiguration plimsoll ("));
  EXPECT_THAT(ran.output, HasSubstr("ValidatingWebhookConfiguration second ("));
  EXPECT_EQ(run({"doctor", "--file", "-"}, list_of({sound(), different()})).status, 1);
}

TEST(Doctor, TellsWhatIsNoDifferenceButWorthKnowing) {
  json object = sound();
  for (json& entry : object["webhooks"]) {
    entry["failurePolicy"] = "Ignore";
    entry["clientConfig"].erase("caBundle");
  }
  const auto ran = run({"doctor", "--file", "-"}, object.dump());
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("  note 4 entries without caBundle: the server or "));
  EXPECT_THAT(ran.output,
              HasSubstr("  note failurePolicy Ignore: while no server answers, what is to be sent "
                        "passes unjudged at enforce.restricted.pods.plimsoll.dev, "
                        "enforce.general.pods.plimsoll.dev\n"));
  object = sound();
  for (json& entry : object["webhooks"]) entry.erase("matchConditions");
  EXPECT_THAT(run({"doctor", "--file", "-"}, object.dump()).output,
              HasSubstr("\nThere is no prefilter: all is sent.\n"));
}

TEST(Doctor, KnowsTheTemplatesOfFiles) {
  const Folder folder;
  const std::string file = folder.write(
      "t.yaml", "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nmetadata: {name: "
                "payments}\nspec: {extends: restricted}\n");
  json object = sound();
  object["webhooks"][0]["matchConditions"][1]["name"] = "prefilter.plimsoll.dev/payments.v1.37";
  object["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]["values"] = {"payments"};
  const auto without = run({"doctor", "--file", "-"}, object.dump());
  EXPECT_EQ(without.status, 1);
  EXPECT_THAT(without.output, HasSubstr("of a template that is not known here"));
  // Its text says payments where this one says restricted.
  const auto with = run({"doctor", "--file", "-", "--templates", file}, object.dump());
  EXPECT_EQ(with.status, 1);
  EXPECT_THAT(with.output, HasSubstr("is not what this binary writes for pods, from its line 1"));
}

TEST(Doctor, TellsWhyItCannotLook) {
  const Folder folder;
  expect_failure(run({"doctor", "--file", folder / "none.yaml"}), {"none.yaml: cannot be read"});
  expect_failure(run({"doctor", "--file", "-"}), {"<stdin>: is empty"});
  expect_failure(run({"doctor", "--file", "-"}, "a: [\n"), {"<stdin>:"});
  expect_failure(
      run({"doctor", "--file", "-"}, "apiVersion: v1\nkind: Pod\n"),
      {"<stdin>: holds no ValidatingWebhookConfiguration with webhooks of plimsoll.dev"});
  json broken = sound();
  broken["webhooks"][0]["rules"] = 1;
  expect_failure(run({"doctor", "--file", "-"}, "---\n" + broken.dump()),
                 {"<stdin>:2: webhooks[0].rules: is not an array"});
  expect_failure(run({"doctor", "--file", "-", "--templates", folder / "t.yaml"}, sound().dump()),
                 {"t.yaml: cannot be read"});
  expect_failure(run({"doctor", "--file", "-", "--kubeconfig", "x"}), {"--file", "--kubeconfig"});
  expect_failure(run({"doctor"}, "", {"HOME=" + folder.path()}),
                 {"/.kube/config: cannot be read", "give --kubeconfig, or --file"});
}

class DoctorOfACluster : public ::testing::Test {
 protected:
  DoctorOfACluster()
      : server_(
            [this](kube::testing::Call& call) {
              const auto answer = api_.send({.method = call.method, .path = call.target});
              call.answer(answer->status, answer->body);
            },
            kube::testing::ApiServer::Options{.tls = false}) {}

  [[nodiscard]] std::string kubeconfig() const {
    return folder_.write("kubeconfig",
                         "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                         "contexts: [{name: c, context: {cluster: c}}]\nclusters: [{name: c, "
                         "cluster: {server: 'http://127.0.0.1:" +
                             std::to_string(server_.port()) + "'}}]\n");
  }

  const Folder folder_;
  FakeApi api_;
  kube::testing::ApiServer server_;
};

TEST_F(DoctorOfACluster, LooksAtTheRegistration) {
  api_.register_webhooks(sound());
  auto ran = run({"doctor", "--kubeconfig", kubeconfig()});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, StartsWith("ValidatingWebhookConfiguration plimsoll (cluster)\n"));
  EXPECT_THAT(ran.output, Not(HasSubstr("note")));
  api_.register_webhooks(different());
  ran = run({"doctor"}, "", {"KUBECONFIG=" + kubeconfig()});
  EXPECT_EQ(ran.status, 1) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("\n1 difference from what this plimsoll writes.\n"));
}

TEST_F(DoctorOfACluster, TellsWhyItCannotLook) {
  expect_failure(
      run({"doctor", "--kubeconfig", kubeconfig()}),
      {"/validatingwebhookconfigurations/plimsoll", "404", "name it with --webhook-configuration"});
  api_.register_webhooks(sound());
  expect_failure(run({"doctor", "--kubeconfig", kubeconfig(), "--webhook-configuration", "other"}),
                 {"/validatingwebhookconfigurations/other", "404"});
}

}  // namespace
}  // namespace plimsoll::app
