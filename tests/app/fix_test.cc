// What `plimsoll fix` does with files, standard input, and what it cannot mend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/command.h"

namespace plimsoll::app::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Json = nlohmann::json;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

constexpr const char* kPod = "apiVersion: v1  # a pod\n"
                             "kind: Pod\n"
                             "metadata: {name: web}\n"
                             "spec:\n"
                             "  hostPID: true  # why?\n"
                             "  containers:\n"
                             "  - name: app\n"
                             "    image: 'app'\n"
                             "    securityContext:\n"
                             "      privileged: true\n";

constexpr const char* kFixedPod = "apiVersion: v1  # a pod\n"
                                  "kind: Pod\n"
                                  "metadata: {name: web}\n"
                                  "spec:\n"
                                  "  hostPID: false  # why?\n"
                                  "  containers:\n"
                                  "  - name: app\n"
                                  "    image: 'app'\n"
                                  "    securityContext:\n"
                                  "      privileged: false\n";

class Fix : public ::testing::Test {
 protected:
  static Ran fix(std::vector<std::string> words, std::string_view input = "",
                 const std::string& policy = "baseline") {
    words.insert(words.begin(), {"fix", "-t", policy});
    return run(words, input);
  }
  static bool passes(const std::string& path, const std::string& policy) {
    return run({"check", "-t", policy, path}).status == 0;
  }
  const Folder folder_;
};

TEST_F(Fix, PrintsADiffThatPatchApplies) {
  folder_.write("a/web.yaml", kPod);
  folder_.write("a/b c.yaml", kPod);
  const auto ran = fix({folder_.path()});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_EQ(ran.errors, "plimsoll: 4 findings fixed, 0 left\n");
  EXPECT_EQ(text_of(folder_ / "a/web.yaml"), kPod);
  folder_.write("diff", ran.output);
  ASSERT_EQ(std::system(("cd / && patch -s -p1 < " + (folder_ / "diff")).c_str()), 0) << ran.output;
  EXPECT_EQ(text_of(folder_ / "a/web.yaml"), kFixedPod);
  EXPECT_EQ(text_of(folder_ / "a/b c.yaml"), kFixedPod);
}

TEST_F(Fix, PrintsADiffFromTheTopForWhatIsNotBelow) {
  const auto file = folder_.write("web.yaml", kPod);
  const auto ran = fix({std::filesystem::relative(file).string()});
  EXPECT_THAT(ran.output, StartsWith("--- a" + file + "\n+++ b" + file + "\n"));
}

TEST_F(Fix, WritesFilesAndKeepsTheirModeAndLinks) {
  folder_.write("web.yaml", kPod);
  folder_.write("good.yaml", kFixedPod);
  ::chmod((folder_ / "web.yaml").c_str(), 0640);
  std::filesystem::create_symlink("web.yaml", folder_ / "link.yaml");
  const auto good = std::filesystem::last_write_time(folder_ / "good.yaml");
  const auto ran = fix({"--write", folder_ / "link.yaml", folder_ / "good.yaml"});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_EQ(ran.output, "");
  EXPECT_EQ(text_of(folder_ / "web.yaml"), kFixedPod);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link.yaml"));
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "web.yaml").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "good.yaml"), good);
  EXPECT_EQ(fix({folder_.path()}).output, "") << "a second time there is nothing to do";
}

// As a full disk does, but for one process.
TEST_F(Fix, KeepsAFileOfSeveralNamesThatThereIsNoRoomFor) {
  const std::string file = folder_.write("web.yaml", kPod);
  std::filesystem::create_hard_link(file, folder_ / "other.yaml");
  const std::string limit = "trap '' XFSZ; ulimit -f 0; ";
  EXPECT_NE(std::system((limit + PLIMSOLL_BINARY " fix --write -t baseline " + file).c_str()), 0);
  EXPECT_EQ(text_of(file), kPod);
  EXPECT_EQ(fix({"--write", file}).status, 0);
  EXPECT_EQ(text_of(folder_ / "other.yaml"), kFixedPod);
  // Where there is room for a part of it, that does not stay.
  const std::string text =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: app}]\n"
      "  volumes:\n  - name: unused\n    hostPath: {path: /x}\n# " +
      std::string(3000, 'x') + "\n";
  const std::string large = folder_.write("large.yaml", text);
  std::filesystem::create_hard_link(large, folder_ / "too.yaml");
  const std::string some = "trap '' XFSZ; ulimit -f 2; ";
  EXPECT_NE(std::system((some + PLIMSOLL_BINARY " fix --write -t baseline " + large).c_str()), 0);
  EXPECT_EQ(text_of(large), text);
}

