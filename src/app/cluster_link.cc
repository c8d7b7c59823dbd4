#include "app/cluster_link.h"

#include <chrono>
#include <utility>

#include "codec/pod_list.h"
#include "kube/objects.h"

namespace plimsoll::app {
namespace {

// At once; there are few namespaces that are not known, and calls for the same one are joined.
constexpr std::size_t kFetchers = 4;

RunningPods::List list_with(kube::Transport& transport) {
  return [&transport](const std::string& namespace_name, RunningPods::Clock::time_point deadline,
                      const auto& take) -> Result<bool> {
    const kube::PageLimits limits{.max_items = RunningPods::kMostPods, .deadline = deadline};
    const auto path = kube::path_of("", "v1", "pods", namespace_name, "");
    const auto listed =
        kube::list_pages(transport, path, limits, [&](std::string_view body) -> Result<kube::Page> {
          const auto page = codec::read_pod_list(body);
          if (!page) return page.error();
          if (auto error = take(*page)) return *std::move(error);
          return kube::Page{.continue_token = page->continue_token, .items = page->pods.size()};
        });
    if (!listed) return listed.error();
    return !listed->cut;
  };
}

}  // namespace

ClusterLink::ClusterLink(kube::Transport& transport,
                         const std::shared_ptr<const policy::Policy>& policy,
                         metrics::Registry& registry)
    : namespaces_(policy,
                  [this](std::string name, Namespaces::Clock::time_point deadline, auto done) {
                    fetcher_.fetch(std::move(name), deadline, std::move(done));
                  }),
      running_pods_(list_with(transport), policy->exemptions.runtime_classes),
      fetcher_(transport, kFetchers),
      watcher_(
          transport,
          {.replaced = [this](const kube::LabelsByNamespace& all) { namespaces_.replace(all); },
           .changed =
               [this](const std::string& name, const Namespaces::SharedLabels& labels) {
                 namespaces_.change(name, labels);
               }}) {
  add_metrics(registry);
}

void ClusterLink::add_metrics(metrics::Registry& registry) {
  registry.computed("plimsoll_namespaces", "Namespaces whose labels are known.", "gauge",
                    [this] { return static_cast<double>(namespaces_.count()); });
  registry.computed("plimsoll_namespace_lists_total", "Lists of all namespaces that were read.",
                    "counter", [this] { return static_cast<double>(watcher_.stats().lists); });
  registry.computed("plimsoll_namespace_watches_total", "Watches of namespaces that were begun.",
                    "counter", [this] { return static_cast<double>(watcher_.stats().watches); });
  registry.computed("plimsoll_namespace_watch_failures_total",
                    "Lists and watches of namespaces that failed.", "counter",
                    [this] { return static_cast<double>(watcher_.stats().failures); });
  registry.computed(
      "plimsoll_namespace_contact_age_seconds",
      "Since the API server last said something about namespaces; -1: never.", "gauge", [this] {
        const auto contact = watcher_.stats().last_contact;
        if (!contact) return -1.0;
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - *contact).count();
      });
}

}  // namespace plimsoll::app
