#include "codec/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <string>

namespace plimsoll::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::ordered_json;

Json pod(bool privileged = false) {
  return Json::parse(
      R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"shop"},
    "spec":{"containers":[{"name":"app","image":"app:1","securityContext":{"privileged":)" +
      std::string(privileged ? "true" : "false") + "}}]}}");
}

/// A creation of a pod as kube-apiserver writes it down.
Json event() {
  Json event = Json::parse(R"({"kind":"Event","apiVersion":"audit.k8s.io/v1",
    "level":"RequestResponse","auditID":"a1","stage":"ResponseComplete",
    "requestURI":"/api/v1/namespaces/shop/pods","verb":"create",
    "user":{"username":"ada","groups":["devs","system:authenticated"]},
    "objectRef":{"resource":"pods","namespace":"shop","name":"web","apiVersion":"v1"},
    "responseStatus":{"metadata":{},"code":201},
    "requestReceivedTimestamp":"2026-03-01T08:00:00.000001Z",
    "stageTimestamp":"2026-03-01T08:00:00.100001Z"})");
  event["requestObject"] = pod();
  event["responseObject"] = pod(true);
  return event;
}

class Recording : public ::testing::Test {
 protected:
  Result<std::optional<Recorded>> read(const std::string& line) {
    line_ = line;
    line_.reserve(line.size() + simdjson::SIMDJSON_PADDING);
    return reader_.read(line_, custom_);
  }
  /// Of a line about something that is judged.
  Recorded recorded(const Json& line) {
    auto read_one = read(line.dump());
    EXPECT_TRUE(read_one) << read_one.error().to_string();
    if (!read_one || !*read_one) {
      ADD_FAILURE() << "passed over: " << line.dump();
      return {};
    }
    return **std::move(read_one);
  }
  bool passed_over(const Json& line) {
    const auto read_one = read(line.dump());
    EXPECT_TRUE(read_one) << read_one.error().to_string();
    return read_one && !*read_one;
  }
  std::string error(const std::string& line) {
    const auto read_one = read(line);
    return read_one ? "" : read_one.error().to_string();
  }

  PodPlaces custom_;

 private:
  RecordingReader reader_;
  std::string line_;
};

TEST_F(Recording, ReadsWhatTheWebhookWasAskedFromWhatCameOfIt) {
  const Recorded read = recorded(event());
  EXPECT_EQ(read.review.scope, Scope::Pod);
  EXPECT_EQ(read.answer, Answer::Allowed);
  EXPECT_THAT(read.unjudgeable, IsEmpty());
  EXPECT_FALSE(read.as_sent);
  EXPECT_EQ(read.id, "a1");
  EXPECT_EQ(read.time, "2026-03-01T08:00:00.000001Z");
  const RequestFacts& facts = read.review.facts;
  EXPECT_EQ(facts.operation, Operation::Create);
  EXPECT_EQ(facts.user, "ada");
  EXPECT_THAT(facts.groups, ElementsAre("devs", "system:authenticated"));
  EXPECT_EQ(facts.namespace_name, "shop");
  EXPECT_EQ(facts.name, "web");
  EXPECT_FALSE(facts.dry_run);
  ASSERT_EQ(read.review.pods.size(), 1U);
  EXPECT_EQ(read.review.pods[0].containers[0].security_context.privileged, true)
      << "what mutating admission made of it counts";
  EXPECT_EQ(Json::parse(read.object), pod(true));
}

TEST_F(Recording, ReadsMembersInAnyOrder) {
  Json reversed;
  const Json all = event();
  for (auto at = all.rbegin(); at != all.rend(); ++at) reversed[at.key()] = *at;
  const Recorded read = recorded(reversed);
  EXPECT_EQ(read.review.facts.user, "ada");
  EXPECT_EQ(read.review.pods.size(), 1U);
}

TEST_F(Recording, TakesTheImpersonatedUserForTheOneWhoAsks) {
  Json line = event();
  line["impersonatedUser"] = {{"username", "grace"}, {"groups", {"ops"}}};
  const Recorded read = recorded(line);
  EXPECT_EQ(read.review.facts.user, "grace");
  EXPECT_THAT(read.review.facts.groups, ElementsAre("ops"));
}

TEST_F(Recording, SaysWhatWasADryRun) {
  Json line = event();
  line["requestURI"] = "/api/v1/namespaces/shop/pods?dryRun=All&fieldManager=kubectl";
  EXPECT_TRUE(recorded(line).review.facts.dry_run);
}

TEST_F(Recording, JudgesWhatWasSentWhereNothingElseWasRecorded) {
  Json line = event();
  line["level"] = "Request";
  line.erase("responseObject");
  const Recorded read = recorded(line);
  EXPECT_TRUE(read.as_sent);
  EXPECT_EQ(read.review.pods.at(0).containers[0].security_context.privileged, false);
  // A client may ask for a table instead of the object.
  line["responseObject"] = {{"kind", "Table"}, {"apiVersion", "meta.k8s.io/v1"}};
  EXPECT_TRUE(recorded(line).as_sent);
}

TEST_F(Recording, PassesOverWhatIsNotJudged) {
  const auto changed = [&](const char* path, const Json& value) {
    Json line = event();
    line[Json::json_pointer(path)] = value;
    return line;
  };
  EXPECT_TRUE(passed_over(changed("/stage", "RequestReceived")));
  EXPECT_TRUE(passed_over(changed("/stage", "ResponseStarted")));
  for (const char* verb : {"get", "list", "watch", "delete", "deletecollection"})
    EXPECT_TRUE(passed_over(changed("/verb", verb)));
  for (const char* resource : {"leases", "events", "configmaps"})
    EXPECT_TRUE(passed_over(changed("/objectRef/resource", resource)));
  for (const char* subresource : {"status", "binding", "eviction", "exec", "log"})
    EXPECT_TRUE(passed_over(changed("/objectRef/subresource", subresource)));
  Json nothing = event();
  nothing.erase("objectRef");
  EXPECT_TRUE(passed_over(nothing));
  EXPECT_TRUE(passed_over({{"time", "x"}, {"level", "info"}, {"msg", "listening"}}));
}

TEST_F(Recording, SaysWhyThereIsNothingToJudge) {
  Json line = event();
  line["level"] = "Metadata";
  line.erase("requestObject");
  line.erase("responseObject");
  EXPECT_THAT(std::string(recorded(line).unjudgeable), HasSubstr("level Metadata"));
  line["annotations"] = {{"audit.k8s.io/truncated", "true"}};
  EXPECT_THAT(std::string(recorded(line).unjudgeable), HasSubstr("has cut what is too large"));

  line = event();
  line["level"] = "Request";
  line["verb"] = "patch";
  line["responseStatus"]["code"] = 200;
  line["requestObject"] = {{"spec", {{"hostNetwork", true}}}};
  line.erase("responseObject");
  EXPECT_THAT(std::string(recorded(line).unjudgeable), HasSubstr("only the change"));

  line = event();
  line["requestObject"]["kind"] = "Secret";
  line["responseObject"]["kind"] = "Secret";
  EXPECT_THAT(std::string(recorded(line).unjudgeable), HasSubstr("not of the kind"));
}

TEST_F(Recording, TellsWhoHasDenied) {
  const auto answer = [&](int code, const char* message) {
    Json line = event();
    line["responseStatus"] = {{"status", "Failure"}, {"message", message}, {"code", code}};
    line["responseObject"] = {{"kind", "Status"}, {"apiVersion", "v1"}};
    return recorded(line).answer;
  };
  EXPECT_EQ(answer(403, "admission webhook \"enforce.plimsoll.dev\" denied the request: pod"),
            Answer::Denied);
  EXPECT_EQ(answer(403, "admission webhook \"other.example\" denied the request: plimsoll"),
            Answer::Failed);
  EXPECT_EQ(answer(403, "pods is forbidden: User \"plimsoll\" cannot create"), Answer::Failed);
  EXPECT_EQ(answer(409, "already exists"), Answer::Failed);
  Json line = event();
  line["stage"] = "Panic";
  EXPECT_EQ(recorded(line).answer, Answer::Failed);
  line = event();
  line.erase("responseStatus");
  EXPECT_EQ(recorded(line).answer, Answer::Unknown);
}

TEST_F(Recording, JudgesWhatWasDeniedAsItWasSent) {
  Json line = event();
  line["responseStatus"] = {
      {"message", "admission webhook \"x.plimsoll.dev\" denied the request: no"}, {"code", 403}};
  line["responseObject"] = {{"kind", "Status"}};
  const Recorded read = recorded(line);
  EXPECT_TRUE(read.as_sent);
  EXPECT_EQ(read.review.pods.size(), 1U);
}

// --- updates -------------------------------------------------------------------------------------

TEST_F(Recording, SaysThatTheOldObjectIsNotKnown) {
  Json line = event();
  line["verb"] = "update";
  line["responseStatus"]["code"] = 200;
  const Recorded read = recorded(line);
  EXPECT_EQ(read.review.facts.operation, Operation::Update);
  EXPECT_TRUE(read.old_unknown);
  EXPECT_TRUE(to_be_judged(read.review)) << "it may have changed anything";
}

TEST_F(Recording, TakesAWriteThatMakesForACreation) {
  Json line = event();
  line["verb"] = "patch";  // applied server-side
  const Recorded read = recorded(line);
  EXPECT_EQ(read.review.facts.operation, Operation::Create);
  EXPECT_FALSE(read.old_unknown);
}

TEST_F(Recording, KnowsPatchesThatLeaveAloneWhatIsJudged) {
  const auto judged = [&](const Json& patch) {
    Json line = event();
    line["verb"] = "patch";
    line["responseStatus"]["code"] = 200;
    line["requestObject"] = patch;
    const Recorded read = recorded(line);
    EXPECT_EQ(read.old_unknown, to_be_judged(read.review)) << patch;
    return read.old_unknown;
  };
  EXPECT_FALSE(judged(Json::parse(R"({"metadata":{"labels":{"a":"b"}}})")));
  EXPECT_FALSE(
      judged(Json::parse(R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["x"]}})")));
  EXPECT_FALSE(judged(Json::parse(R"([{"op":"add","path":"/metadata/labels/spec","value":"x"}])")));
  EXPECT_FALSE(judged(Json::parse(R"([])")));
  EXPECT_TRUE(judged(Json::parse(R"({"spec":{"containers":[]}})")));
  EXPECT_TRUE(judged(Json::parse(R"({"sp\u0065c":{"containers":[]}})")));
  EXPECT_TRUE(judged(Json::parse(R"({"$patch":"replace","metadata":{}})")));
  EXPECT_TRUE(judged(Json::parse(R"({"kind":"Pod","apiVersion":"v1","metadata":{}})")))
      << "what is applied may take away what it leaves out";
  EXPECT_TRUE(judged(Json::parse(R"([{"op":"replace","path":"/spec/hostNetwork","value":true}])")));
  EXPECT_TRUE(judged(Json::parse(R"([{"op":"replace","path":"","value":{}}])")));
  EXPECT_TRUE(judged(Json::parse(R"([{"op":"move","path":"/metadata/x","from":"/spec/x"}])")));
  EXPECT_TRUE(judged(Json::parse(R"([{"op":"add"}])")));
}

TEST_F(Recording, KnowsPatchesThatLeaveAloneWhatTheLogDoesNotHold) {
  Json line = event();
  line["verb"] = "patch";
  line["responseStatus"]["code"] = 200;
  line["requestObject"] = Json::parse(R"({"metadata":{"labels":{"a":"b"}}})");
  line["responseObject"] = {{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/v1"}};
  Recorded read = recorded(line);
  EXPECT_THAT(read.unjudgeable, IsEmpty());
  EXPECT_FALSE(to_be_judged(read.review));
  line["requestObject"] = Json::parse(R"({"spec":{"hostPID":true}})");
  EXPECT_THAT(std::string(recorded(line).unjudgeable), HasSubstr("only the change"));
  line["requestObject"] = Json::parse(R"({"metadata":{"labels":{"a":"b"}}})");
  line["objectRef"] = {{"resource", "namespaces"}, {"name", "shop"}};
  EXPECT_THAT(std::string(recorded(line).unjudgeable), HasSubstr("only the change"))
      << "its labels are what counts";
}

TEST_F(Recording, KnowsPatchesThatLeaveAloneAPodTemplate) {
  const auto judged = [&](const Json& patch) {
    Json line = event();
    line["verb"] = "patch";
    line["responseStatus"]["code"] = 200;
    line["objectRef"] = {{"resource", "deployments"}, {"apiGroup", "apps"}, {"namespace", "shop"}};
    line["requestObject"] = patch;
    line["responseObject"] = {{"kind", "Deployment"},
                              {"apiVersion", "apps/v1"},
                              {"spec", {{"template", {{"spec", pod()["spec"]}}}}}};
    const Recorded read = recorded(line);
    EXPECT_EQ(read.review.unchanged, !read.old_unknown);
    return read.old_unknown;
  };
  EXPECT_FALSE(judged(Json::parse(R"({"spec":{"replicas":3}})")));
  EXPECT_FALSE(judged(Json::parse(R"([{"op":"replace","path":"/spec/replicas","value":3}])")));
  EXPECT_FALSE(judged(Json::parse(R"([{"op":"add","path":"/spec/templates","value":3}])")));
  EXPECT_TRUE(judged(Json::parse(R"({"spec":{"template":{"metadata":{"annotations":{}}}}})")));
  EXPECT_TRUE(judged(Json::parse(R"({"spec":null})")));
  EXPECT_TRUE(judged(Json::parse(R"([{"op":"replace","path":"/spec","value":{}}])")));
  EXPECT_TRUE(judged(Json::parse(R"([{"op":"remove","path":"/spec/template/spec/x"}])")));
}

TEST_F(Recording, KnowsThatAResizeChangesNothingOfSignificance) {
  Json line = event();
  line["verb"] = "patch";
  line["responseStatus"]["code"] = 200;
  line["objectRef"]["subresource"] = "resize";
  line["requestObject"] = Json::parse(R"({"spec":{"containers":[{"name":"app"}]}})");
  EXPECT_FALSE(to_be_judged(recorded(line).review));
  line["objectRef"]["subresource"] = "ephemeralcontainers";
  EXPECT_TRUE(to_be_judged(recorded(line).review));
}

// --- other kinds ---------------------------------------------------------------------------------

TEST_F(Recording, ReadsCustomResourcesByTheKindThatTheySay) {
  custom_.set("argoproj.io", "Rollout", {{"/spec/template"}});
  Json line = event();
  line["objectRef"] = {{"resource", "rollouts"}, {"apiGroup", "argoproj.io"}, {"apiVersion", "v1"}};
  line["requestObject"] = {{"kind", "Rollout"},
                           {"apiVersion", "argoproj.io/v1alpha1"},
                           {"spec", {{"template", {{"spec", pod(true)["spec"]}}}}}};
  line["responseObject"] = line["requestObject"];
  const Recorded read = recorded(line);
  EXPECT_EQ(read.review.scope, Scope::Workload);
  EXPECT_EQ(read.review.pods.size(), 1U);
  line["requestObject"]["kind"] = line["responseObject"]["kind"] = "Application";
  EXPECT_TRUE(passed_over(line));
}

TEST_F(Recording, ReadsTheLabelsOfNamespaces) {
  Json line = event();
  line["objectRef"] = {{"resource", "namespaces"}, {"name", "shop"}, {"apiVersion", "v1"}};
  line["responseObject"] = {{"kind", "Namespace"},
                            {"apiVersion", "v1"},
                            {"metadata", {{"labels", {{"plimsoll.dev/enforce", "baseline"}}}}}};
  const Recorded read = recorded(line);
  EXPECT_EQ(read.review.scope, Scope::Namespace);
  EXPECT_EQ(read.review.labels.at("plimsoll.dev/enforce"), "baseline");
}

TEST_F(Recording, ReadsReviewsWithWhatWasAnswered) {
  Json review = {{"kind", "AdmissionReview"}, {"apiVersion", "admission.k8s.io/v1"}};
  review["request"] = {{"uid", "u1"},
                       {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}}},
                       {"resource", {{"group", ""}, {"version", "v1"}, {"resource", "pods"}}},
                       {"operation", "CREATE"},
                       {"object", pod()}};
  Recorded read = recorded(review);
  EXPECT_EQ(read.answer, Answer::Unknown);
  EXPECT_EQ(read.id, "u1");
  EXPECT_EQ(Json::parse(read.object), pod());
  review["response"] = {{"uid", "u1"}, {"allowed", false}};
  EXPECT_EQ(recorded(review).answer, Answer::Denied);
  review["response"]["allowed"] = true;
  EXPECT_EQ(recorded(review).answer, Answer::Allowed);
  review["request"]["operation"] = "UPDATE";
  EXPECT_TRUE(recorded(review).old_unknown);
  review["request"]["oldObject"] = pod();
  read = recorded(review);
  EXPECT_FALSE(read.old_unknown);
  EXPECT_TRUE(read.review.unchanged);
}

TEST_F(Recording, ReadsDecisions) {
  const Json line = Json::parse(R"({"time":"2026-03-01T08:00:00.000Z","level":"info",
    "msg":"decision","uid":"u1","allowed":true,"operation":"CREATE","group":"","resource":"pods",
    "kind":"Pod","namespace":"shop","name":"web","user":"ada","requestDryRun":false,
    "microseconds":40,"judgements":[{"mode":"warn","template":"restricted@v1.37","findings":3,
    "violations":[{"check":"privileged","path":"/spec/x","message":"m"},
                  {"check":"of-the-future","path":"/spec/y","message":"n"}]}]})");
  const Recorded read = recorded(line);
  EXPECT_TRUE(read.decision);
  EXPECT_EQ(read.answer, Answer::Allowed);
  EXPECT_EQ(read.review.facts.user, "ada");
  ASSERT_EQ(read.judged.size(), 1U);
  EXPECT_EQ(read.judged[0].mode, Mode::Warn);
  EXPECT_EQ(read.judged[0].template_ref, "restricted@v1.37");
  EXPECT_EQ(read.judged[0].findings, 3U);
  ASSERT_EQ(read.judged[0].violations.size(), 1U);
  EXPECT_EQ(read.judged[0].violations[0].check->id, "privileged");
}

