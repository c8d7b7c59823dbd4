#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "app/templates_of.h"
#include "plimsoll/check.h"
#include "report/format.h"

namespace plimsoll::app {
namespace {

constexpr std::string_view kShells[] = {"bash", "zsh", "fish"};

/// What may follow the words of a subcommand, such as `templates show`; empty: of plimsoll itself.
struct Level {
  std::string path;
  const CLI::App* app;
  std::vector<const CLI::App*> subcommands;
  std::string values;  ///< of what stands without a dash; empty: files, if anything
};

std::string joined(const auto& items, auto name) {
  std::string text;
  for (const auto& item : items) text += fmt::format("{}{}", text.empty() ? "" : " ", name(item));
  return text;
}

std::string template_names() {
  const auto library = load_library({});  // the builtin ones can always be read
  return joined(library->names(), [](std::string_view name) { return name; });
}

// Arguments of one name are of one kind in every subcommand.
std::string values_of(const std::string& argument) {
  if (argument == "check") return joined(catalogue(), [](const Check* check) { return check->id; });
  if (argument == "template") return template_names();
  if (argument == "shell") return joined(kShells, [](std::string_view shell) { return shell; });
  return "";
}

void add_levels(const CLI::App& app, const std::string& path, std::vector<Level>& out) {
  Level level{path, &app, app.get_subcommands({}), ""};
  level.values = joined(level.subcommands, [](const CLI::App* sub) { return sub->get_name(); });
  for (const CLI::Option* option : app.get_options())
    if (option->get_positional()) level.values = values_of(option->get_name());
  out.push_back(level);
  for (const CLI::App* sub : level.subcommands)
    add_levels(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
}

std::string options_of(const CLI::App& app) {
  std::string options;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) options += " --" + name;
  return options.empty() ? options : options.substr(1);
}

// Bash and zsh read this alike. It sets `options` and `values` of the function that calls it.
std::string words_function(const std::vector<Level>& levels) {
  std::string paths, cases;
  for (const Level& level : levels) {
    if (!level.path.empty()) {
      // " serve", "templates show": the words so far, a space, the next word
      const bool nested = level.path.find(' ') != std::string::npos;
      paths += fmt::format("{}\"{}{}\"", paths.empty() ? "" : " | ", nested ? "" : " ", level.path);
    }
    cases += fmt::format("    \"{}\") options=\"{}\" values=\"{}\" ;;\n", level.path,
                         options_of(*level.app), level.values);
  }
  return fmt::format(
      R"(_plimsoll_words() {{
  local at="" word=""
  for word in "$@"; do
    case "$at $word" in
      {}) at="${{at:+$at }}$word" ;;
    esac
  done
  case "$at" in
{}  esac
  case "$word" in
    -t | --template) values="{}" ;;
    -o | --output) values="{}" ;;
    -*) values="" ;;
  esac
}}
)",
      paths, cases, template_names(),
      joined(report::formats(), [](const report::Format* format) { return format->name; }));
}

std::string bash(const std::vector<Level>& levels) {
  return "# bash completion for plimsoll: source <(plimsoll completion bash)\n" +
         words_function(levels) + R"(_plimsoll() {
  local current=${COMP_WORDS[COMP_CWORD]} options values
  _plimsoll_words "${COMP_WORDS[@]:1:COMP_CWORD-1}"
  if [[ $current == -* ]]; then values=$options; fi
  mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
}
complete -o default -F _plimsoll plimsoll
)";
}

std::string zsh(const std::vector<Level>& levels) {
  return "#compdef plimsoll\n# zsh completion for plimsoll: source <(plimsoll completion zsh)\n" +
         words_function(levels) + R"(_plimsoll() {
  local options values
  _plimsoll_words "${(@)words[2,CURRENT-1]}"
  if [[ ${words[CURRENT]} == -* ]]; then values=$options; fi
  if [[ -n $values ]]; then compadd -- ${=values}; else _files; fi
}
compdef _plimsoll plimsoll
)";
}

// In fish's single quotes only these two need a backslash.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish(const std::vector<Level>& levels) {
  std::string out = "# fish completion for plimsoll: plimsoll completion fish | source\n";
  for (const Level& level : levels) {
    std::string when = "__fish_use_subcommand";
    if (!level.path.empty()) {
      when = "__fish_seen_subcommand_from " + level.path;
      if (const auto space = when.rfind(' '); level.path.find(' ') != std::string::npos)
        when.replace(space, 1, "; and __fish_seen_subcommand_from ");
      if (!level.subcommands.empty())
        when += "; and not __fish_seen_subcommand_from " + level.values;
    }
    const std::string line = fmt::format("complete -c plimsoll -n {}", in_quotes(when));
    for (const CLI::App* sub : level.subcommands)
      out += fmt::format("{} -f -a {} -d {}\n", line, sub->get_name(),
                         in_quotes(sub->get_description()));
    if (level.subcommands.empty() && !level.values.empty())
      out += fmt::format("{} -f -a {}\n", line, in_quotes(level.values));
    for (const CLI::Option* option : level.app->get_options())
      for (const std::string& name : option->get_lnames())
        out += fmt::format("{} -l {}{} -d {}\n", line, name,
                           option->get_expected_max() > 0 ? " -r" : "",
                           in_quotes(option->get_description()));
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  auto* const command = app.add_subcommand("completion", "Print a shell's completion script");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kShells), std::end(kShells))));
  command->callback([&app, &action, shell] {
    action = [&app, shell] {
      std::vector<Level> levels;
      add_levels(app, "", levels);
      const std::string script = *shell == "bash"  ? bash(levels)
                                 : *shell == "zsh" ? zsh(levels)
                                                   : fish(levels);
      return print(script) ? kPassed : kFailed;
    };
  });
}

}  // namespace plimsoll::app
