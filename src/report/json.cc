#include <nlohmann/json.hpp>

#include "report/format.h"

namespace plimsoll::report {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ReportedFinding& finding) {
  Json references = Json::array();
  for (const Reference& reference : finding.check->references)
    references.push_back({{"standard", reference.standard}, {"section", reference.section}});
  return {{"check", finding.check->id},
          {"severity", name_of(finding.check->severity)},
          {"container", finding.container},
          {"field", finding.field},
          {"path", finding.path},
          {"line", finding.line},
          {"column", finding.column},
          {"message", finding.message},
          {"remedy", finding.advice},
          {"references", std::move(references)},
          {"patch", Json::parse(finding.patch)}};
}

Json to_json(const Resource& resource) {
  Json findings = Json::array();
  for (const auto& finding : resource.findings) findings.push_back(to_json(finding));
  Json json{{"source",
             {{"file", resource.source.file},
              {"document", resource.source.document},
              {"line", resource.source.line}}},
            {"apiVersion", resource.api_version},
            {"kind", resource.kind},
            {"namespace", resource.namespace_name},
            {"name", resource.name},
            {"verdict", name_of(resource.outcome)}};
  if (!resource.reason.empty()) json["reason"] = resource.reason;
  json["findings"] = std::move(findings);
  json["patch"] = Json::parse(resource.patch);
  return json;
}

}  // namespace

std::string write_json(const Report& report, const Style&) {
  const Summary sum = report.summary();
  Json resources = Json::array();
  for (const auto& resource : report.resources) resources.push_back(to_json(resource));
  const Json json{{"schemaVersion", 1},
                  {"template", report.template_ref},
                  {"summary",
                   {{"resources", sum.resources},
                    {"passed", sum.passed},
                    {"failed", sum.failed},
                    {"errors", sum.errors},
                    {"skipped", sum.skipped},
                    {"findings", sum.findings}}},
                  {"resources", std::move(resources)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plimsoll::report
