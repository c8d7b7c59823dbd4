#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("read-only-volumes"), Fix::Mends,
                   Params({{"writable", Names{"emptyDir", "nfs"}}})};

// The kinds that the kubelet never mounts writable.
bool always_read_only(std::string_view kind) {
  return kind == "configMap" || kind == "downwardAPI" || kind == "image" || kind == "projected" ||
         kind == "secret";
}

TEST(ReadOnlyVolumes, Containers) {
  constexpr char kVolumes[] =
      R"({"spec": {"volumes": [{"name": "claim", "persistentVolumeClaim": {"claimName": "c"}},
                               {"name": "scratch", "emptyDir": {}}]}})";
  const Paths first = {"/container/volumeMounts/0/readOnly"};
  kTable.containers({
      {"no mounts", "{}", {}, {.pod = kVolumes}},
      {"null mounts", R"({"volumeMounts": null})", {}, {.pod = kVolumes}},
      {"empty mounts", R"({"volumeMounts": []})", {}, {.pod = kVolumes}},
      {"a kind that may be written",
       R"({"volumeMounts": [{"name": "scratch", "mountPath": "/s"}]})",
       {},
       {.pod = kVolumes}},
      {"read-only",
       R"({"volumeMounts": [{"name": "claim", "readOnly": true}]})",
       {},
       {.pod = kVolumes}},
      {"not said",
       R"({"volumeMounts": [{"name": "claim", "mountPath": "/data"}]})",
       first,
       {.pod = kVolumes,
        .messages = {R"(container "c" mounts volume "claim" writable at /data)"},
        .fixed = R"({"volumeMounts": [{"name": "claim", "mountPath": "/data",
                                       "readOnly": true}]})"}},
      {"null",
       R"({"volumeMounts": [{"name": "claim", "readOnly": null}]})",
       first,
       {.pod = kVolumes, .fixed = R"({"volumeMounts": [{"name": "claim", "readOnly": true}]})"}},
      {"false",
       R"({"volumeMounts": [{"name": "claim", "readOnly": false}]})",
       first,
       {.pod = kVolumes, .fixed = R"({"volumeMounts": [{"name": "claim", "readOnly": true}]})"}},
      {"some of several, one volume twice",
       R"({"volumeMounts": [
         {"name": "claim", "mountPath": "/a"}, {"name": "scratch", "mountPath": "/b"},
         {"name": "claim", "mountPath": "/c", "readOnly": true},
         {"name": "claim", "mountPath": "/d"}]})",
       {"/container/volumeMounts/0/readOnly", "/container/volumeMounts/3/readOnly"},
       {.pod = kVolumes}},
      {"a name in other letters",
       R"({"volumeMounts": [{"name": "Scratch"}]})",
       first,
       {.pod = kVolumes}},
      {"a volume that is not there", R"({"volumeMounts": [{"name": "template"}]})", first},
      {"no name", R"({"volumeMounts": [{}]})", first},
  });
}

TEST(ReadOnlyVolumes, EveryKindOfVolume) {
  std::vector<ContainerRow> rows;
  for (const std::string_view kind : kVolumeKindNames) {
    const bool passes = always_read_only(kind) || kind == "emptyDir" || kind == "nfs";
    rows.push_back(
        {std::string(kind),
         R"({"volumeMounts": [{"name": "v"}]})",
         passes ? Paths{} : Paths{"/container/volumeMounts/0/readOnly"},
         {.pod = R"({"spec": {"volumes": [{"name": "v", ")" + std::string(kind) + "\": {}}]}}"}});
  }
  kTable.containers(rows);
}

TEST(ReadOnlyVolumes, NoneMayBeWrittenWithoutParameters) {
  std::vector<ContainerRow> rows;
  for (const std::string_view kind : kVolumeKindNames)
    rows.push_back(
        {std::string(kind),
         R"({"volumeMounts": [{"name": "v"}]})",
         always_read_only(kind) ? Paths{} : Paths{"/container/volumeMounts/0/readOnly"},
         {.pod = R"({"spec": {"volumes": [{"name": "v", ")" + std::string(kind) + "\": {}}]}}"}});
  Table{find_check("read-only-volumes"), Fix::Mends}.containers(rows);
}

