// `plimsoll serve`, as a process.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "app/command.h"
#include "app/fake_api.h"
#include "app/registered.h"
#include "kube/api_server.h"
#include "server/certificates.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using nlohmann::json;
using server::testing::text_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string review(const std::string& name) {
  return text_of(std::string(PLIMSOLL_SOURCE_DIR) + "/examples/reviews/" + name + ".json");
}

std::string review_in(const std::string& name, const std::string& namespace_name) {
  json all = json::parse(review(name));
  all["request"]["namespace"] = namespace_name;
  return all.dump();
}

/// One line on stderr that begins with `plimsoll: ` and says all of these; exit status 2.
void expect_refusal(const Ran& ran, const std::vector<std::string>& says) {
  EXPECT_EQ(ran.status, 2) << ran.errors;
  EXPECT_EQ(ran.output, "");
  EXPECT_THAT(ran.errors, StartsWith("plimsoll: "));
  EXPECT_EQ(std::ranges::count(ran.errors, '\n'), 1) << ran.errors;
  for (const auto& part : says) EXPECT_THAT(ran.errors, HasSubstr(part));
}

class Serve : public ::testing::Test {
 protected:
  Serve() { make_certificates(); }

  void make_certificates() const {
    const auto made = run({"certs", folder_.path(), "--host", "localhost", "--host", "127.0.0.1"});
    EXPECT_EQ(made.status, 0) << made.errors;
  }
  std::vector<std::string> with(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"--tls-cert", folder_ / "tls.crt", "--tls-key",
                                    folder_ / "tls.key"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string configuration(const std::string& rest) const {
    return folder_.write("config.yaml",
                         "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n" + rest);
  }
  Ran refused(const std::vector<std::string>& flags) const {
    auto all = with(flags);
    // Should it start after all, it must end.
    all.insert(all.begin(), {"serve", "--listen", "127.0.0.1:0", "--management", "127.0.0.1:0"});
    Process process(all);
    eventually([&] { return !process.running() || !process.errors().empty(); });
    if (process.errors().find("listening") != std::string::npos) process.kill(SIGINT);
    const int status = process.wait();
    return {status, process.output(), process.errors()};
  }
  Ran refused_configuration(const std::string& rest) const {
    return refused({"--config", configuration(rest)});
  }
  static std::string template_text(const std::string& name, const std::string& spec) {
    return "apiVersion: plimsoll.dev/v1alpha1\nkind: SecurityTemplate\nmetadata:\n  name: " + name +
           "\nspec:\n" + spec;
  }

  const Folder folder_;
};

// --- it runs -------------------------------------------------------------------------------------

TEST_F(Serve, LogsWhereItListens) {
  Serving serving(with());
  const json& line = serving.listening();
  EXPECT_THAT(line.at("address").get<std::string>(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(line.at("management").get<std::string>(), StartsWith("127.0.0.1:"));
  EXPECT_EQ(line.at("level"), "info");
  EXPECT_EQ(line.at("bindings"), 0);
  EXPECT_EQ(line.at("dryRun"), false);
  EXPECT_EQ(line.at("clientCertificates"), false);
  EXPECT_THAT(serving->errors(), HasSubstr(R"("msg":"listening","address":"127.0.0.1:)"));
  EXPECT_EQ(std::ranges::count_if(serving.log(),
                                  [](const json& l) { return l.at("msg") == "listening"; }),
            1);
  EXPECT_EQ(serving.end(), 0) << serving->errors();
}

TEST_F(Serve, Decides) {
  Serving serving(with());
  EXPECT_TRUE(serving.allows("/validate/enforce/restricted", review("compliant")));
  EXPECT_FALSE(serving.allows("/validate/enforce/restricted", review("privileged")));
  EXPECT_TRUE(serving.allows("/validate/enforce/baseline?timeout=10s", review("unhardened")));
  EXPECT_TRUE(serving.allows("/validate", review("privileged")));  // no binding
  EXPECT_EQ(serving.post("/validate/enforce/none", review("compliant")).value().status, 404);
  EXPECT_EQ(serving.post("/validate/enforce/restricted", "{").value().status, 400);
  EXPECT_EQ(serving.webhook()->ask(server::testing::get("/validate")).value().status, 405);
  EXPECT_EQ(serving.end(SIGINT), 0);
}

TEST_F(Serve, ServesAClientThatTrustsItsCa) {
  Serving serving(with());
  Client::Options options;
  options.ca = text_of(folder_ / "ca.crt");
  EXPECT_TRUE(Client(serving.listening().at("address"), options).connected());
}

TEST_F(Serve, TellsHowItIs) {
  Serving serving(with({"--bind", "enforce=baseline"}));
  for (const char* path : {"/livez", "/readyz"}) {
    const auto answer = serving.get(path);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "ok\n");
  }
  serving.post("/validate", review("privileged"));
  serving.post("/validate", "{");
  serving.webhook()->ask(server::testing::get("/nowhere"));
  const auto metrics = serving.get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->status, 200);
  EXPECT_THAT(metrics->header("content-type"), StartsWith("text/plain; version=0.0.4"));
  for (const char* line :
       {R"(plimsoll_reviews_total{scope="pod",decision="denied"} 1)",
        "plimsoll_malformed_reviews_total 1", "plimsoll_connections_accepted_total 3",
        "plimsoll_requests_refused_total 1",
        R"(plimsoll_certificate_reloads_total{result="failed"} 0)",
        "# TYPE process_resident_memory_bytes gauge"})
    EXPECT_THAT(metrics->body, HasSubstr("\n" + std::string(line) + "\n"));
  EXPECT_EQ(serving.get("/nowhere").value().status, 404);
}

TEST_F(Serve, TakesItsConfigurationFromAFile) {
  folder_.write("templates.yaml",
                template_text("no-privileged", "  rules:\n  - check: privileged\n"));
  const std::string config = configuration(
      "server:\n"
      "  tlsCert: " +
      (folder_ / "tls.crt") + "\n  tlsKey: " + (folder_ / "tls.key") + "\n" +
      "  maxBodyBytes: 20000\n  idleTimeout: 90s\n  drainDelay: 0s\n"
      "log:\n  decisions: denied\n"
      "templates: [templates.yaml]\n"  // relative to the file
      "bindings:\n"
      "- mode: enforce\n  template: no-privileged\n  excludeNamespaces: [kube-*]\n"
      "- mode: enforce\n  template: restricted\n  version: v1.30\n  namespaces: [strict-*]\n"
      "- mode: warn\n  template: baseline@latest\n");
  Serving serving({"--config", config});
  EXPECT_EQ(serving.listening().at("bindings"), 3);
  EXPECT_FALSE(serving.allows("/validate", review_in("privileged", "default")));
  EXPECT_TRUE(serving.allows("/validate", review_in("privileged", "kube-system")));
  EXPECT_TRUE(serving.allows("/validate", review_in("unhardened", "default")));
  EXPECT_FALSE(serving.allows("/validate", review_in("unhardened", "strict-1")));
  EXPECT_FALSE(serving.allows("/validate/enforce/no-privileged", review("privileged")));
  EXPECT_EQ(serving.post("/validate", std::string(20'001, ' ')).value().status, 413);
  EXPECT_TRUE(eventually([&] { return serving.logged("decision"); }));
  EXPECT_EQ(serving.end(SIGTERM), 0);
  EXPECT_EQ(
      std::ranges::count_if(serving.log(), [](const json& l) { return l.at("msg") == "decision"; }),
      3);
}

TEST_F(Serve, JudgesTheCustomResourcesOfItsConfiguration) {
  Serving serving(with(
      {"--config", configuration("server: {drainDelay: 0s}\n"
                                 "podTemplates:\n  example.com/Widget: {podSpec: spec.pod}\n")}));
  const auto about = [](const std::string& group, const std::string& kind, const json& spec) {
    json all = json::parse(review("privileged"));
    json& request = all["request"];
    request["kind"] = {{"group", group}, {"version", "v1"}, {"kind", kind}};
    request["resource"] = {{"group", group}, {"version", "v1"}, {"resource", "things"}};
    request["object"] = {{"apiVersion", group + "/v1"}, {"kind", kind}, {"spec", spec}};
    return all.dump();
  };
  const json pod = {{"hostPID", true}};
  const std::string route = "/validate/enforce/baseline";
  EXPECT_FALSE(serving.allows(route, about("example.com", "Widget", {{"pod", pod}})));
  EXPECT_TRUE(serving.allows(route, about("example.com", "Gadget", {{"pod", pod}})));
  EXPECT_FALSE(
      serving.allows(route, about("apps.kruise.io", "CloneSet", {{"template", {{"spec", pod}}}})))
      << "one that comes with Plimsoll";
  EXPECT_EQ(serving.end(SIGTERM), 0);
}

TEST_F(Serve, LetsFlagsOverrideTheFile) {
  const std::string config = configuration("dryRun: false\nlog:\n  decisions: none\n");
  Serving serving(with({"--config", config, "--dry-run", "--log-decisions", "all", "--bind",
                        "enforce=baseline,excludeNamespaces=a|b"}));
  EXPECT_EQ(serving.listening().at("dryRun"), true);
  EXPECT_TRUE(serving.allows("/validate", review_in("privileged", "default")));
  EXPECT_TRUE(eventually([&] { return serving.logged("decision"); }));
  // A flag that says no is said as well.
  const std::string dry = configuration("dryRun: true\n");
  Serving wet(with({"--config", dry, "--dry-run=false"}));
  EXPECT_EQ(wet.listening().at("dryRun"), false);
  EXPECT_FALSE(wet.allows("/validate/enforce/baseline", review("privileged")));
  EXPECT_EQ(Serving(with({"--config", dry})).listening().at("dryRun"), true);
}

TEST_F(Serve, TakesOnlyClientsOfTheClientCa) {
  const auto& ca = server::testing::test_ca();
  Serving serving(with({"--client-ca", folder_.write("client-ca.crt", ca.certificate)}));
  EXPECT_EQ(serving.listening().at("clientCertificates"), true);
  EXPECT_FALSE(serving.post("/validate", review("compliant")));
  Client::Options options;
  options.certificate = server::testing::test_client(ca);
  Client client(serving.listening().at("address"), options);
  EXPECT_EQ(client.ask(server::testing::post("/validate", review("compliant"))).value().status,
            200);
  EXPECT_EQ(serving.get("/readyz").value().status, 200);
}

TEST_F(Serve, SurvivesClientsThatVanishAndNonsense) {
  Serving serving(with({"--handshake-timeout", "200ms", "--request-timeout", "500ms"}));
  const std::string request =
      server::testing::post("/validate/enforce/restricted", review("privileged"));
  for (std::size_t part = 0; part < request.size(); part += 700) {
    const auto client = serving.webhook();
    client->send(request.substr(0, part));
    const linger abrupt{1, 0};
    setsockopt(client->socket(), SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
  }
  // Many answers that nobody takes.
  for (int i = 0; i < 5; ++i) {
    const auto client = serving.webhook();
    for (int k = 0; k < 20; ++k) client->send(request);
    client->close();
  }
  Client::Options raw;
  raw.tls = false;
  Client(serving.listening().at("address"), raw).send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(serving.allows("/validate/enforce/restricted", review("privileged")));
  EXPECT_TRUE(serving->running());
  EXPECT_EQ(serving.end(), 0) << serving->errors();
}

// --- certificates that change --------------------------------------------------------------------

TEST_F(Serve, TakesANewCertificateWithoutDroppingARequest) {
  Serving serving(with());
  const auto kept = serving.webhook();
  ASSERT_TRUE(kept->ask(server::testing::post("/validate", review("compliant"))));
  const std::string before = kept->serial();

  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::thread caller([&] {
    while (!stop) {
      const auto answer = serving.post("/validate", review("compliant"));
      if (!answer || answer->status != 200) ++failed;
    }
  });
  make_certificates();
  EXPECT_TRUE(eventually([&] { return serving.webhook()->serial() != before; }));
  EXPECT_TRUE(eventually([&] { return serving.logged("certificate reloaded"); }));
  stop = true;
  caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(kept->ask(server::testing::post("/validate", review("compliant"))));
  EXPECT_THAT(serving.get("/metrics").value().body,
              HasSubstr("\nplimsoll_certificate_reloads_total{result=\"taken\"} "));
}

TEST_F(Serve, KeepsTheOldCertificateWhenTheNewOneIsBroken) {
  Serving serving(with());
  const std::string before = serving.webhook()->serial();
  folder_.write("tls.crt", "garbage");
  EXPECT_TRUE(eventually(
      [&] { return serving.logged("certificate not reloaded; the old one goes on serving"); }));
  EXPECT_EQ(serving.webhook()->serial(), before);
  EXPECT_THAT(serving.get("/metrics").value().body,
              HasSubstr("\nplimsoll_certificate_reloads_total{result=\"failed\"} 1\n"));
  make_certificates();
  EXPECT_TRUE(eventually([&] { return serving.logged("certificate reloaded"); }));
  EXPECT_NE(serving.webhook()->serial(), before);
}

TEST_F(Serve, SurvivesACertificateThatBecomesAFolder) {
  Serving serving(with());
  std::filesystem::remove(folder_ / "tls.crt");
  std::filesystem::create_directory(folder_ / "tls.crt");
  EXPECT_TRUE(eventually([&] {
    return !serving->running() ||
           serving.logged("certificate not reloaded; the old one goes on serving");
  }));
  ASSERT_TRUE(serving->running()) << serving->errors();
  EXPECT_TRUE(serving.allows("/validate", review("compliant")));
  const auto ready = serving.get("/readyz").value();
  EXPECT_EQ(ready.status, 200);
  EXPECT_THAT(ready.body, HasSubstr("certificate not reloaded: "));
}

// --- its end -------------------------------------------------------------------------------------

TEST_F(Serve, IsUnreadyButServesWhileItDrains) {
  Serving serving(with({"--drain-delay", "10m"}));
  const auto idle = serving.webhook();
  ASSERT_TRUE(idle->ask(server::testing::post("/validate", review("compliant"))));
  serving->kill(SIGTERM);
  EXPECT_TRUE(eventually([&] {
    const auto answer = serving.get("/readyz");
    return answer && answer->status == 503;
  }));
  EXPECT_EQ(serving.get("/livez").value().status, 200);
  const auto request = server::testing::post("/validate/enforce/restricted", review("privileged"));
  // Whoever is connected, and whoever comes: each is answered, for the last time.
  const auto fresh = serving.webhook();
  for (const auto& client : {idle.get(), fresh.get()}) {
    const auto late = client->ask(request);
    ASSERT_TRUE(late);
    EXPECT_EQ(late->status, 200);
    EXPECT_TRUE(late->closes());
    EXPECT_TRUE(client->ended());
  }
  EXPECT_TRUE(serving->running());
  // A hang-up is nothing; a second signal ends the wait.
  serving->kill(SIGHUP);
  EXPECT_EQ(serving.get("/livez").value().status, 200);
  EXPECT_TRUE(serving->running());
  EXPECT_EQ(serving.end(SIGTERM), 0) << serving->errors();
  EXPECT_TRUE(serving.logged("stopped"));
}

TEST_F(Serve, FinishesARequestUnderWay) {
  Serving serving(with({"--drain-delay", "0s"}));
  const auto client = serving.webhook();
  const std::string request = server::testing::post(
      "/validate/enforce/restricted", review("privileged"), "Expect: 100-continue\r\n");
  const auto body_at = request.find("\r\n\r\n") + 4;
  ASSERT_TRUE(client->send(request.substr(0, body_at)));
  // Its word to go on shows that the request is under way.
  const auto go_on = client->any_answer();
  ASSERT_TRUE(go_on);
  ASSERT_EQ(go_on->status, 100);
  serving->kill(SIGTERM);
  EXPECT_TRUE(eventually([&] { return serving.logged("shutting down"); }));
  client->send(request.substr(body_at));
  const auto answer = client->answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(json::parse(answer->body).at("response").at("allowed"), false);
  EXPECT_EQ(serving->wait(), 0) << serving->errors();
}

TEST_F(Serve, EndsAtOnceWhenAPersonInterrupts) {
  // With SIGTERM it would be waited for longer than a test may take.
  Serving serving(with({"--drain-delay", "10m"}));
  const auto idle = serving.webhook();
  EXPECT_EQ(serving.end(SIGINT), 0) << serving->errors();
  EXPECT_TRUE(idle->ended());
}

TEST_F(Serve, TakesAHangUpForNothing) {
  Serving serving(with());
  serving->kill(SIGHUP);
  EXPECT_TRUE(serving.allows("/validate", review("compliant")));
  EXPECT_TRUE(serving->running());
  EXPECT_EQ(serving.end(), 0);
}

// --- it refuses to start -------------------------------------------------------------------------

TEST_F(Serve, RefusesWithoutACertificate) {
  expect_refusal(run({"serve"}), {"--tls-cert", "is missing", "plimsoll certs"});
  expect_refusal(run({"serve", "--tls-cert", folder_ / "tls.crt"}),
                 {"--tls-key", "is missing", "plimsoll certs"});
}

TEST_F(Serve, RefusesCertificatesThatCannotServe) {
  const std::string crt = folder_ / "tls.crt", key = folder_ / "tls.key";
  expect_refusal(run({"serve", "--tls-cert", folder_ / "nix", "--tls-key", key}),
                 {folder_ / "nix", "cannot be read", "plimsoll certs"});
  expect_refusal(run({"serve", "--tls-cert", crt, "--tls-key", folder_ / "ca.key"}),
                 {folder_ / "ca.key", "is not the key of " + crt});
  expect_refusal(run({"serve", "--tls-cert", crt, "--tls-key", crt}), {crt, "no private key"});
  expect_refusal(
      run({"serve", "--tls-cert", crt, "--tls-key", key, "--client-ca", folder_ / "nix"}),
      {folder_ / "nix", "cannot be read"});
  expect_refusal(run({"serve", "--tls-cert", folder_.path(), "--tls-key", key}),
                 {folder_.path() + ": ", "directory"});
}

TEST_F(Serve, RefusesAWrongAddress) {
  auto flags = with({"--listen", "nonsense"});
  flags.insert(flags.begin(), "serve");
  expect_refusal(run(flags), {"--listen: ", "\"nonsense\"", "HOST:PORT"});
  flags = with({"--listen", "127.0.0.1:0", "--management", "127.0.0.1:99999"});
  flags.insert(flags.begin(), "serve");
  expect_refusal(run(flags), {"--management: ", "127.0.0.1:99999", "HOST:PORT"});
}

TEST_F(Serve, RefusesWrongFlags) {
  for (const auto& [flags, says] :
       std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>>{
           {{"--idle-timeout", "5x"}, {"--idle-timeout", "5x", "250ms, 5s, 2m or 24h"}},
           {{"--idle-timeout", "0s"}, {"zero"}},
           {{"--request-timeout", "-1s"}, {"--request-timeout", "-1s"}},
           {{"--drain-delay", ""}, {"--drain-delay"}},
           {{"--max-connections", "0"}, {"range"}},
           {{"--max-connections", "x"}, {"--max-connections", "x"}},
           {{"--max-body-bytes", "1"}, {"range", "1024"}},
           {{"--log-level", "loud"}, {"loud", "debug, info, warn, error"}},
           {{"--log-decisions", "some"}, {"some", "none, denied, findings, all"}},
           {{"--bind", "enforce"}, {"--bind", "enforce", "MODE=TEMPLATE"}},
           {{"--bind", "deny=baseline"}, {"--bind", "deny", "enforce, warn or audit"}},
           {{"--bind", "enforce=baseline@1"}, {"--bind", "baseline@1"}},
           {{"--bind", "enforce=baseline,ns=x"}, {"--bind", "ns=x"}},
           {{"--bind", "enforce=nix"}, {"--bind", "nix", "use one of"}},
           {{"--templates", "/nonexistent/t.yaml"}, {"/nonexistent/t.yaml", "cannot be read"}},
           {{"--config", "/nonexistent/c.yaml"}, {"/nonexistent/c.yaml", "cannot be read"}},
           {{"--nix"}, {"--nix"}}}) {
    SCOPED_TRACE(flags[0]);
    const auto ran = refused(flags);
    EXPECT_EQ(ran.status, 2) << ran.errors;
    for (const auto& part : says) EXPECT_THAT(ran.errors, HasSubstr(part));
  }
}

// A flag's error names the flag that was given, not a field that was not.
TEST_F(Serve, NamesTheFlagThatIsOutOfRange) {
  expect_refusal(refused({"--max-body-bytes", "1"}), {"--max-body-bytes: "});
  expect_refusal(refused({"--idle-timeout", "0s"}), {"--idle-timeout: "});
  expect_refusal(refused({"--log-level", "loud"}), {"--log-level: "});
  expect_refusal(refused({"--dry-run=maybe"}), {"--dry-run: ", "true,false"});
}

TEST_F(Serve, RefusesAWrongConfiguration) {
  const std::string at = (folder_ / "config.yaml") + ":";
  for (const auto& [rest, says] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"nix: 1\n", {at + "3:", "nix: ", "use one of", "bindings"}},
           {"server:\n  nix: 1\n", {at + "4:", "server.nix: ", "use one of", "tlsCert"}},
           {"bindings:\n- mode: enforce\n  template: baseline\n  nix: 1\n",
            {at + "6:", "bindings[0].nix: ", "use one of", "namespaces"}},
           {"dryRun: yes please\n", {at + "3:", "dryRun: ", "boolean"}},
           {"dryRun: \"true\"\n", {at + "3:", "dryRun: ", "boolean"}},
           {"server: []\n", {at + "3:", "server: ", "object"}},
           {"server:\n  maxBodyBytes: many\n", {at + "4:", "server.maxBodyBytes: "}},
           {"server:\n  listen: 8443\n", {at + "4:", "server.listen: ", "string"}},
           {"server:\n  idleTimeout: 5\n",
            {at + "4:", "server.idleTimeout: ", "250ms, 5s, 2m or 24h"}},
           {"server:\n  idleTimeout: 5 s\n", {at + "4:", "server.idleTimeout: ", "5s"}},
           {"bindings:\n- mode: deny\n  template: baseline\n",
            {at + "4:", "bindings[0].mode: ", "enforce, warn or audit"}},
           {"bindings:\n- mode: enforce\n", {at + "4:", "bindings[0]: ", "template"}},
           {"bindings:\n- mode: enforce\n  template: nix\n",
            {at + "5: bindings[0].template: ", "nix", "use one of"}},
           {"bindings:\n- mode: enforce\n  template: baseline@1.31\n",
            {at + "5:", "bindings[0].template: ", "restricted@v1.31"}},
           {"bindings:\n- mode: enforce\n  template: baseline\n  version: 1.31\n",
            {at + "6:", "bindings[0].version: "}},
           {"bindings:\n- {mode: enforce, template: baseline@v1.1, version: v1.2}\n",
            {at + "4:", "bindings[0]: ", "version twice"}},
           {"bindings:\n- mode: enforce\n  template: baseline\n  namespaces: web\n",
            {at + "6:", "bindings[0].namespaces: "}},
           {"bindings:\n- mode: enforce\n  template: baseline\n  workloads: deny\n",
            {at + "6:", "bindings[0].workloads: ", "enforce or warn"}},
           {"podTemplates:\n  PyTorchJob: spec.template\n",
            {at + "4:", "podTemplates.PyTorchJob: ", "kubeflow.org/PyTorchJob"}},
           {"podTemplates:\n  a.b/C:\n  - {pod: spec}\n",
            {at + "5:", "podTemplates[a.b/C][0].pod: ", "podSpec, workflow"}},
           {"dryRun: true\ndryRun: false\n", {at + "4:", "dryRun"}},
           {"server:\n  listen: [a\n", {at}},
           {"server:\n\tlisten: a\n", {at + "4:"}},
           {"---\nkind: Configuration\napiVersion: plimsoll.dev/v1alpha1\n",
            {at, "second document"}},
           {"templates: [missing.yaml]\n",
            {at + "3: templates[0]: " + (folder_ / "missing.yaml") +
             ": cannot be read: No such file"}}}) {
    SCOPED_TRACE(rest);
    expect_refusal(refused_configuration(rest), says);
  }
}

// What is out of range has a place too.
TEST_F(Serve, RefusesAConfigurationThatIsOutOfRange) {
  const std::string at = (folder_ / "config.yaml") + ":4:";
  for (const auto& [rest, field] : std::vector<std::pair<std::string, std::string>>{
           {"server:\n  maxBodyBytes: 10\n", "server.maxBodyBytes: "},
           {"server:\n  maxConnections: 0\n", "server.maxConnections: "},
           {"server:\n  idleTimeout: 0s\n", "server.idleTimeout: "},
           {"log:\n  level: loud\n", "log.level: "},
           {"log:\n  decisions: some\n", "log.decisions: "}}) {
    SCOPED_TRACE(rest);
    expect_refusal(refused_configuration(rest), {at, field, "; use "});
  }
}

TEST_F(Serve, RefusesAFileThatIsNoConfiguration) {
  for (const std::string& text : {std::string(), std::string("hello\n"), std::string("[]\n"),
                                  std::string("{}\n"), std::string("apiVersion: v1\nkind: Pod\n"),
                                  std::string("apiVersion: plimsoll.dev/v1\nkind: Configuration\n"),
                                  std::string("\0\0\0", 3), std::string("\xff\xfe")}) {
    const std::string file = folder_.write("wrong.yaml", text);
    expect_refusal(refused({"--config", file}), {file + ":"});
  }
  expect_refusal(refused({"--config", folder_.path()}), {folder_.path(), "is a folder"});
}

TEST_F(Serve, RefusesAWrongTemplate) {
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {template_text("a", "  rules:\n  - check: nix\n"),
            {":7:", "spec.rules[0].check: ", "nix", "plimsoll checks"}},
           {template_text("a", "  rules:\n  - check: privileged\n    params: {nix: true}\n"),
            {":8:", "spec.rules[0].params.nix: "}},
           {template_text("a",
                          "  rules:\n  - check: capabilities-add\n    params: {allowed: true}\n"),
            {":8:", "spec.rules[0].params.allowed: ", "list of texts"}},
           {template_text("a", "  rules:\n  - check: capabilities-add\n    params: {allowed: 5}\n"),
            {":8:", "spec.rules[0].params.allowed"}},
           {template_text("a", "  rules:\n  - check: 5\n"), {":7:", "spec.rules[0].check: "}},
           {template_text("a", "  rules:\n  - check: privileged\n    since: 1.5\n"),
            {":8:", "spec.rules[0].since: ", "v1.25"}},
           {template_text("a", "  nix: 1\n"), {":6:", "spec.nix: ", "use one of"}},
           {template_text("Not_A_Name", "  rules: []\n"), {"metadata.name: ", "Not_A_Name"}},
           {template_text("a", "  extends: nix\n"), {"spec.extends: ", "nix", "use one of"}},
           {template_text("a", "  extends: a\n"), {"spec.extends: ", "leads back"}},
           {template_text("a", "  extends: b\n") + "---\n" + template_text("b", "  extends: a\n"),
            {"spec.extends: ", "leads back"}},
           {template_text("restricted", "  rules: []\n"),
            {"metadata.name: ", "restricted", "another name"}},
           {"apiVersion: v1\nkind: Pod\n", {"SecurityTemplate"}},
           {"", {"SecurityTemplate"}}}) {
    SCOPED_TRACE(text);
    const std::string file = folder_.write("t.yaml", text);
    std::vector<std::string> all = {file + ":"};
    all.insert(all.end(), says.begin(), says.end());
    expect_refusal(refused({"--templates", file}), all);
    expect_refusal(run({"templates", "lint", file}), all);
  }
}

// Every error of a file names its line.
TEST_F(Serve, NamesTheLineOfWhatIsWrongInATemplate) {
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {template_text("Not_A_Name", "  rules: []\n"), ":4:"},
           {template_text("a", "  extends: nix\n"), ":6:"},
           {template_text("a", "  extends: a\n"), ":6:"},
           {template_text("restricted", "  rules: []\n"), ":4:"}}) {
    const std::string file = folder_.write("t.yaml", text);
    expect_refusal(run({"templates", "lint", file}), {file + says});
  }
}

