// What `plimsoll check` does beyond one manifest: folders, excludes, ignore comments, baselines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "app/command.h"

namespace plimsoll::app::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Json = nlohmann::json;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A pod that is privileged, and in nothing else of `baseline`'s concern.
std::string privileged(std::string_view name, std::string_view comment = "") {
  return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + std::string(name) +
         "}\nspec:\n  containers:\n  - name: app\n    image: app\n    securityContext:\n"
         "      privileged: true" +
         std::string(comment) + "\n";
}

class Check : public ::testing::Test {
 protected:
  struct Report {
    int status;
    Json json;
    std::string errors;
  };
  static Report check(std::vector<std::string> words, const std::string& policy = "baseline") {
    words.insert(words.begin(), {"check", "-t", policy, "-o", "json"});
    const auto ran = run(words);
    Json json = Json::parse(ran.output, nullptr, false);
    EXPECT_TRUE(json.is_object()) << ran.output << ran.errors;
    return {ran.status, std::move(json), ran.errors};
  }
  static std::vector<std::string> files_of(const Json& report, std::size_t below) {
    std::vector<std::string> files;
    for (const Json& resource : report.at("resources"))
      files.push_back(resource.at("source").at("file").get<std::string>().substr(below + 1));
    return files;
  }
  const Folder folder_;
};

TEST_F(Check, LeavesOutWhatIsExcluded) {
  for (const char* name : {"a.yaml", "b.yaml", "charts/x/a.yaml", "charts/y/c.yaml",
                           "vendor/v.yaml", "deep/vendor/v.yaml"})
    folder_.write(name, privileged("x"));
  const auto left = [&](std::vector<std::string> globs) {
    std::vector<std::string> words = {folder_.path()};
    for (auto& glob : globs) words.insert(words.end(), {"--exclude", glob});
    return files_of(check(words).json, folder_.path().size());
  };
  EXPECT_THAT(left({}), SizeIs(6));
  EXPECT_THAT(left({"vendor"}),
              ElementsAre("a.yaml", "b.yaml", "charts/x/a.yaml", "charts/y/c.yaml"));
  EXPECT_THAT(left({"./vendor/", "[ab].yaml"}),
              ElementsAre("charts/y/c.yaml", "deep/vendor/v.yaml"));
  EXPECT_THAT(left({"charts/*/a.yaml"}), Not(::testing::Contains("charts/x/a.yaml")));
  EXPECT_THAT(left({"*/a.yaml"}), SizeIs(6)) << "a star matches no slash";
  EXPECT_THAT(left({"**/a.yaml"}),
              ElementsAre("b.yaml", "charts/y/c.yaml", "deep/vendor/v.yaml", "vendor/v.yaml"));
  EXPECT_THAT(left({"charts/**"}),
              ElementsAre("a.yaml", "b.yaml", "deep/vendor/v.yaml", "vendor/v.yaml"));
  const auto all = check({folder_.path(), "--exclude", "*"});
  EXPECT_EQ(all.status, 2);
  EXPECT_THAT(all.errors, HasSubstr(folder_.path() + ": --exclude leaves no file of it"));
  EXPECT_EQ(check({folder_ / "a.yaml", "--exclude", "a.yaml"}).status, 0);
  const auto named = check({folder_ / "a.yaml", folder_ / "b.yaml", "--exclude", "a.yaml"});
  EXPECT_THAT(files_of(named.json, folder_.path().size()), ElementsAre("b.yaml"));
}

// kubectl takes the whole name for what the name ends in.
TEST_F(Check, ReadsAFileThatIsCalledByItsEndingAlone) {
  for (const char* name : {".json", ".yaml", "a.YML", "b.txt", "yaml"})
    folder_.write(name, privileged("x"));
  EXPECT_THAT(files_of(check({folder_.path()}).json, folder_.path().size()),
              ElementsAre(".json", ".yaml", "a.YML"));
}

