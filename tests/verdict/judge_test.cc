#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "plimsoll/verdict.h"

namespace plimsoll {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::shared_ptr<const Template> template_of(std::vector<Rule> rules) {
  return std::make_shared<const Template>(
      Template{"t", "", 37, std::make_shared<const std::vector<Rule>>(std::move(rules))});
}
std::shared_ptr<const Template> no_privileged() {
  return template_of({{find_check("privileged"), {}, 0, "t"}});
}

Pod pod_with(std::string image, bool privileged, ContainerKind kind = ContainerKind::Regular) {
  Pod pod;
  Container& c = pod.containers.emplace_back();
  c.name = "c";
  c.image = std::move(image);
  c.kind = kind;
  c.path = "/spec/containers/0";
  c.security_context.privileged = privileged;
  return pod;
}

Review review_of(Scope scope, Operation operation, Pod pod) {
  Review review;
  review.scope = scope;
  review.facts.operation = operation;
  review.facts.namespace_name = "shop";
  review.pods = {std::move(pod)};
  return review;
}

std::vector<Binding> one(Mode mode, std::shared_ptr<const Template> policy = no_privileged()) {
  std::vector<Binding> bindings(1);
  bindings[0].mode = mode;
  bindings[0].policy = std::move(policy);
  return bindings;
}

TEST(Judge, EnforceDeniesWarnAndAuditDoNot) {
  const Review bad = review_of(Scope::Pod, Operation::Create, pod_with("i", true));
  EXPECT_FALSE(judge(bad, one(Mode::Enforce), false).allowed);
  for (const Mode mode : {Mode::Warn, Mode::Audit}) {
    const Verdict verdict = judge(bad, one(mode), false);
    EXPECT_TRUE(verdict.allowed);
    ASSERT_THAT(verdict.judgements, SizeIs(1));
    EXPECT_THAT(verdict.judgements[0].violations, SizeIs(1));
  }
}

TEST(Judge, AGoodPodIsAllowed) {
  const Verdict verdict = judge(review_of(Scope::Pod, Operation::Create, pod_with("i", false)),
                                one(Mode::Enforce), false);
  EXPECT_TRUE(verdict.allowed);
  ASSERT_THAT(verdict.judgements, SizeIs(1));
  EXPECT_THAT(verdict.judgements[0].violations, IsEmpty());
}

TEST(Judge, TheEditOfAFindingIsTheOneOfItsField) {
  const Verdict verdict = judge(review_of(Scope::Pod, Operation::Create, pod_with("i", true)),
                                one(Mode::Enforce), false);
  const Violation& violation = verdict.judgements.at(0).violations.at(0);
  EXPECT_EQ(violation.finding.path, "/spec/containers/0/securityContext/privileged");
  ASSERT_THAT(violation.edits, SizeIs(1));
  EXPECT_EQ(violation.edits[0]->path, violation.finding.path);
}

TEST(Judge, DryRunWarnsInstead) {
  const Verdict verdict = judge(review_of(Scope::Pod, Operation::Create, pod_with("i", true)),
                                one(Mode::Enforce), true);
  EXPECT_TRUE(verdict.allowed);
  EXPECT_EQ(verdict.judgements.at(0).mode, Mode::Warn);
  EXPECT_TRUE(verdict.judgements.at(0).dry_run);
}

TEST(Judge, OneDenialOfSeveralBindingsDenies) {
  auto bindings = one(Mode::Warn);
  bindings.push_back(one(Mode::Enforce)[0]);
  bindings.push_back(one(Mode::Audit)[0]);
  const Verdict verdict =
      judge(review_of(Scope::Pod, Operation::Create, pod_with("i", true)), bindings, false);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_THAT(verdict.judgements, SizeIs(3));
}

TEST(Judge, BindingsCoverNamespaces) {
  auto bindings = one(Mode::Enforce);
  const Review bad = review_of(Scope::Pod, Operation::Create, pod_with("i", true));
  bindings[0].namespaces = {"web", "sh?p"};
  EXPECT_FALSE(judge(bad, bindings, false).allowed);
  bindings[0].namespaces = {"web"};
  EXPECT_THAT(judge(bad, bindings, false).judgements, IsEmpty());
  bindings[0].namespaces = {"*"};
  bindings[0].exclude_namespaces = {"kube-*", "shop"};
  EXPECT_TRUE(judge(bad, bindings, false).allowed) << "the exclusion is stronger";
}

TEST(Judge, WhatIsNotOursIsAllowed) {
  Review review = review_of(Scope::NotOurs, Operation::Delete, pod_with("i", true));
  EXPECT_TRUE(judge(review, one(Mode::Enforce), false).allowed);
  review = review_of(Scope::Workload, Operation::Create, {});
  review.pods.clear();
  EXPECT_TRUE(judge(review, one(Mode::Enforce), false).allowed) << "a workload without a template";
}

TEST(Judge, AFieldThatCannotBeReadFailsClosed) {
  Review review = review_of(Scope::Pod, Operation::Create, pod_with("i", false));
  review.faults.push_back({"/spec/hostPID", "must be a boolean, is a string"});
  const Verdict verdict = judge(review, one(Mode::Enforce), false);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.judgements[0].violations.at(0).check, &kUnreadableField);
  EXPECT_TRUE(judge(review, one(Mode::Warn), false).allowed);
  EXPECT_TRUE(judge(review, one(Mode::Enforce, template_of({})), false).allowed)
      << "a template that asks nothing";
  review.pods.clear();
  EXPECT_FALSE(judge(review, one(Mode::Enforce), false).allowed);
}

