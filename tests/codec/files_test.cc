#include "codec/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::codec {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kHead = "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n";

TEST(Configuration, ReadsEverySetting) {
  const auto read = read_configuration(std::string(kHead) + R"(server:
  listen: 0.0.0.0:9443
  management: 127.0.0.1:9080
  tlsCert: a.crt
  tlsKey: a.key
  clientCA: ca.crt
  maxBodyBytes: 4096
  maxConnections: 7
  handshakeTimeout: 1s
  idleTimeout: 2m
  requestTimeout: 250ms
  drainDelay: 0s
  drainTimeout: 3s
log:
  level: warn
  decisions: denied
dryRun: true
templates: [mine.yaml]
bindings:
- mode: enforce
  template: restricted
  version: v1.31
  namespaces: [shop-*]
  excludeNamespaces: [shop-test]
  workloads: enforce
- {mode: warn, template: baseline@v1.20}
)",
                                       "c.yaml");
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->listen, "0.0.0.0:9443");
  EXPECT_EQ(read->management, "127.0.0.1:9080");
  EXPECT_EQ(read->tls_cert, "a.crt");
  EXPECT_EQ(read->tls_key, "a.key");
  EXPECT_EQ(read->client_ca, "ca.crt");
  EXPECT_EQ(read->max_body_bytes, 4096);
  EXPECT_EQ(read->max_connections, 7);
  EXPECT_EQ(read->handshake_timeout, milliseconds(1000));
  EXPECT_EQ(read->idle_timeout, milliseconds(120'000));
  EXPECT_EQ(read->request_timeout, milliseconds(250));
  EXPECT_EQ(read->drain_delay, milliseconds(0));
  EXPECT_EQ(read->drain_timeout, milliseconds(3000));
  EXPECT_EQ(read->log_level, "warn");
  EXPECT_EQ(read->log_decisions, "denied");
  EXPECT_EQ(read->dry_run, true);
  EXPECT_THAT(read->templates, ElementsAre("mine.yaml"));
  ASSERT_EQ(read->bindings.size(), 2U);
  const BindingSpec& binding = read->bindings[0];
  EXPECT_EQ(binding.mode, Mode::Enforce);
  EXPECT_EQ(binding.policy.name, "restricted");
  EXPECT_EQ(binding.policy.version, 31);
  EXPECT_THAT(binding.namespaces, ElementsAre("shop-*"));
  EXPECT_THAT(binding.exclude_namespaces, ElementsAre("shop-test"));
  EXPECT_EQ(binding.workloads, Workloads::Enforce);
  EXPECT_EQ(binding.line, 23U);
  EXPECT_EQ(binding.field, "bindings[0].template");
  EXPECT_THAT(read->template_lines, ElementsAre(20U));
  EXPECT_EQ(read->bindings[1].policy.version, 20);
  EXPECT_EQ(read->bindings[1].workloads, Workloads::Warn);
}

TEST(Configuration, ReadsSelfManaged) {
  const auto read = read_configuration(std::string(kHead) + R"(server: {clientCA: ca.crt}
selfManaged:
  secret: {namespace: plimsoll, name: plimsoll-certificates}
  hosts: [plimsoll.plimsoll.svc, 10.0.0.1]
  webhookConfiguration: plimsoll
  caValidity: 24h
  servingValidity: 90m
)",
                                       "c.yaml");
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_TRUE(read->self_managed);
  const SelfManagedSpec& spec = *read->self_managed;
  EXPECT_EQ(spec.secret_namespace, "plimsoll");
  EXPECT_EQ(spec.secret_name, "plimsoll-certificates");
  EXPECT_THAT(spec.hosts, ElementsAre("plimsoll.plimsoll.svc", "10.0.0.1"));
  EXPECT_EQ(spec.webhook_configuration, "plimsoll");
  EXPECT_EQ(spec.ca_validity, std::chrono::hours(24));
  EXPECT_EQ(spec.serving_validity, std::chrono::minutes(90));
  EXPECT_EQ(spec.file, "c.yaml");
  EXPECT_EQ(spec.line, 4U);
  EXPECT_FALSE(read_configuration(kHead, "c.yaml")->self_managed);
  EXPECT_EQ(SelfManagedSpec().ca_validity, std::chrono::days(365));
  EXPECT_EQ(SelfManagedSpec().serving_validity, std::chrono::days(90));
}