TEST_F(Check, KeepsTheOrderOfManyFiles) {
  std::vector<std::string> names;
  for (int i = 100; i < 400; ++i) {
    names.push_back(std::to_string(i) + ".yaml");
    folder_.write(names.back(), i % 3 == 0 ? "a: [" : privileged("p" + std::to_string(i)));
  }
  const auto first = check({folder_.path()});
  EXPECT_EQ(first.status, 2);
  EXPECT_EQ(files_of(first.json, folder_.path().size()), names);
  EXPECT_EQ(check({folder_.path()}).json, first.json);
}

TEST_F(Check, AcceptsWhatACommentIgnoresWithItsReason) {
  const auto file =
      folder_.write("a.yaml", privileged("a", " # plimsoll:ignore privileged -- it is the driver"));
  const auto ran = check({file});
  EXPECT_EQ(ran.status, 0);
  const Json& resource = ran.json.at("resources")[0];
  EXPECT_EQ(resource.at("verdict"), "pass");
  EXPECT_THAT(resource.at("findings"), IsEmpty());
  EXPECT_EQ(resource.at("patch").dump(), "[]");
  const Json& accepted = resource.at("accepted")[0];
  EXPECT_EQ(accepted.at("check"), "privileged");
  EXPECT_EQ(accepted.at("accepted").dump(), R"({"by":"ignore","reason":"it is the driver"})");
  EXPECT_EQ(ran.json.at("summary").at("accepted"), 1);
}

TEST_F(Check, FailsOnACommentThatCannotBeFollowed) {
  const auto file = folder_.write("a.yaml", privileged("a", " # plimsoll:ignore privileged"));
  const auto ran = check({file});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.errors, HasSubstr(file + ":9:24: the ignore comment gives no reason; write "));
  EXPECT_EQ(ran.json.at("summary").at("failed"), 1) << "the finding stays";
}

TEST_F(Check, NamesCommentsThatAcceptNothing) {
  const auto file =
      folder_.write("a.yaml", privileged("a", " # plimsoll:ignore privileged, host-path -- x") +
                                  "# plimsoll:ignore seccomp -- not asked for\n---\n" +
                                  "# plimsoll:ignore host-ports -- y\n" + privileged("b"));
  const auto ran = check({file});
  EXPECT_EQ(ran.status, 2) << "a comment at the end speaks of nothing";
  EXPECT_THAT(ran.json.at("stale"),
              ElementsAre(file + ":12: the ignore comment accepts nothing: host-ports"));
}

class BaselineFile : public Check {
 protected:
  const std::string file_ = folder_.write("k8s/a.yaml", privileged("a"));
  const std::string baseline_ = folder_ / "plimsoll-baseline.json";
};

TEST_F(BaselineFile, AcceptsTodaysFindingsAndReportsNewOnes) {
  const auto written = check({file_, "--write-baseline", baseline_});
  EXPECT_EQ(written.status, 0);
  EXPECT_EQ(Json::parse(text_of(baseline_)).at("findings").dump(),
            R"([{"check":"privileged","file":"k8s/a.yaml","kind":"Pod","name":"a","namespace":"",)"
            R"("place":"spec.containers[\"app\"].securityContext.privileged=true"}])");
  const auto again = check({file_, "--baseline", baseline_});
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.json.at("resources")[0].at("accepted")[0].at("accepted").at("by"), "baseline");
  // Known wherever it moves in the file, from whatever folder it is asked.
  folder_.write("k8s/a.yaml", "# more\n" + privileged("new") + "---\n" + privileged("a"));
  const auto moved = check({folder_.path(), "--baseline", baseline_});
  EXPECT_EQ(moved.status, 1);
  ASSERT_THAT(moved.json.at("resources"), SizeIs(2)) << "the baseline is no manifest";
  EXPECT_EQ(moved.json.at("resources")[0].at("verdict"), "fail");
  EXPECT_EQ(moved.json.at("resources")[1].at("verdict"), "pass");
  EXPECT_EQ(moved.json.count("stale"), 0U);
}

