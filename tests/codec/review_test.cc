#include "codec/review.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/decoder.h"

namespace plimsoll::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct Parts {
  std::string operation = "CREATE", group, resource = "pods", subresource, kind = "Pod";
  std::string object = R"({"kind":"Pod","spec":{}})", old_object = "null";
};

std::string body_of(const Parts& p) {
  return R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1",)"
         R"("kind":{"group":")" +
         p.group + R"(","version":"v1","kind":")" + p.kind + R"("},"resource":{"group":")" +
         p.group + R"(","version":"v1","resource":")" + p.resource + R"("},"subResource":")" +
         p.subresource + R"(","name":"n","namespace":"shop","operation":")" + p.operation +
         R"(","userInfo":{"username":"ada"},"dryRun":true,"object":)" + p.object +
         R"(,"oldObject":)" + p.old_object + "}}";
}

Review review_of(const Parts& parts) {
  auto review = ReviewDecoder().decode(body_of(parts), {});
  EXPECT_TRUE(review) << review.error().to_string();
  return *std::move(review);
}

std::vector<std::string> faults_of(const std::string& spec) {
  const Review review = review_of({.object = R"({"kind":"Pod","spec":)" + spec + "}"});
  std::vector<std::string> all;
  for (const Fault& fault : review.faults) all.push_back(fault.path + " " + fault.message);
  return all;
}

TEST(Review, FactsOfTheRequest) {
  const Review review = review_of({.operation = "UPDATE", .subresource = "resize"});
  EXPECT_EQ(review.facts.uid, "u-1");
  EXPECT_EQ(review.facts.operation, Operation::Update);
  EXPECT_EQ(review.facts.resource, "pods");
  EXPECT_EQ(review.facts.subresource, "resize");
  EXPECT_EQ(review.facts.kind, "Pod");
  EXPECT_EQ(review.facts.namespace_name, "shop");
  EXPECT_EQ(review.facts.name, "n");
  EXPECT_EQ(review.facts.user, "ada");
  EXPECT_TRUE(review.facts.dry_run);
  EXPECT_EQ(review.scope, Scope::Pod);
}

TEST(Review, WhatIsNotOursIsNotEvenRead) {
  const Review review = review_of({.operation = "DELETE", .object = "\"nonsense\""});
  EXPECT_EQ(review.scope, Scope::NotOurs);
  EXPECT_THAT(review.faults, IsEmpty());
}

TEST(Review, EachWorkloadAtItsPath) {
  struct Row {
    const char *group, *resource, *kind, *object, *path;
  };
  for (const Row& row :
       {Row{"apps", "deployments", "Deployment",
            R"({"spec":{"template":{"spec":{"hostPID":true}}}})", "/spec/template"},
        Row{"batch", "cronjobs", "CronJob",
            R"({"spec":{"jobTemplate":{"spec":{"template":{"spec":{"hostPID":true}}}}}})",
            "/spec/jobTemplate/spec/template"},
        Row{"", "podtemplates", "PodTemplate", R"({"template":{"spec":{"hostPID":true}}})",
            "/template"}}) {
    const Review review = review_of(
        {.group = row.group, .resource = row.resource, .kind = row.kind, .object = row.object});
    EXPECT_EQ(review.scope, Scope::Workload) << row.kind;
    ASSERT_THAT(review.pods, SizeIs(1)) << row.kind;
    EXPECT_EQ(review.pods.at(0).path, row.path);
    EXPECT_TRUE(review.pods.at(0).host_pid);
  }
}

TEST(Review, AWorkloadMayHaveNoTemplate) {
  for (const char* object : {R"({"spec":{}})", R"({"spec":{"template":null}})", "{}"}) {
    const Review review = review_of(
        {.resource = "replicationcontrollers", .kind = "ReplicationController", .object = object});
    EXPECT_THAT(review.pods, IsEmpty()) << object;
    EXPECT_THAT(review.faults, IsEmpty()) << object;
  }
}

TEST(Review, AnObjectThatIsMissingOrOfAnotherKindIsAFault) {
  for (const char* object :
       {"null", "[]", "\"x\"", "1", R"({"kind":"Service","spec":{}})", R"({"kind":7})"})
    EXPECT_FALSE(review_of({.object = object}).faults.empty() &&
                 review_of({.object = object}).pods.size() == 1)
        << object;
  const Review unknown = review_of({.group = "apps", .resource = "deployments", .kind = "Fleet"});
  EXPECT_FALSE(unknown.faults.empty());
}

