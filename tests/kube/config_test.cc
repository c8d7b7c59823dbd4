#include "kube/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "kube/exec_plugin.h"
#include "server/client.h"

namespace plimsoll::kube {
namespace {

using server::testing::Folder;
using ::testing::AllOf;
using ::testing::HasSubstr;

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto at = variables.find(name);
    return at == variables.end() ? "" : at->second;
  };
}
const Environment kPod =
    environment_of({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}});

std::string error_of(const Result<ClusterConfig>& config) {
  return config ? "no error" : config.error().to_string();
}

TEST(InCluster, ReadsTheServiceAccount) {
  const Folder folder;
  folder.write("token", "abc\n");
  folder.write("ca.crt", "CA");
  folder.write("namespace", "plimsoll\n");
  const auto config = in_cluster(kPod, folder.path()).value();
  EXPECT_EQ(config.server, "https://10.0.0.1:443");
  EXPECT_EQ(config.ca_file, folder / "ca.crt");
  EXPECT_EQ(config.default_namespace, "plimsoll");
  EXPECT_EQ(config.credentials->current().value().authorization, "Bearer abc");
  const auto six = in_cluster(
      environment_of({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "6443"}}),
      folder.path());
  EXPECT_EQ(six->server, "https://[fd00::1]:6443");
}

TEST(InCluster, SaysWhatIsMissing) {
  const Folder folder;
  EXPECT_THAT(error_of(in_cluster(environment_of({}), folder.path())),
              AllOf(HasSubstr("KUBERNETES_SERVICE_HOST is not set"), HasSubstr("kubeconfig")));
  EXPECT_THAT(
      error_of(in_cluster(environment_of({{"KUBERNETES_SERVICE_HOST", "a"}}), folder.path())),
      HasSubstr("KUBERNETES_SERVICE_PORT is not set"));
  EXPECT_THAT(error_of(in_cluster(kPod, folder.path())),
              AllOf(HasSubstr(folder / "token"), HasSubstr("automountServiceAccountToken")));
  folder.write("token", " \n");
  EXPECT_THAT(error_of(in_cluster(kPod, folder.path())), HasSubstr("this is not a token"));
  folder.write("token", "abc");
  EXPECT_THAT(error_of(in_cluster(kPod, folder.path())),
              AllOf(HasSubstr(folder / "ca.crt"), HasSubstr("automountServiceAccountToken")));
}

TEST(FileCredentials, KeepWhatWasReadWhileAFileCannotBe) {
  const Folder folder;
  FileCredentialsSpec spec;
  spec.token.file = folder.write("token", "one");
  std::chrono::steady_clock::time_point now;
  FileCredentials credentials(spec, [&] { return now; });
  const auto token = [&] { return credentials.current().value().authorization; };
  EXPECT_EQ(token(), "Bearer one");
  std::filesystem::remove(spec.token.file);
  now += std::chrono::minutes(2);
  EXPECT_EQ(token(), "Bearer one");
  folder.write("token", "");
  now += std::chrono::minutes(2);
  EXPECT_EQ(token(), "Bearer one");
  folder.write("token", "two");
  EXPECT_EQ(token(), "Bearer one");
  // Only a refusal of what is current counts.
  Credentials old;
  old.authorization = "Bearer zero";
  credentials.refused(old);
  EXPECT_EQ(token(), "Bearer one");
  credentials.refused(credentials.current().value());
  EXPECT_EQ(token(), "Bearer two");
}

TEST(FileCredentials, ATokenIsOneLine) {
  FileCredentialsSpec spec;
  spec.token.text = "a\r\nHost: b";
  EXPECT_FALSE(FileCredentials(spec).current());
}

TEST(Base64, IsReadAndWritten) {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob\xFF", "Zm9vYv8="}};
  std::string out;
  for (const auto& [plain, encoded] : rows) {
    EXPECT_EQ(encode_base64(plain), encoded);
    EXPECT_TRUE(decode_base64(encoded, out));
    EXPECT_EQ(out, plain);
  }
  EXPECT_TRUE(decode_base64("Zm9v\nZg==\n", out));
  EXPECT_EQ(out, "foof");
  for (const char* const wrong : {"Z", "Zg=", "Zg===", "Zm9v!", "=Zg=", "Z=g="})
    EXPECT_FALSE(decode_base64(wrong, out)) << wrong;
}

// --- kubeconfig ---------------------------------------------------------------------------------

