// What runs in a cluster, and what the templates that bind it find there: one resource an owner.
//
// The cluster is read page by page; of its objects only a little is kept, so that memory grows with
// the number of owners and not with what they hold. A scan only reads.
// Ownership: borrows the transport. Thread-safety: stateless; a scan runs on the caller's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "app/advice.h"
#include "kube/transport.h"
#include "plimsoll/report.h"
#include "plimsoll/result.h"
#include "plimsoll/template.h"
#include "policy/policy.h"

namespace plimsoll::app {

struct ScanOptions {
  /// Bindings, labels that count, exemptions, and where custom kinds hold pods. Not null.
  std::shared_ptr<const policy::Policy> policy;
  /// What everything is judged by, instead of what binds it; null: that.
  std::shared_ptr<const Template> everywhere;
  std::vector<std::string> namespaces;          ///< only these, by name; empty: all
  std::vector<std::string> exclude_namespaces;  ///< names or globs
  /// Objects that were read, and how many more of their kind are known of.
  std::function<void(std::uint64_t read, std::uint64_t left)> progress;
  /// A line for people about what is worth a word, but takes nothing from the result.
  std::function<void(const std::string& line)> note;
  /// Waits before the API server is asked again; empty: it really does.
  std::function<void(std::chrono::milliseconds pause, const std::stop_token& stop)> wait;
};

/// Judges what is in the cluster. `each` is given one resource an owner, sorted by namespace, kind
/// and name: a controller with all that it controls, through ownerReferences, or a pod that nothing
/// controls; first of all those that are in no namespace, among which are the namespaces that
/// nothing binds a template to, as skipped. Its uid is the owner's, its fact `pods` says how many
/// of its pods have not ended. `complete` is whether all of its namespace could be read: if not, it
/// may have more findings. `tail` gets the summary, and what could not be read. An error: nothing
/// could be read, and nothing was given.
Status scan_cluster(kube::Transport& transport, const ScanOptions& options,
                    const std::function<void(const Resource& resource, bool complete)>& each,
                    ReportTail& tail);

/// Says of each namespace, sorted by name, what it could be held to; `missing` gets what could not
/// be read. `options.everywhere` is not looked at. Errors as of scan_cluster().
Status advise_cluster(kube::Transport& transport, const ScanOptions& options,
                      const std::function<void(const Advice& advice)>& each,
                      std::vector<std::string>& missing);

}  // namespace plimsoll::app
