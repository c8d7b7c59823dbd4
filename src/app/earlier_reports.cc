#include "app/earlier_reports.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using Json = nlohmann::json;

/// Reads a report as it goes by: of a large one only figures are kept.
class ReportReader : public nlohmann::json_sax<Json> {
 public:
  EarlierReport report;
  std::string template_ref;
  bool versioned = false, summed = false;
  std::string problem;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override {
    return value < 0 || number_unsigned(static_cast<number_unsigned_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ == 1 && key_ == "schemaVersion") versioned = value == 1;
    if (depth_ != 2 || top_ != "summary") return true;
    Summary& sum = report.summary;
    const std::pair<std::string_view, std::size_t*> kFigures[] = {
        {"resources", &sum.resources}, {"passed", &sum.passed},   {"failed", &sum.failed},
        {"errors", &sum.errors},       {"skipped", &sum.skipped}, {"findings", &sum.findings},
        {"accepted", &sum.accepted}};
    for (const auto& [name, figure] : kFigures)
      if (key_ == name) *figure = value;
    summed = true;
    return true;
  }
  bool string(string_t& value) override {
    if (depth_ == 1 && key_ == "time") report.time = value;
    if (depth_ == 1 && key_ == "template") template_ref = value;
    // resources: [ { findings: [ { severity
    if (depth_ == 5 && in_findings_ && key_ == "severity")
      for (std::size_t i = 0; i < report.severities.size(); ++i)
        if (value == name_of(static_cast<Severity>(i))) ++report.severities[i];
    return true;
  }
  bool binary(binary_t&) override { return true; }
  bool key(string_t& value) override {
    key_ = value;
    if (depth_ == 1) top_ = value;
    if (depth_ == 3 && top_ == "resources") in_findings_ = value == "findings";
    return true;
  }
  bool start_object(std::size_t) override {
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return start_object(0); }
  bool end_array() override { return end_object(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    problem = e.what();
    return false;
  }

 private:
  std::size_t depth_ = 0;
  std::string key_, top_;
  bool in_findings_ = false;
};

/// Says that a report is of something else, for the trend looks the same. A later version of a
/// template asks for about what the earlier one did.
void say_other(const std::string& file, const std::string& earlier, const std::string& now) {
  const auto name_of = [](const std::string& ref) { return ref.substr(0, ref.find('@')); };
  if (name_of(earlier) != name_of(now))
    fmt::print(stderr, "plimsoll: note: {}: --trend: was held to {}, and not to {}\n",
               verdict::printable(file),
               verdict::printable(earlier.empty() ? "what it does not name" : earlier),
               verdict::printable(now));
}

Result<EarlierReport> read_one(const std::string& file, const std::string& template_ref) {
  Error error;
  error.file = file;
  error.field = "--trend";
  error.remedy = "name a report that -o json wrote";
  std::error_code problem;
  const auto written = std::filesystem::last_write_time(file, problem);
  std::ifstream in;  // a FIFO would be waited for
  if (!problem && std::filesystem::is_regular_file(file, problem)) in.open(file, std::ios::binary);
  if (!in.is_open()) {
    error.message = "cannot be read";
    return error;
  }
  ReportReader reader;
  if (!Json::sax_parse(in, &reader)) {
    error.message = "is not JSON: " + reader.problem;
    return error;
  }
  if (!reader.versioned || !reader.summed) {
    error.message = "is no report of Plimsoll's";
    return error;
  }
  say_other(file, reader.template_ref, template_ref);
  if (reader.report.time.empty())
    reader.report.time = rfc3339(std::chrono::time_point_cast<std::chrono::system_clock::duration>(
        std::chrono::file_clock::to_sys(written)));
  return std::move(reader.report);
}

}  // namespace

std::string rfc3339(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

Result<std::vector<EarlierReport>> read_earlier_reports(const std::vector<std::string>& files,
                                                        const std::string& template_ref) {
  std::vector<EarlierReport> reports;
  for (const std::string& file : files) {
    auto report = read_one(file, template_ref);
    if (!report) return report.error();
    reports.push_back(*std::move(report));
  }
  std::ranges::stable_sort(reports, {}, &EarlierReport::time);
  return reports;
}

}  // namespace plimsoll::app
