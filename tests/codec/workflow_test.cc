// What the templates of Argo's workflows make pods of.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "codec/manifest.h"
#include "codec/places.h"
#include "codec/pod.h"
#include "plimsoll/verdict.h"

namespace plimsoll::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A Workflow with that spec, as YAML in flow style or indented by two.
Manifest workflow(const std::string& spec) {
  const std::string text = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:" +
                           std::string(spec.starts_with('{') ? " " : "\n") + spec + "\n";
  auto document = text::YamlReader(text, "f.yaml").next();
  EXPECT_TRUE(document) << document.error().to_string();
  return std::move(manifests_of(**document, builtin_places()).at(0));
}

std::vector<std::string> faults_of(const std::string& spec) {
  std::vector<std::string> all;
  for (const Fault& fault : workflow(spec).faults) all.push_back(fault.path);
  return all;
}

TEST(Workflow, EachTemplateThatRunsContainersIsAPod) {
  const auto manifest = workflow(R"(
  templates:
  - name: container
    initContainers: [{name: i}]
    sidecars: [{name: s}]
    container: {image: a}
  - name: script
    script: {name: mine, image: b, source: x}
  - name: set
    containerSet: {containers: [{name: c}, {name: main}]}
  - name: steps
    steps: [[{name: a, template: container}]]
  - name: none
    suspend: {}
  - name: empty
    container: null
)");
  EXPECT_THAT(manifest.faults, IsEmpty());
  ASSERT_THAT(manifest.pods, SizeIs(3));
  const auto containers = [&](std::size_t pod) {
    std::vector<std::string> all;
    for (const Container& c : manifest.pods[pod].containers)
      all.push_back(c.name + " " + c.path + (c.kind == ContainerKind::Init ? " init" : ""));
    return all;
  };
  EXPECT_THAT(containers(0),
              ElementsAre("i /spec/templates/0/initContainers/0 init",
                          "main /spec/templates/0/container", "s /spec/templates/0/sidecars/0"));
  EXPECT_THAT(containers(1), ElementsAre("mine /spec/templates/1/script"));
  EXPECT_THAT(containers(2), ElementsAre("c /spec/templates/2/containerSet/containers/0",
                                         "main /spec/templates/2/containerSet/containers/1"));
  EXPECT_EQ(manifest.pods[0].path, "/spec/templates/0");
  EXPECT_TRUE(manifest.pods[0].given_token);
}

TEST(Workflow, WithoutSuchATemplateThereIsNothingToJudge) {
  for (const char* spec :
       {"{}", "{workflowTemplateRef: {name: a}, hostNetwork: true}", "{templates: []}",
        "{templates: null}", "{templates: [{name: a, http: {url: b}}], podSpecPatch: x}"}) {
    EXPECT_EQ(workflow(spec).skipped, "it has no pod template") << spec;
    EXPECT_THAT(workflow(spec).faults, IsEmpty()) << spec;
  }
}