TEST_F(BaselineFile, KnowsAFindingByItsValue) {
  const auto host_path = [&](std::string_view path) {
    return folder_.write(
        "k8s/h.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: h}\nspec:\n  containers: [{name: a}]"
        "\n  volumes:\n  - name: v\n    hostPath: {path: " +
            std::string(path) + "}\n");
  };
  const auto file = host_path("/var/log");
  check({file, "--write-baseline", baseline_});
  EXPECT_EQ(check({file, "--baseline", baseline_}).status, 0);
  host_path("/");
  EXPECT_EQ(check({file, "--baseline", baseline_}).status, 1);
}

// Past so many findings not all rules are looked at: what is accepted must not hide those.
TEST_F(BaselineFile, AcceptsNothingOfWhatIsCutShort) {
  std::string ports = "    # plimsoll:ignore host-ports -- many\n    ports:\n";
  for (int i = 1; i <= 10'001; ++i) ports += "    - hostPort: " + std::to_string(i) + "\n";
  folder_.write("k8s/a.yaml", privileged("a") + ports);
  EXPECT_EQ(check({file_}).status, 1);
  check({file_, "--write-baseline", baseline_});
  EXPECT_EQ(check({file_, "--baseline", baseline_}).status, 1);
}

TEST_F(BaselineFile, CountsFindingsOfOnePlace) {
  folder_.write("k8s/a.yaml", privileged("a") + "---\n" + privileged("a"));
  check({file_, "--write-baseline", baseline_});
  EXPECT_EQ(Json::parse(text_of(baseline_)).at("findings")[0].at("count"), 2);
  EXPECT_EQ(check({file_, "--baseline", baseline_}).status, 0);
  folder_.write("k8s/a.yaml",
                privileged("a") + "---\n" + privileged("a") + "---\n" + privileged("a"));
  EXPECT_EQ(check({file_, "--baseline", baseline_}).json.at("summary").at("findings"), 1);
}

// A finding of the pod's level is one for all containers that it is about.
TEST_F(BaselineFile, KnowsAPodsFindingOnlyForItsContainers) {
  const auto pod = [&](const std::string& containers) {
    folder_.write("k8s/a.yaml",
                  "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  securityContext: "
                  "{runAsNonRoot: true}\n  containers: [" +
                      containers + "]\n");
  };
  const std::string ok =
      ", securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: "
      "[ALL]}}}";
  const std::string a = "{name: a" + ok, b = "{name: b" + ok, evil = "{name: evil" + ok;
  pod(a + ", " + b);
  EXPECT_THAT(check({file_, "--write-baseline", baseline_}, "restricted").errors,
              HasSubstr(": 1 accepted from now on"));
  const auto known = check({file_, "--baseline", baseline_}, "restricted");
  EXPECT_EQ(known.status, 0);
  pod(a + ", " + b + ", " + evil);
  const auto more = check({file_, "--baseline", baseline_}, "restricted");
  EXPECT_EQ(more.status, 1);
  EXPECT_NE(more.json.at("resources")[0].at("findings")[0].at("fingerprint"),
            known.json.at("resources")[0].at("accepted")[0].at("fingerprint"));
  EXPECT_FALSE(more.json.contains("stale")) << "those of a and b are still found";
  pod(b + ", " + a);
  const auto turned = check({file_, "--baseline", baseline_}, "restricted");
  EXPECT_EQ(turned.json.at("resources")[0].at("accepted")[0].at("fingerprint"),
            known.json.at("resources")[0].at("accepted")[0].at("fingerprint"));
  pod(a);
  const auto fewer = check({file_, "--baseline", baseline_}, "restricted");
  EXPECT_EQ(fewer.status, 0);
  EXPECT_THAT(fewer.json.at("stale"),
              ElementsAre(HasSubstr("seccompProfile.type of container \"b\"")));
}

TEST_F(BaselineFile, CountsContainersOfOneName) {
  const auto pods = [&](const std::string& containers, int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  securityContext: "
              "{runAsNonRoot: true}\n  containers: [" +
              containers + "]\n";
    folder_.write("k8s/a.yaml", text);
  };
  const std::string container = "{image: a, securityContext: {allowPrivilegeEscalation: false, "
                                "capabilities: {drop: [ALL]}}}";
  pods(container, 1);
  check({file_, "--write-baseline", baseline_}, "restricted");
  pods(container + ", " + container, 2);
  const auto ran = check({file_, "--baseline", baseline_}, "restricted");
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.json.at("summary").at("findings"), 2);
  EXPECT_FALSE(ran.json.contains("stale"));
}

