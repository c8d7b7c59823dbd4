#include "templates/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace plimsoll::templates {
namespace {

// The line of the field, or of the nearest that would hold it.
std::size_t line_of(const TemplateSpec& spec, std::string field) {
  for (;;) {
    if (const auto at = spec.lines.find(field); at != spec.lines.end()) return at->second;
    const auto cut = field.find_last_of(".[");
    if (cut == std::string::npos) return 0;
    field.resize(cut);
  }
}

Error error_at(const TemplateSpec& spec, std::string field, std::string message,
               std::string remedy) {
  Error error;
  error.message = std::move(message);
  error.file = spec.file;
  error.line = line_of(spec, field);
  error.field = std::move(field);
  error.remedy = std::move(remedy);
  return error;
}

// RFC 1123 label: it is part of routes, labels and object names.
bool well_formed(std::string_view name) {
  const auto inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= 63 && std::ranges::all_of(name, inner) &&
         name.front() != '-' && name.back() != '-';
}

std::string_view type_text(ParamType type) {
  constexpr std::string_view kTexts[] = {"a list of texts, such as [a, b]", "true or false",
                                         "a list of ranges, such as [{min: 1, max: 65535}]"};
  return kTexts[static_cast<std::size_t>(type)];
}

template <class Items, class Name>
std::string join(const Items& items, Name name) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ", ";
    text += name(item);
  }
  return text;
}

bool given(bool flag) { return flag; }
template <class T>
bool given(const std::vector<T>& list) {
  return !list.empty();
}

// A check that asks nothing is a hole that looks like a wall.
Status validate_needed(const TemplateSpec& spec, const RuleSpec& rule, const Check& check,
                       const std::string& at) {
  std::string needed;
  for (const ParamSpec& param : check.params) {
    if (!param.needed) continue;
    if (!needed.empty()) needed += " or ";
    needed += param.name;
    for (const auto& [name, value] : rule.params)
      if (name == param.name && std::visit([](const auto& v) { return given(v); }, value))
        return {};
  }
  if (needed.empty() || !rule.enabled) return {};
  return error_at(spec, at + ".params",
                  fmt::format("the check {} asks nothing without {}", check.id, needed),
                  fmt::format("give it; `plimsoll explain {}` says what it takes", check.id));
}

Status validate_params(const TemplateSpec& spec, const RuleSpec& rule, const Check& check,
                       const std::string& at) {
  for (const auto& [name, value] : rule.params) {
    const std::string field = fmt::format("{}.params.{}", at, name);
    const auto* const declared = std::ranges::find(check.params, name, &ParamSpec::name).base();
    if (declared == check.params.data() + check.params.size())
      return error_at(spec, field, fmt::format("the check {} has no such parameter", check.id),
                      check.params.empty()
                          ? std::string("it has none: remove params")
                          : fmt::format("it has {}", join(check.params, [](const ParamSpec& p) {
                                          return std::string(p.name);
                                        })));
    if (static_cast<ParamType>(value.index()) != declared->type)
      return error_at(spec, field, fmt::format("must be {}", type_text(declared->type)), "");
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value);
        texts != nullptr && declared->form != nullptr)
      for (const std::string& text : *texts)
        if (!declared->form->has(text))
          return error_at(spec, field, fmt::format("\"{}\" is not {}", text, declared->form->name),
                          std::string(declared->form->hint));
    if (const auto* ranges = std::get_if<std::vector<IdRange>>(&value))
      for (const IdRange& range : *ranges)
        if (range.min > range.max)
          return error_at(spec, field,
                          fmt::format("the range {}-{} is empty", range.min, range.max),
                          "let min be no greater than max");
  }
  return validate_needed(spec, rule, check, at);
}

Status validate_rule(const TemplateSpec& spec, std::size_t index, MinorVersion newest) {
  const RuleSpec& rule = spec.rules[index];
  const std::string at = fmt::format("spec.rules[{}]", index);
  const Check* const check = find_check(rule.check);
  if (check == nullptr)
    return error_at(spec, at + ".check", fmt::format("there is no check \"{}\"", rule.check),
                    "`plimsoll checks` lists them");
  if (rule.since > newest)
    return error_at(
        spec, at + ".since",
        fmt::format("v1.{} is newer than the newest version, v1.{}", rule.since, newest),
        "set spec.newest, or an older version");
  if (rule.before && *rule.before <= rule.since)
    return error_at(spec, at + ".before",
                    fmt::format("v1.{} is not after v1.{}, so that the rule never holds",
                                *rule.before, rule.since),
                    "let `before` be newer than `since`");
  if (!rule.enabled && !rule.params.empty())
    return error_at(spec, at + ".params", "a rule that is not enabled takes none",
                    "remove params, or `enabled: false`");
  for (std::size_t i = 0; i < index; ++i)
    if (spec.rules[i].check == rule.check && spec.rules[i].since == rule.since)
      return error_at(
          spec, at,
          fmt::format("spec.rules[{}] states {} from v1.{} on as well", i, rule.check, rule.since),
          "keep one of the two");
  return validate_params(spec, rule, *check, at);
}