// What a source says of itself, where the kubelet holds to it.
TEST(ReadOnlyVolumes, SourcesThatAreReadOnlyByThemselves) {
  const Table table{find_check("read-only-volumes"), Fix::Mends};
  constexpr char kMount[] = R"({"volumeMounts": [{"name": "v"}]})";
  const Paths found = {"/container/volumeMounts/0/readOnly"};
  std::vector<ContainerRow> rows;
  for (const std::string kind : {"csi", "fc", "flexVolume", "iscsi", "nfs", "persistentVolumeClaim",
                                 "azureDisk", "cephfs", "hostPath"}) {
    const bool held_to = kind != "azureDisk" && kind != "cephfs" && kind != "hostPath";
    for (const std::string value : {"true", "false", "null"})
      rows.push_back({kind + " " + value,
                      kMount,
                      held_to && value == "true" ? Paths{} : found,
                      {.pod = R"({"spec": {"volumes": [{"name": "v", ")" + kind +
                              R"(": {"readOnly": )" + value + "}}]}}"}});
  }
  rows.push_back({"one of two", kMount, found, {.pod = R"({"spec": {"volumes": [
                     {"name": "v", "csi": {"readOnly": true}, "nfs": {}}]}})"}});
  table.containers(rows);
}

TEST(ReadOnlyVolumes, OddVolumes) {
  constexpr char kMount[] = R"({"volumeMounts": [{"name": "v"}]})";
  const Paths found = {"/container/volumeMounts/0/readOnly"};
  const auto volumes = [](const char* text) {
    return More{.pod = std::string(R"({"spec": {"volumes": )") + text + "}}"};
  };
  kTable.containers({
      {"null volumes", kMount, found, volumes("null")},
      {"no source", kMount, found, volumes(R"([{"name": "v"}])")},
      {"null source", kMount, found, volumes(R"([{"name": "v", "emptyDir": null}])")},
      {"a source that is not known", kMount, found, volumes(R"([{"name": "v", "newKind": {}}])")},
      {"two that may be written",
       kMount,
       {},
       volumes(R"([{"name": "v", "emptyDir": {}, "nfs": {}}])")},
      {"two, one of which may be written", kMount, found,
       volumes(R"([{"name": "v", "emptyDir": {}, "csi": {}}])")},
      {"two, one of which never is", kMount, found,
       volumes(R"([{"name": "v", "secret": {}, "csi": {}}])")},
      {"one that may be written, one that never is",
       kMount,
       {},
       volumes(R"([{"name": "v", "secret": {}, "nfs": {}}])")},
      {"two of its name, the first of which may be written",
       kMount,
       {},
       volumes(R"([{"name": "v", "emptyDir": {}}, {"name": "a", "csi": {}},
                   {"name": "v", "csi": {}}])")},
      {"two of its name, the second of which may be written", kMount, found,
       volumes(R"([{"name": "v", "csi": {}}, {"name": "w", "emptyDir": {}},
                   {"name": "v", "emptyDir": {}}])")},
      {"others around it", kMount, found,
       volumes(R"([{"name": "u", "emptyDir": {}}, {"name": "v", "csi": {}},
                   {"name": "w", "emptyDir": {}}])")},
  });
}

TEST(ReadOnlyVolumes, TheVolumeClaimTemplateOfAStatefulSet) {
  const ContainerRow readable{"read-only",
                              R"({"volumeMounts": [{"name": "t", "readOnly": true}]})"};
  const ContainerRow writable{"writable", R"({"volumeMounts": [{"name": "t"}]})"};
  const ContainerRow other{"a volume of another kind",
                           R"({"volumeMounts": [{"name": "v"}]})",
                           {"/container/volumeMounts/0/readOnly"},
                           {.pod = R"({"spec": {"volumes": [{"name": "v", "csi": {}}]}})"}};
  Table{find_check("read-only-volumes"), Fix::Mends}
      .with("writable", Names{"persistentVolumeClaim"})
      .containers({readable, writable, other});
}

TEST(ReadOnlyVolumes, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e", "volumeMounts": [{"name": "v"}]}],
         "containers": [{"name": "a", "volumeMounts": [{"name": "v", "readOnly": true}]},
                        {"name": "b", "volumeMounts": [{"name": "s"}, {"name": "v"}]}],
         "initContainers": [{"name": "i", "volumeMounts": [{"name": "v"}]}],
         "volumes": [{"name": "s", "emptyDir": {}}, {"name": "v", "hostPath": {"path": "/v"}}]}})",
       {"/spec/initContainers/0/volumeMounts/0/readOnly",
        "/spec/containers/1/volumeMounts/1/readOnly",
        "/spec/ephemeralContainers/0/volumeMounts/0/readOnly"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
