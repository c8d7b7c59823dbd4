#include "app/checks_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "app/check_words.h"
#include "codec/manifest.h"
#include "text/yaml.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

/// A template that asks for a check, in some of its versions.
struct Asker {
  std::string_view name;
  MinorVersion first = 0, last = 0;
  bool still = false;  ///< in the template's newest version
  Rule rule;           ///< as in `last`
};

/// The templates that ask for a check, the one with the fewest rules first.
std::vector<Asker> askers_of(const templates::Library& library, const Check& check) {
  std::vector<Asker> askers;
  for (const std::string_view name : library.names()) {
    const TemplateRef newest{std::string(name), {}};
    std::optional<Asker> asker;
    for (MinorVersion version = library.find(newest)->version; version >= 0; --version) {
      const auto policy = library.find({newest.name, version});
      const auto rule = std::ranges::find(*policy->rules, &check, &Rule::check);
      if (rule == policy->rules->end()) continue;
      if (!asker) asker = {name, version, version, version == library.find(newest)->version, *rule};
      asker->first = version;
    }
    if (asker) askers.push_back(*std::move(asker));
  }
  std::ranges::stable_sort(askers, {}, [&](const Asker& asker) {
    return library.find({std::string(asker.name), {}})->rules->size();
  });
  return askers;
}

std::string versions_of(const Asker& asker) {
  return asker.still ? fmt::format("v1.{} on", asker.first)
                     : fmt::format("v1.{} to v1.{}", asker.first, asker.last);
}

/// The parameters in code, each text of a list by itself, so that a browser can break the line.
std::string params_of(const Asker& asker) {
  std::string out;
  for (const auto& [name, value] : asker.rule.params.all()) {
    out += fmt::format("{}`{}`: ", out.empty() ? "" : "<br>", name);
    if (const auto* const texts = std::get_if<std::vector<std::string>>(&value))
      out += fmt::format("`{}`", fmt::join(*texts, "`, `"));
    else
      out += to_text(value);
  }
  if (!out.empty() && asker.rule.since > asker.first)
    out += fmt::format("<br>(so since v1.{})", asker.rule.since);
  return out;
}

/// The rows of a table; templates that ask the same share one.
std::string rows_of(const std::vector<Asker>& askers) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Asker& asker : askers) {
    std::string rest = fmt::format("{} | {}", versions_of(asker), params_of(asker));
    if (!rows.empty() && rows.back().second == rest)
      rows.back().first += fmt::format(", {}", asker.name);
    else
      rows.emplace_back(asker.name, std::move(rest));
  }
  std::string out;
  for (const auto& [names, rest] : rows) out += fmt::format("| {} | {} |\n", names, rest);
  return out;
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out += fmt::format("  {}\n", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// What Plimsoll says of the bad example: a line of a list for each finding.
std::string said_of(const Check& check, const Params& params) {
  // No field of a pod spec is called metadata.
  const bool about_metadata = check.counterexample.starts_with("metadata:");
  const std::string manifest =
      "apiVersion: v1\nkind: Pod\n" + (about_metadata ? std::string(check.counterexample)
                                                      : "spec:\n" + indented(check.counterexample));
  // Whether a field can be read is asked by every rule.
  const Check& asking = check.evaluate != nullptr ? check : *catalogue().front();
  Template only;
  only.rules = std::make_shared<const std::vector<Rule>>(std::vector{Rule{&asking, params, 0, ""}});
  text::YamlReader reader(manifest, std::string(check.id));
  const auto document = reader.next();
  std::string out;
  for (const auto& object : codec::manifests_of(**document, {}))
    for (const Violation& violation : violations_of(object.pods, object.faults, only))
      out += fmt::format("- `{}`: {}{}\n", verdict::field_of(violation.finding.path),
                         violation.finding.message,
                         violation.edits.empty() ? "" : "; fix: " + verdict::advice(violation));
  return out;
}

std::string section(const templates::Library& library, const Check& check) {
  const auto askers = askers_of(library, check);
  std::string out = fmt::format("\n## {}\n\n**{}** ({}). {}\n", check.id, check.title,
                                name_of(check.severity), check.rationale);
  out += fmt::format("\nRefused:\n\n```yaml\n{}```\n\n{}", check.counterexample,
                     said_of(check, askers.empty() ? Params() : askers.back().rule.params));
  out += fmt::format("\nAccepted:\n\n```yaml\n{}```\n", check.example);
  out += fmt::format("\n{} {}\n", check.remedy, who_mends(check));
  if (!check.risk.empty()) out += fmt::format("\n> {}\n", check.risk);
  if (!check.params.empty()) out += "\n| Parameter | is | |\n|---|---|---|\n";
  for (const ParamSpec& param : check.params)
    out += fmt::format("| `{}` | {} | {} |\n", param.name, type_of(check, param), param.meaning);
  if (!askers.empty()) out += "\n| Asked for by | at | with |\n|---|---|---|\n" + rows_of(askers);
  if (!check.references.empty()) out += "\nReferences:\n\n";
  for (const Reference& reference : check.references)
    out += fmt::format("- {}: {}\n", reference.standard, reference.section);
  return out;
}

}  // namespace

std::string checks_page(const templates::Library& builtin) {
  std::string out = R"(# Checks

What Plimsoll looks at in a pod, and why. `plimsoll explain CHECK` tells the same in a terminal.

`plimsoll fix` makes the change of a check that is marked *yes*. What is marked *risky* asks something of the image as well: it is
changed with `--allow-risky` only, and the check says what to try. Elsewhere a person must decide, but for a volume that no container
mounts, which `plimsoll fix` takes away; of a custom resource, whose controller may mount it, with `--allow-risky` only.

)";
  out += "| Check | Severity | A pod that passes | Fix | Templates |\n|---|---|---|---|---|\n";
  for (const Check* check : catalogue()) {
    std::string templates;
    for (const Asker& asker : askers_of(builtin, *check))
      templates += fmt::format("{}{}", templates.empty() ? "" : ", ", asker.name);
    const std::string_view fix = check->fix == nullptr ? "a person"
                                 : check->risk.empty() ? "yes"
                                                       : "risky";
    out += fmt::format("| [{0}](#{0}) | {1} | {2} | {3} | {4} |\n", check->id,
                       name_of(check->severity), check->title, fix, templates);
  }
  out += fmt::format(
      "\nBeside these, every template but an empty one asks that [fields can be read](#{}).\n",
      kUnreadableField.id);
  for (const Check* check : catalogue()) out += section(builtin, *check);
  return out + section(builtin, kUnreadableField);
}

}  // namespace plimsoll::app