TEST(Configuration, RefusesASelfManagedThatCannotBe) {
  const std::string sound = "secret: {namespace: p, name: c}, hosts: [h], webhookConfiguration: w";
  const std::pair<std::string, const char*> kRows[] = {
      {"{}", "c.yaml:3:1: selfManaged: names no Secret"},
      {"{secret: {name: c}, hosts: [h], webhookConfiguration: w}", "selfManaged: names no Secret"},
      {"{secret: {namespace: p, name: c}, webhookConfiguration: w}", "selfManaged: names no host"},
      {"{secret: {namespace: p, name: c}, hosts: [h]}",
       "selfManaged: names no ValidatingWebhookConfiguration"},
      {"{secret: {namespace: p, name: ../c}, hosts: [h], webhookConfiguration: w}",
       "c.yaml:3:38: selfManaged.secret.name: \"../c\" is no name"},
      {"{secret: {namespace: P, name: c}, hosts: [h], webhookConfiguration: w}",
       "selfManaged.secret.namespace: \"P\" is no name"},
      {"{secret: {namespace: p, name: c}, hosts: [h], webhookConfiguration: 'a?b'}",
       "selfManaged.webhookConfiguration: \"a?b\" is no name"},
      {"{secret: {namespace: p, name: .c}, hosts: [h], webhookConfiguration: w}",
       "\".c\" is no name"},
      {"{" + sound + ", caValidity: 1d}",
       "selfManaged.caValidity: must be a duration such as 250ms, 5s, 2m or 24h, is \"1d\""},
      {"{" + sound + ", servingValidity: 9s}", "selfManaged.servingValidity: is too short"},
      {"{" + sound + ", servingValidity: 2h, caValidity: 359m}",
       "selfManaged.caValidity: is too short"},
      {"{" + sound + ", hostnames: [h]}", "selfManaged.hostnames: is not known here"},
      {"{" + sound + "}\nserver: {tlsCert: a}",
       "c.yaml:3:1: selfManaged: makes the certificate that server.tlsCert"},
      {"{" + sound + "}\nserver: {tlsKey: a}",
       "c.yaml:3:1: selfManaged: makes the certificate that server.tlsCert"},
  };
  for (const auto& [text, says] : kRows) {
    const auto read =
        read_configuration(std::string(kHead) + "selfManaged: " + text + "\n", "c.yaml");
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().to_string(), HasSubstr(says));
  }
  EXPECT_TRUE(read_configuration(std::string(kHead) + "selfManaged: {" + sound + "}\n", "c.yaml"));
  EXPECT_TRUE(read_configuration(
      std::string(kHead) + "selfManaged: {" + sound + ", servingValidity: 10s, caValidity: 30s}\n",
      "c.yaml"));
}

TEST(Configuration, ReadsTheRegistrationsName) {
  const auto read =
      read_configuration(std::string(kHead) + "webhookConfiguration: plimsoll\n", "c.yaml");
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->webhook_configuration, "plimsoll");
  EXPECT_FALSE(read_configuration(kHead, "c.yaml")->webhook_configuration);
  const std::string self_managed =
      "selfManaged: {secret: {namespace: p, name: c}, hosts: [h], webhookConfiguration: w}\n";
  EXPECT_TRUE(read_configuration(std::string(kHead) + self_managed + "webhookConfiguration: w\n",
                                 "c.yaml"));
  const std::pair<std::string, const char*> kRows[] = {
      {"webhookConfiguration: ''\n", "c.yaml:3:1: webhookConfiguration: \"\" is no name"},
      {"webhookConfiguration: a/b\n", "c.yaml:3:1: webhookConfiguration: \"a/b\" is no name"},
      {"webhookConfiguration: [a]\n", "c.yaml:3:1: webhookConfiguration: must be a string"},
      {self_managed + "webhookConfiguration: v\n",
       "c.yaml:4:1: webhookConfiguration: \"v\" is not the \"w\" of "
       "selfManaged.webhookConfiguration; name the same, or leave this one out"},
      {"webhookConfiguration: v\n" + self_managed, "c.yaml:3:1: webhookConfiguration: \"v\""},
  };
  for (const auto& [text, says] : kRows) {
    const auto refused = read_configuration(std::string(kHead) + text, "c.yaml");
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().to_string(), HasSubstr(says));
  }
}