TEST(Judge, AnInsignificantUpdateIsNotEvenLookedAt) {
  Review review = review_of(Scope::Pod, Operation::Update, pod_with("i", true));
  review.old_pods = {pod_with("i", true)};
  EXPECT_TRUE(judge(review, one(Mode::Enforce), false).allowed);
  EXPECT_THAT(judge(review, one(Mode::Warn), false).judgements, IsEmpty());
  review.old_pods = {pod_with("another", true)};
  EXPECT_FALSE(judge(review, one(Mode::Enforce), false).allowed);
  review.old_pods.clear();
  EXPECT_FALSE(judge(review, one(Mode::Enforce), false).allowed) << "nothing to compare with";
  review.old_pods = {pod_with("i", true)};
  review.faults.push_back({"/spec", "broken"});
  EXPECT_FALSE(judge(review, one(Mode::Enforce), false).allowed)
      << "unread fields may have changed";
  review.unchanged = true;
  EXPECT_TRUE(judge(review, one(Mode::Enforce), false).allowed) << "nothing has";
}

TEST(Judge, WorkloadsAreWarnedAboutUnlessTheBindingSaysEnforce) {
  auto bindings = one(Mode::Enforce);
  Review review = review_of(Scope::Workload, Operation::Create, pod_with("i", true));
  Verdict verdict = judge(review, bindings, false);
  EXPECT_TRUE(verdict.allowed);
  EXPECT_EQ(verdict.judgements.at(0).mode, Mode::Warn);
  bindings[0].workloads = Workloads::Enforce;
  EXPECT_FALSE(judge(review, bindings, false).allowed);
}

TEST(Judge, AnUpdateThatLeavesTheTemplateAloneIsNotDenied) {
  auto bindings = one(Mode::Enforce);
  bindings[0].workloads = Workloads::Enforce;
  Review review = review_of(Scope::Workload, Operation::Update, pod_with("i", true));
  review.old_pods = {pod_with("i", true)};
  EXPECT_FALSE(judge(review, bindings, false).allowed) << "what no check reads may have changed";
  review.unchanged = true;
  const Verdict verdict = judge(review, bindings, false);
  EXPECT_TRUE(verdict.allowed) << "finalizers and scaling must go through";
  EXPECT_EQ(verdict.judgements.at(0).mode, Mode::Warn);
}

TEST(Judge, ABindingMayLeaveWorkloadsToAnother) {
  auto bindings = one(Mode::Enforce);
  bindings[0].workloads = Workloads::Pass;
  EXPECT_THAT(
      judge(review_of(Scope::Workload, Operation::Create, pod_with("i", true)), bindings, false)
          .judgements,
      IsEmpty());
  EXPECT_FALSE(judge(review_of(Scope::Pod, Operation::Create, pod_with("i", true)), bindings, false)
                   .allowed);
}

TEST(Judge, SeveralBindingsOfOneTemplateFindTheSame) {
  auto bindings = one(Mode::Enforce);
  bindings.push_back(bindings[0]);
  bindings[1].mode = Mode::Warn;
  bindings.push_back(one(Mode::Audit, template_of({}))[0]);
  bindings.push_back(bindings[0]);
  bindings[3].mode = Mode::Audit;
  const Verdict verdict =
      judge(review_of(Scope::Pod, Operation::Create, pod_with("i", true)), bindings, false);
  ASSERT_THAT(verdict.judgements, SizeIs(4));
  EXPECT_THAT(verdict.judgements[0].violations, SizeIs(1));
  EXPECT_THAT(verdict.judgements[1].violations, SizeIs(1));
  EXPECT_THAT(verdict.judgements[2].violations, IsEmpty());
  EXPECT_THAT(verdict.judgements[3].violations, SizeIs(1));
}