TEST(Workflow, APodHasWhatTheWorkflowSays) {
  const auto manifest = workflow(R"(
  hostNetwork: true
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true}
  volumes: [{name: host, hostPath: {path: /}}, {name: none}]
  podMetadata:
    annotations:
      container.seccomp.security.alpha.kubernetes.io/main: unconfined
      container.seccomp.security.alpha.kubernetes.io/wait: unconfined
  templates:
  - container: {image: a}
  - container: {image: a}
    metadata:
      annotations: {container.seccomp.security.alpha.kubernetes.io/main: runtime/default}
    automountServiceAccountToken: true
    securityContext: {runAsUser: 0}
    volumes: [{name: own, emptyDir: {}}]
)");
  EXPECT_THAT(manifest.faults, IsEmpty());
  ASSERT_THAT(manifest.pods, SizeIs(2));
  const Pod &first = manifest.pods[0], &second = manifest.pods[1];

  EXPECT_TRUE(first.host_network && second.host_network);
  EXPECT_EQ(first.spec("/hostNetwork"), "/spec/hostNetwork");
  EXPECT_EQ(second.spec("/hostNetwork"), "/spec/hostNetwork");

  EXPECT_EQ(first.automount_service_account_token, false);
  EXPECT_FALSE(first.given_token);
  EXPECT_EQ(first.spec("/automountServiceAccountToken"), "/spec/automountServiceAccountToken");
  EXPECT_EQ(second.automount_service_account_token, true);
  EXPECT_EQ(second.spec("/automountServiceAccountToken"),
            "/spec/templates/1/automountServiceAccountToken");

  EXPECT_EQ(first.security_context.run_as_non_root, true);
  EXPECT_EQ(first.spec("/securityContext/runAsUser"), "/spec/securityContext/runAsUser");
  EXPECT_EQ(second.security_context.run_as_non_root, std::nullopt) << "one stands for the other";
  EXPECT_EQ(second.security_context.run_as_user, 0);
  EXPECT_EQ(second.spec("/securityContext/runAsUser"),
            "/spec/templates/1/securityContext/runAsUser");

  ASSERT_THAT(first.volumes, SizeIs(2));
  EXPECT_EQ(first.spec("/volumes/0/hostPath"), "/spec/volumes/0/hostPath");
  EXPECT_TRUE(first.volumes[1].has(VolumeKind::EmptyDir));
  ASSERT_THAT(second.volumes, SizeIs(3));
  EXPECT_EQ(second.volumes[0].name, "own");
  EXPECT_EQ(second.spec("/volumes/0"), "/spec/templates/1/volumes/0");
  EXPECT_EQ(second.spec("/volumes/1/hostPath"), "/spec/volumes/0/hostPath");
  EXPECT_EQ(second.spec("/volumes/-"), "/spec/templates/1/volumes/-");

  using Annotation = std::pair<std::string, std::string>;
  const std::string key = "container.seccomp.security.alpha.kubernetes.io/";
  EXPECT_THAT(first.annotations, ElementsAre(Annotation{key + "main", "unconfined"},
                                             Annotation{key + "wait", "unconfined"}));
  EXPECT_THAT(second.annotations, ElementsAre(Annotation{key + "main", "runtime/default"},
                                              Annotation{key + "wait", "unconfined"}));
  const std::string at = "/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1";
  EXPECT_EQ(second.place(second.path + at + "main"), "/spec/templates/1" + at + "main");
  EXPECT_EQ(second.place(second.path + at + "wait"),
            "/spec/podMetadata/annotations/container.seccomp.security.alpha.kubernetes.io~1wait");
}

TEST(Workflow, WhatNobodySaysBelongsIntoTheTemplate) {
  const auto manifest = workflow("{templates: [{container: {image: a}}]}");
  EXPECT_EQ(manifest.pods.at(0).spec("/securityContext/runAsNonRoot"),
            "/spec/templates/0/securityContext/runAsNonRoot");
  EXPECT_EQ(manifest.pods[0].spec("/automountServiceAccountToken"),
            "/spec/templates/0/automountServiceAccountToken");
}

// Source: argo-workflows workflow/controller/operator.go, mergedTemplateDefaultsInto: a strategic
// merge, and the type of the template stays.
TEST(Workflow, DefaultsAreMergedIntoEachTemplate) {
  const auto manifest = workflow(R"(
  templateDefaults:
    container:
      image: default
      securityContext: {privileged: true, runAsUser: 5, capabilities: {add: [SYS_ADMIN]}}
      volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b}]
    script: {image: b, source: x, securityContext: {privileged: true}}
    securityContext: {runAsNonRoot: true, runAsUser: 7}
    automountServiceAccountToken: false
    volumes: [{name: a, hostPath: {path: /}}, {name: b, emptyDir: {}}]
    sidecars: [{name: s, securityContext: {privileged: true}}, {name: t}]
  templates:
  - container:
      name: mine
      securityContext: {runAsUser: 6, capabilities: {add: []}}
      volumeMounts: [{name: c, mountPath: /b, readOnly: true}]
    securityContext: {runAsUser: 8}
    volumes: [{name: b, hostPath: {path: /b}}, {name: c}]
    sidecars: [{name: t, image: t}]
  - steps: [[]]
  - script: {image: c}
)");
  EXPECT_THAT(manifest.faults, IsEmpty());
  ASSERT_THAT(manifest.pods, SizeIs(2));
  const Pod& pod = manifest.pods[0];
  ASSERT_THAT(pod.containers, SizeIs(3));
  const Container& main = pod.containers[0];
  EXPECT_EQ(main.name, "mine");
  EXPECT_EQ(main.image, "default");
  EXPECT_EQ(main.security_context.privileged, true);
  EXPECT_EQ(main.security_context.run_as_user, 6);
  EXPECT_THAT(main.security_context.capabilities.add, IsEmpty()) << "a list is taken whole";
  const std::string own = "/spec/templates/0", defaults = "/spec/templateDefaults";
  const auto place = [&](const std::string& below) { return pod.place(own + below); };
  EXPECT_EQ(place("/container/securityContext/privileged"),
            defaults + "/container/securityContext/privileged");
  EXPECT_EQ(place("/container/securityContext/runAsUser"),
            own + "/container/securityContext/runAsUser");
  EXPECT_EQ(place("/container/securityContext/runAsNonRoot"),
            own + "/container/securityContext/runAsNonRoot")
      << "what neither says belongs to the template";

  ASSERT_THAT(main.volume_mounts, SizeIs(2));
  EXPECT_EQ(main.volume_mounts[0].name, "c");
  EXPECT_EQ(main.volume_mounts[1].name, "a");
  EXPECT_EQ(place("/container/volumeMounts/1/name"), defaults + "/container/volumeMounts/0/name");

  EXPECT_EQ(pod.security_context.run_as_user, 8);
  EXPECT_EQ(pod.security_context.run_as_non_root, true);
  EXPECT_EQ(pod.spec("/securityContext/runAsNonRoot"), defaults + "/securityContext/runAsNonRoot");
  EXPECT_EQ(pod.spec("/securityContext/runAsUser"), own + "/securityContext/runAsUser");
  EXPECT_EQ(pod.spec("/automountServiceAccountToken"), defaults + "/automountServiceAccountToken");

  ASSERT_THAT(pod.volumes, SizeIs(3));
  EXPECT_EQ(pod.volumes[0].host_path, "/b");
  EXPECT_TRUE(pod.volumes[0].has(VolumeKind::EmptyDir)) << "both sources, which no pod may have";
  EXPECT_EQ(pod.spec("/volumes/0/emptyDir"), defaults + "/volumes/1/emptyDir");
  EXPECT_EQ(pod.spec("/volumes/1"), own + "/volumes/1");
  EXPECT_EQ(pod.spec("/volumes/2/hostPath"), defaults + "/volumes/0/hostPath");

  EXPECT_EQ(pod.containers[1].image, "t");
  EXPECT_EQ(pod.containers[2].name, "s");
  EXPECT_EQ(pod.place(pod.containers[2].path + "/securityContext/privileged"),
            defaults + "/sidecars/0/securityContext/privileged");
  EXPECT_EQ(manifest.pods[1].containers.at(0).security_context.privileged, true);
}

