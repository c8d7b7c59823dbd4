#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("read-only-root-filesystem"), Fix::Mends};
const Paths kFound = {"/container/securityContext/readOnlyRootFilesystem"};
constexpr char kGood[] = R"({"securityContext": {"readOnlyRootFilesystem": true}})";
constexpr char kBad[] = R"({"securityContext": {"readOnlyRootFilesystem": false}})";

TEST(ReadOnlyRootFilesystem, Containers) {
  kTable.containers({
      {"true", kGood},
      {"false",
       kBad,
       kFound,
       {.messages = {R"(container "c" can write to its root file system)"}, .fixed = kGood}},
      {"no security context", "{}", kFound, {.fixed = kGood}},
      {"null security context", R"({"securityContext": null})", kFound, {.fixed = kGood}},
      {"not said", R"({"securityContext": {}})", kFound, {.fixed = kGood}},
      {"null",
       R"({"securityContext": {"readOnlyRootFilesystem": null}})",
       kFound,
       {.fixed = kGood}},
      {"other spelling", R"({"securityContext": {"readOnlyRootFileSystem": true}})", kFound},
      {"other fields are kept",
       R"({"securityContext": {"runAsUser": 1}})",
       kFound,
       {.fixed = R"({"securityContext": {"runAsUser": 1, "readOnlyRootFilesystem": true}})"}},
  });
}

TEST(ReadOnlyRootFilesystem, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"no container", R"({"spec": {"containers": []}})"},
      {"the pod cannot say it",
       R"({"spec": {"securityContext": {"readOnlyRootFilesystem": true},
           "containers": [{"name": "a"}]}})",
       {"/spec/containers/0/securityContext/readOnlyRootFilesystem"}},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e"}],
         "containers": [{"name": "a", "securityContext": {"readOnlyRootFilesystem": true}},
                        {"name": "b", "securityContext": {"readOnlyRootFilesystem": false}}],
         "initContainers": [{"name": "i"},
                            {"name": "j", "securityContext": {"readOnlyRootFilesystem": true}}]}})",
       {"/spec/initContainers/0/securityContext/readOnlyRootFilesystem",
        "/spec/containers/1/securityContext/readOnlyRootFilesystem",
        "/spec/ephemeralContainers/0/securityContext/readOnlyRootFilesystem"}},
  });
}

TEST(ReadOnlyRootFilesystem, Exemption) { kTable.exempts_windows(kGood, kBad, kFound); }

}  // namespace
}  // namespace plimsoll::testing