// --- certificates of its own ---------------------------------------------------------------------

class ServeSelfManaged : public Serve {
 protected:
  ServeSelfManaged()
      : server_(
            [this](kube::testing::Call& call) {
              if (forbidden_) return call.answer(403, FakeApi::refusal(403, "forbidden").body);
              const auto answer = api_.send({.method = call.method,
                                             .path = call.target,
                                             .body = call.body,
                                             .content_type = call.header("content-type")});
              call.answer(answer->status, answer->body);
            },
            kube::testing::ApiServer::Options{.tls = false}) {}

  [[nodiscard]] std::vector<std::string> flags(const std::string& validities = "") const {
    const std::string kubeconfig = folder_.write(
        "kubeconfig", "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                      "contexts: [{name: c, context: {cluster: c}}]\nclusters: [{name: c, "
                      "cluster: {server: 'http://127.0.0.1:" +
                          std::to_string(server_.port()) + "'}}]\n");
    return {"--kubeconfig", kubeconfig, "--config",
            configuration(
                "selfManaged:\n"
                "  secret: {namespace: plimsoll, name: plimsoll-certificates}\n"
                "  hosts: [localhost, plimsoll.plimsoll.svc]\n  webhookConfiguration: plimsoll\n" +
                validities)};
  }
  /// Whether a client that trusts what the API server was told to trust is served.
  [[nodiscard]] bool trusted(const Serving& serving) const {
    Client::Options options;
    options.ca = server::split_certificates(api_.bundles().at(0)).front();
    return Client(serving.listening().at("address"), options).connected();
  }

  FakeApi api_;
  std::atomic<bool> forbidden_{false};
  kube::testing::ApiServer server_;
};

TEST_F(ServeSelfManaged, IsReadyWhenTheApiServerTrustsIt) {
  api_.register_webhooks(2);
  Serving serving(flags());
  ASSERT_TRUE(eventually([&] { return serving.get("/readyz")->status == 200; }));
  EXPECT_EQ(serving.get("/readyz")->body, "ok\n");
  EXPECT_TRUE(trusted(serving));
  const std::string metrics = serving.get("/metrics")->body;
  for (const char* line :
       {"plimsoll_certificate_rotations_total 0", "plimsoll_certificate_errors_total 0"})
    EXPECT_THAT(metrics, HasSubstr("\n" + std::string(line) + "\n"));
  for (const auto& [name, certificate] :
       {std::pair{"plimsoll_certificate_expiry_seconds", api_.data().certificate},
        std::pair{"plimsoll_ca_expiry_seconds", api_.data().ca_certificate}})
    EXPECT_THAT(metrics,
                HasSubstr(fmt::format(
                    "\n{} {}\n", name,
                    server::read_certificate(certificate)->not_after.time_since_epoch().count())));
  EXPECT_TRUE(std::ranges::any_of(serving.log(), [](const json& line) {
    return line.value("msg", "") == "certificates" &&
           line.value("done", "").starts_with("Secret plimsoll/plimsoll-certificates written");
  }));
  EXPECT_EQ(serving.end(), 0);
}

TEST_F(ServeSelfManaged, IsUnreadyAndSaysWhyWhileItHasNoCertificate) {
  forbidden_ = true;
  Serving serving(flags("  servingValidity: 10s\n  caValidity: 30s\n"));
  ASSERT_TRUE(eventually(
      [&] { return serving.get("/readyz")->body.find("forbidden") != std::string::npos; }));
  EXPECT_EQ(serving.get("/readyz")->status, 503);
  EXPECT_EQ(serving.get("/livez")->status, 200);
  Client::Options any;
  EXPECT_FALSE(Client(serving.listening().at("address"), any).connected());
  forbidden_ = false;
  EXPECT_TRUE(eventually([&] { return serving.get("/readyz")->status == 200; }));
  EXPECT_EQ(serving.end(), 0);
}

TEST_F(ServeSelfManaged, ServesWithANewCertificateWithoutARestart) {
  api_.register_webhooks(1);
  Serving serving(flags("  servingValidity: 10s\n  caValidity: 30s\n"));
  ASSERT_TRUE(eventually([&] { return serving.get("/readyz")->status == 200; }));
  const std::string first = serving.webhook()->serial();
  SecretData data = api_.data();
  data.certificate.clear();
  api_.set_data(data);
  ASSERT_TRUE(eventually([&] { return serving.webhook()->serial() != first; }));
  EXPECT_TRUE(trusted(serving));
  EXPECT_EQ(serving.end(), 0);
}

// --- what is registered --------------------------------------------------------------------------

TEST_F(ServeSelfManaged, TellsThatTheRegisteredPrefilterDiffers) {
  json object = sound();
  object["webhooks"][0]["matchConditions"][1] = condition_of({"restricted", 36}, cel::Kind::Pods);
  api_.register_webhooks(object);
  Serving serving(flags());
  const auto detail = [&] { return serving.get("/readyz")->body; };
  ASSERT_TRUE(eventually([&] { return detail().find("prefilter: 1 diff") != std::string::npos; }));
  ASSERT_TRUE(eventually([&] { return serving.get("/readyz")->status == 200; }));
  EXPECT_THAT(detail(), StartsWith("ok\nprefilter: 1 difference; first: "
                                   "enforce.restricted.pods.plimsoll.dev: condition "));
  EXPECT_THAT(serving.get("/metrics")->body, HasSubstr("\nplimsoll_prefilter_differences 1\n"));
  const auto log = serving.log();
  const auto line = std::ranges::find_if(
      log, [](const json& one) { return one.contains("webhookConfiguration"); });
  ASSERT_NE(line, log.end());
  EXPECT_EQ(line->at("level"), "warning");
  EXPECT_EQ(line->at("webhookConfiguration"), "plimsoll");
  EXPECT_THAT(line->at("msg").get<std::string>(), StartsWith("the registered prefilter is not"));
  EXPECT_EQ(line->at("differences").size(), 1U);
  EXPECT_EQ(serving.end(), 0);
}

TEST_F(ServeSelfManaged, LooksAtTheRegistrationThatTheConfigurationNames) {
  api_.register_webhooks(sound());
  forbidden_ = true;
  auto all = flags();
  all.back() = configuration("webhookConfiguration: plimsoll\n");
  all = with(all);
  Serving serving(all);
  const auto detail = [&] { return serving.get("/readyz")->body; };
  ASSERT_TRUE(eventually([&] { return detail().find("not known") != std::string::npos; }));
  EXPECT_EQ(serving.get("/readyz")->status, 200);
  EXPECT_THAT(detail(), StartsWith("ok\nprefilter: not known: "));
  EXPECT_THAT(detail(), HasSubstr("forbidden"));
  EXPECT_TRUE(serving.allows("/validate/enforce/restricted", review("compliant")));
  forbidden_ = false;
  ASSERT_TRUE(eventually([&] { return detail() == "ok\n"; }));
  EXPECT_THAT(serving.get("/metrics")->body,
              HasSubstr("\nplimsoll_prefilter_entries{prefilter=\"true\"} 2\n"));
  EXPECT_EQ(serving.end(), 0);
}

TEST_F(ServeSelfManaged, RefusesWhatDoesNotGoTogether) {
  for (const char* flag : {"--tls-cert", "--tls-key"}) {
    auto all = flags();
    all.insert(all.end(), {flag, folder_ / "tls.crt"});
    all.insert(all.begin(), "serve");
    expect_refusal(run(all), {"config.yaml:3: selfManaged: ", "--tls-cert", "keep one of them"});
  }
  auto all = flags("");
  all.back() =
      configuration("selfManaged:\n  secret: {namespace: p, name: c}\n  hosts: [ok, 'https://x']\n"
                    "  webhookConfiguration: w\n");
  all.insert(all.begin(), "serve");
  expect_refusal(run(all), {"config.yaml:3: selfManaged.hosts[1]: \"https://x\" is neither a DNS "
                            "name nor an IP address"});
  expect_refusal(
      run({"serve", "--config",
           configuration("selfManaged:\n  secret: {namespace: p, name: c}\n  hosts: [ok]\n"
                         "  webhookConfiguration: w\n")}),
      {"give a kubeconfig"});
  expect_refusal(refused_configuration("webhookConfiguration: plimsoll\n"), {"give a kubeconfig"});
}

}  // namespace
}  // namespace plimsoll::app
