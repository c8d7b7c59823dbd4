#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("probe-host"), Fix::Mends};

TEST(ProbeHost, Containers) {
  kTable.containers({
      {"no probes", "{}"},
      {"null probes", R"({"livenessProbe": null, "readinessProbe": null, "startupProbe": null,
                          "lifecycle": null})"},
      {"empty probes", R"({"livenessProbe": {}, "lifecycle": {}})"},
      {"null handlers", R"({"livenessProbe": {"httpGet": null, "tcpSocket": null},
                            "lifecycle": {"postStart": null, "preStop": {"httpGet": null}}})"},
      {"no host", R"({"livenessProbe": {"httpGet": {"path": "/", "port": 80}}})"},
      {"null host", R"({"livenessProbe": {"httpGet": {"host": null, "port": 80}}})"},
      {"empty host", R"({"livenessProbe": {"tcpSocket": {"host": "", "port": 80}}})"},
      {"handlers that have none",
       R"({"livenessProbe": {"exec": {"command": ["host"]}},
           "readinessProbe": {"grpc": {"port": 80, "service": "host"}},
           "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}})"},
      {"a header", R"({"livenessProbe": {"httpGet": {"port": 80,
                       "httpHeaders": [{"name": "Host", "value": "other"}]}}})"},
      {"its own name is a host like any",
       R"({"livenessProbe": {"httpGet": {"host": "localhost", "port": 80}}})",
       {"/container/livenessProbe/httpGet/host"},
       {.messages = {R"(container "c" has the node call host "localhost")"},
        .fixed = R"({"livenessProbe": {"httpGet": {"port": 80}}})"}},
      {"white space",
       R"({"livenessProbe": {"httpGet": {"host": " ", "port": 80}}})",
       {"/container/livenessProbe/httpGet/host"}},
      {"everywhere, in one order whatever the manifest's",
       R"({"lifecycle": {
             "preStop": {"tcpSocket": {"host": "a"}, "httpGet": {"host": "b"}},
             "postStart": {"httpGet": {"host": "c"}, "tcpSocket": {"host": "d"}}},
           "startupProbe": {"httpGet": {"host": "e"}, "tcpSocket": {"host": "f"}},
           "readinessProbe": {"httpGet": {"host": "g"}, "tcpSocket": {"host": "h"}},
           "livenessProbe": {"httpGet": {"host": "i"}, "tcpSocket": {"host": "j"}}})",
       {"/container/lifecycle/postStart/httpGet/host",
        "/container/lifecycle/postStart/tcpSocket/host",
        "/container/lifecycle/preStop/httpGet/host", "/container/lifecycle/preStop/tcpSocket/host",
        "/container/livenessProbe/httpGet/host", "/container/livenessProbe/tcpSocket/host",
        "/container/readinessProbe/httpGet/host", "/container/readinessProbe/tcpSocket/host",
        "/container/startupProbe/httpGet/host", "/container/startupProbe/tcpSocket/host"},
       {.fixed = R"({"lifecycle": {"preStop": {"tcpSocket": {}, "httpGet": {}},
                                   "postStart": {"httpGet": {}, "tcpSocket": {}}},
                     "startupProbe": {"httpGet": {}, "tcpSocket": {}},
                     "readinessProbe": {"httpGet": {}, "tcpSocket": {}},
                     "livenessProbe": {"httpGet": {}, "tcpSocket": {}}})"}},
  });
}

TEST(ProbeHost, EachHandlerByItself) {
  std::vector<ContainerRow> rows;
  const auto row = [&](const std::string& above, const std::string& handler,
                       const std::string& action) {
    const auto text = [&](const std::string& host) {
      const std::string inner = "{\"" + handler + "\": {\"" + action + "\": {" + host + "}}}";
      return above.empty() ? inner : "{\"" + above + "\": " + inner + "}";
    };
    std::string path = "/container/";
    if (!above.empty()) path += above + "/";
    path += handler + "/" + action + "/host";
    rows.push_back({path, text(R"("host": "10.0.0.1")"), {path}, {.fixed = text("")}});
    rows.push_back({path + " empty", text(R"("host": "")")});
  };
  for (const char* action : {"httpGet", "tcpSocket"}) {
    for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"})
      row("", probe, action);
    for (const char* hook : {"postStart", "preStop"}) row("lifecycle", hook, action);
  }
  kTable.containers(rows);
}

TEST(ProbeHost, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e", "livenessProbe": {"httpGet": {"host": "x"}}}],
         "containers": [{"name": "a", "livenessProbe": {"httpGet": {"port": 80}}},
                        {"name": "b", "readinessProbe": {"tcpSocket": {"host": "x"}}}],
         "initContainers": [{"name": "i", "startupProbe": {"httpGet": {"host": "x"}}}]}})",
       {"/spec/initContainers/0/startupProbe/httpGet/host",
        "/spec/containers/1/readinessProbe/tcpSocket/host",
        "/spec/ephemeralContainers/0/livenessProbe/httpGet/host"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