// --- updates: ratchet ----------------------------------------------------------------------------

Pod with_capabilities(std::string image, std::vector<std::string> added, std::string name = "c") {
  Pod pod = pod_with(std::move(image), true);
  pod.containers[0].name = std::move(name);
  pod.containers[0].security_context.capabilities.add = std::move(added);
  return pod;
}

std::vector<Binding> ratchet() {
  auto bindings = one(Mode::Enforce, template_of({{find_check("capabilities-add"), {}, 0, "t"},
                                                  {find_check("privileged"), {}, 0, "t"}}));
  bindings[0].updates = Updates::Ratchet;
  return bindings;
}

Verdict judge_update(Pod from, Pod to, bool dry_run = false) {
  Review review = review_of(Scope::Pod, Operation::Update, std::move(to));
  review.old_pods = {std::move(from)};
  return judge(review, ratchet(), dry_run);
}

TEST(Ratchet, WhatWasThereOnlyWarns) {
  const Verdict verdict =
      judge_update(with_capabilities("1", {"SYS_ADMIN"}), with_capabilities("2", {"SYS_ADMIN"}));
  EXPECT_TRUE(verdict.allowed);
  ASSERT_THAT(verdict.judgements, SizeIs(2));
  EXPECT_EQ(verdict.judgements[0].mode, Mode::Warn);
  EXPECT_THAT(verdict.judgements[0].violations, SizeIs(2));
  EXPECT_EQ(verdict.judgements[1].mode, Mode::Enforce);
  EXPECT_THAT(verdict.judgements[1].violations, IsEmpty());
}

TEST(Ratchet, WhatIsNewIsRefused) {
  const Verdict verdict = judge_update(with_capabilities("1", {"SYS_ADMIN"}),
                                       with_capabilities("2", {"NET_ADMIN", "SYS_ADMIN"}));
  EXPECT_FALSE(verdict.allowed);
  ASSERT_THAT(verdict.judgements, SizeIs(2));
  EXPECT_THAT(verdict.judgements[0].violations, SizeIs(2)) << "SYS_ADMIN, which has moved";
  ASSERT_THAT(verdict.judgements[1].violations, SizeIs(1));
  EXPECT_NE(verdict.judgements[1].violations[0].finding.message.find("NET_ADMIN"),
            std::string::npos);
}

TEST(Ratchet, ANewContainerIsNew) {
  Pod to = with_capabilities("1", {});
  to.containers.push_back(to.containers[0]);
  to.containers[1].name = "debugger";
  to.containers[1].kind = ContainerKind::Ephemeral;
  to.containers[1].path = "/spec/ephemeralContainers/0";
  const Verdict verdict = judge_update(with_capabilities("1", {}), std::move(to));
  EXPECT_FALSE(verdict.allowed);
  EXPECT_THAT(verdict.judgements.back().violations, SizeIs(1));
}

TEST(Ratchet, TheSameOnceMoreIsNew) {
  Pod to = with_capabilities("2", {"SYS_ADMIN", "SYS_ADMIN"});
  EXPECT_FALSE(judge_update(with_capabilities("1", {"SYS_ADMIN"}), std::move(to)).allowed);
}

TEST(Ratchet, IsOfUpdatesWhoseOldObjectIsKnown) {
  Review review = review_of(Scope::Pod, Operation::Create, with_capabilities("2", {"SYS_ADMIN"}));
  EXPECT_FALSE(judge(review, ratchet(), false).allowed) << "a creation";
  review.facts.operation = Operation::Update;
  EXPECT_FALSE(judge(review, ratchet(), false).allowed) << "what was there cannot be read";
}

Verdict judge_update_by(const char* check, Pod from, Pod to) {
  auto bindings = one(Mode::Enforce, template_of({{find_check(check), {}, 0, "t"}}));
  bindings[0].updates = Updates::Ratchet;
  Review review = review_of(Scope::Workload, Operation::Update, std::move(to));
  bindings[0].workloads = Workloads::Enforce;
  review.old_pods = {std::move(from)};
  return judge(review, bindings, false);
}

Pod with_containers(const std::vector<std::pair<std::string, bool>>& name_and_non_root) {
  Pod pod;
  for (const auto& [name, non_root] : name_and_non_root) {
    Container& c = pod.containers.emplace_back();
    c.name = name;
    c.path = "/spec/containers/" + std::to_string(pod.containers.size() - 1);
    if (non_root) c.security_context.run_as_non_root = true;
  }
  return pod;
}

