// The commands that run to their end, as processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/command.h"
#include "plimsoll/check.h"
#include "text/yaml.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using Json = nlohmann::ordered_json;
using server::testing::certificate_of;
using server::testing::text_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

struct Shown {
  int status;
  std::string output;
};

/// What the shell shows of `plimsoll` and these words.
Shown run_in_shell(const std::string& words, const std::string& folder = ".") {
  const std::string line = "cd '" + folder + "' && '" PLIMSOLL_BINARY "' " + words;
  std::FILE* const pipe = popen(line.c_str(), "re");
  std::string output;
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.append(buffer, got);
  return {WEXITSTATUS(pclose(pipe)), output};
}

void expect_refusal(const Ran& ran, const std::vector<std::string>& says) {
  EXPECT_EQ(ran.status, 2) << ran.errors;
  EXPECT_EQ(ran.output, "");
  EXPECT_THAT(ran.errors, StartsWith("plimsoll: "));
  EXPECT_EQ(std::ranges::count(ran.errors, '\n'), 1) << ran.errors;
  for (const auto& part : says) EXPECT_THAT(ran.errors, HasSubstr(part));
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

// --- version, help -------------------------------------------------------------------------------

TEST(Cli, TellsItsVersion) {
  for (const char* word : {"version", "--version"}) {
    const auto ran = run({word});
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.output, MatchesRegex("plimsoll [0-9]+\\.[0-9]+\\.[0-9]+\n"));
    EXPECT_EQ(ran.errors, "");
  }
}

TEST(Cli, Helps) {
  const auto ran = run({"--help"});
  EXPECT_EQ(ran.status, 0);
  for (const char* command : {"serve", "check", "checks", "explain", "templates", "certs", "health",
                              "doctor", "version", "completion", "Exit status"})
    EXPECT_THAT(ran.output, HasSubstr(command));
  for (const char* command : {"serve", "check", "certs", "templates", "health", "doctor"})
    EXPECT_EQ(run({command, "--help"}).status, 0) << command;
}

TEST(Cli, CouldNotDoItWhenItIsCalledWrongly) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                     {"nix"},
                                                                     {"check"},
                                                                     {"check", "--nix", "x"},
                                                                     {"certs"},
                                                                     {"certs", "x"},
                                                                     {"explain"},
                                                                     {"templates"},
                                                                     {"templates", "show"},
                                                                     {"templates", "lint"},
                                                                     {"completion"},
                                                                     {"completion", "tcsh"},
                                                                     {"checks", "-o", "xml"},
                                                                     {"health", "extra"},
                                                                     {"doctor", "extra"},
                                                                     {"doctor", "-o", "xml"},
                                                                     {"version", "extra"}}) {
    const auto ran = run(arguments);
    EXPECT_EQ(ran.status, 2) << ::testing::PrintToString(arguments);
    EXPECT_EQ(ran.output, "");
    EXPECT_NE(ran.errors, "");
  }
}

TEST(Cli, NamesTheWordThatItDoesNotKnow) {
  for (const auto& [words, says] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"chek"}, "\"chek\" is not known; did you mean check?"},
           {{"help"}, "\"help\" is not known; did you mean --help?"},
           {{"--foo"}, "\"--foo\" is not known; `plimsoll --help` tells more"},
           {{"kubernetes"}, "\"kubernetes\" is not known; `plimsoll --help` tells more"},
           {{"serve", "--dryrun=true"}, "\"--dryrun=true\" is not known; did you mean --dry-run?"},
           {{"check", "--fail-on-skiped", "x"},
            "\"--fail-on-skiped\" is not known; did you mean --fail-on-skipped?"},
           {{"templates", "lst"}, "\"lst\" is not known; did you mean list?"},
           {{"templates", "show", "restricted", "--nix"},
            "\"--nix\" is not known; `plimsoll templates show --help` tells more"},
           {{"version", "extra"}, "\"extra\" is not known; `plimsoll version --help` tells more"},
           {{}, "`plimsoll` needs a subcommand; use one of serve, check, "},
           {{"templates"},
            "`plimsoll templates` needs a subcommand; use one of list, show, export, lint"},
           {{"explain"}, "check is required; `plimsoll explain --help` tells more"}})
    expect_refusal(run(words), {"plimsoll: " + says});
}

TEST(Cli, CouldNotDoItWhenNobodyTakesItsOutput) {
  // A full disk, as Linux has it at hand.
  for (const char* command :
       {"version", "checks", "templates list", "completion bash",
        "check " PLIMSOLL_SOURCE_DIR "/src/templates/builtin/baseline.yaml"}) {
    const auto [status, output] = run_in_shell(std::string(command) + " 2>&1 >/dev/full");
    EXPECT_EQ(status, 2) << command;
    EXPECT_EQ(output, "plimsoll: standard output: No space left on device\n") << command;
  }
}

// --- certs ---------------------------------------------------------------------------------------

unsigned mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    names.push_back(file.path().filename());
  std::ranges::sort(names);
  return names;
}

TEST(Certs, MakesAFolder) {
  const Folder folder;
  const std::string at = folder / "new/one";
  const auto ran = run({"certs", at, "--host", "localhost", "--host", "127.0.0.1"});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("localhost, 127.0.0.1"));
  for (const char* name : {"/ca.key", "/tls.key"}) {
    EXPECT_EQ(mode_of(at + name), 0600U) << name;
    EXPECT_THAT(text_of(at + name), StartsWith("-----BEGIN PRIVATE KEY-----"));
  }
  for (const char* name : {"/ca.crt", "/tls.crt"}) {
    EXPECT_EQ(mode_of(at + name), 0644U) << name;
    EXPECT_NE(certificate_of(text_of(at + name)), nullptr);
  }
  EXPECT_THAT(names_in(at), ElementsAre("ca.crt", "ca.key", "tls.crt", "tls.key"));
}

