#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("host-path"), Fix::None};

TEST(HostPath, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"null", R"({"spec": {"volumes": null}})"},
      {"none", R"({"spec": {"volumes": []}})"},
      {"null source", R"({"spec": {"volumes": [{"name": "v", "hostPath": null}]}})"},
      {"other spelling", R"({"spec": {"volumes": [{"name": "v", "hostpath": {"path": "/"}}]}})"},
      {"a volume that nothing mounts",
       R"({"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}]}})",
       {"/spec/volumes/0/hostPath"},
       {.messages = {R"(volume "v" mounts "/etc" of the node)"}}},
      {"a file, read-only",
       R"({"spec": {"containers": [{"name": "a", "volumeMounts": [
             {"name": "v", "mountPath": "/v", "readOnly": true}]}],
           "volumes": [{"name": "v", "hostPath": {"path": "/etc/hosts", "type": "File"}}]}})",
       {"/spec/volumes/0/hostPath"}},
      {"no path",
       R"({"spec": {"volumes": [{"name": "v", "hostPath": {}}]}})",
       {"/spec/volumes/0/hostPath"},
       {.messages = {R"(volume "v" mounts "" of the node)"}}},
      {"null path",
       R"({"spec": {"volumes": [{"name": "v", "hostPath": {"path": null}}]}})",
       {"/spec/volumes/0/hostPath"}},
      {"no name",
       R"({"spec": {"volumes": [{"hostPath": {"path": "/"}}]}})",
       {"/spec/volumes/0/hostPath"}},
      {"beside another source",
       R"({"spec": {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]}})",
       {"/spec/volumes/0/hostPath"}},
      {"some of several",
       R"({"spec": {"volumes": [
         {"name": "t", "hostPath": {"path": "/a"}}, {"name": "u", "emptyDir": {}},
         {"name": "v", "hostPath": {"path": "/b"}}, {"name": "w"}]}})",
       {"/spec/volumes/0/hostPath", "/spec/volumes/2/hostPath"}},
  });
}

TEST(HostPath, EveryKindOfVolume) {
  std::vector<PodRow> rows;
  for (const std::string_view kind : kVolumeKindNames)
    rows.push_back({std::string(kind),
                    R"({"spec": {"volumes": [{"name": "v", ")" + std::string(kind) + "\": {}}]}}",
                    kind == "hostPath" ? Paths{"/spec/volumes/0/hostPath"} : Paths{}});
  kTable.pods(rows);
}

}  // namespace
}  // namespace plimsoll::testing