TEST(Ratchet, WhatGetsBetterIsNotNew) {
  const auto from = with_containers({{"a", false}, {"b", false}, {"c", false}});
  for (const auto& to :
       {with_containers({{"a", true}, {"b", false}, {"c", false}}),
        with_containers({{"a", true}, {"b", false}, {"c", true}}), with_containers({{"b", false}})})
    EXPECT_TRUE(judge_update_by("run-as-non-root", from, to).allowed);
  EXPECT_FALSE(judge_update_by("run-as-non-root", from, with_containers({{"d", false}})).allowed);
  EXPECT_FALSE(judge_update_by("run-as-non-root", with_containers({{"a", false}}), from).allowed);
}

Pod with_volume(const char* path, std::vector<std::string> mounted_by) {
  Pod pod;
  Volume& volume = pod.volumes.emplace_back();
  volume.name = "root";
  volume.host_path = path;
  volume.sources = 1U << static_cast<unsigned>(VolumeKind::HostPath);
  for (std::string& name : mounted_by) {
    Container& c = pod.containers.emplace_back();
    c.name = std::move(name);
    c.path = "/spec/containers/" + std::to_string(pod.containers.size() - 1);
    c.volume_mounts.push_back({"root", "/host", false, ""});
  }
  return pod;
}

TEST(Ratchet, AVolumeIsNewToAContainerThatIs) {
  const auto update = [](Pod from, Pod to) {
    return judge_update_by("host-path", std::move(from), std::move(to)).allowed;
  };
  EXPECT_TRUE(update(with_volume("/", {"a"}), with_volume("/", {"a"})));
  EXPECT_FALSE(update(with_volume("/", {"a"}), with_volume("/", {"a", "debugger"})));
  EXPECT_FALSE(update(with_volume("/", {"a"}), with_volume("/etc", {"a"})));
}

TEST(Ratchet, TooManyFindingsExcuseNothing) {
  const std::vector<std::string> many(kMaxViolations + 1, "NET_ADMIN");
  EXPECT_FALSE(judge_update(with_capabilities("1", many), with_capabilities("2", many)).allowed);
}

TEST(Ratchet, DryRunMarksOnlyWhatWouldBeDenied) {
  const Verdict verdict = judge_update(with_capabilities("1", {"SYS_ADMIN"}),
                                       with_capabilities("2", {"SYS_ADMIN", "NET_ADMIN"}), true);
  EXPECT_TRUE(verdict.allowed);
  ASSERT_THAT(verdict.judgements, SizeIs(2));
  EXPECT_FALSE(verdict.judgements[0].dry_run);
  EXPECT_TRUE(verdict.judgements[1].dry_run);
  EXPECT_THAT(verdict.judgements[1].violations, SizeIs(1));
}

TEST(Judge, AnEditMendsWhatIsAtAboveOrBelowIt) {
  Pod pod;
  pod.host_pid = true;
  constexpr auto find = [](const Pod&, const Params&, Findings& out) {
    for (const char* path : {"/a", "/a/b", "/a/b/c", "/a-b", "/ab", "/x"})
      out.push_back({path, ""});
  };
  constexpr auto mend = [](const Pod&, const Params&, Edits& out) {
    for (const char* path : {"/a/b/d", "/ab", "/a/b", "/a"}) out.push_back({path, true});
  };
  static const Check check{.id = "c",
                           .title = "",
                           .rationale = "",
                           .remedy = "",
                           .references = {},
                           .params = {},
                           .example = "",
                           .evaluate = find,
                           .fix = mend};
  std::map<std::string, std::vector<std::string>> actual;
  for (const Violation& v : violations_of({&pod, 1}, {}, *template_of({{&check, {}, 0, "t"}})))
    for (const auto& edit : v.edits) actual[v.finding.path].push_back(edit->path);
  const std::map<std::string, std::vector<std::string>> expected = {
      {"/a", {"/a/b/d", "/a/b", "/a"}},
      {"/a/b", {"/a/b/d", "/a/b", "/a"}},
      {"/a/b/c", {"/a/b", "/a"}},
      {"/ab", {"/ab"}}};
  EXPECT_EQ(actual, expected);
}

