#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("apparmor"), Fix::Mends};
const Paths kFound = {"/container/securityContext/appArmorProfile/type"};
constexpr char kGood[] = R"({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}})";

TEST(Apparmor, Containers) {
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"no profile", R"({"securityContext": {}})"},
      {"null profile", R"({"securityContext": {"appArmorProfile": null}})"},
      {"RuntimeDefault", kGood},
      {"Localhost", R"({"securityContext": {"appArmorProfile": {"type": "Localhost",
                        "localhostProfile": "mine"}}})"},
      {"the profile of another type goes with it",
       R"({"securityContext": {"appArmorProfile": {"type": "Unconfined",
                                                   "localhostProfile": "mine"}}})",
       {"/container/securityContext/appArmorProfile/type"},
       {.fixed = R"({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}})"}},
      {"Unconfined",
       R"({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}})",
       kFound,
       {.messages = {R"(container "c" sets the AppArmor profile type "Unconfined")"},
        .fixed = kGood}},
      {"a profile without type",
       R"({"securityContext": {"appArmorProfile": {}}})",
       kFound,
       {.messages = {R"(container "c" sets the AppArmor profile type "")"}, .fixed = kGood}},
      {"null type", R"({"securityContext": {"appArmorProfile": {"type": null}}})", kFound},
      {"empty type", R"({"securityContext": {"appArmorProfile": {"type": ""}}})", kFound},
      {"small letter", R"({"securityContext": {"appArmorProfile": {"type": "runtimeDefault"}}})",
       kFound},
      {"as the annotation spells it",
       R"({"securityContext": {"appArmorProfile": {"type": "runtime/default"}}})", kFound},
      {"the pod's good profile does not cover it",
       R"({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}})",
       kFound,
       {.pod = R"({"spec": {"securityContext": {"appArmorProfile": {"type": "Localhost"}}}})"}},
      {"the pod's bad profile is found once, at the pod",
       "{}",
       {"/spec/securityContext/appArmorProfile/type"},
       {.pod = R"({"spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}})"}},
      {"nor does the container's good one cover the pod's",
       kGood,
       {"/spec/securityContext/appArmorProfile/type"},
       {.pod = R"({"spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}})",
        .fixed = kGood}},
  });
}

TEST(Apparmor, Pods) {
  constexpr char kGoodPod[] =
      R"({"spec": {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}})";
  kTable.pods({
      {"nothing", "{}"},
      {"null security context", R"({"spec": {"securityContext": null}})"},
      {"null profile", R"({"spec": {"securityContext": {"appArmorProfile": null}}})"},
      {"RuntimeDefault", kGoodPod},
      {"Unconfined",
       R"({"spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}})",
       {"/spec/securityContext/appArmorProfile/type"},
       {.messages = {R"(the pod sets the AppArmor profile type "Unconfined")"}, .fixed = kGoodPod}},
      {"a profile without type",
       R"({"spec": {"securityContext": {"appArmorProfile": {}}}})",
       {"/spec/securityContext/appArmorProfile/type"},
       {.fixed = kGoodPod}},
      {"both levels, some containers, an annotation",
       R"({"metadata": {"annotations": {
             "container.apparmor.security.beta.kubernetes.io/b": "unconfined"}},
           "spec": {
             "securityContext": {"appArmorProfile": {"type": "Unconfined"}},
             "containers": [
               {"name": "a", "securityContext": {"appArmorProfile": {"type": "Localhost"}}},
               {"name": "b", "securityContext": {"appArmorProfile": {"type": "Unconfined"}}}],
             "initContainers": [
               {"name": "i", "securityContext": {"appArmorProfile": {"type": "odd"}}}]}})",
       {"/spec/securityContext/appArmorProfile/type",
        "/spec/initContainers/0/securityContext/appArmorProfile/type",
        "/spec/containers/1/securityContext/appArmorProfile/type",
        "/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1b"}},
  });
}

TEST(Apparmor, Annotations) {
  constexpr char kPrefix[] = "container.apparmor.security.beta.kubernetes.io/";
  const auto annotated = [&](const std::string& value) {
    return std::string(R"({"metadata": {"annotations": {")") + kPrefix + "a\": " + value +
           R"(}}, "spec": {"containers": [{"name": "a"}]}})";
  };
  const Paths found = {"/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1a"};
  kTable.pods({
      {"null metadata", R"({"metadata": null})"},
      {"null annotations", R"({"metadata": {"annotations": null}})"},
      {"runtime/default", annotated(R"("runtime/default")")},
      {"a localhost profile", annotated(R"("localhost/mine")")},
      {"a localhost profile without name", annotated(R"("localhost/")")},
      {"empty", annotated(R"("")")},
      {"null, which is empty", annotated("null")},
      {"unconfined",
       annotated(R"("unconfined")"),
       found,
       {.messages = {std::string("annotation ") + kPrefix + R"(a is "unconfined")"},
        .fixed = annotated(R"("runtime/default")")}},
      {"localhost without slash", annotated(R"("localhost")"), found},
      {"capital letter", annotated(R"("Runtime/default")"), found},
      {"as the field spells it", annotated(R"("RuntimeDefault")"), found},
      {"docker/default, which is seccomp's", annotated(R"("docker/default")"), found},
      {"for a container that is not there",
       R"({"metadata": {"annotations": {
             "container.apparmor.security.beta.kubernetes.io/gone": "unconfined"}},
           "spec": {"containers": [{"name": "a"}]}})",
       {"/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1gone"}},
      {"several, by key, with characters that a pointer escapes",
       R"({"metadata": {"annotations": {
             "container.apparmor.security.beta.kubernetes.io/z/~": "x",
             "container.apparmor.security.beta.kubernetes.io/m": "runtime/default",
             "container.apparmor.security.beta.kubernetes.io/": "y"}}})",
       {"/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1",
        "/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1z~1~0"}},
      {"other annotations",
       R"({"metadata": {"annotations": {
             "container.apparmor.security.beta.kubernetes.io": "unconfined",
             "apparmor.security.beta.kubernetes.io/a": "unconfined",
             "container.seccomp.security.alpha.kubernetes.io/a": "unconfined"}},
           "spec": {"containers": [{"name": "a"}]}})"},
  });
}

}  // namespace
}  // namespace plimsoll::testing