TEST(Certs, KeepsTheCaAndRenewsThePair) {
  const Folder folder;
  const auto texts = [&] {
    std::vector<std::string> all;
    for (const char* name : {"ca.crt", "ca.key", "tls.crt", "tls.key"})
      all.push_back(text_of(folder / name));
    return all;
  };
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  const auto before = texts();
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost", "--days", "7"}).status, 0);
  const auto after = texts();
  EXPECT_EQ(before[0], after[0]);
  EXPECT_EQ(before[1], after[1]);
  EXPECT_NE(before[2], after[2]);
  EXPECT_NE(before[3], after[3]);
  const auto ca = certificate_of(after[0]), pair = certificate_of(after[2]);
  EXPECT_EQ(X509_verify(pair.get(), X509_get0_pubkey(ca.get())), 1);
}

// A key that others could read is not left so.
TEST(Certs, MakesAKeyThatOthersCannotRead) {
  const Folder folder;
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  ASSERT_EQ(chmod((folder / "tls.key").c_str(), 0666), 0);
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  EXPECT_EQ(mode_of(folder / "tls.key"), 0600U);
}

TEST(Certs, RefusesABadHostAndWritesNothing) {
  const Folder folder;
  for (const char* host : {"https://x", "x:443", "a b", "", "a_b"}) {
    expect_refusal(run({"certs", folder / "out", "--host", "localhost", "--host", host}),
                   {"neither a DNS name nor an IP address"});
    EXPECT_FALSE(std::filesystem::exists(folder / "out/tls.crt"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out/ca.crt"));
  }
}

TEST(Certs, RefusesACaThatIsBroken) {
  const Folder folder;
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  const std::string pair = text_of(folder / "tls.crt");
  folder.write("ca.key", text_of(folder / "tls.key"));
  expect_refusal(run({"certs", folder.path(), "--host", "localhost"}),
                 {folder / "ca.crt", "not those of a CA"});
  EXPECT_EQ(text_of(folder / "tls.crt"), pair);
}

TEST(Certs, SaysWhatToDoAboutHalfACa) {
  for (const auto& [lost, left] : {std::pair("ca.key", "ca.crt"), std::pair("ca.crt", "ca.key")}) {
    const Folder folder;
    ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
    std::filesystem::remove(folder / lost);
    expect_refusal(run({"certs", folder.path(), "--host", "localhost"}),
                   {(folder / lost) + ": cannot be read: No such file",
                    "; put it back, or remove " + (folder / left) + " to have a new CA made\n"});
    std::filesystem::remove(folder / left);
    EXPECT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  }
}

TEST(Certs, ReplacesThePairOrNothing) {
  const Folder folder;
  ASSERT_EQ(run({"certs", folder.path(), "--host", "localhost"}).status, 0);
  const std::string key = text_of(folder / "tls.key");
  std::filesystem::remove(folder / "tls.crt");
  std::filesystem::create_directory(folder / "tls.crt");
  expect_refusal(run({"certs", folder.path(), "--host", "localhost"}),
                 {(folder / "tls.crt") + ": cannot be written: Is a directory"});
  EXPECT_EQ(text_of(folder / "tls.key"), key);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("ca.crt", "ca.key", "tls.crt", "tls.key"));
}

// Whoever may write to the folder must not choose where the private key goes.
TEST(Certs, WritesThroughNoLink) {
  const Folder folder;
  const std::string victim = folder.write("victim", "mine");
  std::filesystem::create_directory(folder / "certs");
  for (const char* name : {"certs/tls.key", "certs/tls.key.new", "certs/ca.key.new"})
    std::filesystem::create_symlink(victim, folder / name);
  ASSERT_EQ(run({"certs", folder / "certs", "--host", "localhost"}).status, 0);
  EXPECT_EQ(text_of(victim), "mine");
  EXPECT_EQ(mode_of(folder / "certs/tls.key"), 0600U);
}

TEST(Certs, SaysWhenTheCertificateReallyEnds) {
  const Folder folder;
  const auto ran =
      run({"certs", folder.path(), "--host", "localhost", "--ca-days", "1", "--days", "365"});
  const auto certificate = certificate_of(text_of(folder / "tls.crt"));
  tm at{};
  ASSERT_EQ(ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &at), 1);
  char date[16];
  std::strftime(date, sizeof date, "%Y-%m-%d", &at);
  EXPECT_THAT(ran.output, HasSubstr(std::string("until ") + date + ")"));
}

TEST(Certs, RefusesAPlaceThatIsNoFolder) {
  const Folder folder;
  const std::string file = folder.write("file", "text");
  expect_refusal(run({"certs", file, "--host", "localhost"}), {file});
  EXPECT_EQ(run({"certs", folder.path(), "--host", "localhost", "--days", "0"}).status, 2);
}

// --- check ---------------------------------------------------------------------------------------

constexpr std::string_view kGood = R"(apiVersion: v1
kind: Pod
metadata: {name: good, namespace: shop}
spec:
  securityContext:
    runAsNonRoot: true
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: app
    image: app
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
)";

constexpr std::string_view kBad = R"(apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: app
        image: app
        securityContext:
          allowPrivilegeEscalation: false
          privileged: true
          capabilities: {drop: [ALL]}
)";

constexpr std::string_view kService = R"(apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: []}
)";

std::string documents(std::initializer_list<std::string_view> texts) {
  std::string all;
  for (const auto text : texts) (all += all.empty() ? "" : "---\n") += text;
  return all;
}

class CheckCommand : public ::testing::Test {
 protected:
  static Ran check(const std::string& input, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"check", "-"});
    return run(more, input);
  }
  static Json json_of(const std::string& input, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-o", "json"});
    const auto ran = check(input, more);
    Json json = Json::parse(ran.output, nullptr, false);
    EXPECT_TRUE(json.is_object()) << ran.output << ran.errors;
    return json;
  }
  static std::string yaml_to_json(const std::string& yaml) {
    text::YamlReader reader(yaml, "");
    return (**reader.next()).json();
  }
  const Folder folder_;
};

TEST_F(CheckCommand, PassesWhatIsGood) {
  const auto ran = check(std::string(kGood));
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.output, StartsWith("1 resource against restricted@v1."));
  EXPECT_THAT(ran.output, HasSubstr(": 1 passed, 0 failed; 0 findings\n"));
  EXPECT_EQ(ran.errors, "");
}

