#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("volume-devices"), Fix::None};

TEST(VolumeDevices, Containers) {
  kTable.containers({
      {"none said", "{}"},
      {"null", R"({"volumeDevices": null})"},
      {"none", R"({"volumeDevices": []})"},
      {"mounts are another matter", R"({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})"},
      {"one",
       R"({"volumeDevices": [{"name": "v", "devicePath": "/dev/xvda"}]})",
       {"/container/volumeDevices/0"},
       {.messages = {R"(container "c" uses "v" as a raw block device)"}}},
      {"no name", R"({"volumeDevices": [{}]})", {"/container/volumeDevices/0"}},
      {"null element", R"({"volumeDevices": [null]})", {"/container/volumeDevices/0"}},
      {"several, one twice",
       R"({"volumeDevices": [{"name": "v"}, {"name": "w"}, {"name": "v"}]})",
       {"/container/volumeDevices/0", "/container/volumeDevices/1", "/container/volumeDevices/2"}},
  });
}

TEST(VolumeDevices, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"a claim that could be one",
       R"({"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}})"},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e", "volumeDevices": [{"name": "v"}]}],
         "containers": [{"name": "a"}, {"name": "b", "volumeDevices": [{"name": "v"}]}],
         "initContainers": [{"name": "i", "volumeDevices": [{"name": "v"}]}]}})",
       {"/spec/initContainers/0/volumeDevices/0", "/spec/containers/1/volumeDevices/0",
        "/spec/ephemeralContainers/0/volumeDevices/0"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