// A volume may be called as the word by which a finding lists containers.
TEST_F(BaselineFile, TakesNoVolumeForAContainer) {
  folder_.write("k8s/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  volumes:\n"
                              "  - {name: container, hostPath: {path: /x}}\n  containers: []\n");
  check({file_, "--write-baseline", baseline_}, "restricted");
  EXPECT_THAT(text_of(baseline_), Not(HasSubstr(" of container ")));
}

TEST_F(BaselineFile, KnowsAFileWhoseNameIsNoText) {
  const auto file = folder_.write("k8s/\xff.yaml", privileged("a"));
  ASSERT_EQ(check({file, "--write-baseline", baseline_}).status, 0);
  const auto again = run({"check", "-t", "baseline", file, "--baseline", baseline_});
  EXPECT_EQ(again.status, 0) << again.output;
  EXPECT_THAT(again.output, Not(HasSubstr("no longer found")));
  const auto beside = run({"check", "-t", "baseline", file_, "--baseline", baseline_});
  EXPECT_THAT(beside.output, Not(HasSubstr("no longer found"))) << "it was not looked at";
}

TEST_F(BaselineFile, ListsWhatNoLongerApplies) {
  folder_.write("k8s/b.yaml", privileged("b"));
  folder_.write("k8s/c.yaml", privileged("c"));
  check({folder_ / "k8s", "--write-baseline", baseline_});
  folder_.write("k8s/a.yaml", "");
  std::filesystem::remove(folder_ / "k8s/b.yaml");
  // Of c.yaml, which is not looked at, nothing is known.
  const auto ran = check({file_, "--baseline", baseline_});
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.json.at("stale"),
              ElementsAre(HasSubstr(": no longer found: k8s/a.yaml: Pod a: privileged at spec."),
                          HasSubstr(": no longer found: k8s/b.yaml: Pod b: privileged at spec.")));
}

TEST_F(BaselineFile, IsNotWrittenWhenNotAllCouldBeRead) {
  folder_.write("k8s/b.yaml", "a: [");
  EXPECT_EQ(check({folder_ / "k8s", "--write-baseline", baseline_}).status, 2);
  EXPECT_FALSE(std::filesystem::exists(baseline_));
}

TEST_F(BaselineFile, SaysWhatIsWrongWithIt) {
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {"{\n\"a\": ]", ":2:6: is not JSON; write it again with --write-baseline"},
           {"[]", ": schemaVersion: must be 1"},
           {R"({"schemaVersion":2})", ": schemaVersion: must be 1"},
           {R"({"schemaVersion":1})", ": findings: must be a list"},
           {R"({"schemaVersion":1,"findings":[1]})", ": findings[0].file: must be a text"},
           {R"({"schemaVersion":1,"findings":[{"file":"","kind":"","namespace":"","name":"",)"
            R"("check":"","place":"","count":0}]})",
            ": findings[0].count: must be a number"}}) {
    folder_.write("plimsoll-baseline.json", text);
    const auto ran = run({"check", file_, "--baseline", baseline_});
    EXPECT_EQ(ran.status, 2) << text;
    EXPECT_THAT(ran.errors, HasSubstr(baseline_ + says)) << text;
    EXPECT_EQ(ran.output, "");
  }
  const auto missing = run({"check", file_, "--baseline", folder_ / "no.json"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.errors, AllOf(HasSubstr("no.json: cannot be read: No such file"),
                                    HasSubstr("--write-baseline makes one")));
}

