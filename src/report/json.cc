#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>

#include "report/format.h"

namespace plimsoll::report {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ReportedFinding& finding) {
  Json references = Json::array();
  for (const Reference& reference : finding.check->references)
    references.push_back({{"standard", reference.standard}, {"section", reference.section}});
  Json json{{"check", finding.check->id},
            {"severity", name_of(finding.check->severity)},
            {"container", finding.container},
            {"field", finding.field},
            {"path", finding.path},
            {"line", finding.region.line},
            {"column", finding.region.column},
            {"message", finding.message},
            {"remedy", finding.advice},
            {"references", std::move(references)},
            {"patch", Json::parse(finding.patch)},
            {"endLine", finding.region.end_line},
            {"endColumn", finding.region.end_column},
            {"fingerprint", finding.fingerprint}};
  if (!finding.template_ref.empty()) json["template"] = finding.template_ref;
  if (!finding.mode.empty()) json["mode"] = finding.mode;
  if (finding.accepted)
    json["accepted"] = {{"by", name_of(finding.accepted->by)},
                        {"reason", finding.accepted->reason}};
  return json;
}

Json to_json(const std::vector<Fact>& facts) {
  Json json = Json::object();
  for (const Fact& fact : facts)
    std::visit([&](const auto& value) { json[std::string(fact.name)] = value; }, fact.value);
  return json;
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
  if (!resource.uid.empty()) json["uid"] = resource.uid;
  if (!resource.reason.empty()) json["reason"] = resource.reason;
  json["findings"] = std::move(findings);
  if (!resource.accepted.empty()) {
    Json& accepted = json["accepted"] = Json::array();
    for (const auto& finding : resource.accepted) accepted.push_back(to_json(finding));
  }
  json["patch"] = Json::parse(resource.patch);
  if (!resource.facts.empty()) json["facts"] = to_json(resource.facts);
  if (!resource.items.empty()) {
    Json& items = json["items"] = Json::array();
    for (const ReportedItem& item : resource.items)
      items.push_back(
          {{"reference",
            {{"standard", item.reference.standard}, {"section", item.reference.section}}},
           {"title", item.title},
           {"status", name_of(item.status)},
           {"detail", item.detail}});
  }
  return json;
}

// A member or an element, as it stands `indent` deep in a document.
std::string indented(const Json& value, std::size_t indent) {
  const std::string text = value.dump(2, ' ', false, Json::error_handler_t::replace);
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out.append(indent, ' ');
  }
  return out;
}

class JsonWriter : public Writer {
 public:
  JsonWriter(const ReportHead& head, Sink sink) : sink_(std::move(sink)) {
    sink_(R"({
  "schemaVersion": 1,
  "template": )" +
          indented(head.template_ref, 2));
    if (!head.subject.empty()) sink_(",\n  \"subject\": " + indented(head.subject, 2));
    if (!head.time.empty()) sink_(",\n  \"time\": " + indented(head.time, 2));
    if (!head.facts.empty()) sink_(",\n  \"facts\": " + indented(to_json(head.facts), 2));
    sink_(",\n  \"resources\": [");
  }

  void add(const Resource& resource) override {
    sink_((first_ ? "\n    " : ",\n    ") + indented(to_json(resource), 4));
    first_ = false;
  }

  void end(const ReportTail& tail) override {
    const Summary& sum = tail.summary;
    Json summary{{"resources", sum.resources}, {"passed", sum.passed},
                 {"failed", sum.failed},       {"errors", sum.errors},
                 {"skipped", sum.skipped},     {"findings", sum.findings}};
    if (sum.accepted > 0) summary["accepted"] = sum.accepted;
    std::string out = first_ ? "]" : "\n  ]";
    if (!tail.stale.empty()) out += ",\n  \"stale\": " + indented(tail.stale, 2);
    if (!tail.missing.empty())
      out += ",\n  \"partial\": true,\n  \"missing\": " + indented(tail.missing, 2);
    sink_(out + ",\n  \"summary\": " + indented(summary, 2) + "\n}\n");
  }

 private:
  Sink sink_;
  bool first_ = true;
};

}  // namespace

extern constinit const Format json{
    .name = "json",
    .meaning = "for programs: everything that is known",
    .open = [](const ReportHead& head, const Style&, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<JsonWriter>(head, std::move(sink));
    }};

}  // namespace plimsoll::report