TEST_F(CheckCommand, FailsWhatIsNotAndSaysWhereAndWhatToDo) {
  const std::string file = folder_.write("web.yaml", kBad);
  const auto ran = run({"check", file});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.errors, "");
  EXPECT_THAT(ran.output, HasSubstr("fail Deployment web " + file + ":1\n"));
  EXPECT_THAT(ran.output, HasSubstr("\n" + file + ":16:23: container \"app\" is privileged"));
  EXPECT_THAT(ran.output, HasSubstr("[privileged, critical]"));
  EXPECT_THAT(ran.output, HasSubstr("1 resource against restricted@v1."));
  EXPECT_THAT(ran.output, HasSubstr(": 0 passed, 1 failed; 1 finding\n"));
}

TEST_F(CheckCommand, JudgesByTheTemplateThatIsAsked) {
  const std::string bad(kBad);
  EXPECT_EQ(check(bad, {"-t", "privileged"}).status, 0);
  EXPECT_EQ(check(bad, {"-t", "baseline"}).status, 1);
  EXPECT_EQ(check(bad, {"--template", "restricted@v1.20"}).status, 1);
  EXPECT_EQ(json_of(bad, {"-t", "restricted@v1.20"}).at("template"), "restricted@v1.20");
  EXPECT_EQ(json_of(bad, {"-t", "restricted@latest"}).at("template"),
            json_of(bad, {"-t", "restricted@v1.999"}).at("template"));
  expect_refusal(check(bad, {"-t", "nix"}), {"nix", "use one of baseline"});
  expect_refusal(check(bad, {"-t", "restricted@1.20"}), {"restricted@1.20", "v1.31"});
  const std::string own = folder_.write(
      "own.yaml",
      "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nmetadata: {name: own}\n"
      "spec: {extends: restricted, rules: [{check: privileged, enabled: false}]}\n");
  EXPECT_EQ(check(bad, {"--templates", own, "-t", "own"}).status, 0);
}

TEST_F(CheckCommand, JudgesCustomResources) {
  const std::string rollout =
      "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec:\n  template:\n"
      "    spec:\n      hostPID: true\n";
  const auto known = json_of(rollout, {"-t", "baseline"});
  EXPECT_EQ(known.at("resources").at(0).at("findings").at(0).at("field"),
            "spec.template.spec.hostPID");
  EXPECT_EQ(known.at("resources").at(0).at("findings").at(0).at("line"), 7);

  const std::string widget =
      "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: web}\nspec:\n  pods:\n"
      "  - hostPID: false\n  - hostPID: true\n";
  EXPECT_THAT(json_of(widget, {"-t", "baseline"}).at("resources").at(0).at("reason"),
              HasSubstr("say where with --pod-templates"));
  EXPECT_EQ(check(widget, {"-t", "baseline"}).status, 0);
  const std::string bare =
      folder_.write("bare.places", "example.com/Widget: {podSpec: spec.pods.*}\n");
  const std::string configuration =
      folder_.write("configuration.places",
                    "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\npodTemplates:\n"
                    "  example.com/Widget: {podSpec: spec.pods.*}\n");
  for (const auto& file : {bare, configuration}) {
    const auto told = json_of(widget, {"-t", "baseline", "--pod-templates", file});
    EXPECT_EQ(told.at("resources").at(0).at("findings").at(0).at("path"), "/spec/pods/1/hostPID");
  }
  const std::string wrong = folder_.write("wrong.places", "# mine\nWidget: spec.template\n");
  expect_refusal(check(widget, {"--pod-templates", wrong}),
                 {wrong + ":2:1", "GROUP/KIND", "kubeflow.org/PyTorchJob"});
  expect_refusal(check(widget, {"--pod-templates", folder_ / "none"}), {"none", "cannot be read"});
}

// Every field of the contract, with its type and in its order; `severity` stands beside them.
TEST_F(CheckCommand, WritesTheJsonOfTheContract) {
  const std::string file = folder_.write("web.yaml", documents({kGood, kBad, kService}));
  const auto ran = run({"check", file, "-o", "json"});
  EXPECT_EQ(ran.status, 1);
  const Json json = Json::parse(ran.output);
  EXPECT_THAT(keys_of(json), ElementsAre("schemaVersion", "template", "resources", "summary"));
  EXPECT_EQ(json.at("schemaVersion"), 1);
  EXPECT_THAT(json.at("template").get<std::string>(), MatchesRegex("restricted@v1\\.[0-9]+"));
  EXPECT_EQ(json.at("summary").dump(),
            R"({"resources":3,"passed":1,"failed":1,"errors":0,"skipped":1,"findings":1})");
  ASSERT_EQ(json.at("resources").size(), 3U);

  const Json& good = json.at("resources")[0];
  EXPECT_THAT(keys_of(good), ElementsAre("source", "apiVersion", "kind", "namespace", "name",
                                         "verdict", "findings", "patch"));
  EXPECT_EQ(good.at("source"), Json({{"file", file}, {"document", 0}, {"line", 1}}));
  EXPECT_THAT(keys_of(good.at("source")), ElementsAre("file", "document", "line"));
  EXPECT_EQ(good.at("apiVersion"), "v1");
  EXPECT_EQ(good.at("kind"), "Pod");
  EXPECT_EQ(good.at("namespace"), "shop");
  EXPECT_EQ(good.at("name"), "good");
  EXPECT_EQ(good.at("verdict"), "pass");
  EXPECT_EQ(good.at("findings"), Json::array());
  EXPECT_EQ(good.at("patch"), Json::array());

  const Json& bad = json.at("resources")[1];
  EXPECT_EQ(bad.at("source"), Json({{"file", file}, {"document", 1}, {"line", 15}}));
  EXPECT_EQ(bad.at("namespace"), "");
  EXPECT_EQ(bad.at("verdict"), "fail");
  ASSERT_EQ(bad.at("findings").size(), 1U);
  const Json& finding = bad.at("findings")[0];
  EXPECT_THAT(keys_of(finding), ElementsAre("check", "severity", "container", "field", "path",
                                            "line", "column", "message", "remedy", "references",
                                            "patch", "endLine", "endColumn", "fingerprint"));
  EXPECT_EQ(finding.at("check"), "privileged");
  EXPECT_EQ(finding.at("container"), "app");
  EXPECT_EQ(finding.at("field"), "spec.template.spec.containers[0].securityContext.privileged");
  EXPECT_EQ(finding.at("path"), "/spec/template/spec/containers/0/securityContext/privileged");
  EXPECT_EQ(finding.at("line"), 30);
  EXPECT_EQ(finding.at("column"), 23);
  EXPECT_TRUE(finding.at("message").is_string());
  EXPECT_TRUE(finding.at("remedy").is_string());
  ASSERT_FALSE(finding.at("references").empty());
  for (const Json& reference : finding.at("references"))
    EXPECT_THAT(keys_of(reference), ElementsAre("standard", "section"));
  ASSERT_FALSE(finding.at("patch").empty());
  for (const Json& step : finding.at("patch")) {
    EXPECT_TRUE(step.contains("op"));
    EXPECT_THAT(step.at("path").get<std::string>(),
                StartsWith("/spec/template/spec/containers/0/securityContext"));
  }

  const Json& skipped = json.at("resources")[2];
  EXPECT_EQ(skipped.at("verdict"), "skipped");
  EXPECT_EQ(skipped.at("kind"), "Service");
  EXPECT_EQ(skipped.at("findings"), Json::array());
}

