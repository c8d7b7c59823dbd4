#include "report/policy_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "report/words.h"
#include "verdict/words.h"

namespace plimsoll::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kCategory = "Pod Security";

/// Only what is enforced fails: the rest is warned about, and no score counts it.
std::string_view result_of(const ReportedFinding& finding) {
  return finding.mode.empty() || finding.mode == "enforce" ? "fail" : "warn";
}

class Results {
 public:
  /// `findings`: how many there are.
  Results(std::size_t findings, std::string_view template_ref, const ReportApi& api)
      : most_(findings > kMostResults ? kMostResults - 1 : kMostResults),
        template_ref_(template_ref),
        api_(api) {}

  void add(const ReportedFinding& finding) {
    const std::string_view result = result_of(finding);
    ++(result == "fail" ? failed_ : warned_);
    Json json{
        {"policy", finding.template_ref.empty() ? template_ref_ : shown(finding.template_ref)},
        {"rule", finding.check->id},
        {"category", kCategory},
        {"severity", name_of(finding.check->severity)},
        {"result", result},
        {"scored", result == "fail"},
        {"message",
         text_of(fmt::format("{}: {}", finding.lasting.empty() ? finding.message : finding.lasting,
                             finding.advice))},
        {"properties", {{"field", text_of(finding.field)}}}};
    if (!finding.container.empty()) json["properties"]["container"] = text_of(finding.container);
    put(std::move(json));
  }

  void add_pass() {
    ++passed_;
    put({{"policy", template_ref_},
         {"category", kCategory},
         {"result", "pass"},
         {"scored", true},
         {"message", "it has no more privilege than the template allows"}});
  }

  Json take(Json& summary) {
    summary = {{"pass", passed_}, {"fail", failed_}, {"warn", warned_}, {"error", 0}, {"skip", 0}};
    if (left_out_ > 0) {
      Json more{{"policy", template_ref_},
                {"category", kCategory},
                {"result", "warn"},
                {"scored", false},
                {"message", fmt::format("and {} that this report has no room for",
                                        plural(left_out_, "more finding"))}};
      append(std::move(more));
    }
    return std::move(results_);
  }

 private:
  static std::string text_of(std::string_view text) {
    return std::string(verdict::cut(shown(text), verdict::kMostWords));
  }

  void put(Json json) {
    const std::size_t bytes = json.dump().size();
    if (results_.size() >= most_ || bytes > room_) {
      ++left_out_;
      return;
    }
    room_ -= bytes;
    append(std::move(json));
  }

  void append(Json json) {
    if (!api_.own_source) json["source"] = kManager;
    results_.push_back(std::move(json));
  }

  const std::size_t most_;  // with the line about those that are left out it is kMostResults
  std::string template_ref_;
  const ReportApi& api_;
  Json results_ = Json::array();
  std::size_t room_ = kMostResultBytes, left_out_ = 0;
  std::size_t passed_ = 0, failed_ = 0, warned_ = 0;
};

/// What fails before what is only warned about, and the severest first: what there is no room for
/// is not what matters most.
std::vector<const ReportedFinding*> by_weight(const std::vector<ReportedFinding>& findings) {
  std::vector<const ReportedFinding*> sorted;
  for (const ReportedFinding& finding : findings) sorted.push_back(&finding);
  std::ranges::stable_sort(sorted, {}, [](const ReportedFinding* finding) {
    return std::pair(result_of(*finding) != "fail", finding->check->severity);
  });
  return sorted;
}

}  // namespace

std::string policy_report_name(const Resource& owner) {
  return std::string(kReportPrefix) + owner.uid;
}

Json policy_report_of(const Resource& owner, std::string_view template_ref, const ReportApi& api) {
  Results results(owner.findings.size(), template_ref, api);
  for (const ReportedFinding* finding : by_weight(owner.findings)) results.add(*finding);
  if (owner.findings.empty()) results.add_pass();
  Json summary;
  Json all = results.take(summary);
  Json report{{"apiVersion", fmt::format("{}/{}", api.group, api.version)},
              {"kind", api.kind},
              {"metadata",
               {{"name", policy_report_name(owner)},
                {"namespace", owner.namespace_name},
                {"labels", {{std::string(kManagedBy), kManager}}},
                {"ownerReferences",
                 {{{"apiVersion", owner.api_version},
                   {"kind", owner.kind},
                   {"name", owner.name},
                   {"uid", owner.uid}}}}}},
              {"scope",
               {{"apiVersion", owner.api_version},
                {"kind", owner.kind},
                {"namespace", owner.namespace_name},
                {"name", owner.name},
                {"uid", owner.uid}}}};
  if (api.own_source) report["source"] = kManager;
  report["summary"] = std::move(summary);
  report["results"] = std::move(all);
  return report;
}

}  // namespace plimsoll::report