// A pod's author chooses how much there is to find: findings have an end, and an edit that mends
// many is not copied into each.
TEST(Judge, SharesOneEditAmongAllThatItMends) {
  Pod pod;
  Container& c = pod.containers.emplace_back();
  c.path = "/spec/containers/0";
  c.security_context.capabilities.add.assign(2 * Findings::kMost, "SYS_ADMIN");
  const auto violations =
      violations_of({&pod, 1}, {}, *template_of({{find_check("capabilities-add"), {}, 0, "t"}}));
  ASSERT_THAT(violations, SizeIs(Findings::kMost));
  for (const Violation& v : violations) {
    ASSERT_THAT(v.edits, SizeIs(1));
    ASSERT_EQ(v.edits[0], violations[0].edits[0]);
  }
}

TEST(Judge, StopsAfterEnoughViolations) {
  Pod pod;
  for (std::size_t i = 0; i < kMaxViolations; ++i) {
    Container& c = pod.containers.emplace_back();
    c.path = "/spec/containers/" + std::to_string(i);
    c.security_context.privileged = true;
    c.host_ports = {1};
  }
  const auto policy =
      template_of({{find_check("host-ports"), {}, 0, "t"}, {find_check("privileged"), {}, 0, "t"}});
  EXPECT_THAT(violations_of({&pod, 1}, {}, *policy), SizeIs(kMaxViolations));
}

// Source: pod-security-admission admission/admission.go, isSignificantPodUpdate.
TEST(SignificantUpdate, Table) {
  const auto pods =
      [](std::initializer_list<std::tuple<ContainerKind, const char*, const char*>> all) {
        Pod pod;
        for (const auto& [kind, name, image] : all) {
          Container& c = pod.containers.emplace_back();
          c.kind = kind;
          c.name = name;
          c.image = image;
        }
        return pod;
      };
  constexpr auto kInit = ContainerKind::Init, kRegular = ContainerKind::Regular,
                 kEphemeral = ContainerKind::Ephemeral;
  const Pod old_pod = pods({{kInit, "a", "1"}, {kRegular, "b", "2"}, {kEphemeral, "c", "3"}});
  EXPECT_FALSE(significant_update(old_pod, old_pod));
  EXPECT_FALSE(significant_update(
      pods({{kInit, "x", "1"}, {kRegular, "y", "2"}, {kEphemeral, "c", "3"}}), old_pod))
      << "names of the first two lists do not count";
  EXPECT_FALSE(significant_update(pods({{kInit, "a", "1"}, {kRegular, "b", "2"}}), old_pod))
      << "nor does an ephemeral container that went";
  EXPECT_TRUE(significant_update(
      pods({{kInit, "a", "9"}, {kRegular, "b", "2"}, {kEphemeral, "c", "3"}}), old_pod));
  EXPECT_TRUE(significant_update(
      pods({{kInit, "a", "1"}, {kRegular, "b", "9"}, {kEphemeral, "c", "3"}}), old_pod));
  EXPECT_TRUE(significant_update(
      pods({{kInit, "a", "1"}, {kRegular, "b", "2"}, {kEphemeral, "c", "9"}}), old_pod));
  EXPECT_TRUE(significant_update(
      pods({{kInit, "a", "1"}, {kRegular, "b", "2"}, {kEphemeral, "d", "3"}}), old_pod));
  EXPECT_TRUE(significant_update(pods({{kRegular, "b", "2"}, {kEphemeral, "c", "3"}}), old_pod));
  EXPECT_TRUE(significant_update(
      pods({{kInit, "a", "1"}, {kRegular, "b", "2"}, {kRegular, "e", "2"}, {kEphemeral, "c", "3"}}),
      old_pod));
}

TEST(GlobMatch, Table) {
  struct Row {
    const char *glob, *text;
    bool matches;
  };
  for (const Row& row : {Row{"", "", true},
                         {"", "a", false},
                         {"*", "", true},
                         {"*", "abc", true},
                         {"a*", "abc", true},
                         {"*c", "abc", true},
                         {"a*c", "abbbc", true},
                         {"a*c", "abbb", false},
                         {"a?c", "abc", true},
                         {"a?c", "ac", false},
                         {"*a*b*", "xxaxxbxx", true},
                         {"*a*b*", "xxbxxaxx", false},
                         {"**", "a", true},
                         {"kube-*", "kube", false},
                         {"kube-*", "kube-system", true},
                         {"kube-system", "kube-system2", false},
                         {"a", "A", false},
                         {"?", "", false},
                         {"*ab", "aab", true},
                         {"*ab*ab", "abab", true},
                         {"*ab*ab", "ab", false}})
    EXPECT_EQ(glob_match(row.glob, row.text), row.matches) << row.glob << " " << row.text;
}

// One star must not try every split of every other.
TEST(GlobMatch, ManyStarsEnd) {
  EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace plimsoll