TEST_F(Fix, StandardInputGoesToStandardOutput) {
  const auto written = fix({"--write", "-"}, kPod);
  EXPECT_EQ(written.output, kFixedPod);
  EXPECT_EQ(written.status, 0);
  const auto diff = fix({"-"}, kPod);
  EXPECT_THAT(diff.output, StartsWith("--- a/stdin\n+++ b/stdin\n@@ -2,9 +2,9 @@\n"));
  const auto broken = fix({"--write", "-"}, "a: [");
  EXPECT_EQ(broken.output, "");
  EXPECT_EQ(broken.status, 2);
}

TEST_F(Fix, ChangesNothingInAFileThatCannotBeReadWhole) {
  const std::string text = std::string(kPod) + "---\na: [\n";
  folder_.write("web.yaml", text);
  folder_.write("other.yaml", kPod);
  const auto ran = fix({"--write", folder_.path()});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.errors, HasSubstr("web.yaml:13:1: a value is missing here"));
  EXPECT_EQ(text_of(folder_ / "web.yaml"), text);
  EXPECT_EQ(text_of(folder_ / "other.yaml"), kFixedPod);
}

TEST_F(Fix, SaysWhatIsLeftAndWhy) {
  folder_.write("web.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostPID: true\n"
                "  volumes:\n  - name: data\n    hostPath: {path: /data}\n  containers:\n"
                "  - name: app\n    volumeMounts: [{name: data, mountPath: /data}]\n");
  const auto ran = fix({folder_.path()});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("web.yaml:8:15: "),
                                HasSubstr("[host-path]: container \"app\" mounts "
                                          "volume \"data\": whether the pod"),
                                HasSubstr("plimsoll: 1 finding fixed, 1 left\n")));
}

TEST_F(Fix, PlacesAreThoseOfTheTextThatIsThere) {
  folder_.write(
      "web.yaml",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
      "  - name: app\n    securityContext:\n      seccompProfile:\n"
      "        type: Unconfined\n        localhostProfile: x\n  volumes:\n  - name: data\n"
      "    hostPath: {path: /data}\n  initContainers:\n  - name: i\n"
      "    volumeMounts: [{name: data, mountPath: /data}]\n");
  EXPECT_THAT(fix({folder_.path()}).errors, HasSubstr("web.yaml:13:15: "));
  EXPECT_THAT(fix({"--write", folder_.path()}).errors, HasSubstr("web.yaml:12:15: "));
  EXPECT_THAT(fix({folder_.path()}).errors, HasSubstr("web.yaml:12:15: "));
}

TEST_F(Fix, AVolumeThatNothingMountsGoes) {
  folder_.write("web.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  volumes:\n"
                            "  - name: data  # old\n    hostPath: {path: /data}\n  - name: tmp\n"
                            "    emptyDir: {}\n  containers:\n  - name: app\n");
  EXPECT_EQ(fix({"--write", folder_.path()}).status, 0);
  EXPECT_EQ(text_of(folder_ / "web.yaml"),
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  volumes:\n  - name: tmp\n"
            "    emptyDir: {}\n  containers:\n  - name: app\n");
}