TEST(Workflow, TemplatesInsideTemplates) {
  const auto manifest = workflow(R"(
  templates:
  - steps:
    - - name: a
        inline: {container: {image: a, securityContext: {privileged: true}}}
      - name: b
        template: c
  - dag:
      tasks:
      - name: a
        inline:
          steps:
          - - name: b
              inline: {script: {image: b}}
)");
  EXPECT_THAT(manifest.faults, IsEmpty());
  ASSERT_THAT(manifest.pods, SizeIs(2));
  EXPECT_EQ(manifest.pods[0].containers.at(0).path, "/spec/templates/0/steps/0/0/inline/container");
  EXPECT_EQ(manifest.pods[1].containers.at(0).path,
            "/spec/templates/1/dag/tasks/0/inline/steps/0/0/inline/script");

  std::string deep = "{container: {image: a}}";
  for (int i = 0; i < 10; ++i) deep = "{steps: [[{inline: " + deep + "}]]}";
  EXPECT_THAT(faults_of("{templates: [" + deep + "]}"), SizeIs(1)) << "too deep is no pass";
}

TEST(Workflow, APatchCannotBeJudged) {
  EXPECT_THAT(faults_of("{podSpecPatch: '{\"hostPID\":true}', templates: [{container: {}}]}"),
              ElementsAre("/spec/podSpecPatch"));
  EXPECT_THAT(faults_of("{templates: [{podSpecPatch: x, container: {}}, {container: {}}]}"),
              ElementsAre("/spec/templates/0/podSpecPatch"));
  EXPECT_THAT(faults_of("{templateDefaults: {podSpecPatch: x}, templates: [{container: {}}]}"),
              ElementsAre("/spec/templateDefaults/podSpecPatch"));
  EXPECT_THAT(faults_of("{podSpecPatch: '', templates: [{container: {}}]}"), IsEmpty());
  EXPECT_THAT(faults_of("{podSpecPatch: x, templates: [{resource: {action: get}}]}"),
              ElementsAre("/spec/podSpecPatch"));
  EXPECT_THAT(faults_of("{templates: [{data: {}, podSpecPatch: x}]}"),
              ElementsAre("/spec/templates/0/podSpecPatch"));
  EXPECT_THAT(faults_of("{artifactGC: {podSpecPatch: x}, templates: [{container: {}}]}"),
              ElementsAre("/spec/artifactGC/podSpecPatch"));
}

