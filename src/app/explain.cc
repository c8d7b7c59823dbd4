#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "app/check_words.h"
#include "app/commands.h"
#include "app/console.h"
#include "cis/item.h"
#include "plimsoll/check.h"
#include "plimsoll/verdict.h"

namespace plimsoll::app {
namespace {

// Breaks at spaces; each line begins with the indent.
std::string wrapped(std::string_view text, std::string_view indent) {
  constexpr std::size_t kWidth = 78;
  std::string out, line(indent);
  while (!text.empty()) {
    const auto space = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (line.size() > indent.size() && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line = indent;
    }
    if (line.size() > indent.size()) line += ' ';
    line += word;
  }
  return out + line + "\n";
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out += fmt::format("    {}\n", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// A check of pods, or an item of bench by its id or its number; nullptr: neither.
const Check* find(const std::string& id) {
  // Not in the catalogue, for no template can leave it out; denials print it like the others.
  if (id == kUnreadableField.id) return &kUnreadableField;
  for (const cis::Item* item : cis::items())
    if (id == item->check.id || id == item->number()) return &item->check;
  return find_check(id);
}

int run(const std::string& id) {
  const Check* const check = find(id);
  if (check == nullptr) {
    Error error;
    error.message = fmt::format("there is no check \"{}\"", id);
    error.remedy = "`plimsoll checks` and `plimsoll bench --list` list them";
    return fail(error);
  }
  const Palette c = palette_for(stdout);
  std::string out = fmt::format("{}{}{}  {}({}){}\n{}", c.bold, check->id, c.plain, c.dim,
                                name_of(check->severity), c.plain, wrapped(check->title, "  "));
  const auto section = [&](std::string_view title) {
    out += fmt::format("\n{}{}{}\n", c.bold, title, c.plain);
  };
  section("Why");
  out += wrapped(check->rationale, "  ");
  section("What to do");
  out += wrapped(check->remedy, "  ");
  // An item of bench is about no pod.
  if (!check->example.empty()) {
    out += wrapped(as_typed(std::string(who_mends(*check))), "  ");
    if (!check->risk.empty()) out += wrapped(as_typed(std::string(check->risk)), "  ");
    section("A pod that fails");
    out += indented(check->counterexample);
    section("A pod that passes");
    out += indented(check->example);
  }
  if (!check->params.empty()) {
    section("Parameters");
    for (const ParamSpec& param : check->params)
      out += fmt::format("  {} ({})\n{}", param.name, type_of(*check, param),
                         wrapped(param.meaning, "      "));
  }
  if (!check->references.empty()) section("References");
  for (const Reference& reference : check->references)
    out += fmt::format("  {}: {}\n", reference.standard, reference.section);
  return print(out) ? kPassed : kFailed;
}

}  // namespace

void add_explain(CLI::App& app, Action& action) {
  auto id = std::make_shared<std::string>();
  auto* const command =
      app.add_subcommand("explain", "Explain one check: why, what to do, references");
  command->add_option("check", *id, "Id of the check")->required();
  command->callback([&action, id] { action = [id] { return run(*id); }; });
}

}  // namespace plimsoll::app