// A finding's patch mends it alone, the resource's all of them; what has no edit stays.
TEST_F(CheckCommand, PatchesMakeItPass) {
  constexpr std::string_view kHead = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},)";
  for (const std::string spec :
       {R"("spec":{"containers":[{"name":"a","image":"a"}]}})",
        R"("spec":{"containers":[{"name":"a","securityContext":null},{"name":"b"}],
           "initContainers":[{"name":"c","securityContext":{"capabilities":null}}],
           "securityContext":null}})",
        R"("spec":{"hostPID":true,"hostNetwork":true,"automountServiceAccountToken":true,
           "securityContext":{"runAsUser":0,"runAsNonRoot":false,"fsGroup":0,
             "supplementalGroups":[0,5,0,2000,0],"seccompProfile":{"type":"Unconfined"},
             "sysctls":[{"name":"a","value":"1"},{"name":"kernel.shm_rmid_forced","value":"1"},
                        {"name":"b","value":"1"}],
             "seLinuxOptions":{"user":"u","role":"r","type":"t"}},
           "containers":[{"name":"a","ports":[{"hostPort":1},{"hostPort":2}],
             "securityContext":{"privileged":true,"allowPrivilegeEscalation":true,"runAsUser":0,
               "procMount":"Unmasked","capabilities":{"add":["SYS_ADMIN","CHOWN"],"drop":["X"]}},
             "livenessProbe":{"httpGet":{"host":"h","port":1}},
             "volumeMounts":[{"name":"v","mountPath":"/m","mountPropagation":"Bidirectional"}]}],
           "volumes":[{"name":"v","configMap":{}},{"name":"h","hostPath":{"path":"/"}}]}})"})
    for (const char* policy : {"baseline", "restricted", "least-privilege", "baseline@v1.7"}) {
      SCOPED_TRACE(policy + spec);
      const auto pod = nlohmann::json::parse(std::string(kHead) + spec);
      const auto before = json_of(pod.dump(), {"-t", policy}).at("resources")[0];
      const auto patched = [&](const Json& patch) {
        const auto after = pod.patch(nlohmann::json::parse(patch.dump())).dump();
        return json_of(after, {"-t", policy}).at("resources")[0].at("findings");
      };
      std::size_t left = 0;
      for (const Json& finding : before.at("findings")) {
        if (finding.at("patch").empty())
          ++left;
        else
          EXPECT_LT(patched(finding.at("patch")).size(), before.at("findings").size());
      }
      const Json after = patched(before.at("patch"));
      EXPECT_EQ(after.size(), left) << after.dump(1);
      for (const Json& finding : after) EXPECT_TRUE(finding.at("patch").empty()) << finding;
    }
}

// No wrong type may end the run, for then the other files go unjudged.
TEST_F(CheckCommand, GoesOnAfterAWrongType) {
  for (const std::string spec :
       {"{containers: [{name: a, securityContext: foo}]}",
        "{containers: [{name: a, securityContext: []}]}", "{containers: [foo]}",
        "{containers: {a: b}}", "{containers: [{name: a}], securityContext: 5}",
        "{containers: [{name: a, securityContext: {capabilities: x}}]}",
        "{securityContext: {seccompProfile: Unconfined}, containers: [{name: a}]}",
        "{securityContext: {sysctls: foo, supplementalGroups: 1}}", "text", "[]", "5"}) {
    SCOPED_TRACE(spec);
    const std::string wrong = "apiVersion: v1\nkind: Pod\nspec: " + spec + "\n";
    for (const char* policy : {"restricted", "least-privilege", "baseline@v1.7"}) {
      const auto json = json_of(documents({wrong, kBad}), {"-t", policy});
      ASSERT_EQ(json.at("resources").size(), 2U);
      const auto& resource = json.at("resources")[0];
      EXPECT_EQ(resource.at("findings")[0].at("check"), "unreadable-field");
      const auto pod = nlohmann::json::parse(yaml_to_json(wrong));
      EXPECT_NO_THROW(pod.patch(nlohmann::json::parse(resource.at("patch").dump())));
      for (const Json& finding : resource.at("findings"))
        EXPECT_NO_THROW(pod.patch(nlohmann::json::parse(finding.at("patch").dump())));
    }
  }
}

TEST_F(CheckCommand, SkipsWhatHasNoPodAndNamesIt) {
  const auto ran = check(documents({kGood, kService}));
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.output, HasSubstr("skip Service web"));
  EXPECT_THAT(ran.output, HasSubstr("1 passed, 0 failed, 1 skipped; 0 findings"));
  EXPECT_EQ(check(documents({kGood, kService}), {"--fail-on-skipped"}).status, 1);
  EXPECT_EQ(check(documents({kGood, kService}), {"--fail-on-skipped=false"}).status, 0);
  expect_refusal(check("", {"--fail-on-skipped=maybe"}), {"--fail-on-skipped: ", "true,false"});
}