// What is judged, and where in it the pod is, follows from the resource alone.
TEST(Review, AKindThatIsNotTheResourcesIsAFault) {
  const std::string bad =
      R"({"template":{"spec":{}},"spec":{"template":{"spec":{"hostPID":true}}}})";
  for (const Parts& parts :
       {Parts{.resource = "replicationcontrollers", .kind = "PodTemplate", .object = bad},
        Parts{.kind = "Deployment", .object = bad},
        Parts{.group = "apps", .resource = "deployments", .kind = "Pod", .object = bad}})
    EXPECT_FALSE(review_of(parts).faults.empty()) << parts.resource << ' ' << parts.kind;
}

TEST(Review, TheOldObjectOfAnUpdate) {
  Parts parts{.operation = "UPDATE", .old_object = R"({"kind":"Pod","spec":{"hostPID":true}})"};
  EXPECT_TRUE(review_of(parts).old_pods.at(0).host_pid);
  parts.old_object = R"({"kind":"Pod","spec":{"hostPID":"x"}})";
  EXPECT_THAT(review_of(parts).old_pods, IsEmpty())
      << "it cannot be read, so nothing is known of it";
  EXPECT_THAT(review_of(parts).faults, IsEmpty()) << "but that is not the new object's fault";
}

TEST(Review, AnUpdateThatLeavesWhatIsJudgedAsItWas) {
  const auto pod = [](const char* metadata, const char* spec) {
    return fmt::format(R"({{"metadata":{},"spec":{}}})", metadata, spec);
  };
  Parts parts{.operation = "UPDATE",
              .object = pod(R"({"finalizers":[]})", R"({"hostPID":"x","z":1})"),
              .old_object = pod(R"({"finalizers":["f"]})", R"({ "z": 1, "hostPID" : "x" })")};
  EXPECT_TRUE(review_of(parts).unchanged) << "however it is written, and even if it cannot be read";
  parts.object = pod("{}", R"({"hostPID":"x","z":2})");
  EXPECT_FALSE(review_of(parts).unchanged) << "what no check reads counts too";
  for (const char* spec : {R"({"hostPID":"x"})", R"({"hostPID":"x","z":[1]})",
                           R"({"hostPID":"x","z":1,"y":1})", R"({"hostPID":"x","z":1.0})"}) {
    parts.object = pod("{}", spec);
    EXPECT_FALSE(review_of(parts).unchanged) << spec;
  }
  parts.object = R"({"spec":{"hostPID":"x","z":1},"spec":{"hostPID":true}})";
  EXPECT_FALSE(review_of(parts).unchanged) << "one of the two is not the old one";
  parts.object = parts.old_object = R"({"metadata":{}})";
  EXPECT_FALSE(review_of(parts).unchanged) << "there is nothing that could be the same";

  Parts workload{
      .operation = "UPDATE", .group = "batch", .resource = "cronjobs", .kind = "CronJob"};
  const auto cron_job = [](const char* suspend, const char* command) {
    return fmt::format(
        R"({{"spec":{{"suspend":{},"jobTemplate":{{"spec":{{"template":{{"spec":{{"containers":[{{"command":["{}"]}}]}}}}}}}}}}}})",
        suspend, command);
  };
  workload.old_object = cron_job("false", "sleep");
  workload.object = cron_job("true", "sleep");
  EXPECT_TRUE(review_of(workload).unchanged);
  workload.object = cron_job("false", "nsenter");
  EXPECT_FALSE(review_of(workload).unchanged);
  // Whatever cannot be read: a finalizer must come off.
  workload.object = R"({"metadata":{"finalizers":[]},"spec":"x"})";
  workload.old_object = R"({"metadata":{"finalizers":["f"]},"status":{},"spec":"x"})";
  EXPECT_TRUE(review_of(workload).unchanged);
  workload.old_object = workload.object = cron_job("true", "sleep");
  workload.operation = "CREATE";
  EXPECT_FALSE(review_of(workload).unchanged);
}

