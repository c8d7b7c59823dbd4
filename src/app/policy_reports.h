// Keeps a report of each owner in the cluster, and tells owners of it as Events.
//
// Only what has changed is written: a report says in an annotation what it was made of. Ownership:
// borrows the transport. Thread-safety: one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kube/collection.h"
#include "kube/transport.h"
#include "plimsoll/report.h"
#include "plimsoll/result.h"
#include "report/policy_report.h"

namespace plimsoll::app {

struct ReportCounts {
  std::size_t created = 0, updated = 0, unchanged = 0, deleted = 0;
  std::size_t kept = 0;             ///< that are as bad as they were, until all can be read
  std::size_t failed = 0;           ///< that could not be written or deleted
  std::size_t events = 0;           ///< that were written
  std::size_t events_failed = 0;    ///< that were refused
  std::size_t events_left_out = 0;  ///< for there were too many at once
};

class PolicyReports {
 public:
  /// Events are hints that people read one by one, and every API server pays for them in etcd.
  static constexpr std::size_t kMostEvents = 100;

  /// Waits before a request is made again; empty: it really does.
  using Wait = kube::CollectionReader::Wait;

  /// Finds the API that the cluster has, openreports.io before wgpolicyk8s.io, and the reports that
  /// were written before, in these namespaces, or all if there are none; lists, page by page.
  /// `events`: whether owners are told. A named namespace that refuses is among problems(), and
  /// has no reports. Errors: there is neither API; other requests that fail.
  static Result<PolicyReports> open(kube::Transport& transport, bool events,
                                    const std::vector<std::string>& namespaces, Wait wait = {});

  /// Writes the owner's report, unless it is as it was. What is in no namespace or was not judged
  /// has none. A report of an owner that is gone meanwhile is none either. `complete`: the owner's
  /// namespace was read whole; else more may be wrong than is known, and the report is written only
  /// if it becomes worse. An owner without a uid was not seen itself, and has none. What fails is
  /// among problems(), and keeps no other report from being written, unless nobody answers any
  /// more.
  void write(const Resource& owner, const std::string& template_ref, bool complete);

  /// Once, after the last: deletes the reports of owners that were not written now, unless the scan
  /// was partial, when nobody knows.
  void end(bool partial);

  [[nodiscard]] const ReportCounts& counts() const { return counts_; }
  /// A line for people about each of the first failures, and one about how many more there were.
  [[nodiscard]] std::vector<std::string> problems() const;
  [[nodiscard]] const report::ReportApi& api() const { return *api_; }

 private:
  struct Known {
    std::string content, resource_version;
    bool seen = false;
  };

  PolicyReports(kube::Transport& transport, const report::ReportApi& api, bool events, Wait wait)
      : transport_(&transport), api_(&api), events_(events), wait_(std::move(wait)) {}
  kube::Collected read_known(kube::CollectionReader& reader, const std::string& space);
  Result<kube::Response> send(const std::string& method, const std::string& path,
                              const std::string& body = "");
  [[nodiscard]] bool is_gone(const kube::Response& response) const;
  void failed(const std::string& whose, const Error& error);
  void tell(const Resource& owner);

  kube::Transport* transport_;
  const report::ReportApi* api_;
  bool events_;
  Wait wait_;
  std::chrono::milliseconds pauses_{60'000};  ///< that are left, of all requests together
  std::size_t told_ = 0;                      ///< Events, also those that were refused
  bool gone_ = false;                         ///< nobody answers any more
  std::vector<std::string> problems_;
  std::map<std::pair<std::string, std::string>, Known> known_;  // by namespace and name
  std::set<std::string> forbidden_;  // namespaces whose reports may not be listed
  ReportCounts counts_;
};

}  // namespace plimsoll::app
