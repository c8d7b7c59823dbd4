#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "app/check_words.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/templates_of.h"
#include "cel/cel.h"

namespace plimsoll::app {
namespace {

constexpr const char* kMatchConditions = "match-conditions";
constexpr const char* kAdmissionPolicy = "validating-admission-policy";

struct Options {
  std::vector<std::string> files;
  std::string ref;
  std::string format;
  Mode mode = Mode::Enforce;
};

int list(const Options& options) {
  const auto library = load_library(options.files);
  if (!library) return fail(library.error());
  const Palette c = palette_for(stdout);
  std::string out;
  std::size_t width = 0;
  for (const auto name : library->names()) width = std::max(width, name.size());
  for (const auto name : library->names()) {
    const auto found = library->find({std::string(name), {}});
    out += fmt::format("{}{:<{}}{}  {:>2} checks at v1.{}  {}\n", c.bold, name, width, c.plain,
                       found->rules->size(), found->version, found->description);
  }
  return print(out) ? kPassed : kFailed;
}

int show(const Options& options) {
  const auto library = load_library(options.files);
  if (!library) return fail(library.error());
  const auto found = find_template(*library, options.ref);
  if (!found) return fail(found.error());
  const Template& policy = **found;
  const Palette c = palette_for(stdout);
  std::string out = fmt::format("{}{}{}\n{}\n", c.bold, policy.ref(), c.plain, policy.description);
  for (const Rule& rule : *policy.rules) {
    out += fmt::format("\n{}{}{}  {}{}, since v1.{} of {}{}\n  {}\n", c.bold, rule.check->id,
                       c.plain, c.dim, name_of(rule.check->severity), rule.since, rule.from,
                       c.plain, rule.check->title);
    for (const auto& [name, value] : rule.params.all())
      out += fmt::format("  {}{}:{} {}\n", c.cyan, name, c.plain, to_text(value));
  }
  if (policy.rules->empty()) out += "\nIt asks nothing.\n";
  return print(out) ? kPassed : kFailed;
}

int export_as(const Options& options) {
  const auto library = load_library(options.files);
  if (!library) return fail(library.error());
  const auto found = find_template(*library, options.ref);
  if (!found) return fail(found.error());
  const Template& policy = **found;
  const bool newest = policy.version == library->find({policy.name, {}})->version;
  const auto text = options.format == kMatchConditions
                        ? cel::match_conditions_yaml(policy)
                        : cel::validating_admission_policy_yaml(policy, options.mode, newest);
  if (!text) return fail(text.error());
  return print(*text) ? kPassed : kFailed;
}

int lint(const Options& options) {
  const auto library = load_library(options.files);
  if (!library) return fail(library.error());
  return print(fmt::format("{}: fine\n", fmt::join(options.files, ", "))) ? kPassed : kFailed;
}

}  // namespace

void add_templates(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("templates", "List, show, lint and export templates");
  command->require_subcommand(0, 1);
  const auto add_files = [&](CLI::App* sub) {
    sub->add_option("--templates", options->files, "File with SecurityTemplates; repeatable")
        ->allow_extra_args(false);
  };
  auto* const lists = command->add_subcommand("list", "List the templates");
  add_files(lists);
  lists->callback([&action, options] { action = [options] { return list(*options); }; });
  auto* const shows =
      command->add_subcommand("show", "Show what a template asks at a version, check by check");
  shows->add_option("template", options->ref, "NAME or NAME@VERSION")->required();
  add_files(shows);
  shows->callback([&action, options] { action = [options] { return show(*options); }; });
  auto* const exports = command->add_subcommand(
      "export", "Write a template as CEL, which the API server evaluates itself");
  exports->add_option("template", options->ref, "NAME or NAME@VERSION")->required();
  exports
      ->add_option("--as", options->format,
                   "match-conditions of a webhook, or a policy of the API server's own")
      ->required()
      ->check(CLI::IsMember({kMatchConditions, kAdmissionPolicy}));
  exports
      ->add_option_function<std::string>(
          "--mode", [options](const std::string& mode) { options->mode = *parse_mode(mode); },
          "What follows from a violation of the policy: enforce, warn or audit")
      ->check(CLI::IsMember({"enforce", "warn", "audit"}))
      ->default_str("enforce");
  add_files(exports);
  exports->callback([&action, options] { action = [options] { return export_as(*options); }; });
  auto* const lints = command->add_subcommand("lint", "Say whether template files are right");
  lints->add_option("file", options->files, "Files with SecurityTemplates")->required();
  lints->callback([&action, options] { action = [options] { return lint(*options); }; });
}

}  // namespace plimsoll::app
