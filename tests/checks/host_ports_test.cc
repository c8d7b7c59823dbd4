#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

TEST(HostPorts, Containers) {
  const Table table{find_check("host-ports"), Fix::Mends};
  const Paths first = {"/container/ports/0/hostPort"};
  table.containers({
      {"no ports", "{}"},
      {"null ports", R"({"ports": null})"},
      {"empty ports", R"({"ports": []})"},
      {"container port only", R"({"ports": [{"containerPort": 80}]})"},
      {"null", R"({"ports": [{"containerPort": 80, "hostPort": null}]})"},
      {"zero", R"({"ports": [{"containerPort": 80, "hostPort": 0}]})"},
      {"an address without port", R"({"ports": [{"containerPort": 80, "hostIP": "10.0.0.1"}]})"},
      {"null port", R"({"ports": [null]})"},
      {"one",
       R"({"ports": [{"containerPort": 80, "hostPort": 8080}]})",
       first,
       {.messages = {R"(container "c" takes port 8080 of the node)"},
        .fixed = R"({"ports": [{"containerPort": 80}]})"}},
      {"the same as the container's", R"({"ports": [{"containerPort": 80, "hostPort": 80}]})",
       first},
      {"on the loopback only",
       R"({"ports": [{"containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.1"}]})", first},
      {"without container port", R"({"ports": [{"hostPort": 65535}]})", first},
      {"negative", R"({"ports": [{"hostPort": -1}]})", first},
      {"the greatest number", R"({"ports": [{"hostPort": 2147483647}]})", first},
      {"some of several, one twice",
       R"({"ports": [{"containerPort": 1, "hostPort": 0}, {"containerPort": 2, "hostPort": 5353},
                     {"containerPort": 3}, {"containerPort": 4, "hostPort": 5353,
                      "protocol": "UDP"}]})",
       {"/container/ports/1/hostPort", "/container/ports/3/hostPort"},
       {.fixed = R"({"ports": [{"containerPort": 1, "hostPort": 0}, {"containerPort": 2},
                     {"containerPort": 3}, {"containerPort": 4, "protocol": "UDP"}]})"}},
  });
}

TEST(HostPorts, Pods) {
  const Table table{find_check("host-ports"), Fix::Mends};
  table.pods({
      {"no spec", "{}"},
      {"in the node's network, as long as none is said",
       R"({"spec": {"hostNetwork": true, "containers": [
             {"name": "a", "ports": [{"containerPort": 80}]}]}})"},
      {"in the node's network, said",
       R"({"spec": {"hostNetwork": true, "containers": [
             {"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}]},
             {"name": "b", "ports": [{"containerPort": 81}]}]}})",
       {"/spec/hostNetwork", "/spec/containers/0/ports/0/hostPort"},
       {.messages = {R"(the ports of container "a" are the node's, because hostNetwork is true)",
                     R"(container "a" takes port 80 of the node)"},
        .fixed = R"({"spec": {"hostNetwork": false, "containers": [
             {"name": "a", "ports": [{"containerPort": 80}]},
             {"name": "b", "ports": [{"containerPort": 81}]}]}})"}},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e", "ports": [{"hostPort": 3}]}],
         "containers": [{"name": "a", "ports": [{"containerPort": 80}]},
                        {"name": "b", "ports": [{"hostPort": 2}]}],
         "initContainers": [{"name": "i", "ports": [{"hostPort": 1}]}]}})",
       {"/spec/initContainers/0/ports/0/hostPort", "/spec/containers/1/ports/0/hostPort",
        "/spec/ephemeralContainers/0/ports/0/hostPort"}},
  });
}

// The API server gives each port of a pod in the node's network the same port of the node; in the
// template of a workload it leaves them as they are written.
TEST(HostPorts, NotSaidInAManifest) {
  const Table table{find_check("host-ports"), Fix::Mends, {}, codec::Origin::Manifest};
  table.pods({
      {"a network of its own", R"({"spec": {"containers": [
           {"name": "a", "ports": [{"containerPort": 80}]}]}})"},
      {"no ports", R"({"spec": {"hostNetwork": true, "containers": [{"name": "a"}]}})"},
      {"no port that could be given", R"({"spec": {"hostNetwork": true, "containers": [
           {"name": "a", "ports": [{}, null]}]}})"},
      {"not said",
       R"({"spec": {"hostNetwork": true, "containers": [
            {"name": "a", "ports": [{"containerPort": 80}]}, {"name": "b"}],
            "initContainers": [{"name": "i", "ports": [{"containerPort": 82}]}]}})",
       {"/spec/hostNetwork"},
       {.messages =
            {R"(the ports of containers "i", "a" are the node's, because hostNetwork is true)"},
        .fixed = R"({"spec": {"hostNetwork": false, "containers": [
            {"name": "a", "ports": [{"containerPort": 80}]}, {"name": "b"}],
            "initContainers": [{"name": "i", "ports": [{"containerPort": 82}]}]}})",
        .bare = true}},
      {"null",
       R"({"spec": {"hostNetwork": true, "containers": [
            {"name": "a", "ports": [{"containerPort": 80, "hostPort": null}]}]}})",
       {"/spec/hostNetwork"},
       {.bare = true}},
      {"said",
       R"({"spec": {"hostNetwork": true, "containers": [
            {"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}]}})",
       {"/spec/hostNetwork", "/spec/containers/0/ports/0/hostPort"},
       {.fixed = R"({"spec": {"hostNetwork": false, "containers": [
            {"name": "a", "ports": [{"containerPort": 80}]}]}})"}},
      {"some said",
       R"({"spec": {"hostNetwork": true, "containers": [
            {"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]},
            {"name": "b", "ports": [{"containerPort": 82, "hostPort": 82}]}]}})",
       {"/spec/hostNetwork", "/spec/containers/0/ports/1/hostPort",
        "/spec/containers/1/ports/0/hostPort"},
       {.bare = true}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
