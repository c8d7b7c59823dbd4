#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("volume-types"), Fix::None,
                   Params({{"allowed", Names{"configMap", "emptyDir", "image"}}})};

TEST(VolumeTypes, EveryKindOfVolume) {
  std::vector<PodRow> rows;
  for (const std::string_view name : kVolumeKindNames) {
    const std::string kind(name);
    const std::string pod = R"({"spec": {"volumes": [{"name": "v", ")" + kind + "\": {}}]}}";
    if (kind == "configMap" || kind == "emptyDir" || kind == "image")
      rows.push_back({kind, pod});
    else
      rows.push_back({kind,
                      pod,
                      {"/spec/volumes/0/" + kind},
                      {.messages = {"volume \"v\" is of kind " + kind}}});
  }
  kTable.pods(rows);
}

TEST(VolumeTypes, Pods) {
  const auto volumes = [](const std::string& list) {
    return R"({"spec": {"volumes": )" + list + "}}";
  };
  kTable.pods({
      {"no spec", "{}"},
      {"null", volumes("null")},
      {"none", volumes("[]")},
      {"no source",
       volumes(R"([{"name": "v"}])"),
       {"/spec/volumes/0"},
       {.messages = {R"(volume "v" has no source that is known)"}}},
      {"null source", volumes(R"([{"name": "v", "emptyDir": null}])"), {"/spec/volumes/0"}},
      {"a source that is not known",
       volumes(R"([{"name": "v", "newKind": {}}])"),
       {"/spec/volumes/0"}},
      {"another spelling", volumes(R"([{"name": "v", "emptydir": {}}])"), {"/spec/volumes/0"}},
      {"null element", volumes("[null]"), {"/spec/volumes/0"}},
      {"an allowed source, another that is null",
       volumes(R"([{"name": "v", "emptyDir": {}, "hostPath": null}])")},
      {"an allowed source, and another",
       volumes(R"([{"name": "v", "hostPath": {}, "emptyDir": {}}])")},
      {"two others: the first by the API's order",
       volumes(R"([{"name": "v", "nfs": {}, "hostPath": {}}])"),
       {"/spec/volumes/0/hostPath"}},
      {"some of several",
       volumes(R"([{"name": "s", "csi": {}}, {"name": "t", "emptyDir": {}}, {"name": "u"},
                   {"name": "v", "configMap": {}}, {"name": "w", "nfs": {}}])"),
       {"/spec/volumes/0/csi", "/spec/volumes/2", "/spec/volumes/4/nfs"}},
  });
}

TEST(VolumeTypes, NoneIsAllowedWithoutParameters) {
  Table{find_check("volume-types"), Fix::None}.pods({
      {"no volume", R"({"spec": {"volumes": []}})"},
      {"emptyDir",
       R"({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}})",
       {"/spec/volumes/0/emptyDir"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