TEST(Configuration, ErrorsNameFileLineAndField) {
  const std::pair<std::string, const char*> kRows[] = {
      {"srever: {}", "c.yaml:3:1: srever: is not known here; use one of apiVersion, kind"},
      {"server:\n  listn: x", "c.yaml:4:3: server.listn: is not known here"},
      {"server:\n  listen: 8443",
       "c.yaml:4:3: server.listen: must be a string, is an integer; put it in quotes"},
      {"dryRun: 'yes'",
       "dryRun: must be a boolean, is a string; write true or false, without quotes"},
      {"server:\n  maxConnections: many", "must be an integer, is a string; write digits"},
      {"server: []", "server: must be an object, is an array; write fields, one `name: value` a"},
      {"dryRun: true\ndryRun: false", "c.yaml:4:1"},
      {"server:\n  idleTimeout: 5",
       "server.idleTimeout: must be a duration such as 250ms, 5s, 2m or 24h, is 5"},
      {"server:\n  idleTimeout: -5s", "must be a duration"},
      {"bindings: {}", "bindings: must be an array, is an object"},
      {"bindings:\n- mode: Enforce\n  template: x",
       "c.yaml:4:3: bindings[0].mode: must be enforce, warn or audit, is \"Enforce\""},
      {"bindings:\n- mode: warn",
       "bindings[0]: names no template; write `template: restricted`, say"},
      {"bindings:\n- template: a@1", "bindings[0].template: must be a template such as"},
      {"bindings:\n- template: a@v1.1\n  version: v1.2",
       "gives the version twice: in template and in version; keep one"},
      {"bindings:\n- template: a\n  version: '1.2'",
       "bindings[0].version: must be `latest` or a version"},
      {"bindings:\n- template: a\n  workloads: deny",
       "workloads: must be enforce or warn, is \"deny\""},
      {"bindings:\n- template: a\n  namespaces: x", "namespaces: must be an array, is a string"},
      {"bindings:\n- template: a\n  namespaces: [a, '']",
       "c.yaml:5:19: bindings[0].namespaces[1]: \"\" can match no namespace; use small letters"},
      {"bindings:\n- template: a\n  namespaces: [Shop*]", "\"Shop*\" can match no namespace"},
      {"bindings:\n- template: a\n  namespaces: [null]", "\"\" can match no namespace"},
      {"bindings:\n- template: a\n  excludeNamespaces: [a.b]",
       "excludeNamespaces[0]: \"a.b\" can match no namespace"},
      {"---\n" + std::string(kHead), "is a second document"},
  };
  for (const auto& [text, message] : kRows) {
    const auto read = read_configuration(std::string(kHead) + text + "\n", "c.yaml");
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().to_string(), HasSubstr(message));
    EXPECT_EQ(read.error().to_string().find('\n'), std::string::npos);
  }
  EXPECT_THAT(read_configuration("", "c.yaml").error().to_string(),
              HasSubstr("c.yaml: holds no Configuration; write one of plimsoll.dev/v1alpha1"));
  EXPECT_THAT(
      read_configuration("apiVersion: v1\nkind: Configuration\n", "c.yaml").error().to_string(),
      HasSubstr("must be a Configuration of plimsoll.dev/v1alpha1"));
}

TEST(ParseBinding, Table) {
  const auto spec = parse_binding(
      "enforce=restricted@v1.31,namespaces=a-*|b,excludeNamespaces=a-x,workloads=enforce");
  ASSERT_TRUE(spec) << spec.error().to_string();
  EXPECT_EQ(spec->policy.version, 31);
  EXPECT_THAT(spec->namespaces, ElementsAre("a-*", "b"));
  EXPECT_THAT(spec->exclude_namespaces, ElementsAre("a-x"));
  EXPECT_EQ(spec->workloads, Workloads::Enforce);
  EXPECT_EQ(parse_binding("audit=baseline")->mode, Mode::Audit);
  for (const char* bad :
       {"", "enforce", "deny=restricted", "enforce=", "enforce=a@1", "enforce=a,b",
        "enforce=a,colour=red", "enforce=a,workloads=x", "enforce=a,,", "=a"})
    EXPECT_FALSE(parse_binding(bad)) << bad;
  const std::string long_name(63, 'a');
  for (const std::string& good : {std::string("a"), std::string("*"), std::string("?-1"),
                                  std::string("a|*b*"), long_name, "**" + long_name})
    for (const char* key : {"enforce=a,namespaces=", "enforce=a,excludeNamespaces="})
      EXPECT_TRUE(parse_binding(key + good)) << key << good;
  for (const std::string& never :
       {std::string(), std::string("|"), std::string("a|"), std::string("|a"), std::string("A*"),
        std::string("a_b"), std::string("a b"), std::string("-*"), std::string("a-"),
        std::string("a.b"), long_name + "?"})
    for (const char* key : {"enforce=a,namespaces=", "enforce=a,excludeNamespaces="}) {
      const auto read = parse_binding(key + never);
      ASSERT_FALSE(read) << key << never;
      EXPECT_THAT(read.error().to_string(), HasSubstr("can match no namespace; use small letters"));
    }
}

TEST(ParseDuration, Table) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("5s"), milliseconds(5000));
  EXPECT_EQ(parse_duration("2m"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("24h"), milliseconds(86'400'000));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
  for (const char* bad : {"", "5", "s", "-1s", "+1s", "1.5s", "1d", " 1s", "1s ", "99999999999999s",
                          "9223372036854775807ms"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace plimsoll::codec