TEST_F(Check, SaysWhatIsWrongWithEachFileAndReadsTheOthers) {
  folder_.write("binary.yaml", std::string("\x7f"
                                           "ELF\0\0",
                                           6));
  folder_.write("bomb.yaml", [] {
    std::string text = "a: &a [x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'a'; c < 'j'; ++c) {
      std::string aliases = std::string("*") + c;
      for (int i = 0; i < 8; ++i) aliases += std::string(", *") + c;
      text += std::string() + static_cast<char>(c + 1) + ": &" + static_cast<char>(c + 1) + " [" +
              aliases + "]\n";
    }
    return text;
  }());
  folder_.write("deep.json", std::string(100'000, '['));
  folder_.write("good.yaml", privileged("good"));
  folder_.write("huge.yaml", "a: " + std::string(100'000'000, 'x'));
  folder_.write("recursive.yaml", "a: &a\n  b: *a\n");
  folder_.write("tab.yaml", "a:\n\tb: 1\n");
  std::filesystem::create_symlink("loop-b.yaml", folder_ / "loop-a.yaml");
  std::filesystem::create_symlink("loop-a.yaml", folder_ / "loop-b.yaml");
  const auto ran = check({folder_.path()});
  EXPECT_EQ(ran.status, 2);
  const auto place = [&](const char* rest) { return HasSubstr(folder_ / rest); };
  std::vector<std::string> lines;
  std::istringstream errors(ran.errors);
  for (std::string line; std::getline(errors, line);) lines.push_back(line);
  EXPECT_THAT(lines, ElementsAre(place("binary.yaml:1:5: this is not text"),
                                 place("bomb.yaml:6:8: the aliases repeat more than"),
                                 place("deep.json:1:101: values are nested deeper than"),
                                 place("huge.yaml: has more than 33554432 bytes; split it"),
                                 place("loop-a.yaml: cannot be read: Too many levels"),
                                 place("loop-b.yaml: cannot be read: Too many levels"),
                                 place("recursive.yaml:2:6: a.b: the alias *a stands inside"),
                                 place("tab.yaml:2:1: a tab stands in the indentation")));
  EXPECT_EQ(ran.json.at("summary").at("failed"), 1);
}

TEST_F(Check, WritesOverNoInput) {
  const std::string text = privileged("a");
  const auto file = folder_.write("a.yaml", text);
  const std::string link = folder_ / "link";
  std::filesystem::create_symlink("a.yaml", link);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"-o", "sarif=" + file}, {"-o", "json=" + link}, {"--write-baseline", file}}) {
    std::vector<std::string> all = {"check", file};
    all.insert(all.end(), words.begin(), words.end());
    const auto ran = run(all);
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.errors, HasSubstr(file + " is to be checked, and would be written over"));
    EXPECT_EQ(text_of(file), text);
  }
  const std::string json = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{}})";
  const auto pod = folder_.write("pod.json", json);
  const auto lost = run({"check", folder_.path(), "--write-baseline", pod});
  EXPECT_EQ(lost.status, 2);
  EXPECT_THAT(lost.errors, HasSubstr(pod + " is to be checked, and would be written over"));
  EXPECT_EQ(text_of(pod), json) << "only a baseline is no manifest";
  const std::string object = R"("apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{}})";
  for (const auto& [option, start, end] : std::vector<std::array<std::string, 3>>{
           {"-osarif=", "{\n\"version\": \"2.1.0\",", ""},
           {"-ojson=", "{\n  \"schemaVersion\": 1,\n  \"resources\": [],", ""},
           {"-ogitlab=", "[\n{\"description\": \"\",", "]"},
           {"--write-baseline=", "{\"schemaVersion\": 1, \"findings\": [],", ""}}) {
    std::string begun = start;
    begun += object;
    begun += end;
    folder_.write("pod.json", begun);
    EXPECT_EQ(run({"check", folder_.path(), option + pod}).status, 2) << begun;
    EXPECT_EQ(text_of(pod), begun) << "it begins as what is written there does";
  }
  EXPECT_THAT(run({"check", file, "--baseline", pod}).errors,
              HasSubstr("apiVersion: is no field of a baseline"));
  const auto twice = run({"check", file, "-o", "json=x", "-o", "sarif=./x"});
  EXPECT_EQ(twice.status, 2);
  EXPECT_THAT(twice.errors, HasSubstr("--output: two reports are to be written to ./x"));
}

