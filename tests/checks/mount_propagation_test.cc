#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("mount-propagation"), Fix::Mends};
const Paths kFirst = {"/container/volumeMounts/0/mountPropagation"};

TEST(MountPropagation, Containers) {
  kTable.containers({
      {"no mounts", "{}"},
      {"null mounts", R"({"volumeMounts": null})"},
      {"empty mounts", R"({"volumeMounts": []})"},
      {"not said", R"({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})"},
      {"null", R"({"volumeMounts": [{"name": "v", "mountPropagation": null}]})"},
      {"empty", R"({"volumeMounts": [{"name": "v", "mountPropagation": ""}]})"},
      {"None", R"({"volumeMounts": [{"name": "v", "mountPropagation": "None"}]})"},
      {"Bidirectional",
       R"({"volumeMounts": [{"name": "v", "mountPropagation": "Bidirectional"}]})",
       kFirst,
       {.messages = {R"(container "c" mounts "v" with mountPropagation Bidirectional)"},
        .fixed = R"({"volumeMounts": [{"name": "v"}]})"}},
      {"HostToContainer",
       R"({"volumeMounts": [{"name": "v", "mountPropagation": "HostToContainer"}]})", kFirst},
      {"small letter", R"({"volumeMounts": [{"name": "v", "mountPropagation": "none"}]})", kFirst},
      {"read-only",
       R"({"volumeMounts": [{"name": "v", "readOnly": true,
           "mountPropagation": "HostToContainer"}]})",
       kFirst},
      {"some of several, one twice",
       R"({"volumeMounts": [
         {"name": "v", "mountPropagation": "None"},
         {"name": "v", "mountPropagation": "Bidirectional"}, {"name": "w"},
         {"name": "v", "mountPropagation": "Bidirectional"}]})",
       {"/container/volumeMounts/1/mountPropagation",
        "/container/volumeMounts/3/mountPropagation"}},
  });
}

TEST(MountPropagation, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [
           {"name": "e", "volumeMounts": [{"name": "v", "mountPropagation": "Bidirectional"}]}],
         "containers": [
           {"name": "a", "volumeMounts": [{"name": "v", "mountPropagation": "None"}]},
           {"name": "b", "volumeMounts": [{"name": "v", "mountPropagation": "HostToContainer"}]}],
         "initContainers": [
           {"name": "i", "volumeMounts": [{"name": "v", "mountPropagation": "Bidirectional"}]}],
         "volumes": [{"name": "v", "emptyDir": {}}]}})",
       {"/spec/initContainers/0/volumeMounts/0/mountPropagation",
        "/spec/containers/1/volumeMounts/0/mountPropagation",
        "/spec/ephemeralContainers/0/volumeMounts/0/mountPropagation"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
