// Reports as objects of a cluster, for the viewers that people have: one of an owner.
//
// Source: openreports.io/v1alpha1 (openreports/reports-api, apis/openreports.io/v1alpha1) and
// wgpolicyk8s.io/v1alpha2 (its predecessor, of the Kubernetes Policy Working Group).
// Thread-safety: pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "plimsoll/report.h"

namespace plimsoll::report {

/// An API that holds reports in namespaces.
struct ReportApi {
  std::string_view group, version, kind, resource;
  bool own_source = false;  ///< a report says its source; else each of its results does
};

inline constexpr ReportApi kOpenReports{"openreports.io", "v1alpha1", "Report", "reports", true};
inline constexpr ReportApi kPolicyReports{"wgpolicyk8s.io", "v1alpha2", "PolicyReport",
                                          "policyreports", false};

/// What is a report's own.
inline constexpr std::string_view kManagedBy = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kManager = "plimsoll";

/// More results, and more bytes of them, are left out, which the last one then says. Those that
/// fail come first, by severity.
inline constexpr std::size_t kMostResults = 100;
inline constexpr std::size_t kMostResultBytes = std::size_t{64} << 10;

inline constexpr std::string_view kReportPrefix = "plimsoll-";

/// The name of an owner's report: the prefix and its uid.
std::string policy_report_name(const Resource& owner);

/// The report of an owner, which has a namespace and a uid and was judged. `template_ref`: of the
/// findings that name no template. The same owner always gives the same text: there are no times in
/// it. It goes with its owner, by its ownerReference.
nlohmann::ordered_json policy_report_of(const Resource& owner, std::string_view template_ref,
                                        const ReportApi& api);

}  // namespace plimsoll::report