// Charts, patches of kustomize and plays of Ansible lie beside manifests.
TEST_F(CheckCommand, SkipsWhatIsNoKubernetesObjectAndNamesIt) {
  const std::string others = "just: a document\n---\n- {op: remove, path: "
                             "/spec}\n---\ntext\n---\nkind: 3\n---\nmetadata: foo\n";
  const auto ran = check(others);
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, HasSubstr("skip document <stdin>:3: it is no Kubernetes object"));
  EXPECT_THAT(ran.output, HasSubstr("0 passed, 0 failed, 5 skipped; 0 findings"));
  EXPECT_EQ(check(others, {"--fail-on-skipped"}).status, 1);
}

TEST_F(CheckCommand, OpensLists) {
  const std::string list = R"(apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: a, securityContext: {privileged: true}}]}}
- {apiVersion: v1, kind: Service, metadata: {name: two}}
)";
  const Json json = json_of(list, {"-t", "baseline"});
  ASSERT_EQ(json.at("resources").size(), 2U);
  const Json& one = json.at("resources")[0];
  EXPECT_EQ(one.at("name"), "one");
  EXPECT_EQ(one.at("source").at("line"), 4);
  EXPECT_EQ(one.at("findings")[0].at("line"), 4);
  EXPECT_EQ(one.at("findings")[0].at("patch")[0].at("path").get<std::string>().substr(0, 8),
            "/items/0");
  EXPECT_EQ(json.at("resources")[1].at("verdict"), "skipped");
  const std::string typed = R"({"apiVersion":"apps/v1","kind":"DeploymentList","items":[]})";
  EXPECT_EQ(check(typed).status, 0);
}

TEST_F(CheckCommand, ReadsFilesAndFoldersInOrder) {
  folder_.write("b/two.yml", kGood);
  folder_.write(
      "b/one.json",
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"containers":[]}})");
  folder_.write("b/deeper/three.yaml", documents({kBad, kGood}));
  folder_.write("b/notes.txt", "not: [a manifest");
  const std::string single = folder_.write("a.txt", kGood);  // named, so it is read
  const auto ran = run({"check", folder_ / "b", single, "-t", "baseline", "-o", "json"});
  EXPECT_EQ(ran.status, 1) << ran.errors;
  const Json json = Json::parse(ran.output);
  std::vector<std::string> files;
  for (const Json& resource : json.at("resources"))
    files.push_back(resource.at("source").at("file"));
  EXPECT_THAT(files, ElementsAre(folder_ / "b/deeper/three.yaml", folder_ / "b/deeper/three.yaml",
                                 folder_ / "b/one.json", folder_ / "b/two.yml", single));
  EXPECT_EQ(json.at("resources")[1].at("source").at("document"), 1);
}

TEST_F(CheckCommand, NamesThePlaceOfASyntaxError) {
  const std::string file =
      folder_.write("broken.yaml", "apiVersion: v1\nkind: Pod\nspec: [a\nb: c\n");
  const auto ran = run({"check", file});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.errors, MatchesRegex("plimsoll: [^\n]*broken\\.yaml:[34]:[0-9]+: [^\n]+\n"));
  EXPECT_THAT(ran.output, HasSubstr("1 error"));
  const auto tab = check("a:\n\tb: c\n");
  EXPECT_EQ(tab.status, 2);
  EXPECT_THAT(tab.errors, HasSubstr(":2:"));
}

// One file that cannot be read must not hide what is wrong with another.
TEST_F(CheckCommand, GoesOnAfterAnError) {
  const std::string broken = folder_.write("1.yaml", "a: [\n"), bad = folder_.write("2.yaml", kBad);
  const auto ran = run({"check", broken, folder_ / "missing.yaml", bad, "-o", "json"});
  EXPECT_EQ(ran.status, 2);
  const Json json = Json::parse(ran.output);
  EXPECT_EQ(json.at("summary").at("errors"), 2);
  EXPECT_EQ(json.at("summary").at("failed"), 1);
  EXPECT_EQ(json.at("resources")[0].at("verdict"), "error");
  EXPECT_NE(json.at("resources")[0].at("reason"), "");
  EXPECT_THAT(ran.errors, HasSubstr("missing.yaml: cannot be read: No such file"));
}

TEST_F(CheckCommand, DeniesAFieldOfTheWrongType) {
  const auto ran =
      check("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {hostNetwork: \"true\"}\n",
            {"-t", "baseline"});
  EXPECT_EQ(ran.status, 1) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("<stdin>:4:21: "));
}

TEST_F(CheckCommand, JudgesAsTheApiServerWouldStoreIt) {
  // A volume without a source is an emptyDir there.
  EXPECT_EQ(check(std::string(kGood) + "  volumes: [{name: tmp}]\n").status, 0);
}

TEST_F(CheckCommand, HasNothingToSayOfNothing) {
  EXPECT_THAT(check("---\n# only words\n---\n").output, HasSubstr("0 resources"));
  std::filesystem::create_directory(folder_ / "empty");
  const auto ran = run({"check", folder_ / "empty"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.errors, "plimsoll: " + (folder_ / "empty") +
                            ": holds no file that ends in .yaml, .yml or .json; name the files, or "
                            "pipe them in with -\n");
}

// `helm template | plimsoll check -` must not pass because helm has failed.
TEST_F(CheckCommand, FailsWhenNothingComesIn) {
  for (const char* nothing : {"", "\n", " \r\n\t\n"}) {
    const auto ran = check(nothing);
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.errors, MatchesRegex("plimsoll: <stdin>: is empty; [^\n]+\n"));
    EXPECT_THAT(ran.output, HasSubstr("1 error"));
  }
}

TEST_F(CheckCommand, FailsWhenStandardInputCannotBeRead) {
  for (const auto& [from, why] :
       {std::pair("</", "<stdin>: is a folder, not a file"),
        std::pair("<&-", "<stdin>: cannot be read: Bad file descriptor")}) {
    const auto [status, output] = run_in_shell(std::string("check - 2>&1 >/dev/null ") + from);
    EXPECT_EQ(status, 2) << from;
    EXPECT_EQ(output, std::string("plimsoll: ") + why + "\n");
  }
}