// Elastic's controller mounts it.
TEST_F(Fix, AVolumeThatAControllerMayMountStays) {
  const std::string text =
      "apiVersion: elasticsearch.k8s.elastic.co/v1\nkind: Elasticsearch\nmetadata: {name: es}\n"
      "spec:\n  nodeSets:\n  - name: default\n    podTemplate:\n      spec:\n        volumes:\n"
      "        - name: elasticsearch-data\n          hostPath: {path: /data/es}\n"
      "        containers: [{name: elasticsearch}]\n";
  folder_.write("es.yaml", text);
  const auto careful = fix({"--write", folder_.path()});
  EXPECT_EQ(careful.status, 1);
  EXPECT_THAT(careful.errors,
              HasSubstr("left without --allow-risky, which removes it: no container "
                        "mounts volume \"elasticsearch-data\" here, but the "
                        "controller of Elasticsearch may"));
  EXPECT_EQ(text_of(folder_ / "es.yaml"), text);
  EXPECT_EQ(fix({"--write", "--allow-risky", folder_.path()}).status, 0);
  EXPECT_THAT(text_of(folder_ / "es.yaml"), Not(HasSubstr("hostPath")));
}

TEST_F(Fix, FindsWhatStandsInTheWayOfMany) {
  std::string text =
      "apiVersion: v1\nkind: List\nx-p: &p {containerPort: 1, hostPort: 1}\nitems:\n";
  const auto add = [&](int i, const std::string& rest) {
    text += "- {apiVersion: v1, kind: Pod, metadata: {name: p" + std::to_string(i) +
            "}, spec: {hostPID: true, containers: [{name: c" + rest + "}]}}\n";
  };
  for (int i = 0; i < 100; ++i) add(i, i % 40 == 7 ? ", ports: [{<<: *p, name: x}]" : "");
  folder_.write("list.yaml", text);
  const auto ran = fix({"--write", folder_.path()});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("100 findings fixed, 3 left"), HasSubstr("merge key")));
  EXPECT_THAT(text_of(folder_ / "list.yaml"), Not(HasSubstr("hostPID: true")));
}

// However large the document is.
TEST_F(Fix, FindsTheOneThatStandsInTheWayInALargeDocument) {
  std::string text = "apiVersion: v1\nkind: List\nx-p: &p {containerPort: 1, hostPort: 1}\nx-q: " +
                     std::string(std::size_t{17} << 20, 'x') + "\nitems:\n";
  for (int i = 0; i < 15; ++i)
    text += "- {apiVersion: v1, kind: Pod, metadata: {name: p" + std::to_string(i) +
            "}, spec: {hostPID: true, containers: [{name: c" +
            (i == 7 ? ", ports: [{<<: *p, name: x}]" : "") + "}]}}\n";
  folder_.write("list.yaml", text);
  const auto ran = fix({"--write", folder_.path()});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("15 findings fixed, 1 left"), HasSubstr("merge key")));
}

TEST_F(Fix, RiskyChangesAreMadeOnlyWhenAllowed) {
  folder_.write("web.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
                "  - name: app\n    securityContext:\n      allowPrivilegeEscalation: true\n");
  const auto careful = fix({"--write", folder_.path()}, "", "restricted");
  EXPECT_EQ(careful.status, 1);
  EXPECT_THAT(careful.errors, AllOf(HasSubstr("[run-as-non-root]: left without --allow-risky"),
                                    HasSubstr("plimsoll: 3 findings fixed, 1 left\n"),
                                    Not(HasSubstr("[seccomp]"))));
  const auto bold = fix({"--write", "--allow-risky", folder_.path()}, "", "restricted");
  EXPECT_EQ(bold.status, 0) << bold.errors;
  EXPECT_THAT(bold.errors, HasSubstr("plimsoll: try what was changed for run-as-non-root: "));
  EXPECT_EQ(text_of(folder_ / "web.yaml"),
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
            "  - name: app\n    securityContext:\n      allowPrivilegeEscalation: false\n"
            "      capabilities:\n        drop:\n        - ALL\n  securityContext:\n"
            "    seccompProfile:\n      type: RuntimeDefault\n    runAsNonRoot: true\n");
  EXPECT_TRUE(passes(folder_.path(), "restricted"));
}