class Kubeconfig : public ::testing::Test {
 protected:
  static KubeconfigFile file(std::string json, std::string path = "/home/me/.kube/config") {
    return {path, std::filesystem::path(path).parent_path().string(), std::move(json)};
  }
  /// One context, with this cluster and user.
  static std::string with(const std::string& cluster, const std::string& user) {
    return R"({"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
"clusters":[{"name":"k","cluster":)" +
           cluster + R"(}],"users":[{"name":"u","user":)" + user + "}]}";
  }
  static Result<ClusterConfig> read(const std::string& json, std::string_view context = "") {
    const KubeconfigFile files[] = {file(json)};
    return from_kubeconfig(files, context);
  }
  static Result<ClusterConfig> user(const std::string& json) {
    return read(with(R"({"server":"https://a:1"})", json));
  }
  static Result<ClusterConfig> cluster(const std::string& json) { return read(with(json, "{}")); }
  static Credentials credentials(const Result<ClusterConfig>& config) {
    EXPECT_TRUE(config) << error_of(config);
    EXPECT_TRUE(config->credentials);
    return config->credentials->current().value();
  }
};

TEST_F(Kubeconfig, SaysWhereTheClusterIs) {
  const Folder folder;
  const std::string ca = folder.write("ca.crt", "CA");
  auto config = cluster(R"({"server":"https://a:1","certificate-authority-data":"Q0EgZGF0YQ==",
"certificate-authority":"/no/such","tls-server-name":"name","proxy-url":"http://p"})");
  ASSERT_TRUE(config) << error_of(config);
  EXPECT_EQ(config->server, "https://a:1");
  EXPECT_EQ(config->ca_pem, "CA data");
  EXPECT_EQ(config->ca_file, "");
  EXPECT_EQ(config->tls_server_name, "name");
  EXPECT_EQ(config->proxy_url, "http://p");
  EXPECT_EQ(config->origin, "/home/me/.kube/config");
  EXPECT_EQ(config->default_namespace, "default");
  EXPECT_FALSE(config->insecure_skip_tls_verify);
  EXPECT_FALSE(config->credentials);
  config = cluster(R"({"server":"https://a:1","insecure-skip-tls-verify":true})");
  EXPECT_TRUE(config->insecure_skip_tls_verify);
  const KubeconfigFile relative[] = {
      {folder / "config", folder.path(),
       with(R"({"server":"https://a:1","certificate-authority":"./ca.crt"})", "{}")}};
  EXPECT_EQ(from_kubeconfig(relative).value().ca_file, ca);
}

TEST_F(Kubeconfig, ChoosesAContext) {
  const std::string json = R"({"current-context":"one","contexts":[
{"name":"one","context":{"cluster":"k1"}},
{"name":"two","context":{"cluster":"k2","namespace":"space"}}],
"clusters":[{"name":"k1","cluster":{"server":"https://one"}},{"name":"k2","cluster":{"server":"https://two"}}]})";
  EXPECT_EQ(read(json).value().server, "https://one");
  EXPECT_EQ(read(json, "two").value().server, "https://two");
  EXPECT_EQ(read(json, "two").value().default_namespace, "space");
  EXPECT_EQ(error_of(read(json, "three")),
            "/home/me/.kube/config: there is no \"three\" in contexts; there are: one, two");
}

TEST_F(Kubeconfig, KnowsTheWaysToProveWhoOneIs) {
  EXPECT_EQ(credentials(user(R"({"token":"abc"})")).authorization, "Bearer abc");
  EXPECT_EQ(credentials(user(R"({"username":"me","password":"pw"})")).authorization,
            "Basic bWU6cHc=");
  const Folder folder;
  folder.write("t", "from file\n");
  EXPECT_EQ(credentials(user(R"({"token":"abc","tokenFile":")" + folder.path() + R"(/t"})"))
                .authorization,
            "Bearer from file");
  const auto pair = credentials(
      user(R"({"client-certificate-data":"Q0VSVA==","client-key-data":"S0VZ","token":"abc"})"));
  EXPECT_EQ(pair.client_certificate, "CERT");
  EXPECT_EQ(pair.client_key, "KEY");
  EXPECT_EQ(pair.authorization, "Bearer abc");
  folder.write("c.crt", "C");
  folder.write("c.key", "K");
  const KubeconfigFile relative[] = {
      {folder / "config", folder.path(),
       with(R"({"server":"https://a"})",
            R"({"client-certificate":"c.crt","client-key":"c.key"})")}};
  const auto files = from_kubeconfig(relative).value().credentials->current().value();
  EXPECT_EQ(files.client_certificate + files.client_key, "CK");
}

TEST_F(Kubeconfig, OfSeveralFilesTheFirstCounts) {
  const KubeconfigFile files[] = {
      file("null", "/e"),
      file(R"({"contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
"clusters":[{"name":"k","cluster":{"server":"https://first"}}]})",
           "/a"),
      file(R"({"current-context":"c","contexts":[{"name":"c","context":{"cluster":"none"}}],
"clusters":[{"name":"k","cluster":{"server":"https://second"}}],
"users":[{"name":"u","user":{"token":"t"}}]})",
           "/b"),
      file(R"({"current-context":"other"})", "/c"),
  };
  const auto config = from_kubeconfig(files);
  EXPECT_EQ(credentials(config).authorization, "Bearer t");
  EXPECT_EQ(config->server, "https://first");
  EXPECT_EQ(config->origin, "/a");
}