// Go writes 1e20 so, and no standard bounds the depth of a custom resource.
TEST(Review, WhatIsNotOursIsAllowedWhateverItHolds) {
  const std::string deep = std::string(2000, '[') + std::string(2000, ']');
  for (const std::string& odd :
       {std::string(R"({"spec":{"x":100000000000000000000}})"), R"({"spec":{"x":)" + deep + "}}"}) {
    const Review custom =
        review_of({.group = "example.org", .resource = "fleets", .kind = "Fleet", .object = odd});
    EXPECT_EQ(custom.scope, Scope::NotOurs);
    EXPECT_EQ(custom.facts.uid, "u-1");
    EXPECT_EQ(review_of({.operation = "DELETE", .object = "null", .old_object = odd}).scope,
              Scope::NotOurs);
    EXPECT_EQ(review_of({.subresource = "status", .object = odd}).scope, Scope::NotOurs);
    EXPECT_FALSE(ReviewDecoder().decode(body_of({.object = odd}), {})) << "a pod must be read";
    // Two readers could take such a request for different ones, or for none.
    const std::string fleet =
        body_of({.group = "example.org", .resource = "fleets", .kind = "Fleet", .object = odd});
    EXPECT_TRUE(ReviewDecoder().decode(fleet, {}));
    const auto with = [&](std::string_view old, std::string_view now) {
      std::string body = fleet;
      const auto at = body.find(old);
      EXPECT_NE(at, std::string::npos) << old;
      return body.replace(at, old.size(), now);
    };
    for (const auto& [old, now] : std::vector<std::pair<std::string, std::string>>{
             {R"("operation":"CREATE")", R"("operation":"DELETE","operation":"CREATE")"},
             {R"("resource":"fleets")", R"("resource":"pods","resource":"fleets")"},
             {R"("resource":"fleets")", R"("group":"","resource":"fleets")"},
             {R"("subResource":"")", R"("subResource":"","subResource":"status")"},
             {R"("uid":"u-1")", R"("uid":"u-1","request":{},"uid":"u-2")"},
             {"admission.k8s.io/v1", "admission.k8s.io/v1beta1"},
             {"AdmissionReview", "ConversionReview"},
             {R"("resource":"fleets")", R"("resource":7)"}})
      EXPECT_FALSE(ReviewDecoder().decode(with(old, now), {})) << now;
    EXPECT_FALSE(ReviewDecoder().decode(fleet + "garbage}", {}));
    EXPECT_TRUE(ReviewDecoder().decode(with(R"("subResource":"")", R"("subResource":null)"), {}));
  }
}

TEST(Review, WrongTypesAreFaultsWithTheirPath) {
  EXPECT_THAT(faults_of(R"({"hostPID":"true"})"),
              ElementsAre("/spec/hostPID must be a boolean, is a string"));
  EXPECT_THAT(faults_of(R"({"containers":{}})"),
              ElementsAre("/spec/containers must be an array, is an object"));
  EXPECT_THAT(faults_of(R"({"containers":[null,7]})"),
              ElementsAre("/spec/containers/1 must be an object, is an integer"));
  EXPECT_THAT(
      faults_of(R"({"securityContext":{"runAsUser":1.5,"supplementalGroups":[1,"x"]}})"),
      ElementsAre("/spec/securityContext/runAsUser must be an integer, is a number with a "
                  "fraction or exponent",
                  "/spec/securityContext/supplementalGroups/1 must be an integer, is a string"));
  EXPECT_THAT(faults_of(R"({"securityContext":{"runAsUser":9223372036854775808}})"),
              ElementsAre("/spec/securityContext/runAsUser is out of range for a 64-bit integer"));
  EXPECT_THAT(
      faults_of(R"({"initContainers":[{"ports":[{"hostPort":2147483648}]}]})"),
      ElementsAre("/spec/initContainers/0/ports/0/hostPort is out of range for a 32-bit integer"));
  EXPECT_THAT(
      faults_of(R"({"ephemeralContainers":[{"securityContext":{"capabilities":{"add":"ALL"}}}]})"),
      ElementsAre("/spec/ephemeralContainers/0/securityContext/capabilities/add must be an "
                  "array, is a string"));
  EXPECT_THAT(faults_of(R"({"volumes":[{"hostPath":"/etc"}]})"),
              ElementsAre("/spec/volumes/0/hostPath must be an object, is a string"));
  EXPECT_THAT(faults_of(R"({"volumes":[{"nfs":true}]})"),
              ElementsAre("/spec/volumes/0/nfs must be an object, is a boolean"));
  EXPECT_THAT(
      faults_of(R"({"volumes":[{"projected":{"sources":[{"serviceAccountToken":true}, 7]}}]})"),
      ElementsAre("/spec/volumes/0/projected/sources/0/serviceAccountToken must be an object, is "
                  "a boolean",
                  "/spec/volumes/0/projected/sources/1 must be an object, is an integer"));
}