TEST_F(Fix, AReadOnlyRootGetsAWritableTmp) {
  folder_.write("template.yaml",
                "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nmetadata: {name: own}\n"
                "spec:\n  rules:\n  - check: read-only-root-filesystem\n");
  folder_.write("pods/web.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  volumes:\n"
                "  - {name: tmp, emptyDir: {}}\n  containers:\n  - name: a\n  - name: b\n"
                "    volumeMounts:\n    - name: tmp\n      mountPath: /tmp/\n  - name: c\n");
  const auto ran =
      fix({"--templates", folder_ / "template.yaml", "--allow-risky", "--write", folder_ / "pods"},
          "", "own");
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_EQ(text_of(folder_ / "pods/web.yaml"),
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  volumes:\n"
            "  - {name: tmp, emptyDir: {}}\n  - name: tmp-2\n    emptyDir: {}\n  - name: tmp-3\n"
            "    emptyDir: {}\n  containers:\n  - name: a\n    securityContext:\n"
            "      readOnlyRootFilesystem: true\n    volumeMounts:\n    - name: tmp-2\n"
            "      mountPath: /tmp\n  - name: b\n    volumeMounts:\n    - name: tmp\n"
            "      mountPath: /tmp/\n    securityContext:\n      readOnlyRootFilesystem: true\n"
            "  - name: c\n    securityContext:\n      readOnlyRootFilesystem: true\n"
            "    volumeMounts:\n    - name: tmp-3\n      mountPath: /tmp\n");
}

TEST_F(Fix, AVolumeOfAStorageSystemBecomesAClaim) {
  folder_.write(
      "web.yaml",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec:\n"
      "  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n"
      "  volumes:\n  - name: data\n    nfs:\n      server: store  # the old one\n"
      "      path: /data\n      readOnly: true\n  containers:\n  - name: app\n"
      "    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n"
      "    volumeMounts: [{name: data, mountPath: /data}]\n");
  EXPECT_THAT(fix({folder_.path()}, "", "restricted").errors,
              HasSubstr("[volume-types]: left without --allow-risky"));
  const auto ran = fix({"--write", "--allow-risky", folder_.path()}, "", "restricted");
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(text_of(folder_ / "web.yaml"),
              HasSubstr("  - name: data\n    persistentVolumeClaim:\n      claimName: data\n"
                        "      readOnly: true\n  containers:\n"));
  EXPECT_THAT(ran.errors,
              AllOf(HasSubstr("# make this before "),
                    HasSubstr("kind: PersistentVolume\nmetadata:\n  name: shop-data\n"),
                    HasSubstr("  nfs:\n    server: store\n    path: /data\n    readOnly: true\n"),
                    HasSubstr("kind: PersistentVolumeClaim\nmetadata:\n  name: data\n"
                              "  namespace: shop\n"),
                    HasSubstr("  volumeName: shop-data\n")));
}

TEST_F(Fix, LeavesAloneWhatACommentAccepts) {
  std::string text = kPod;
  text.replace(text.find("# why?"), 6,
               "# plimsoll:ignore host-namespaces -- it looks at processes");
  folder_.write("web.yaml", text);
  const auto ran = fix({"--write", folder_.path()});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(text_of(folder_ / "web.yaml"),
              AllOf(HasSubstr("hostPID: true  # plimsoll"), HasSubstr("privileged: false")));
}