TEST_F(CheckCommand, ReadsNoMoreThanAManifestHas) {
  const auto ran = run({"check", "/dev/zero"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.errors, "plimsoll: /dev/zero: has more than 33554432 bytes; split it\n");
}

TEST_F(CheckCommand, NamesWhatItCannotReadInAFolderAndGoesOn) {
  folder_.write("f/a.YAML", kGood);
  folder_.write("f/b.Yml", kGood);
  folder_.write("f/sub/z.yaml", kBad);
  folder_.write("f/closed/x.yaml", kBad);
  namespace fs = std::filesystem;
  fs::create_symlink("loop.yaml", folder_ / "f/loop.yaml");
  fs::create_symlink("nowhere", folder_ / "f/gone.yaml");
  fs::create_symlink("../sub/z.yaml", folder_ / "f/sub/linked.yaml");
  fs::create_symlink("..", folder_ / "f/sub/back");
  fs::create_directory(folder_ / "f/folder.yaml");
  fs::create_symlink("sub", folder_ / "f/folder-too.yaml");
  fs::permissions(folder_ / "f/closed", fs::perms::none);
  const auto ran = run({"check", folder_ / "f", "-o", "json"});
  EXPECT_EQ(ran.status, 2);
  const Json json = Json::parse(ran.output);
  std::vector<std::string> seen;
  for (const Json& resource : json.at("resources"))
    seen.push_back(
        resource.at("source").at("file").get<std::string>().substr(folder_.path().size() + 2) +
        " " + resource.at("verdict").get<std::string>());
  const bool root = geteuid() == 0;  // to whom nothing is closed
  EXPECT_THAT(seen, ElementsAre("/a.YAML pass", "/b.Yml pass",
                                root ? "/closed/x.yaml fail" : "/closed error", "/gone.yaml error",
                                "/loop.yaml error", "/sub/linked.yaml fail", "/sub/z.yaml fail"));
  EXPECT_THAT(ran.errors, HasSubstr("f/gone.yaml: cannot be read: No such file"));
  EXPECT_THAT(ran.errors, HasSubstr("f/loop.yaml: cannot be read: Too many levels"));
  fs::permissions(folder_ / "f/closed", fs::perms::owner_all);
}

TEST_F(CheckCommand, TakesNamesAsTheyAre) {
  folder_.write("[id]/[a,b].yaml", kBad);
  const auto ran = run_in_shell("check '[id]' '[id]/[a,b].yaml'", folder_.path());
  EXPECT_EQ(ran.status, 1) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("2 resources"));
}

TEST_F(CheckCommand, SendsAChartToHelm) {
  for (const char* chart :
       {"{{- if .Values.web }}\na: 1\n{{- end }}\n", "a:\n  b: {{ .Values.b }}\n"}) {
    const auto ran = check(chart);
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.errors,
                HasSubstr("; render the chart first: `helm template CHART | plimsoll check -`\n"));
  }
  EXPECT_THAT(check("a: [\n").errors, Not(HasSubstr("helm")));
}

TEST_F(CheckCommand, WritesSeveralFormatsAtOnce) {
  const std::string file = folder_ / "report.json";
  const auto ran = check(std::string(kBad), {"-o", "text", "-o", "json=" + file});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.output, HasSubstr("fail Deployment web"));
  EXPECT_EQ(Json::parse(text_of(file)).at("summary").at("failed"), 1);
}

TEST_F(CheckCommand, RefusesAWrongOutput) {
  for (const char* output : {"xml", "json=", "=file", ""})
    expect_refusal(check(std::string(kGood), {"-o", output}), {"--output: ", "formats are"});
  expect_refusal(check(std::string(kGood), {"-o", "json=" + (folder_ / "no/such/folder")}),
                 {(folder_ / "no/such/folder") + ": cannot be written: No such file or directory"});
  expect_refusal(check(std::string(kGood), {"-o", "json=" + folder_.path()}),
                 {folder_.path() + ": cannot be written: Is a directory"});
}

TEST_F(CheckCommand, WritesAFileWholeOrNotAtAll) {
  const auto write = [&](const std::string& file) {
    return check(std::string(kGood), {"-o", "json=" + file});
  };
  const std::string file = folder_.write("out/report.json", "old"), link = folder_ / "out/link";
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  std::filesystem::create_symlink("report.json", link);
  EXPECT_EQ(write(link).status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_TRUE(Json::accept(text_of(file)));
  EXPECT_EQ(mode_of(file), 0640U);
  EXPECT_EQ(write(folder_ / "out/new.json").status, 0);
  EXPECT_EQ(mode_of(folder_ / "out/new.json") & 0400U, 0400U);
  EXPECT_THAT(names_in(folder_ / "out"), ElementsAre("link", "new.json", "report.json"));
  const auto full = write("/dev/full");
  expect_refusal(full, {"/dev/full: cannot be written: No space left on device"});
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
  EXPECT_TRUE(Json::accept(write("/dev/stdout").output));
}

TEST_F(CheckCommand, SaysTheSameEachTime) {
  const std::string input = documents({kBad, kService, kGood});
  EXPECT_EQ(check(input, {"-t", "least-privilege"}).output,
            check(input, {"-t", "least-privilege"}).output);
}

TEST_F(CheckCommand, PrintsNothingThatMovesACursor) {
  const auto ran = check(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a\\e[31mb\\nc\"}\nspec: {hostPID: true}\n");
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.output.find('\x1b'), std::string::npos);
  EXPECT_THAT(ran.output, HasSubstr("\\x1b"));
}

// --- colour --------------------------------------------------------------------------------------

TEST_F(CheckCommand, IsColouredOnATerminalOnly) {
  const std::string file = folder_.write("web.yaml", kBad);
  const std::string escape = "\x1b[";
  EXPECT_THAT(run({"check", file}).output, Not(HasSubstr(escape)));
  EXPECT_THAT(run_on_terminal({"check", file}), HasSubstr(escape));
  EXPECT_THAT(run_on_terminal({"check", file}, {"NO_COLOR=1"}), Not(HasSubstr(escape)));
  EXPECT_THAT(run_on_terminal({"check", file}, {"TERM=dumb"}), Not(HasSubstr(escape)));
  // Source: no-color.org: only when it is not empty.
  EXPECT_THAT(run_on_terminal({"check", file}, {"NO_COLOR="}), HasSubstr(escape));
  for (const auto& command :
       std::vector<std::vector<std::string>>{{"checks"},
                                             {"explain", "privileged"},
                                             {"templates", "list"},
                                             {"templates", "show", "restricted"}}) {
    EXPECT_THAT(run(command).output, Not(HasSubstr(escape)));
    EXPECT_THAT(run_on_terminal(command), HasSubstr(escape));
    EXPECT_THAT(run_on_terminal(command, {"NO_COLOR=1"}), Not(HasSubstr(escape)));
  }
}

TEST_F(CheckCommand, NeverColoursAFile) {
  const std::string file = folder_.write("web.yaml", kBad), out = folder_ / "out.txt";
  run_on_terminal({"check", file, "-o", "text=" + out});
  EXPECT_THAT(text_of(out), HasSubstr("fail Deployment web"));
  EXPECT_THAT(text_of(out), Not(HasSubstr("\x1b[")));
}

// --- checks, explain -----------------------------------------------------------------------------

TEST(Cli, ListsEveryCheck) {
  const auto text = run({"checks"});
  EXPECT_EQ(text.status, 0);
  const auto json = run({"checks", "-o", "json"});
  EXPECT_EQ(json.status, 0);
  const Json all = Json::parse(json.output);
  EXPECT_EQ(all.size(), catalogue().size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].at("id").get<std::string>(), catalogue()[i]->id);
    EXPECT_EQ(all[i].at("fix").get<bool>(), catalogue()[i]->fix != nullptr);
    EXPECT_THAT(text.output, HasSubstr(std::string(catalogue()[i]->id)));
    EXPECT_THAT(text.output, HasSubstr(std::string(catalogue()[i]->title)));
  }
}

