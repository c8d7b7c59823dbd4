#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("windows-host-process"), Fix::Mends};
const Paths kPod = {"/spec/securityContext/windowsOptions/hostProcess"};
const Paths kContainer = {"/container/securityContext/windowsOptions/hostProcess"};
constexpr char kGood[] = R"({"securityContext": {"windowsOptions": {"hostProcess": false}}})";
constexpr char kBad[] = R"({"securityContext": {"windowsOptions": {"hostProcess": true}}})";

TEST(WindowsHostProcess, Containers) {
  constexpr char kGoodPod[] =
      R"({"spec": {"securityContext": {"windowsOptions": {"hostProcess": false}}}})";
  constexpr char kBadPod[] =
      R"({"spec": {"securityContext": {"windowsOptions": {"hostProcess": true}}}})";
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"no options", R"({"securityContext": {}})"},
      {"null options", R"({"securityContext": {"windowsOptions": null}})"},
      {"not said", R"({"securityContext": {"windowsOptions": {}}})"},
      {"null", R"({"securityContext": {"windowsOptions": {"hostProcess": null}}})"},
      {"false", kGood},
      {"other options", R"({"securityContext": {"windowsOptions": {"runAsUserName": "me"}}})"},
      {"true",
       kBad,
       kContainer,
       {.messages = {R"(container "c" sets hostProcess to true)"}, .fixed = kGood}},
      {"true, against the pod", kBad, kContainer, {.pod = kGoodPod, .fixed = kGood}},
      {"from a pod that says true",
       "{}",
       kPod,
       {.pod = kBadPod, .messages = {"the pod sets hostProcess to true"}, .fixed = "{}"}},
      {"false, against a pod that says true", kGood, kPod, {.pod = kBadPod}},
      {"true in both",
       kBad,
       {"/spec/securityContext/windowsOptions/hostProcess",
        "/container/securityContext/windowsOptions/hostProcess"},
       {.pod = kBadPod, .fixed = kGood}},
      {"in a Windows pod", kBad, kContainer, {.pod = R"({"spec": {"os": {"name": "windows"}}})"}},
      {"in a Linux pod", kBad, kContainer, {.pod = R"({"spec": {"os": {"name": "linux"}}})"}},
  });
}

TEST(WindowsHostProcess, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"null options", R"({"spec": {"securityContext": {"windowsOptions": null}}})"},
      {"false", R"({"spec": {"securityContext": {"windowsOptions": {"hostProcess": false}}}})"},
      {"true, no container",
       R"({"spec": {"securityContext": {"windowsOptions": {"hostProcess": true}}}})",
       kPod,
       {.fixed = R"({"spec": {"securityContext": {"windowsOptions": {"hostProcess": false}}}})"}},
      {"both levels, some containers",
       R"({"spec": {
         "securityContext": {"windowsOptions": {"hostProcess": true}},
         "ephemeralContainers": [
           {"name": "e", "securityContext": {"windowsOptions": {"hostProcess": true}}}],
         "containers": [
           {"name": "a", "securityContext": {"windowsOptions": {"hostProcess": false}}},
           {"name": "b", "securityContext": {"windowsOptions": {"hostProcess": true}}}],
         "initContainers": [
           {"name": "i", "securityContext": {"windowsOptions": {"hostProcess": true}}}]}})",
       {"/spec/securityContext/windowsOptions/hostProcess",
        "/spec/initContainers/0/securityContext/windowsOptions/hostProcess",
        "/spec/containers/1/securityContext/windowsOptions/hostProcess",
        "/spec/ephemeralContainers/0/securityContext/windowsOptions/hostProcess"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
