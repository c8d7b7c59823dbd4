// Keeps a report of each owner in the cluster, and tells owners of it as Events.
//
// Only what has changed is written: a report says in an annotation what it was made of. Ownership:
// borrows the transport. Thread-safety: one thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "kube/transport.h"
#include "plimsoll/report.h"
#include "plimsoll/result.h"
#include "report/policy_report.h"

namespace plimsoll::app {

struct ReportCounts {
  std::size_t created = 0, updated = 0, unchanged = 0, deleted = 0;
  std::size_t events = 0;           ///< that were written
  std::size_t events_left_out = 0;  ///< for there were too many at once
};

class PolicyReports {
 public:
  /// Events are hints that people read one by one, and every API server pays for them in etcd.
  static constexpr std::size_t kMostEvents = 100;

  /// Finds the API that the cluster has, openreports.io before wgpolicyk8s.io, and the reports that
  /// were written before; lists, page by page. `events`: whether owners are told. Errors: there is
  /// neither API; requests that fail.
  static Result<PolicyReports> open(kube::Transport& transport, bool events);

  /// Writes the owner's report, unless it is as it was. What is in no namespace, was not judged, or
  /// is known only by a name, has none. A report of an owner that is gone meanwhile is none either.
  Status write(const Resource& owner, const std::string& template_ref);

  /// Once, after the last: deletes the reports of owners that were not written now, unless the scan
  /// was partial, when nobody knows.
  Status end(bool partial);

  [[nodiscard]] const ReportCounts& counts() const { return counts_; }
  [[nodiscard]] const report::ReportApi& api() const { return *api_; }

 private:
  struct Known {
    std::string content, resource_version;
    bool seen = false;
  };

  PolicyReports(kube::Transport& transport, const report::ReportApi& api, bool events)
      : transport_(&transport), api_(&api), events_(events) {}
  Status read_known();
  Status tell(const Resource& owner, const std::string& content);

  kube::Transport* transport_;
  const report::ReportApi* api_;
  bool events_;
  std::map<std::pair<std::string, std::string>, Known> known_;  // by namespace and name
  ReportCounts counts_;
};

}  // namespace plimsoll::app
