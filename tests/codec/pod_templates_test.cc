#include "codec/pod_templates.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "codec/files.h"
#include "codec/manifest.h"
#include "codec/places.h"
#include "plimsoll/verdict.h"

namespace plimsoll::codec {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- what is written -----------------------------------------------------------------------------

TEST(PodTemplates, PathsOfEachShape) {
  const auto read = read_pod_templates(R"(# ours
example.com/Widget: spec.template
example.com/Gadget:
- spec.parts.*.template
- podSpec: spec.main
example.com/Flow: {workflow: spec}
)",
                                       "p.yaml");
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_THAT(*read, SizeIs(3));
  EXPECT_EQ((*read)[0].group, "example.com");
  EXPECT_EQ((*read)[0].kind, "Widget");
  EXPECT_THAT((*read)[0].places, ElementsAre(PodPlace{"/spec/template", PodShape::Template}));
  EXPECT_THAT((*read)[1].places, ElementsAre(PodPlace{"/spec/parts/*/template", PodShape::Template},
                                             PodPlace{"/spec/main", PodShape::Spec}));
  EXPECT_THAT((*read)[2].places, ElementsAre(PodPlace{"/spec", PodShape::Workflow}));
}

TEST(PodTemplates, OfAConfiguration) {
  const std::string text = "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n"
                           "podTemplates:\n  example.com/Widget: spec.template\n";
  const auto read = read_pod_templates(text, "c.yaml");
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_THAT(*read, SizeIs(1));
  EXPECT_THAT(read_configuration(text, "c.yaml")->pod_templates, SizeIs(1));
}

TEST(PodTemplates, WhatIsWrongIsSaidWithItsLine) {
  const std::string deep = "a" + [] {
    std::string steps;
    for (int i = 0; i < 16; ++i) steps += ".a";
    return steps;
  }();
  for (const auto& [text, message] : std::initializer_list<std::pair<std::string, std::string>>{
           {"# c\nPyTorchJob: spec.template\n",
            "p.yaml:2:1: PyTorchJob: \"PyTorchJob\" is not GROUP/KIND"},
           {"a.b/C/D: spec\n", "is not GROUP/KIND"},
           {"/Pod: spec\n", "is not GROUP/KIND"},
           {"a.b/: spec\n", "is not GROUP/KIND"},
           {"a.b/C: spec..template\n", "p.yaml:1:1: [a.b/C]: \"spec..template\" is no path"},
           {"a.b/C: .spec\n", "is no path"},
           {"a.b/C: spec.\n", "is no path"},
           {"a.b/C: ''\n", "is no path"},
           {"a.b/C: spec/template\n", "is no path"},
           {"a.b/C: spec.a*.template\n", "is no path"},
           {"a.b/C: '*.template'\n", "is no path"},
           {"a.b/C: " + deep + "\n", "16 at most"},
           {"a.b/C: 7\n", "must be a string, is an integer"},
           {"a.b/C: [[spec]]\n", "must be a string, is an array"},
           {"a.b/C:\n- spec.template\n- podspec: spec\n",
            "p.yaml:3:3: [a.b/C][1].podspec: is not known here; use one of podSpec, workflow"},
           {"a.b/C: {podSpec: 1}\n", "must be a string"},
           {"a.b/C: {}\n", "says no place"},
           {"a.b/C: []\n", "says no place"},
           {"a.b/C:\n", "says no place"},
           {"apps/Deployment: spec.template\n", "Kubernetes' own"},
           {"batch/Job: spec.template\n", "Kubernetes' own"},
           {"- a.b/C: spec\n", "must be an object, is an array"},
           {"", "says of no kind"},
           {"{}\n", "says of no kind"},
           {"apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n", "says of no kind"},
           {"apiVersion: v1\nkind: ConfigMap\n", "must be a Configuration"},
           {"a.b/C: spec\n---\na.b/C: spec\n", "stands there twice"},
           {"a.b/C: [spec\n", "p.yaml:"}}) {
    const auto read = read_pod_templates(text, "p.yaml");
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().to_string(), HasSubstr(message)) << text;
  }
}

// --- what comes with Plimsoll --------------------------------------------------------------------

/// A file of testdata/custom: an object of one kind, and in comments before it where the containers
/// are that are privileged.
struct Example {
  std::string name, text;
  std::set<std::string> privileged;
};

std::vector<Example> examples() {
  std::vector<Example> all;
  for (const auto& entry : fs::directory_iterator(fs::path(PLIMSOLL_SOURCE_DIR) / "tests" /
                                                  "codec" / "testdata" / "custom")) {
    Example example{entry.path().filename().string(), "", {}};
    std::ifstream in(entry.path());
    constexpr std::string_view kMark = "# privileged: ";
    for (std::string line; std::getline(in, line); example.text += line + "\n")
      if (line.starts_with(kMark)) example.privileged.insert(line.substr(kMark.size()));
    all.push_back(std::move(example));
  }
  return all;
}

