// What the webhook knows of its cluster, and how it comes to know it.
//
// Ownership: owns the watch and the threads that ask the API server; the transport outlives it.
// Thread-safety: any thread.
#pragma once

#include <memory>
#include <string>

#include "app/namespaces.h"
#include "app/running_pods.h"
#include "app/webhook.h"
#include "kube/namespace_fetcher.h"
#include "kube/namespaces.h"
#include "kube/transport.h"
#include "metrics/registry.h"

namespace plimsoll::app {

class ClusterLink {
 public:
  /// Begins to watch at once.
  ClusterLink(kube::Transport& transport, const std::shared_ptr<const policy::Policy>& policy,
              metrics::Registry& registry);

  [[nodiscard]] Cluster cluster() { return {&namespaces_, &running_pods_}; }

  /// Whether the namespaces were listed once: before that the server is not ready.
  [[nodiscard]] bool synced() const { return watcher_.synced(); }
  /// What went wrong last, if it is not over; empty: nothing.
  [[nodiscard]] std::string trouble() const { return watcher_.stats().last_error; }

 private:
  void add_metrics(metrics::Registry& registry);

  // Whoever answers a review that waits goes before what the answer is made of.
  Namespaces namespaces_;
  RunningPods running_pods_;
  kube::NamespaceFetcher fetcher_;
  kube::NamespaceWatcher watcher_;
};

}  // namespace plimsoll::app