// A comment must come to speak of nothing else, nor may what it keeps go with the rest.
TEST_F(Fix, ChangesNothingThatWouldMoveAnIgnoreComment) {
  const std::string volumes =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
      "  containers: [{name: c, volumeMounts: [{name: b, mountPath: /b}]}]\n"
      "  volumes:\n"
      "  # plimsoll:ignore host-path -- legacy\n"
      "  - name: a\n    hostPath: {path: /var/log}\n"
      "  - name: b\n    hostPath: {path: /}\n";
  const std::string add = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
                          "  - name: c\n    securityContext:\n      capabilities:\n        add:\n"
                          "        - NET_RAW  # plimsoll:ignore capabilities-add -- ping\n"
                          "        - SYS_ADMIN\n";
  for (const std::string& text : {volumes, add}) {
    const auto file = folder_.write("a.yaml", text);
    const auto before = run({"check", "-t", "baseline", file, "-o", "json"});
    EXPECT_EQ(before.status, 1);
    for (const char* policy : {"baseline", "least-privilege"}) {
      const auto ran = fix({"--write", "--allow-risky", file}, "", policy);
      EXPECT_NE(ran.status, 0) << ran.errors;
      const auto after = run({"check", "-t", "baseline", file, "-o", "json"});
      EXPECT_EQ(Json::parse(after.output).at("summary").at("accepted"),
                Json::parse(before.output).at("summary").at("accepted"))
          << text_of(file);
      EXPECT_EQ(after.status, 1) << text_of(file);
    }
  }
}

TEST_F(Fix, SkipsWhatItDoesNotKnow) {
  folder_.write("web.yaml",
                std::string("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n") + kPod);
  const auto ran = fix({"--write", folder_.path()});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.errors, "plimsoll: 2 findings fixed, 0 left, 1 object skipped\n");
}

TEST_F(Fix, PrintsPatches) {
  folder_.write("web.yaml", kPod);
  const auto one = fix({"--patch", folder_.path()});
  EXPECT_EQ(one.status, 0);
  EXPECT_EQ(Json::parse(one.output),
            Json::parse(R"([{"op":"replace","path":"/spec/hostPID","value":false},
                {"op":"replace","path":"/spec/containers/0/securityContext/privileged",
                 "value":false}])"));
  const auto none = fix({"--patch", "-"}, kFixedPod);
  EXPECT_EQ(none.output, "[]\n");

  const std::string item = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"NAME"},
      "spec":{"hostPID":VALUE,"containers":[]}})";
  const auto list = [&](const char* name, const char* value) {
    std::string text = item;
    text.replace(text.find("NAME"), 4, name);
    return text.replace(text.find("VALUE"), 5, value);
  };
  const auto many =
      fix({"--patch", "-"}, R"({"apiVersion":"v1","kind":"List","items":[)" +
                                list("good", "false") + "," + list("bad", "true") + "]}");
  const Json all = Json::parse(many.output);
  ASSERT_THAT(all, SizeIs(1)) << many.output;
  EXPECT_EQ(all[0].at("name"), "bad");
  EXPECT_EQ(all[0].at("kind"), "Pod");
  EXPECT_EQ(all[0].at("source").at("file"), "-");
  EXPECT_EQ(all[0].at("patch"),
            Json::parse(R"([{"op":"replace","path":"/spec/hostPID","value":false}])"));
  EXPECT_EQ(fix({"--patch", "--write", "-"}, kPod).status, 2);
}

TEST_F(Fix, FixesWhatItCanWhereAnAnchorStandsInTheWay) {
  folder_.write("web.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostPID: true\n"
                "  containers:\n  - name: a\n    securityContext:\n      seLinuxOptions: &se\n"
                "        user: bad\n  - name: b\n    securityContext:\n      seLinuxOptions:\n"
                "        <<: {user: bad}\n");
  const auto ran = fix({"--write", folder_.path()});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("web.yaml:13:"), HasSubstr("merge key"),
                                HasSubstr("2 findings fixed, 1 left")));
  EXPECT_THAT(text_of(folder_ / "web.yaml"),
              AllOf(HasSubstr("hostPID: false"), HasSubstr("seLinuxOptions: &se {}")));
}

TEST_F(Fix, RefusesUtf16) {
  std::string text = "\xFF\xFE";
  for (const char* c = kPod; *c != '\0'; ++c) text += {*c, '\0'};
  folder_.write("web.yaml", text);
  const auto ran = fix({"--write", folder_.path()});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.errors, HasSubstr("save it as UTF-8"));
  EXPECT_EQ(text_of(folder_ / "web.yaml"), text);
}

}  // namespace
}  // namespace plimsoll::app::testing
