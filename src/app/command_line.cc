#include "app/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "app/commands.h"
#include "app/console.h"
#include "app/version.h"
#include "policy/nearest.h"

namespace plimsoll::app {
namespace {

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

/// The innermost subcommand that was named.
const CLI::App& named(const CLI::App& app) {
  const auto below = app.get_subcommands();
  return below.empty() ? app : named(*below.front());
}

// `plimsoll templates`
std::string call_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name()
                                     : call_of(*app.get_parent()) + " " + app.get_name();
}

Error unknown(const CLI::App& app, const std::string& word) {
  Error error;
  error.message = fmt::format("\"{}\" is not known", word);
  error.remedy = fmt::format("`{} --help` tells more", call_of(app));
  const auto names = names_of(app);
  // Of `--dryrun=true` the name counts.
  const auto name = std::string_view(word).substr(0, word.find('='));
  if (names.empty()) return error;
  const std::string_view nearest = policy::nearest(name, names);
  if (policy::distance(name, nearest) <= 2) error.remedy = fmt::format("did you mean {}?", nearest);
  return error;
}

Error no_subcommand(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  Error error;
  error.message = fmt::format("`{}` needs a subcommand", call_of(app));
  error.remedy = fmt::format("use one of {}", fmt::join(names, ", "));
  return error;
}

}  // namespace

int run_command_line(std::vector<std::string> words) {
  CLI::App app("Plimsoll refuses pods loaded with more privilege than they need.",
               std::string(program_name()));
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", fmt::format("plimsoll {}", kVersion));
  app.set_help_flag("-h,--help", "Print this help");
  app.footer("Exit status: 0 all pass, 1 violations found, 2 it could not be done.");
  Action action;
  for (const auto& add :
       {add_serve, add_check, add_fix, add_checks, add_explain, add_templates, add_certs,
        add_health, add_doctor, add_scan, add_bench, add_replay, add_version, add_completion})
    add(app, action);

  // To CLI11 `[a,b]` is a list of two; where a file is expected it is a name.
  if (!words.empty() && words.front() == "check")
    for (std::string& word : words)
      if (word.starts_with('[') && word.ends_with(']')) word.insert(0, "./");
  std::ranges::reverse(words);  // as CLI11 asks
  try {
    app.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    return fail(unknown(named(app), app.remaining(true).front()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    Error why;
    why.message = error.what();
    why.remedy = fmt::format("`{} --help` tells more", call_of(named(app)));
    return fail(why);
  }
  return action ? action() : fail(no_subcommand(named(app)));
}

}  // namespace plimsoll::app