TEST_F(Check, TakesADashForStandardOutput) {
  const auto file = folder_.write("a.yaml", privileged("a"));
  EXPECT_EQ(run({"check", file, "-o", "json=-"}).output, run({"check", file, "-o", "json"}).output);
  EXPECT_FALSE(std::filesystem::exists("-"));
}

TEST_F(Check, ReplacesTheReportsOfTheLastRun) {
  folder_.write("a.yaml", privileged("a"));
  for (const char* format : {"json", "sarif", "gitlab"}) {
    const std::string report = folder_ / "r.json";
    const std::vector<std::string> words = {"check", folder_.path(), "-o",
                                            std::string(format) + "=" + report};
    ASSERT_EQ(run(words).status, 1);
    const std::string text = text_of(report);
    EXPECT_EQ(run(words).status, 1) << format;
    EXPECT_EQ(text_of(report), text);
    std::filesystem::remove(report);
  }
  // A baseline begins as a report does.
  const auto known = folder_ / "known.json";
  run({"check", folder_ / "a.yaml", "--write-baseline", known});
  EXPECT_EQ(run({"check", folder_.path(), "-o", "json=" + known}).status, 2);
}

TEST_F(Check, WritesOverNoFileOfAnOption) {
  const auto file = folder_.write("a.yaml", privileged("a"));
  const auto other = folder_.write("other", "example.com/Widget: spec.template\n");
  const auto known = folder_ / "known.json";
  ASSERT_EQ(run({"check", file, "--write-baseline", known}).status, 0);
  const std::string text = text_of(known);
  for (const auto& [words, says] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--baseline", known, "-o", "json=" + known}, known + " is read by --baseline"},
           {{"--write-baseline", known, "-o", "json=" + known},
            known + " is written by --write-baseline"},
           {{"--pod-templates", other, "-o", "json=" + other},
            other + " is read by --pod-templates"},
           {{"--pod-templates", other, "--write-baseline", other},
            other + " is read by --pod-templates"}}) {
    std::vector<std::string> all = {"check", file};
    all.insert(all.end(), words.begin(), words.end());
    const auto ran = run(all);
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.errors, HasSubstr(says + ", and would be written over"));
    EXPECT_EQ(text_of(known), text);
    EXPECT_THAT(text_of(other), HasSubstr("Widget"));
  }
  EXPECT_EQ(run({"check", file, "--baseline", known, "--write-baseline", known}).status, 0);
}

TEST_F(Check, TellsObjectsOfOneNameApart) {
  const auto ran = check({folder_.write("a.yaml", privileged("a") + "---\n" + privileged("a"))});
  const Json& resources = ran.json.at("resources");
  EXPECT_NE(resources[0].at("findings")[0].at("fingerprint"),
            resources[1].at("findings")[0].at("fingerprint"));
}

