#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("seccomp-annotations"), Fix::Mends};

std::string annotated(const std::string& key, const std::string& value) {
  return R"({"metadata": {"annotations": {")" + key + "\": " + value + "}}}";
}

TEST(SeccompAnnotations, Containers) {
  const std::string own = "container.seccomp.security.alpha.kubernetes.io/c";
  const std::string other = "container.seccomp.security.alpha.kubernetes.io/other";
  const Paths found = {"/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1c"};
  kTable.containers({
      {"no metadata", "{}"},
      {"runtime/default", "{}", {}, {.pod = annotated(own, R"("runtime/default")")}},
      {"docker/default", "{}", {}, {.pod = annotated(own, R"("docker/default")")}},
      {"a localhost profile", "{}", {}, {.pod = annotated(own, R"("localhost/mine.json")")}},
      {"a localhost profile without name", "{}", {}, {.pod = annotated(own, R"("localhost/")")}},
      {"unconfined",
       "{}",
       found,
       {.pod = annotated(own, R"("unconfined")"),
        .messages = {"annotation " + own + R"( is "unconfined")"}}},
      {"empty", "{}", found, {.pod = annotated(own, R"("")")}},
      {"null, which is empty", "{}", found, {.pod = annotated(own, "null")}},
      {"localhost without slash", "{}", found, {.pod = annotated(own, R"("localhost")")}},
      {"capital letter", "{}", found, {.pod = annotated(own, R"("Runtime/Default")")}},
      {"as the field spells it", "{}", found, {.pod = annotated(own, R"("RuntimeDefault")")}},
      {"for a container that is not there", "{}", {}, {.pod = annotated(other, R"("unconfined")")}},
      {"for the start of a name",
       "{}",
       {},
       {.pod = annotated("container.seccomp.security.alpha.kubernetes.io/", R"("unconfined")")}},
      {"for a name in other letters",
       "{}",
       {},
       {.pod = annotated("container.seccomp.security.alpha.kubernetes.io/C", R"("unconfined")")}},
      {"AppArmor's",
       "{}",
       {},
       {.pod = annotated("container.apparmor.security.beta.kubernetes.io/c", R"("unconfined")")}},
      {"the field is not looked at",
       R"({"securityContext": {"seccompProfile": {"type": "Unconfined"}}})"},
  });
}

TEST(SeccompAnnotations, Pods) {
  const std::string key = "seccomp.security.alpha.kubernetes.io/pod";
  const Paths found = {"/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod"};
  kTable.pods({
      {"nothing", "{}"},
      {"null metadata", R"({"metadata": null})"},
      {"null annotations", R"({"metadata": {"annotations": null}})"},
      {"runtime/default", annotated(key, R"("runtime/default")")},
      {"docker/default", annotated(key, R"("docker/default")")},
      {"a localhost profile", annotated(key, R"("localhost/a/b")")},
      {"unconfined",
       annotated(key, R"("unconfined")"),
       found,
       {.messages = {"annotation " + key + R"( is "unconfined")"},
        .fixed = annotated(key, R"("runtime/default")")}},
      {"empty",
       annotated(key, R"("")"),
       found,
       {.messages = {"annotation " + key + R"( is "")"},
        .fixed = annotated(key, R"("runtime/default")")}},
      {"null, which is empty",
       annotated(key, "null"),
       found,
       {.fixed = annotated(key, R"("runtime/default")")}},
      {"a key that only begins so",
       annotated("seccomp.security.alpha.kubernetes.io/pods", R"("unconfined")")},
      {"the pod and some containers, by key",
       R"({"metadata": {"annotations": {
             "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
             "container.seccomp.security.alpha.kubernetes.io/b": "unconfined",
             "container.seccomp.security.alpha.kubernetes.io/i": "other",
             "container.seccomp.security.alpha.kubernetes.io/e": "unconfined",
             "container.seccomp.security.alpha.kubernetes.io/a": "docker/default",
             "container.seccomp.security.alpha.kubernetes.io/gone": "unconfined"}},
           "spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "a"}, {"name": "b"}],
                    "ephemeralContainers": [{"name": "e"}]}})",
       {"/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1b",
        "/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1e",
        "/metadata/annotations/container.seccomp.security.alpha.kubernetes.io~1i",
        "/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