Manifest manifest_of(std::string_view text, const PodPlaces& places = builtin_places()) {
  auto document = text::YamlReader(text, "f.yaml").next();
  EXPECT_TRUE(document) << document.error().to_string();
  auto all = manifests_of(**document, places);
  EXPECT_THAT(all, SizeIs(1));
  return std::move(all.at(0));
}

const Template& no_privileged() {
  static const Template kTemplate{"t", "", 37,
                                  std::make_shared<const std::vector<Rule>>(
                                      std::vector<Rule>{{find_check("privileged"), {}, 0, "t"}})};
  return kTemplate;
}

TEST(BuiltinPodTemplates, EachPrivilegedContainerIsFoundInItsPlace) {
  for (const Example& example : examples()) {
    const Manifest manifest = manifest_of(example.text);
    EXPECT_EQ(manifest.skipped, "") << example.name;
    EXPECT_THAT(manifest.faults, IsEmpty()) << example.name;
    std::set<std::string> found;
    std::size_t containers = 0;
    for (const Violation& v : violations_of(manifest.pods, manifest.faults, no_privileged()))
      found.insert(v.finding.path);
    for (const Pod& pod : manifest.pods) containers += pod.containers.size();
    EXPECT_EQ(found, example.privileged) << example.name;
    EXPECT_GT(containers, found.size()) << example.name << " has no good container";
  }
}

TEST(BuiltinPodTemplates, EachPlaceHasAnExample) {
  std::map<std::string, std::set<std::string>> found;  // of each kind
  for (const Example& example : examples()) {
    const Manifest manifest = manifest_of(example.text);
    const auto group = manifest.api_version.substr(0, manifest.api_version.find('/'));
    EXPECT_EQ(example.name, group + "_" + manifest.kind + ".yaml");
    found[group + "/" + manifest.kind] = example.privileged;
  }
  const auto specs = read_pod_templates(builtin_pod_templates(), "builtin");
  ASSERT_TRUE(specs) << specs.error().to_string();
  EXPECT_EQ(specs->size(), found.size());
  for (const auto& spec : *specs)
    for (const PodPlace& place : spec.places) {
      const std::regex pattern(std::regex_replace(place.path, std::regex("/\\*"), "/[^/]+") +
                               "/.*");
      const auto& paths = found[spec.group + "/" + spec.kind];
      EXPECT_TRUE(std::ranges::any_of(
          paths, [&](const std::string& path) { return std::regex_match(path, pattern); }))
          << spec.group << "/" << spec.kind << " " << place.path;
    }
}

// --- places --------------------------------------------------------------------------------------

TEST(PodPlaces, WhatIsNotThereIsNoPod) {
  const auto places = places_of("a.b/C: [spec.template, spec.parts.*.template]\n");
  for (const char* spec :
       {"{}", "null", "{template: null}", "{parts: []}", "{parts: {}}", "{parts: null}",
        "{parts: [null, {}, {template: null}]}", "{parts: {a: null, b: {}}}", "{other: 1}"}) {
    const auto manifest =
        manifest_of(fmt::format("apiVersion: a.b/v1\nkind: C\nspec: {}\n", spec), places);
    EXPECT_EQ(manifest.skipped, "it has no pod template") << spec;
    EXPECT_THAT(manifest.faults, IsEmpty()) << spec;
    EXPECT_THAT(manifest.pods, IsEmpty()) << spec;
  }
}

TEST(PodPlaces, WhatCannotBeFollowedIsAFaultNotAPass) {
  const auto places =
      places_of("a.b/C: [spec.template, spec.parts.*.template, {podSpec: spec.pod}]\n");
  for (const auto& [spec, path] : std::initializer_list<std::pair<const char*, const char*>>{
           {"text", "/spec"},
           {"[{template: {spec: {}}}]", "/spec"},
           {"{template: text}", "/spec/template"},
           {"{template: [{spec: {}}]}", "/spec/template"},
           {"{template: {spec: [a]}}", "/spec/template/spec"},
           {"{template: {spec: {containers: {a: {name: a}}}}}", "/spec/template/spec/containers"},
           {"{parts: text}", "/spec/parts"},
           {"{parts: 7}", "/spec/parts"},
           {"{parts: [text]}", "/spec/parts/0"},
           {"{parts: [[{template: {}}]]}", "/spec/parts/0"},
           {"{parts: [{template: true}]}", "/spec/parts/0/template"},
           {"{parts: {a/b: 1}}", "/spec/parts/a~1b"},
           {"{parts: {a: {template: {spec: 1.5}}}}", "/spec/parts/a/template/spec"},
           {"{pod: []}", "/spec/pod"},
           {"{pod: {hostPID: 'true'}}", "/spec/pod/hostPID"}}) {
    const auto manifest =
        manifest_of(fmt::format("apiVersion: a.b/v1\nkind: C\nspec: {}\n", spec), places);
    ASSERT_FALSE(manifest.faults.empty()) << spec;
    EXPECT_EQ(manifest.faults[0].path, path) << spec;
    EXPECT_EQ(manifest.skipped, "") << spec;
    EXPECT_THAT(violations_of(manifest.pods, manifest.faults, no_privileged()),
                SizeIs(::testing::Ge(1U)))
        << spec;
  }
}