// --- what cannot be read -------------------------------------------------------------------------

TEST_F(Recording, RefusesWhatIsNoJson) {
  const std::string whole = event().dump();
  for (const std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{1}})
    EXPECT_THAT(error(whole.substr(0, size)), HasSubstr("is not JSON")) << size;
  EXPECT_THAT(error(whole.substr(10)), HasSubstr("is not JSON"));
  EXPECT_THAT(error(whole + "x"), HasSubstr("is not JSON"));
  EXPECT_THAT(error(whole + whole), HasSubstr("is not JSON"));
  EXPECT_THAT(error("[]"), HasSubstr("is not JSON"));
  EXPECT_THAT(error("\x1f\x8b"), HasSubstr("is not JSON"));
  EXPECT_THAT(error("{}"), HasSubstr("no event"));
  EXPECT_THAT(error(R"({"kind":"Event","apiVersion":"v1"})"), HasSubstr("no event"));
}

TEST_F(Recording, RefusesHalfALineWhereverItIsCut) {
  const std::string whole = event().dump();
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_NE(error(whole.substr(0, size)), "") << whole.substr(0, size);
}

TEST_F(Recording, RefusesAMemberThatStandsThereTwice) {
  std::string line = event().dump();
  line.insert(1, R"("objectRef":{"resource":"leases"},)");
  EXPECT_THAT(error(line), HasSubstr("is not JSON"));
}

}  // namespace
}  // namespace plimsoll::codec
