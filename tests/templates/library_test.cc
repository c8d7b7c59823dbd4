#include "templates/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/files.h"
#include "templates/builtin.h"

namespace plimsoll::templates {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Library> library_of(std::string_view yaml) {
  auto specs = codec::read_templates(yaml, "t.yaml");
  if (!specs) return specs.error();
  return Library::make(*std::move(specs));
}

Library builtin() {
  std::vector<TemplateSpec> specs;
  for (const auto& [name, text] : builtin_files())
    for (const auto& spec : codec::read_templates(text, std::string(name)).value())
      specs.push_back(spec);
  return Library::make(std::move(specs)).value();
}

const Rule* rule_of(const Template& policy, std::string_view check) {
  for (const Rule& rule : *policy.rules)
    if (rule.check->id == check) return &rule;
  return nullptr;
}

std::string head(std::string_view name, std::string_view rest) {
  return "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nmetadata:\n  name: " +
         std::string(name) + "\nspec:\n" + std::string(rest);
}

TEST(Builtin, HasTheFourTemplates) {
  const Library library = builtin();
  EXPECT_THAT(library.names(),
              ElementsAre("baseline", "least-privilege", "privileged", "restricted"));
  for (const auto name : library.names())
    EXPECT_EQ(library.find({std::string(name), {}})->version, 37) << name;
  EXPECT_TRUE(library.find({"privileged", {}})->rules->empty());
}

TEST(Builtin, BareAndNewerVersionsAreTheNewest) {
  const Library library = builtin();
  EXPECT_EQ(library.find({"restricted", {}})->ref(), "restricted@v1.37");
  EXPECT_EQ(library.find({"restricted", 38})->ref(), "restricted@v1.37");
  EXPECT_EQ(library.find({"restricted", 1'000'000})->ref(), "restricted@v1.37");
  EXPECT_EQ(library.find({"restricted", 0})->ref(), "restricted@v1.0");
  EXPECT_EQ(library.find({"restrictive", {}}), nullptr);
}

// What changed, and when. Source: pod-security-admission policy/check_*.go, MinimumVersion.
TEST(Builtin, RulesComeAndGoWithVersions) {
  const Library library = builtin();
  const auto has = [&](const char* name, int version, const char* check) {
    return rule_of(*library.find({name, version}), check) != nullptr;
  };
  EXPECT_TRUE(has("baseline", 18, "seccomp-annotations"));
  EXPECT_FALSE(has("baseline", 19, "seccomp-annotations"));
  EXPECT_FALSE(has("baseline", 18, "seccomp"));
  EXPECT_TRUE(has("baseline", 19, "seccomp"));
  EXPECT_FALSE(has("restricted", 7, "allow-privilege-escalation"));
  EXPECT_TRUE(has("restricted", 8, "allow-privilege-escalation"));
  EXPECT_FALSE(has("restricted", 21, "drop-all"));
  EXPECT_TRUE(has("restricted", 22, "drop-all"));
  EXPECT_FALSE(has("restricted", 22, "run-as-user"));
  EXPECT_TRUE(has("restricted", 23, "run-as-user"));
  EXPECT_FALSE(has("baseline", 33, "probe-host"));
  EXPECT_TRUE(has("baseline", 34, "probe-host"));
  EXPECT_TRUE(has("baseline", 0, "host-path"));
  EXPECT_FALSE(has("restricted", 0, "host-path")) << "volume-types refuses it there";
  EXPECT_TRUE(has("least-privilege", 0, "host-path"));
}

TEST(Builtin, ParametersChangeWithVersions) {
  const Library library = builtin();
  const auto sysctls = [&](int version) {
    return rule_of(*library.find({"baseline", version}), "sysctls")
        ->params.strings("allowed")
        .size();
  };
  EXPECT_EQ(sysctls(26), 5U);
  EXPECT_EQ(sysctls(27), 6U);
  EXPECT_EQ(sysctls(29), 10U);
  EXPECT_EQ(sysctls(32), 12U);
  EXPECT_EQ(sysctls(37), 14U);
  const auto* rule = rule_of(*library.find({"restricted", 24}), "drop-all");
  EXPECT_FALSE(rule->params.flag("exemptWindows"));
  EXPECT_EQ(rule->since, 22);
  EXPECT_EQ(rule->from, "restricted");
  EXPECT_TRUE(rule_of(*library.find({"restricted", 25}), "drop-all")->params.flag("exemptWindows"));
}

// An old version of the standard knows less; least privilege is the same at each. Only what Windows
// may leave out waits, as in restricted: kubelets before v1.25 do not hold a pod to its os.
TEST(Builtin, LeastPrivilegeAsksTheSameAtEveryVersion) {
  const Library library = builtin();
  for (int version = 0; version <= library.find({"least-privilege", {}})->version; ++version) {
    SCOPED_TRACE(version);
    const auto policy = library.find({"least-privilege", version});
    for (const char* check : {"allow-privilege-escalation", "capabilities-add", "drop-all",
                              "read-only-root-filesystem", "seccomp"}) {
      const Rule* const rule = rule_of(*policy, check);
      ASSERT_NE(rule, nullptr) << check;
      EXPECT_EQ(rule->params.flag("exemptWindows"), version >= 25) << check;
    }
    EXPECT_TRUE(rule_of(*policy, "seccomp")->params.flag("required"));
  }
}

// Root in a user namespace still owns all that the pod mounts, and every other container's files.
TEST(Builtin, LeastPrivilegeExemptsNoUserNamespace) {
  const Library library = builtin();
  for (int version = 0; version <= library.find({"least-privilege", {}})->version; ++version) {
    SCOPED_TRACE(version);
    const auto policy = library.find({"least-privilege", version});
    for (const char* check : {"proc-mount", "run-as-non-root", "run-as-user"}) {
      const Rule* const rule = rule_of(*policy, check);
      ASSERT_NE(rule, nullptr) << check;
      EXPECT_FALSE(rule->params.flag("exemptUserNamespaces")) << check;
    }
  }
}

TEST(Builtin, VersionsThatAskTheSameShareTheirRules) {
  const Library library = builtin();
  EXPECT_EQ(library.find({"restricted", 30})->rules, library.find({"restricted", 29})->rules);
  EXPECT_NE(library.find({"restricted", 29})->rules, library.find({"restricted", 28})->rules);
}

TEST(Library, AChildsRuleReplacesItsParentsWhileItHolds) {
  const auto library = library_of(head("parent", "  newest: v1.9\n  rules:\n  - check: host-ports\n"
                                                 "  - check: privileged\n") +
                                  "---\n" +
                                  head("child", "  extends: parent\n  newest: v1.9\n  rules:\n"
                                                "  - check: privileged\n    enabled: false\n"
                                                "    since: v1.3\n    before: v1.5\n"));
  ASSERT_TRUE(library) << library.error().to_string();
  for (const auto& [version, there] : {std::pair{2, true}, {3, false}, {4, false}, {5, true}})
    EXPECT_EQ(rule_of(*library->find({"child", version}), "privileged") != nullptr, there)
        << version;
  EXPECT_NE(rule_of(*library->find({"child", 3}), "host-ports"), nullptr);
  EXPECT_EQ(rule_of(*library->find({"child", 3}), "host-ports")->from, "parent");
}

TEST(Library, ATemplateHasANewestVersionOfItsOwn) {
  const auto library =
      library_of(head("old", "  newest: v1.9\n  rules:\n  - check: privileged\n") + "---\n" +
                 head("new", "  extends: old\n  newest: v1.99\n  rules:\n  - check: host-ports\n"
                             "    since: v1.50\n") +
                 "---\n" + head("child", "  extends: old\n") + "---\n" +
                 head("grandchild", "  extends: child\n  rules: []\n") + "---\n" +
                 head("alone", "  rules: []\n"));
  ASSERT_TRUE(library) << library.error().to_string();
  for (const auto& [name, newest] :
       {std::pair{"old", 9}, {"new", 99}, {"child", 9}, {"grandchild", 9}, {"alone", 99}}) {
    EXPECT_EQ(library->find({name, {}})->version, newest) << name;
    EXPECT_EQ(library->find({name, 500})->version, newest) << name;
    EXPECT_EQ(library->find({name, 3})->version, 3) << name;
  }
  EXPECT_NE(rule_of(*library->find({"new", {}}), "privileged"), nullptr);
  EXPECT_NE(rule_of(*library->find({"new", 50}), "host-ports"), nullptr);
  EXPECT_EQ(rule_of(*library->find({"new", 49}), "host-ports"), nullptr);
}

TEST(Library, AParentMayComeAfterItsChild) {
  EXPECT_TRUE(library_of(head("child", "  extends: parent\n  rules: []\n") + "---\n" +
                         head("parent", "  newest: v1.1\n  rules: []\n")));
}

TEST(Library, AParameterThatIsNeededMayBeOneOfSeveral) {
  const std::string rules = "  newest: v1.1\n  rules:\n";
  for (const char* rule :
       {"  - check: id-ranges\n    params: {fsGroup: [{min: 1, max: 2}]}\n",
        "  - check: id-ranges\n    enabled: false\n",
        "  - check: runtime-socket\n    params: {sockets: [/run/a.sock, '\\\\?\\pipe\\a']}\n"}) {
    const auto library = library_of(head("a", rules + rule));
    EXPECT_TRUE(library) << library.error().to_string();
  }
}

struct Bad {
  const char* name;
  std::string yaml;
  const char* error;
};

TEST(Library, ErrorsNameLineAndFieldAndRemedy) {
  const std::string rule = "  newest: v1.9\n  rules:\n  - check: ";
  const Bad kBad[] = {
      {"unknown check", head("a", rule + "privilege\n"),
       "t.yaml:8: spec.rules[0].check: there is no check \"privilege\"; `plimsoll checks` lists "
       "them"},
      {"unknown parameter", head("a", rule + "sysctls\n    params: {allow: []}\n"),
       "t.yaml:9: spec.rules[0].params.allow: the check sysctls has no such parameter; it has "
       "allowed"},
      {"parameter of a check that has none",
       head("a", rule + "privileged\n    params: {x: true}\n"), "it has none: remove params"},
      {"flag for a list", head("a", rule + "sysctls\n    params: {allowed: true}\n"),
       "t.yaml:9: spec.rules[0].params.allowed: must be a list of texts, such as [a, b]"},
      {"list for a flag", head("a", rule + "seccomp\n    params: {required: [x]}\n"),
       "must be true or false"},
      {"text for a flag", head("a", rule + "seccomp\n    params: {required: 'true'}\n"),
       "params.required: must be a boolean, is a string; write true or false, without quotes"},
      {"text for a list", head("a", rule + "sysctls\n    params: {allowed: x}\n"),
       "params.allowed: must be an array, is a string; write a list, such as [a, b]"},
      {"empty range", head("a", rule + "id-ranges\n    params: {runAsUser: [{min: 5, max: 4}]}\n"),
       "t.yaml:9: spec.rules[0].params.runAsUser: the range 5-4 is empty"},
      {"range without an end", head("a", rule + "id-ranges\n    params: {runAsUser: [{min: 5}]}\n"),
       "must have both min and max"},
      {"a kind of volume in other letters",
       head("a", rule + "volume-types\n    params: {allowed: [secret, hostpath]}\n"),
       "t.yaml:9: spec.rules[0].params.allowed: \"hostpath\" is not a kind of volume; write it as "
       "manifests do, such as emptyDir"},
      {"a kind that may be written, in other letters",
       head("a", rule + "read-only-volumes\n    params: {writable: [emptydir]}\n"),
       "\"emptydir\" is not a kind of volume"},
      {"a socket's address",
       head("a", rule + "runtime-socket\n    params: {sockets: ['unix:///run/docker.sock']}\n"),
       "t.yaml:9: spec.rules[0].params.sockets: \"unix:///run/docker.sock\" is not the path of a "
       "socket; write an absolute path such as /run/docker.sock"},
      {"a socket's name", head("a", rule + "runtime-socket\n    params: {sockets: [docker]}\n"),
       "\"docker\" is not the path of a socket"},
      {"the root for a socket", head("a", rule + "runtime-socket\n    params: {sockets: [/./]}\n"),
       "\"/./\" is not the path of a socket"},
      {"a pipe without a name",
       head("a", rule + "runtime-socket\n    params: {sockets: ['\\\\.\\pipe\\']}\n"),
       "is not the path of a socket"},
      {"no sockets", head("a", rule + "runtime-socket\n"),
       "t.yaml:8: spec.rules[0].params: the check runtime-socket asks nothing without sockets; "
       "give "
       "it; `plimsoll explain runtime-socket` says what it takes"},
      {"empty sockets", head("a", rule + "runtime-socket\n    params: {sockets: []}\n"),
       "asks nothing without sockets"},
      {"no ranges", head("a", rule + "id-ranges\n    params: {runAsUser: []}\n"),
       "t.yaml:9: spec.rules[0].params: the check id-ranges asks nothing without runAsUser or "
       "runAsGroup or fsGroup or supplementalGroups"},
      {"bad version", head("a", rule + "sysctls\n    since: '1.4'\n"),
       "spec.rules[0].since: must be a version such as v1.25"},
      {"version beyond the newest", head("a", rule + "sysctls\n    since: v1.10\n"),
       "t.yaml:9: spec.rules[0].since: v1.10 is newer than the newest version, v1.9"},
      {"version beyond the newest of its parent",
       head("a", rule + "sysctls\n") + "---\n" +
           head("b", "  extends: a\n  rules:\n  - check: sysctls\n    since: v1.10\n"),
       "t.yaml:18: spec.rules[0].since: v1.10 is newer than the newest version, v1.9"},
      {"newest beyond all", head("a", "  newest: v1.1000\n  rules: []\n"),
       "t.yaml:6: spec.newest: is beyond v1.999; name the newest version that its rules know"},
      {"a span that is empty", head("a", rule + "sysctls\n    since: v1.4\n    before: v1.4\n"),
       "spec.rules[0].before: v1.4 is not after v1.4"},
      {"twice the same", head("a", rule + "sysctls\n  - check: sysctls\n"),
       "t.yaml:9: spec.rules[1]: spec.rules[0] states sysctls from v1.0 on as well"},
      {"disabled with parameters",
       head("a", rule + "sysctls\n    enabled: false\n    params: {allowed: []}\n"),
       "a rule that is not enabled takes none"},
      {"unknown parent", head("a", "  extends: b\n  rules: []\n"),
       "spec.extends: there is no template \"b\"; use one of a"},
      {"its own parent", head("a", "  extends: a\n  rules: []\n"), "leads back to \"a\""},
      {"a ring",
       head("a", "  extends: b\n  rules: []\n") + "---\n" +
           head("b", "  extends: a\n  rules: []\n"),
       "leads back to"},
      {"two of a name", head("a", "  rules: []\n") + "---\n" + head("a", "  rules: []\n"),
       "metadata.name: \"a\" is also the name of the template in t.yaml"},
      {"ill-formed name", head("A@b", "  rules: []\n"),
       "metadata.name: \"A@b\" cannot name a template"},
      {"no name", "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nspec: {rules: []}\n",
       "metadata.name: \"\" cannot name a template"},
      {"unknown field", head("a", "  rule: []\n"),
       "t.yaml:6:3: spec.rule: is not known here; use one of description, extends, newest, rules"},
      {"wrong type", head("a", "  rules: yes\n"),
       "t.yaml:6:3: spec.rules: must be an array, is a boolean; write a list, such as [a, b]"},
      {"no spec",
       "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nmetadata: {name: a}\n",
       "t.yaml:1:1: spec: has neither extends nor rules, and so asks nothing; write one of them"},
      {"nothing in spec", head("a", "  description: x\n"),
       "t.yaml:5:1: spec: has neither extends nor rules"},
      {"null for all", head("a", "  extends:\n  rules:\n"), "spec: has neither extends nor rules"},
      {"another kind", "apiVersion: v1\nkind: Pod\n", "must be a SecurityTemplate"},
      {"another version", "apiVersion: plimsoll.dev/v1\nkind: SecurityTemplate\nspec: {}\n",
       "must be a SecurityTemplate of plimsoll.dev/v1alpha1"},
      {"nothing", "# nothing\n", "t.yaml: holds no SecurityTemplate"},
      {"no YAML", "a: [\n", "t.yaml:"},
  };
  for (const Bad& bad : kBad) {
    SCOPED_TRACE(bad.name);
    const auto library = library_of(bad.yaml);
    ASSERT_FALSE(library);
    EXPECT_THAT(library.error().to_string(), HasSubstr(bad.error));
    EXPECT_EQ(library.error().to_string().find('\n'), std::string::npos) << "one line";
  }
}

}  // namespace
}  // namespace plimsoll::templates