TEST(Cli, ExplainsEveryCheck) {
  for (const Check* check : catalogue()) {
    const auto ran = run({"explain", std::string(check->id)});
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.output, StartsWith(std::string(check->id)));
    for (const char* part : {"\nWhy\n", "\nWhat to do\n", "\nA pod that fails\n",
                             "\nA pod that passes\n", "\nReferences\n"})
      EXPECT_THAT(ran.output, HasSubstr(part)) << check->id;
    EXPECT_EQ(ran.output.find("--allow-risky` makes") != std::string::npos, !check->risk.empty());
    for (const auto& param : check->params)
      EXPECT_THAT(ran.output, HasSubstr("  " + std::string(param.name) + " ("));
  }
}

TEST(Cli, ExplainsWhatIsNotInTheCatalogue) {
  const auto ran = run({"explain", "unreadable-field"});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  EXPECT_THAT(ran.output, StartsWith("unreadable-field  (critical)\n"));
  EXPECT_THAT(ran.output, Not(HasSubstr("References")));
}

TEST(Cli, ExplainsWhatAFixMayBreak) {
  const auto ran = run({"explain", "read-only-root-filesystem"});
  EXPECT_THAT(ran.output, HasSubstr("`plimsoll fix --allow-risky` makes the change"));
  EXPECT_THAT(ran.output, HasSubstr("also mounts an emptyDir at /tmp,\n  which is all"));
  EXPECT_THAT(ran.output, HasSubstr("\nA pod that fails\n    containers:\n"));
  EXPECT_THAT(run({"explain", "privileged"}).output,
              HasSubstr("`plimsoll fix` makes the change.\n\n"));
  EXPECT_THAT(run({"explain", "host-path"}).output, HasSubstr("Only a person can decide.\n\n"));
}

TEST(Cli, ExplainsItemsOfBench) {
  for (const char* id : {"cis-docker-5.5", "5.5"}) {
    const auto ran = run({"explain", id});
    EXPECT_EQ(ran.status, 0) << ran.errors;
    EXPECT_THAT(ran.output, StartsWith("cis-docker-5.5  (critical)\n"));
    EXPECT_THAT(ran.output, HasSubstr("\n\nReferences\n  CIS Docker 1.6.0: 5.5\n"));
    EXPECT_THAT(ran.output, Not(HasSubstr("A pod that")));
  }
}

TEST(Cli, ExplainsNothingThatItDoesNotKnow) {
  for (const char* id : {"nix", "", "Privileged", "privileged ", "a\nb", "5.99", "5"})
    expect_refusal(run({"explain", id}), {"there is no check", "plimsoll checks"});
}

// --- templates -----------------------------------------------------------------------------------

TEST(Cli, ListsTemplates) {
  const auto ran = run({"templates", "list"});
  EXPECT_EQ(ran.status, 0);
  for (const char* name : {"baseline", "least-privilege", "privileged", "restricted"})
    EXPECT_THAT("\n" + ran.output, HasSubstr("\n" + std::string(name) + " "));
}

TEST(Cli, ShowsWhatATemplateAsksAtAVersion) {
  const auto now = run({"templates", "show", "restricted"});
  EXPECT_EQ(now.status, 0);
  EXPECT_THAT(now.output, StartsWith("restricted@v1."));
  EXPECT_THAT(now.output, HasSubstr("\ndrop-all "));
  EXPECT_THAT(now.output, HasSubstr(" of baseline"));
  const auto then = run({"templates", "show", "restricted@v1.7"});
  EXPECT_THAT(then.output, StartsWith("restricted@v1.7\n"));
  EXPECT_THAT(then.output, Not(HasSubstr("\ndrop-all ")));
  EXPECT_THAT(run({"templates", "show", "privileged"}).output, HasSubstr("It asks nothing."));
  expect_refusal(run({"templates", "show", "nix"}), {"nix", "use one of"});
  expect_refusal(run({"templates", "show", "restricted@x"}), {"restricted@x", "v1.31"});
}