TEST_F(Kubeconfig, SaysWhatIsWrong) {
  const std::pair<Result<ClusterConfig>, const char*> rows[] = {
      {from_kubeconfig({}), "no kubeconfig is given"},
      {read("{"), "/home/me/.kube/config: this is not a kubeconfig"},
      {read("[]"), "this is not a kubeconfig"},
      {read("{}"), "current-context: is not set; kubectl config use-context NAME sets it"},
      {read(R"({"current-context":7})"), "current-context: must be a text"},
      {read(R"({"current-context":"c"})"),
       "current-context: there is no \"c\" in contexts; add it to contexts"},
      {read(R"({"current-context":"c","contexts":{}})"), "contexts: must be a list"},
      {read(R"({"current-context":"c","contexts":[{}]})"), "contexts[0]: has no name"},
      {read(R"({"current-context":"c","contexts":[{"name":"c"}]})"), "contexts[0]: has no context"},
      {read(R"({"current-context":"c","contexts":[{"name":"c","context":{}}]})"),
       "contexts[0].context.cluster: is missing"},
      {read(R"({"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k"}}]})"),
       "contexts[0].context.cluster: there is no \"k\" in clusters"},
      {cluster("{}"), "clusters[0].cluster.server: is missing"},
      {cluster(R"({"server":7})"), "clusters[0].cluster.server: must be a text"},
      {cluster(R"({"server":"https://a","insecure-skip-tls-verify":"yes"})"),
       "insecure-skip-tls-verify: must be true or false"},
      {cluster(R"({"server":"https://a","certificate-authority-data":"?"})"),
       "certificate-authority-data: is not base64"},
      {cluster(R"({"server":"https://a","certificate-authority":"gone.crt"})"),
       "certificate-authority: /home/me/.kube/gone.crt: the file cannot be read"},
      {user(R"({"client-certificate-data":"Q0VSVA=="})"), "users[0].user.client-key: is missing"},
      {user(R"({"client-key-data":"S0VZ"})"), "users[0].user.client-certificate: is missing"},
      {user(R"({"tokenFile":"gone"})"), "/home/me/.kube/gone: the file cannot be read"},
      {user(R"({"token":"a","username":"b"})"), "users[0].user.username: there is a token as well"},
      {user(R"({"auth-provider":{"name":"gcp"}})"),
       "users[0].user.auth-provider: \"gcp\" is not supported"},
      {user(R"({"token":"a","as":"b"})"), "users[0].user.as: acting as another user"},
      {user(R"({"exec":7})"), "users[0].user.exec: must be an object"},
      {user(R"({"exec":{"apiVersion":"client.authentication.k8s.io/v1alpha1","command":"x"}})"),
       "users[0].user.exec.apiVersion: \"client.authentication.k8s.io/v1alpha1\" is not supported"},
      {user(
           R"({"exec":{"apiVersion":"client.authentication.k8s.io/v1","interactiveMode":"Never"}})"),
       "users[0].user.exec.command: is missing"},
      {user(R"({"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":"x"}})"),
       "users[0].user.exec.interactiveMode: must be Never, IfAvailable or Always"},
      {user(
           R"({"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":"x","interactiveMode":"Always"}})"),
       "must have a terminal"},
      {user(
           R"({"exec":{"apiVersion":"client.authentication.k8s.io/v1beta1","command":"x","args":"y"}})"),
       "users[0].user.exec.args: must be a list of texts"},
      {user(
           R"({"exec":{"apiVersion":"client.authentication.k8s.io/v1beta1","command":"x","env":[{"name":"y"}]}})"),
       "users[0].user.exec.env: must be a list of names and values"},
  };
  for (const auto& [config, text] : rows) EXPECT_THAT(error_of(config), HasSubstr(text));
}

// --- exec plugins -------------------------------------------------------------------------------

class ExecPlugin : public Kubeconfig {
 protected:
  std::string plugin(const std::string& script) {
    std::string path = folder_.write("plugin", "#!/bin/sh\n" + script);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  static std::string answer(const std::string& status,
                            const std::string& version = "client.authentication.k8s.io/v1") {
    return R"({"kind":"ExecCredential","apiVersion":")" + version + R"(","status":)" + status + "}";
  }
  Result<ClusterConfig> exec(const std::string& more = "",
                             const std::string& version = "client.authentication.k8s.io/v1",
                             const std::string& command = "./plugin") {
    const KubeconfigFile files[] = {
        {folder_ / "config", folder_.path(),
         with(R"({"server":"https://a:1","tls-server-name":"n","certificate-authority-data":"Q0E=",
"extensions":[{"name":"client.authentication.k8s.io/exec","extension":{"audience":"x"}}]})",
              R"({"exec":{"apiVersion":")" + version + R"(","command":")" + command +
                  R"(","interactiveMode":"Never")" + more + "}}")}};
    return from_kubeconfig(files);
  }
  std::string error_from(const std::string& script) {
    plugin(script);
    const auto credentials = exec()->credentials->current();
    return credentials ? "no error" : credentials.error().to_string();
  }
  const Folder folder_;
};

TEST_F(ExecPlugin, GetsItsArgumentsEnvironmentAndCluster) {
  plugin(R"(printf '%s|' "$@" "$ONE" "$HOME" >")" + (folder_ / "seen") + R"("
printf '%s' "$KUBERNETES_EXEC_INFO" >")" +
         (folder_ / "info") + R"("
if read line; then echo a terminal; fi
echo ')" +
         answer(R"({"token":"abc"})") + "'\n");
  const auto config = exec(
      R"(,"args":["a b","$ONE"],"env":[{"name":"ONE","value":"1"},{"name":"HOME","value":"h"}],"provideClusterInfo":true)");
  EXPECT_EQ(credentials(config).authorization, "Bearer abc");
  EXPECT_EQ(server::testing::text_of(folder_ / "seen"), "a b|$ONE|1|h|");
  EXPECT_EQ(
      server::testing::text_of(folder_ / "info"),
      R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"certificate-authority-data":"Q0E=","config":{"audience":"x"},"server":"https://a:1","tls-server-name":"n"},"interactive":false}})");
  EXPECT_TRUE(credentials(exec()).authorization == "Bearer abc");
  EXPECT_EQ(
      server::testing::text_of(folder_ / "info"),
      R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}})");
}