TEST(Workflow, WhatCannotBeReadIsAFaultNotAPass) {
  for (const auto& [spec, path] : std::initializer_list<std::pair<const char*, const char*>>{
           {"{templates: text}", "/spec/templates"},
           {"{templates: {a: {container: {}}}}", "/spec/templates"},
           {"{templates: [text]}", "/spec/templates/0"},
           {"{templates: [[]]}", "/spec/templates/0"},
           {"{templates: [{container: text}]}", "/spec/templates/0/container"},
           {"{templates: [{container: [{}]}]}", "/spec/templates/0/container"},
           {"{templates: [{containerSet: [{}]}]}", "/spec/templates/0/containerSet"},
           {"{templates: [{containerSet: {containers: {}}}]}",
            "/spec/templates/0/containerSet/containers"},
           {"{templates: [{script: {securityContext: {privileged: 'true'}}}]}",
            "/spec/templates/0/script/securityContext/privileged"},
           {"{templates: [{steps: text}]}", "/spec/templates/0/steps"},
           {"{templates: [{steps: [{inline: {container: {}}}]}]}", "/spec/templates/0/steps/0"},
           {"{templates: [{dag: []}]}", "/spec/templates/0/dag"},
           {"{templates: [{dag: {tasks: {}}}]}", "/spec/templates/0/dag/tasks"},
           {"{templates: [{dag: {tasks: [{inline: 1}]}}]}", "/spec/templates/0/dag/tasks/0/inline"},
           {"{volumes: {}, templates: [{container: {}}]}", "/spec/volumes"},
           {"{hostNetwork: 'yes', templates: [{container: {}}]}", "/spec/hostNetwork"},
           {"{securityContext: [], templates: [{container: {}}]}", "/spec/securityContext"},
           {"{podMetadata: x, templates: [{container: {}}]}", "/spec/podMetadata"},
           {"{templateDefaults: [], templates: [{container: {}}]}", "/spec/templateDefaults"},
           {"{templateDefaults: {container: {securityContext: {privileged: 1}}}, templates: "
            "[{container: {}}]}",
            "/spec/templateDefaults/container/securityContext/privileged"},
           {"{templateDefaults: {volumes: x}, templates: [{container: {}}]}",
            "/spec/templateDefaults/volumes"}})
    EXPECT_THAT(faults_of(spec), ElementsAre(path)) << spec;
}

// As in every pod; YAML that says a thing twice is refused by its reader already.
TEST(Workflow, WhatStandsTwiceIsAFault) {
  const std::vector<PodPlace> places = {{"/spec", PodShape::Workflow}};
  for (const auto& [spec, path] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"templates":[],"templates":[{"container":{}}]})", "/spec/templates"},
           {R"({"templates":[{"container":null,"container":{}}]})", "/spec/templates/0/container"},
           {R"({"templates":[{"steps":[],"steps":[]}]})", "/spec/templates/0/steps"},
           {R"({"templates":[{"container":{"securityContext":{},"securityContext":{}}}],
                "templateDefaults":{"container":{"securityContext":{"privileged":true}}}})",
            "/spec/templates/0/container/securityContext"},
           {R"({"templates":[{"container":{}}],
                "templateDefaults":{"container":{"securityContext":{},"securityContext":{}}}})",
            "/spec/templateDefaults/container/securityContext"}}) {
    simdjson::dom::parser parser;
    std::vector<Fault> faults;
    decode_pods(parser.parse(std::string(R"({"spec":)") + spec + "}").value(), "", places,
                Origin::ApiServer, faults);
    ASSERT_FALSE(faults.empty()) << spec;
    EXPECT_EQ(faults[0].path, path) << spec;
    EXPECT_THAT(faults[0].message, HasSubstr("twice")) << spec;
  }
}

TEST(Workflow, WhatTemplatesShareIsFoundAndMendedOnce) {
  const auto manifest = workflow(
      "{hostNetwork: true, volumes: [{name: a, hostPath: {path: /}}], templates: [{container: {}}, "
      "{container: {}}, {container: {}}]}");
  const Template policy{
      "t", "", 37,
      std::make_shared<const std::vector<Rule>>(std::vector<Rule>{
          {find_check("host-namespaces"), {}, 0, "t"}, {find_check("host-path"), {}, 0, "t"}})};
  std::vector<std::string> found;
  for (const Violation& v : violations_of(manifest.pods, manifest.faults, policy)) {
    found.push_back(v.finding.path);
    EXPECT_LE(v.edits.size(), 1U);
    for (const auto& edit : v.edits) EXPECT_EQ(edit->path, "/spec/hostNetwork");
  }
  EXPECT_THAT(found, ElementsAre("/spec/hostNetwork", "/spec/volumes/0/hostPath"));
}