TEST(Cli, ShowsAndLintsOwnTemplates) {
  const Folder folder;
  const std::string file = folder.write(
      "own.yaml",
      "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nmetadata: {name: own}\n"
      "spec:\n  extends: restricted\n  rules:\n  - check: capabilities-add\n"
      "    params: {allowed: [NET_ADMIN, CHOWN]}\n");
  const auto shown = run({"templates", "show", "own", "--templates", file});
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("since v1.0 of own"));
  EXPECT_THAT(shown.output, HasSubstr("allowed: NET_ADMIN, CHOWN"));
  EXPECT_THAT(run({"templates", "list", "--templates", file}).output, HasSubstr("own "));
  const auto linted = run({"templates", "lint", file});
  EXPECT_EQ(linted.status, 0);
  EXPECT_THAT(linted.output, HasSubstr(file));
  expect_refusal(run({"templates", "lint", folder / "missing.yaml"}), {"cannot be read"});
}

// --- completion ----------------------------------------------------------------------------------

TEST(Cli, CompletesInEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto ran = run({"completion", shell});
    EXPECT_EQ(ran.status, 0);
    for (const char* word : {"serve", "check", "templates", "completion", "tls-cert"})
      EXPECT_THAT(ran.output, HasSubstr(word)) << shell;
  }
}

/// A completion script, and what its shell makes of it.
class Completion {
 public:
  explicit Completion(const std::string& shell) : shell_(shell) {
    folder_.write("script", run({"completion", shell}).output);
  }
  [[nodiscard]] bool installed() const { return shows("true").status == 0; }
  /// Whether the shell can read the script. There is always a bash.
  [[nodiscard]] bool parses() const {
    return run_in_shell("version >/dev/null; " + shell_ + " -n '" + (folder_ / "script") + "'")
               .status == 0;
  }
  /// What the shell prints, having read the script.
  [[nodiscard]] Shown shows(const std::string& then) const {
    const std::string file =
        folder_.write("then", "source '" + (folder_ / "script") + "' 2>/dev/null\n" + then);
    return run_in_shell("version >/dev/null; " + shell_ + " '" + file + "'");
  }

 private:
  const std::string shell_;
  const Folder folder_;
};

struct Completed {
  std::vector<std::string> words;  ///< the last one is being typed
  std::vector<std::string> has, has_not;
};

const std::vector<Completed>& completed() {
  static const std::vector<Completed> kRows = {
      {{"exp"}, {"explain"}, {"check"}},
      {{""}, {"serve", "templates"}, {"show", "--help"}},
      {{"serve", "--tls"}, {"--tls-cert", "--tls-key"}, {"--listen"}},
      {{"templates", ""}, {"list", "show", "lint"}, {"restricted", "serve"}},
      {{"templates", "show", ""}, {"restricted", "least-privilege"}, {"list", "--templates"}},
      {{"templates", "show", "--t"}, {"--templates"}, {"--tls-cert"}},
      {{"explain", "sec"}, {"seccomp", "seccomp-annotations"}, {"privileged"}},
      {{"completion", ""}, {"bash", "zsh", "fish"}, {"serve"}},
      {{"check", "-t", "res"}, {"restricted"}, {"baseline"}},
      {{"check", "--fail"}, {"--fail-on-skipped"}, {"--tls-cert"}},
      {{"health", "--m"}, {"--management"}, {"--listen"}},
  };
  return kRows;
}

void expect_completed(const Completed& row, const std::string& output) {
  SCOPED_TRACE(::testing::PrintToString(row.words) + " " + output);
  std::string words = " " + output + " ";
  std::ranges::replace(words, '\n', ' ');
  for (const auto& word : row.has) EXPECT_THAT(words, HasSubstr(" " + word + " "));
  for (const auto& word : row.has_not) EXPECT_THAT(words, Not(HasSubstr(" " + word + " ")));
}

std::string in_quotes(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += " '" + word + "'";
  return text;
}

TEST(Completion, InBash) {
  const Completion bash("bash");
  EXPECT_TRUE(bash.parses());
  const auto complete = [&](const std::vector<std::string>& words) {
    return bash
        .shows("COMP_WORDS=(plimsoll" + in_quotes(words) + "); COMP_CWORD=" +
               std::to_string(words.size()) + "; _plimsoll; printf '%s' \"${COMPREPLY[*]}\"")
        .output;
  };
  for (const auto& row : completed()) expect_completed(row, complete(row.words));
  // With nothing of its own to offer it leaves files to bash.
  for (const std::vector<std::string>& words : {std::vector<std::string>{"check", ""},
                                                {"check", "-t", "restricted", ""},
                                                {"certs", ""},
                                                {"templates", "lint", ""},
                                                {"templates", "show", "--templates", ""},
                                                {"serve", "--config", ""}})
    EXPECT_EQ(complete(words), "") << ::testing::PrintToString(words);
  EXPECT_THAT(bash.shows("complete -p plimsoll").output, HasSubstr("-o default"));
}

TEST(Completion, InZsh) {
  const Completion zsh("zsh");
  ASSERT_TRUE(zsh.installed()) << "scripts/setup installs it";
  EXPECT_TRUE(zsh.parses());
  for (const auto& row : completed()) {
    const auto shown =
        zsh.shows("compadd() { shift; print -rn -- \"$*\" }; _files() {}; words=(plimsoll" +
                  in_quotes(row.words) + "); CURRENT=" + std::to_string(row.words.size() + 1) +
                  "; _plimsoll");
    EXPECT_EQ(shown.status, 0);
    // It is compadd that leaves out what does not begin with the word.
    Completed all = row;
    if (!row.words.back().empty() && row.words.back() != "--t") all.has_not.clear();
    expect_completed(all, shown.output);
  }
}

TEST(Completion, InFish) {
  const Completion fish("fish");
  ASSERT_TRUE(fish.installed()) << "scripts/setup installs it";
  EXPECT_TRUE(fish.parses());
  for (auto row : completed()) {
    if (row.words.size() > 1 && row.words[1] == "-t") continue;  // only `--template` there
    std::string line = "plimsoll";
    for (const auto& word : row.words) line += " " + word;
    expect_completed(row, fish.shows("complete -C '" + line + "' | string split -f1 \\t").output);
  }
}

}  // namespace
}  // namespace plimsoll::app