TEST_F(ExecPlugin, MayGiveACertificate) {
  plugin("echo '" +
         answer(R"({"clientCertificateData":"CERT","clientKeyData":"KEY"})",
                "client.authentication.k8s.io/v1beta1") +
         "'\n");
  const auto own = credentials(exec("", "client.authentication.k8s.io/v1beta1"));
  EXPECT_EQ(own.client_certificate + own.client_key + own.authorization, "CERTKEY");
}

TEST_F(ExecPlugin, IsRunAgainWhenItsCredentialsExpireOrAreRefused) {
  ExecSpec spec;
  spec.api_version = "client.authentication.k8s.io/v1";
  spec.command = plugin(
      "echo x >>'" + (folder_ / "runs") + "'\nn=$(wc -l <'" + (folder_ / "runs") + "')\necho '" +
      answer(R"({"token":"'"$n"'","expirationTimestamp":"2030-01-01T02:00:00.5+02:00"})") + "'\n");
  // Of the expiry.
  const auto at = std::chrono::sys_days(std::chrono::January / 1 / 2030);
  std::chrono::system_clock::time_point now = at - std::chrono::seconds(1);
  ExecCredentials credentials(spec, [&] { return now; });
  const auto token = [&] { return credentials.current().value().authorization; };
  EXPECT_EQ(token(), "Bearer 1");
  EXPECT_EQ(token(), "Bearer 1");
  credentials.refused(Credentials());
  EXPECT_EQ(token(), "Bearer 1");
  credentials.refused(credentials.current().value());
  EXPECT_EQ(token(), "Bearer 2");
  now = at;
  EXPECT_EQ(token(), "Bearer 3");
  EXPECT_EQ(token(), "Bearer 4") << "what has expired already holds for one request";
}