TEST(Review, AKnownFieldTwiceIsAFaultWhateverTheValues) {
  EXPECT_THAT(faults_of(R"({"hostPID":true,"hostPID":false})"),
              ElementsAre("/spec/hostPID stands there twice"));
  EXPECT_THAT(faults_of(R"({"hostPID":null,"hostPID":null})"),
              ElementsAre("/spec/hostPID stands there twice"));
  EXPECT_THAT(faults_of(R"({"volumes":[{"emptyDir":{},"emptyDir":{}}]})"),
              ElementsAre("/spec/volumes/0/emptyDir stands there twice"));
  EXPECT_THAT(faults_of(R"({"other":1,"other":2})"), IsEmpty())
      << "what no check reads is of no concern";
  const Review twice = review_of({.object = R"({"kind":"Pod","spec":{},"spec":{"hostPID":true}})"});
  EXPECT_FALSE(twice.faults.empty());
}

TEST(Review, NullIsAbsentAndNamesAreCaseSensitive) {
  EXPECT_THAT(
      faults_of(R"({"hostPID":null,"containers":null,"securityContext":null,"volumes":null})"),
      IsEmpty());
  const Review review =
      review_of({.object = R"({"kind":"Pod","spec":{"hostpid":true,"HostPID":true}})"});
  EXPECT_FALSE(review.pods.at(0).host_pid);
  EXPECT_THAT(review.faults, IsEmpty());
}