// The rules of `spec` at a version, laid over its parent's. Of several rules for one check the one
// with the newest `since` counts.
std::vector<Rule> resolve(const TemplateSpec& spec, const std::vector<Rule>& parent,
                          MinorVersion version) {
  std::map<std::string_view, const RuleSpec*> own;
  for (const RuleSpec& rule : spec.rules) {
    if (version < rule.since || (rule.before && version >= *rule.before)) continue;
    const RuleSpec*& counts = own[rule.check];
    if (counts == nullptr || counts->since < rule.since) counts = &rule;
  }
  std::vector<Rule> rules;
  for (const Rule& rule : parent)
    if (!own.contains(rule.check->id)) rules.push_back(rule);
  for (const auto& [id, rule] : own)
    if (rule->enabled)
      rules.push_back({find_check(id), Params(rule->params), rule->since, spec.name});
  std::ranges::sort(rules, {}, [](const Rule& rule) { return rule.check->id; });
  return rules;
}

using ByName = std::map<std::string_view, const TemplateSpec*>;

MinorVersion newest_of(const TemplateSpec& spec, const ByName& by_name, MinorVersion otherwise) {
  const TemplateSpec* at = &spec;
  // A ring has an end too: it is found later.
  for (std::size_t steps = 0; steps < by_name.size(); ++steps) {
    if (at->newest) return *at->newest;
    const auto parent = by_name.find(at->extends);
    if (parent == by_name.end()) break;
    at = parent->second;
  }
  return otherwise;
}

}  // namespace

Result<Library> Library::make(std::vector<TemplateSpec> specs) {
  Library library;
  ByName by_name;
  MinorVersion greatest = 0;
  for (const TemplateSpec& spec : specs) {
    if (!well_formed(spec.name))
      return error_at(spec, "metadata.name",
                      fmt::format("\"{}\" cannot name a template", spec.name),
                      "use at most 63 small letters, digits and dashes");
    if (const auto [at, fresh] = by_name.emplace(spec.name, &spec); !fresh)
      return error_at(
          spec, "metadata.name",
          fmt::format("\"{}\" is also the name of the template in {}", spec.name, at->second->file),
          "choose another name");
    if (spec.newest > kLastVersion)
      return error_at(spec, "spec.newest", fmt::format("is beyond v1.{}", kLastVersion),
                      "name the newest version that its rules know");
    greatest = std::max(greatest, spec.newest.value_or(0));
  }
  for (const TemplateSpec& spec : specs)
    for (std::size_t i = 0; i < spec.rules.size(); ++i)
      if (auto error = validate_rule(spec, i, newest_of(spec, by_name, greatest)))
        return *std::move(error);

  // Parents first: each round takes the templates whose parent is there.
  std::vector<const TemplateSpec*> left;
  for (const TemplateSpec& spec : specs) {
    if (!spec.extends.empty() && !by_name.contains(spec.extends))
      return error_at(
          spec, "spec.extends", fmt::format("there is no template \"{}\"", spec.extends),
          fmt::format("use one of {}",
                      join(by_name, [](const auto& named) { return std::string(named.first); })));
    left.push_back(&spec);
  }
  while (!left.empty()) {
    const auto before = left.size();
    std::erase_if(left, [&](const TemplateSpec* spec) {
      if (!spec->extends.empty() && !library.templates_.contains(spec->extends)) return false;
      Versions& versions = library.templates_[spec->name];
      const MinorVersion newest = newest_of(*spec, by_name, greatest);
      for (MinorVersion version = 0; version <= newest; ++version) {
        const auto parent = library.find({spec->extends, version});
        auto rules = resolve(*spec, parent ? *parent->rules : std::vector<Rule>(), version);
        // Most versions ask what the one before asked: they share the rules.
        const bool same = !versions.empty() && *versions.back()->rules == rules;
        auto shared = same ? versions.back()->rules
                           : std::make_shared<const std::vector<Rule>>(std::move(rules));
        versions.push_back(std::make_shared<const Template>(
            Template{spec->name, spec->description, version, std::move(shared)}));
      }
      return true;
    });
    if (left.size() == before)
      return error_at(
          *left.front(), "spec.extends",
          fmt::format("\"{}\" leads back to \"{}\"", left.front()->extends, left.front()->name),
          "let one of them stand by itself");
  }
  return library;
}

std::shared_ptr<const Template> Library::find(const TemplateRef& ref) const {
  const auto at = templates_.find(ref.name);
  if (at == templates_.end()) return nullptr;
  const std::size_t newest = at->second.size() - 1;
  return at
      ->second[ref.version ? std::min(static_cast<std::size_t>(*ref.version), newest) : newest];
}

std::vector<std::string_view> Library::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, versions] : templates_) names.emplace_back(name);
  return names;
}

}  // namespace plimsoll::templates