TEST_F(ExecPlugin, WhatHasExpiredIsNotUsedBecauseTheNextOneIsWrong) {
  ExecSpec spec;
  spec.api_version = "client.authentication.k8s.io/v1";
  const auto expiring = [&](const std::string& at) {
    return plugin("echo '" + answer(R"({"token":"a","expirationTimestamp":")" + at + "\"}") +
                  "'\n");
  };
  spec.command = expiring("2030-01-01T00:00:00Z");
  std::chrono::system_clock::time_point now =
      std::chrono::sys_days(std::chrono::January / 1 / 2029);
  ExecCredentials credentials(spec, [&] { return now; });
  EXPECT_TRUE(credentials.current());
  now += std::chrono::years(2);
  expiring("soon");
  EXPECT_FALSE(credentials.current());
  EXPECT_FALSE(credentials.current());
}

TEST_F(ExecPlugin, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(error_from("echo 'no such user' >&2\nexit 3\n"),
              AllOf(HasSubstr(folder_ / "config"), HasSubstr("exec: " + (folder_ / "plugin")),
                    HasSubstr("failed with status 3: no such user")));
  EXPECT_THAT(error_from("kill -9 $$\n"), HasSubstr("was ended by signal 9"));
  EXPECT_THAT(error_from("echo hello\n"), HasSubstr("does not print an ExecCredential"));
  EXPECT_THAT(error_from("yes\n"), HasSubstr("says more than a mebibyte"));
  EXPECT_THAT(error_from("echo '" + answer("{}") + "'\n"), HasSubstr("neither a token nor"));
  EXPECT_THAT(error_from("echo '" + answer("7") + "'\n"), HasSubstr("without a status"));
  EXPECT_THAT(error_from("echo '" + answer(R"({"clientKeyData":"K"})") + "'\n"),
              HasSubstr("one of clientCertificateData and clientKeyData only"));
  EXPECT_THAT(
      error_from("echo '" + answer(R"({"token":"a"})", "client.authentication.k8s.io/v1beta1") +
                 "'\n"),
      HasSubstr("answers in another version than client.authentication.k8s.io/v1"));
  for (const char* const time :
       {"soon", "2030-13-01T00:00:00Z", "2030-01-01T00:00:00", "2030-01-01T00:00:00+1"})
    EXPECT_THAT(
        error_from("echo '" +
                   answer(R"({"token":"a","expirationTimestamp":")" + std::string(time) + R"("})") +
                   "'\n"),
        HasSubstr("not RFC 3339"))
        << time;
}

TEST_F(ExecPlugin, OneThatIsNotThereComesWithItsHint) {
  const auto missing = exec(R"(,"installHint":"get it\nfrom there")",
                            "client.authentication.k8s.io/v1", "no-such-plugin-of-plimsoll");
  EXPECT_THAT(missing->credentials->current().error().to_string(),
              AllOf(HasSubstr("no-such-plugin-of-plimsoll: cannot be started: No such file"),
                    HasSubstr("; get it from there")));
  const auto plain = exec("", "client.authentication.k8s.io/v1", "no-such-plugin-of-plimsoll");
  EXPECT_THAT(plain->credentials->current().error().to_string(), HasSubstr("; install it"));
}

TEST_F(ExecPlugin, OneThatHangsIsEndedWithAllItStarted) {
  ExecSpec spec;
  spec.api_version = "client.authentication.k8s.io/v1";
  spec.command = plugin("sleep 600 &\necho $! >'" + (folder_ / "pid.new") + "'\nmv '" +
                        (folder_ / "pid.new") + "' '" + (folder_ / "pid") + "'\nwait\n");
  spec.time_limit = std::chrono::milliseconds(300);
  EXPECT_THAT(ExecCredentials(spec).current().error().to_string(),
              HasSubstr("gave no credentials in 300 ms"));
  const pid_t started = std::atoi(server::testing::text_of(folder_ / "pid").c_str());
  ASSERT_GT(started, 0);
  // Gone, or a zombie that nobody has waited for yet.
  EXPECT_TRUE(server::testing::eventually([&] {
    const auto stat = server::testing::text_of("/proc/" + std::to_string(started) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  }));
}

TEST_F(ExecPlugin, WhatItLeavesRunningDoesNotHoldItsAnswerUp) {
  plugin("sleep 600 &\necho $! >'" + (folder_ / "pid") + "'\necho '" +
         answer(R"({"token":"abc"})") + "'\n");
  EXPECT_EQ(credentials(exec()).authorization, "Bearer abc");
  const pid_t left = std::atoi(server::testing::text_of(folder_ / "pid").c_str());
  ASSERT_GT(left, 0);
  EXPECT_EQ(kill(left, SIGKILL), 0) << "it is none of our business to end it";
}

}  // namespace
}  // namespace plimsoll::kube