TEST(PodPlaces, AStarIsEachElementAndEachMember) {
  const auto places = places_of("a.b/C: spec.parts.*.template\n");
  const char* const template_ = "{template: {spec: {hostPID: true}}}";
  for (const auto& [parts, first, second] :
       {std::tuple("[{0}, {{}}, {0}]", "/spec/parts/0/template", "/spec/parts/2/template"),
        std::tuple("{{a: {0}, b: null, c~d: {0}}}", "/spec/parts/a/template",
                   "/spec/parts/c~0d/template")}) {
    const auto manifest = manifest_of("apiVersion: a.b/v1\nkind: C\nspec: {parts: " +
                                          fmt::format(fmt::runtime(parts), template_) + "}\n",
                                      places);
    ASSERT_THAT(manifest.pods, SizeIs(2)) << parts;
    EXPECT_EQ(manifest.pods[0].path, first);
    EXPECT_EQ(manifest.pods[1].path, second);
    EXPECT_TRUE(manifest.pods[1].host_pid);
  }
}

TEST(PodPlaces, APodSpecThatStandsAloneIsFoundWhereItStands) {
  const auto manifest = manifest_of(
      "apiVersion: a.b/v1\nkind: C\nspec:\n  pod:\n    hostPID: true\n    volumes: [{name: v}]\n"
      "    containers: [{name: c, securityContext: {privileged: true}}]\n",
      places_of("a.b/C: {podSpec: spec.pod}\n"));
  ASSERT_THAT(manifest.pods, SizeIs(1));
  const Pod& pod = manifest.pods[0];
  EXPECT_EQ(pod.spec("/hostPID"), "/spec/pod/hostPID");
  EXPECT_EQ(pod.spec("/volumes/-"), "/spec/pod/volumes/-");
  EXPECT_EQ(pod.containers.at(0).path, "/spec/pod/containers/0");
  EXPECT_TRUE(pod.volumes.at(0).has(VolumeKind::EmptyDir)) << "the defaults hold as everywhere";
  const auto violations = violations_of(manifest.pods, {}, no_privileged());
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].finding.path, "/spec/pod/containers/0/securityContext/privileged");
  ASSERT_THAT(violations[0].edits, SizeIs(1));
  EXPECT_EQ(violations[0].edits[0]->path, violations[0].finding.path);
}

TEST(PodPlaces, ItemsOfAListStandBelowIt) {
  const auto all = [] {
    auto document = text::YamlReader("apiVersion: v1\nkind: List\nitems:\n- apiVersion: a.b/v1\n"
                                     "  kind: C\n  spec: {hostPID: true}\n",
                                     "f.yaml")
                        .next();
    return manifests_of(**document, places_of("a.b/C: {podSpec: spec}\n"));
  }();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].pods.at(0).spec("/hostPID"), "/items/0/spec/hostPID");
}

// A document of a few megabytes must not grow to gigabytes.
TEST(PodPlaces, SmallTemplatesInGreatNumberAreBounded) {
  std::string text = "{\"apiVersion\":\"a.b/v1\",\"kind\":\"C\",\"spec\":[{}";
  for (int i = 0; i < 200'000; ++i) text += ",{}";
  const auto manifest = manifest_of(text + "]}", places_of("a.b/C: spec.*\n"));
  EXPECT_LE(manifest.pods.size(), Decoder::kMaxWeight / sizeof(Pod) + 1);
  ASSERT_THAT(manifest.faults, SizeIs(1));
  EXPECT_THAT(manifest.faults[0].message, HasSubstr("not read"));
}

TEST(PodPlaces, KindsAreFoundByGroupAndName) {
  PodPlaces places;
  places.set("b.c", "B", {{"/b"}});
  places.set("a.c", "B", {{"/a"}});
  places.set("b.c", "A", {{"/c"}});
  EXPECT_EQ(places.find("a.c", "B")[0].path, "/a");
  EXPECT_EQ(places.find("b.c", "B")[0].path, "/b");
  EXPECT_EQ(places.find("b.c", "A")[0].path, "/c");
  EXPECT_THAT(places.find("a.c", "A"), IsEmpty());
  EXPECT_THAT(places.find("", "B"), IsEmpty());
  places.set("b.c", "B", {{"/d"}, {"/e"}});
  EXPECT_THAT(places.find("b.c", "B"), SizeIs(2)) << "what was said last holds";
}

}  // namespace
}  // namespace plimsoll::codec