// A place that is one step off must not look like a pod that asks for nothing.
TEST_F(Check, SkipsACustomResourceWithoutContainers) {
  const auto places = folder_.write("places.yaml", "example.com/Widget: spec\n");
  const auto file = folder_.write(
      "w.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nitems: []\nspec:\n "
                " template:\n"
                "    spec: {containers: [{name: x, securityContext: {privileged: true}}]}\n");
  const auto ran = check({file, "--pod-templates", places, "--fail-on-skipped"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.json.at("resources")[0].at("verdict"), "skipped");
  EXPECT_THAT(ran.json.at("resources")[0].at("reason").get<std::string>(),
              HasSubstr("no container is found"));
}

TEST_F(Check, ShowsALineBesideALongOne) {
  const auto file = folder_.write(
      "a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: "
                "app\n    args: [\"" +
                    std::string(6000, 'z') + "\"]\n    securityContext: {privileged: true}\n");
  const auto ran = run({"check", "-t", "baseline", file});
  EXPECT_THAT(ran.output, HasSubstr(" 8 |     securityContext: {privileged: true}\n"));
  EXPECT_THAT(ran.output, Not(HasSubstr("zzz")));
}

// Places are those of the UTF-8 that it is read as, which may be the longer text.
TEST_F(Check, ShowsTheLinesOfUtf16) {
  std::string text = "\xFF\xFE";
  for (int i = 0; i < 400; ++i) text += {'#', '\0', 'W', '['};
  for (const char c : "\n" + privileged("a")) text += {c, '\0'};
  const auto ran = check({folder_.write("a.yaml", text), "-o", "sarif=" + (folder_ / "a.sarif")});
  EXPECT_EQ(ran.status, 1) << ran.errors;
  const Json& finding = ran.json.at("resources")[0].at("findings")[0];
  EXPECT_EQ(finding.at("line"), 10);
  const Json sarif = Json::parse(text_of(folder_ / "a.sarif"));
  const Json& result = sarif.at("runs")[0].at("results")[0];
  const Json& location = result.at("locations")[0].at("physicalLocation");
  EXPECT_THAT(location.at("contextRegion").at("snippet").at("text"), HasSubstr("privileged: true"));
  EXPECT_THAT(result.at("fixes"), SizeIs(1));
}

TEST_F(Check, PointsAtTheValueOrAtWhatLacksIt) {
  const auto file = folder_.write("a.yaml", privileged("a"));
  const auto ran = check({file}, "restricted");
  std::map<std::string, std::string> places;
  for (const Json& finding : ran.json.at("resources")[0].at("findings"))
    places[finding.at("check")] = std::to_string(finding.at("line").get<int>()) + ":" +
                                  std::to_string(finding.at("column").get<int>()) + "-" +
                                  std::to_string(finding.at("endLine").get<int>()) + ":" +
                                  std::to_string(finding.at("endColumn").get<int>());
  EXPECT_EQ(places["privileged"], "9:19-9:23");
  EXPECT_EQ(places["drop-all"], "8:5-8:20") << "its security context";
  EXPECT_EQ(places["seccomp"], "4:1-4:5") << "the pod's spec";
}

// Fingerprints are what code hosts know findings by.
TEST_F(Check, GivesAFindingTheSameFingerprintWhereverItMoves) {
  const auto fingerprint = [&](const std::string& text, std::size_t resource = 0) {
    const auto ran = check({folder_.write("a.yaml", text)});
    return ran.json.at("resources")[resource]
        .at("findings")[0]
        .at("fingerprint")
        .get<std::string>();
  };
  const auto first = fingerprint(privileged("a"));
  EXPECT_THAT(first, ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(first.size(), 16U);
  EXPECT_EQ(fingerprint("# more\n" + privileged("x") + "---\n" + privileged("a"), 1), first);
  EXPECT_NE(fingerprint(privileged("b")), first);
}

}  // namespace
}  // namespace plimsoll::app::testing
