#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{
    find_check("id-ranges"), Fix::Mends,
    Params({{"runAsUser", Ranges{{1, 100}, {200, 200}}},
            {"runAsGroup", Ranges{{10, 20}}},
            {"fsGroup", Ranges{{30, 40}}},
            {"supplementalGroups", Ranges{{50, 60}, {4'294'967'296, 9'223'372'036'854'775'807}}}})};
const Paths kUser = {"/container/securityContext/runAsUser"};
const Paths kGroup = {"/container/securityContext/runAsGroup"};

TEST(IdRanges, Containers) {
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"none said", R"({"securityContext": {}})"},
      {"null", R"({"securityContext": {"runAsUser": null, "runAsGroup": null}})"},
      {"the ends of the ranges", R"({"securityContext": {"runAsUser": 1, "runAsGroup": 10}})"},
      {"the other ends", R"({"securityContext": {"runAsUser": 100, "runAsGroup": 20}})"},
      {"the second range", R"({"securityContext": {"runAsUser": 200}})"},
      {"only a pod has these", R"({"securityContext": {"fsGroup": 1, "supplementalGroups": [1]}})"},
      {"below",
       R"({"securityContext": {"runAsUser": 0, "privileged": false}})",
       kUser,
       {.messages = {R"(container "c" sets runAsUser to 0, outside 1-100, 200-200)"},
        .fixed = R"({"securityContext": {"privileged": false}})"}},
      {"between", R"({"securityContext": {"runAsUser": 101}})", kUser},
      {"above", R"({"securityContext": {"runAsUser": 201}})", kUser},
      {"negative", R"({"securityContext": {"runAsUser": -1}})", kUser},
      {"the greatest 64-bit id",
       R"({"securityContext": {"runAsUser": 9223372036854775807}})",
       kUser,
       {.messages = {R"(container "c" sets runAsUser to 9223372036854775807, outside 1-100, )"
                     "200-200"}}},
      {"the least 64-bit id", R"({"securityContext": {"runAsUser": -9223372036854775808}})", kUser},
      {"an id whose low 32 bits are in range", R"({"securityContext": {"runAsUser": 4294967297}})",
       kUser},
      {"the group",
       R"({"securityContext": {"runAsGroup": 9}})",
       kGroup,
       {.messages = {R"(container "c" sets runAsGroup to 9, outside 10-20)"},
        .fixed = R"({"securityContext": {}})"}},
      {"each has its own range", R"({"securityContext": {"runAsGroup": 1, "runAsUser": 10}})",
       kGroup},
      {"both",
       R"({"securityContext": {"runAsGroup": 21, "runAsUser": 0}})",
       {"/container/securityContext/runAsUser", "/container/securityContext/runAsGroup"},
       {.fixed = R"({"securityContext": {}})"}},
      {"the pod's good id does not cover it",
       R"({"securityContext": {"runAsUser": 0}})",
       kUser,
       {.pod = R"({"spec": {"securityContext": {"runAsUser": 1}}})"}},
      {"nor the container's the pod's",
       R"({"securityContext": {"runAsUser": 1}})",
       {"/spec/securityContext/runAsUser"},
       {.pod = R"({"spec": {"securityContext": {"runAsUser": 0}}})"}},
      {"Windows and user namespaces are not exempt",
       R"({"securityContext": {"runAsUser": 0}})",
       kUser,
       {.pod = R"({"spec": {"hostUsers": false, "os": {"name": "windows"}}})"}},
  });
}

TEST(IdRanges, Pods) {
  kTable.pods({
      {"nothing", "{}"},
      {"null security context", R"({"spec": {"securityContext": null}})"},
      {"null", R"({"spec": {"securityContext": {"runAsUser": null, "runAsGroup": null,
                   "fsGroup": null, "supplementalGroups": null}}})"},
      {"no groups", R"({"spec": {"securityContext": {"supplementalGroups": []}}})"},
      {"all in their ranges",
       R"({"spec": {"securityContext": {"runAsUser": 50, "runAsGroup": 15, "fsGroup": 35,
           "supplementalGroups": [50, 60, 4294967296, 9223372036854775807]}}})"},
      {"the user",
       R"({"spec": {"securityContext": {"runAsUser": 0}}})",
       {"/spec/securityContext/runAsUser"},
       {.messages = {"the pod sets runAsUser to 0, outside 1-100, 200-200"},
        .fixed = R"({"spec": {"securityContext": {}}})"}},
      {"the group",
       R"({"spec": {"securityContext": {"runAsGroup": 0}}})",
       {"/spec/securityContext/runAsGroup"},
       {.messages = {"the pod sets runAsGroup to 0, outside 10-20"}}},
      {"the files' group",
       R"({"spec": {"securityContext": {"fsGroup": 29}}})",
       {"/spec/securityContext/fsGroup"},
       {.messages = {"the pod sets fsGroup to 29, outside 30-40"},
        .fixed = R"({"spec": {"securityContext": {}}})"}},
      {"a group in 64 bits",
       R"({"spec": {"securityContext": {"supplementalGroups": [4294967295]}}})",
       {"/spec/securityContext/supplementalGroups/0"},
       {.messages = {"the pod sets supplementalGroups to 4294967295, outside 50-60, "
                     "4294967296-9223372036854775807"}}},
      {"some groups of several, in their order",
       R"({"spec": {"securityContext": {"supplementalGroups": [0, 55, 61, 56, 0, -1]}}})",
       {"/spec/securityContext/supplementalGroups/0", "/spec/securityContext/supplementalGroups/2",
        "/spec/securityContext/supplementalGroups/4", "/spec/securityContext/supplementalGroups/5"},
       {.fixed = R"({"spec": {"securityContext": {"supplementalGroups": [55, 56]}}})"}},
      {"null group",
       R"({"spec": {"securityContext": {"supplementalGroups": [null]}}})",
       {"/spec/securityContext/supplementalGroups/0"}},
      {"both levels, some containers",
       R"({"spec": {
         "containers": [
           {"name": "a", "securityContext": {"runAsUser": 1, "runAsGroup": 10}},
           {"name": "b", "securityContext": {"runAsUser": 0, "runAsGroup": 0}}],
         "initContainers": [{"name": "i", "securityContext": {"runAsGroup": 99}}],
         "securityContext": {"supplementalGroups": [1, 2], "fsGroup": 1, "runAsGroup": 1,
                             "runAsUser": 0}}})",
       {"/spec/securityContext/runAsUser", "/spec/securityContext/runAsGroup",
        "/spec/securityContext/fsGroup", "/spec/securityContext/supplementalGroups/0",
        "/spec/securityContext/supplementalGroups/1",
        "/spec/initContainers/0/securityContext/runAsGroup",
        "/spec/containers/1/securityContext/runAsUser",
        "/spec/containers/1/securityContext/runAsGroup"}},
  });
}

TEST(IdRanges, AFieldWithoutRangesMayBeAny) {
  constexpr char kAllZero[] =
      R"({"spec": {"securityContext": {"runAsUser": 0, "runAsGroup": 0, "fsGroup": 0,
          "supplementalGroups": [0]}}})";
  const auto with = [](const char* param) {
    return Table{find_check("id-ranges"), Fix::Mends}.with(param, Ranges{{1, 2}});
  };
  const PodRow good{"good", R"({"spec": {"securityContext": {"runAsUser": 1, "runAsGroup": 1,
                                "fsGroup": 2, "supplementalGroups": [1, 2]}}})"};
  with("runAsUser").pods({good, {"bad", kAllZero, {"/spec/securityContext/runAsUser"}}});
  with("runAsGroup").pods({good, {"bad", kAllZero, {"/spec/securityContext/runAsGroup"}}});
  with("fsGroup").pods({good, {"bad", kAllZero, {"/spec/securityContext/fsGroup"}}});
  with("supplementalGroups")
      .pods({good, {"bad", kAllZero, {"/spec/securityContext/supplementalGroups/0"}}});
}

}  // namespace
}  // namespace plimsoll::testing