TEST(Review, ElementsThatBecomeTooLargeAreAFaultNotAFlood) {
  constexpr std::size_t kMost = Decoder::kMaxWeight / sizeof(Container);
  std::string list;
  for (std::size_t i = 0; i < kMost + 10; ++i) list += i == 0 ? "{}" : ",{}";
  const Review review =
      review_of({.object = R"({"kind":"Pod","spec":{"containers":[)" + list + "]}}"});
  ASSERT_EQ(review.faults.size(), 1U);
  EXPECT_THAT(review.faults[0].path, StartsWith("/spec/containers/"));
  EXPECT_THAT(review.faults[0].message, HasSubstr("is not read"));
  EXPECT_LE(review.pods.at(0).containers.size(), kMost);
  EXPECT_GT(review.pods.at(0).containers.size(), 50'000U);
}

// Neither what is wrong nor what stands twice may grow to more than it is.
TEST(Review, FaultsWithoutEndAreNotKept) {
  std::string wrong, twice;
  for (std::size_t i = 0; i < 100'000; ++i) {
    wrong += i == 0 ? "\"\"" : ",\"\"";
    twice += R"("hostPID":true,)";
  }
  for (const std::string& spec : {R"("securityContext":{"supplementalGroups":[)" + wrong + "]}",
                                  twice + R"("hostIPC":true)"}) {
    const Review review = review_of({.object = R"({"kind":"Pod","spec":{)" + spec + "}}"});
    EXPECT_EQ(review.faults.size(), Decoder::kMostFaults);
  }
}

// More of them than any request to kube-apiserver could hold are no reason to refuse a pod.
TEST(Review, LongListsOfPlainValuesAreRead) {
  std::string ids;
  for (std::size_t i = 0; i < 1'000'000; ++i) ids += i == 0 ? "1" : ",1";
  const Review review =
      review_of({.object = R"({"kind":"Pod","spec":{"securityContext":{"supplementalGroups":[)" +
                           ids + "]}}}"});
  EXPECT_THAT(review.faults, IsEmpty());
  EXPECT_EQ(review.pods.at(0).security_context.supplemental_groups.size(), 1'000'000U);
}

TEST(Review, WhatIsNoReviewIsAnError) {
  const std::string good = body_of({});
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string body = good;
    body.replace(body.find(from), from.size(), to);
    return body;
  };
  const std::pair<std::string, const char*> kRows[] = {
      {"", "body: is not JSON"},
      {"{", "body: is not JSON"},
      {good.substr(0, good.size() - 1), "body: is not JSON"},
      {good + "x", "body: is not JSON"},
      {good + good, "body: is not JSON"},
      {"[]", "AdmissionReview: must be an object"},
      {"null", "kind: must be \"AdmissionReview\""},
      {"42", "AdmissionReview: must be an object"},
      {replaced("admission.k8s.io/v1", "admission.k8s.io/v1beta1"), "apiVersion: must be"},
      {replaced("\"AdmissionReview\"", "\"Review\""), "kind: must be"},
      {replaced("\"AdmissionReview\"", "7"), "/kind: must be a string, is an integer"},
      {replaced("\"request\"", "\"requests\""), "request: is missing"},
      {replaced("\"u-1\"", "\"\""), "request.uid: is missing"},
      {replaced("\"u-1\"", "1"), "/request/uid: must be a string"},
      {replaced("\"pods\"", "\"\""), "request.resource: is missing"},
      {replaced("\"dryRun\":true", "\"dryRun\":\"true\""), "/request/dryRun: must be a boolean"},
      {replaced("\"name\":\"n\"", "\"uid\":\"u-2\""), "/request/uid: stands there twice"},
      {replaced("\"u-1\"", "\"\xff\""), "body: is not JSON"},
      {replaced("\"u-1\"", std::string_view("\"a\0b\"", 5)), "body: is not JSON"},
      {std::string(100'000, '['), "body: is not JSON"},
      {std::string("{\"a\":", 5) + std::string(5000, '{'), "body: is not JSON"},
  };
  for (const auto& [body, message] : kRows) {
    const auto review = ReviewDecoder().decode(body, {});
    ASSERT_FALSE(review) << body.substr(0, 200);
    EXPECT_THAT(review.error().to_string(), HasSubstr(message)) << body.substr(0, 200);
    EXPECT_EQ(review.error().to_string().find('\n'), std::string::npos);
  }
}

TEST(Review, DeepNestingInsideTheObjectIsRefusedNotOverflowed) {
  std::string deep(3000, '[');
  deep += std::string(3000, ']');
  const auto review = ReviewDecoder().decode(
      body_of({.object = R"({"kind":"Pod","spec":{"x":)" + deep + "}}"}), {});
  EXPECT_FALSE(review);
}

TEST(Review, ADecoderGoesOnAfterErrorsAndLargeReviews) {
  ReviewDecoder decoder;
  EXPECT_FALSE(decoder.decode("{", {}));
  const std::string padding(3 << 20, 'x');
  EXPECT_TRUE(decoder.decode(body_of({.object = R"({"kind":"Pod","metadata":{"labels":{"a":")" +
                                                padding + R"("}},"spec":{}})"}),
                             {}));
  const auto review = decoder.decode(body_of({.object = R"({"spec":{"hostIPC":true}})"}), {});
  ASSERT_TRUE(review);
  EXPECT_TRUE(review->pods.at(0).host_ipc);
}

TEST(Review, AnAnnotationThatStandsThereTwiceIsAFault) {
  const Review review = review_of({.object = R"({"kind":"Pod","metadata":{"annotations":{
      "seccomp.security.alpha.kubernetes.io/pod":"a",
      "container.apparmor.security.beta.kubernetes.io/x":"b",
      "seccomp.security.alpha.kubernetes.io/pod":"a"}}})"});
  ASSERT_EQ(review.faults.size(), 1U);
  EXPECT_EQ(review.faults[0].path,
            "/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod");
  EXPECT_EQ(review.faults[0].message, "stands there twice");
}

TEST(Review, OnlyAnnotationsThatMatterAreKept) {
  const Review review = review_of({.object = R"({"kind":"Pod","metadata":{"annotations":{
      "b":"x","seccomp.security.alpha.kubernetes.io/pod":"unconfined",
      "container.apparmor.security.beta.kubernetes.io/c":null,"a":7}},"spec":{}})"});
  EXPECT_THAT(review.faults, IsEmpty());
  EXPECT_THAT(review.pods.at(0).annotations,
              ElementsAre(std::pair("container.apparmor.security.beta.kubernetes.io/c", ""),
                          std::pair("seccomp.security.alpha.kubernetes.io/pod", "unconfined")));
}

}  // namespace
}  // namespace plimsoll::codec