// The text of a template grows by the defaults, a pod by the workflow's volumes.
TEST(Workflow, MuchInLittleIsBounded) {
  const auto many = [](const char* one, int count) {
    std::string list = one;
    for (int i = 1; i < count; ++i) list += std::string(",") + one;
    return "[" + list + "]";
  };
  for (const std::string& spec :
       {"{\"templates\":" + many("{\"script\":{}}", 200'000) + "}",
        "{\"volumes\":" + many("{}", 20'000) + ",\"templates\":" + many("{\"script\":{}}", 20'000) +
            "}",
        "{\"templateDefaults\":{\"volumes\":" + many("{\"name\":\"a\"}", 20'000) +
            "},\"templates\":" + many("{\"script\":{}}", 20'000) + "}"}) {
    const auto manifest = workflow(spec);
    ASSERT_FALSE(manifest.faults.empty());
    EXPECT_THAT(manifest.faults[0].message, HasSubstr("not read"));
    std::size_t volumes = 0;
    for (const Pod& pod : manifest.pods) volumes += 1 + pod.volumes.size();
    EXPECT_LT(volumes, 300'000U);
  }
}

// --- whatever it holds ---------------------------------------------------------------------------

/// A random value: mostly of the names that are read, at odd places.
std::string random_value(std::mt19937& random, int depth) {
  static const char* const kNames[] = {"spec",         "templates",      "templateDefaults",
                                       "container",    "script",         "containerSet",
                                       "containers",   "initContainers", "sidecars",
                                       "volumes",      "steps",          "dag",
                                       "tasks",        "inline",         "securityContext",
                                       "name",         "metadata",       "annotations",
                                       "podSpecPatch", "hostNetwork",    "privileged",
                                       "hostPath",     "volumeMounts",   "mountPath"};
  const auto below = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
  switch (below(depth > 0 ? 10 : 5)) {
    case 0:
      return "null";
    case 1:
      return "true";
    case 2:
      return "-7";
    case 3:
      return "1.5";
    case 4:
      return R"("text")";
    case 5:
    case 6: {
      std::string list;
      for (unsigned i = below(4); i > 0; --i)
        list += (list.empty() ? "" : ",") + random_value(random, depth - 1);
      return "[" + list + "]";
    }
    default: {
      std::string members;
      for (unsigned i = 1 + below(4); i > 0; --i)
        members += fmt::format("{}\"{}\":{}", members.empty() ? "" : ",",
                               kNames[below(std::size(kNames))], random_value(random, depth - 1));
      return "{" + members + "}";
    }
  }
}

/// Whether some object in it says `"privileged": true` in a `securityContext`.
void count_privileged(Json value, std::string_view of, std::size_t& count) {
  if (value.is_array())
    for (const Json one : simdjson::dom::array(value)) count_privileged(one, of, count);
  if (!value.is_object()) return;
  for (const auto member : simdjson::dom::object(value)) {
    if (of == "securityContext" && member.key == "privileged" && member.value.is_bool() &&
        bool(member.value))
      ++count;
    count_privileged(member.value, member.key, count);
  }
}

TEST(AnyObject, IsJudgedOrRefusedInEveryShape) {
  std::mt19937 random(20261126);
  std::size_t faulty = 0, judged = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = R"({"spec":)" + random_value(random, 9) + "}";
    simdjson::dom::parser parser;
    const Json object = parser.parse(text).value();
    for (const PodPlace& place :
         {PodPlace{"/spec", PodShape::Workflow}, PodPlace{"/spec", PodShape::Spec},
          PodPlace{"/spec/templates/*/container", PodShape::Template},
          PodPlace{"/spec/*/*", PodShape::Spec}, PodPlace{"", PodShape::Pod}}) {
      std::vector<Fault> faults;
      const auto pods = decode_pods(object, "", {&place, 1}, Origin::Manifest, faults);
      (faults.empty() ? judged : faulty) += 1;
      std::size_t there = 0, found = 0;
      count_privileged(object, "", there);
      for (const Pod& pod : pods)
        for (const Container& c : pod.containers)
          found += c.security_context.privileged == true ? 1 : 0;
      // Defaults may make many of one; what is found is there.
      EXPECT_TRUE(found == 0 || there > 0) << text;
      for (const Pod& pod : pods) {
        EXPECT_EQ(pod.place(pod.spec("/volumes/0")), pod.spec("/volumes/0")) << text;
        EXPECT_TRUE(std::ranges::is_sorted(pod.moved, {}, &Moved::from)) << text;
      }
    }
  }
  EXPECT_GT(judged, 1'000U);
  EXPECT_GT(faulty, 1'000U);
}

}  // namespace
}  // namespace plimsoll::codec
