#include <fmt/format.h>

#include <memory>
#include <string>

#include "app/commands.h"
#include "app/console.h"

namespace plimsoll::app {
namespace {

std::string words_of(const CLI::App& app) {
  std::string words;
  for (const CLI::App* sub : app.get_subcommands({})) words += sub->get_name() + " ";
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  return words;
}

// The words after each subcommand, then the words at the top; paths where nothing else fits.
std::string cases_of(const CLI::App& app) {
  std::string cases;
  for (const CLI::App* sub : app.get_subcommands({}))
    cases += fmt::format("    {}) words=\"{}\" ;;\n", sub->get_name(), words_of(*sub));
  return cases;
}

std::string bash(const CLI::App& app) {
  return fmt::format(R"(# bash completion for plimsoll: source <(plimsoll completion bash)
_plimsoll() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words
  case ${{COMP_WORDS[1]}} in
{}    *) words="{}" ;;
  esac
  if ((COMP_CWORD == 1)); then words="{}"; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _plimsoll plimsoll
)",
                     cases_of(app), words_of(app), words_of(app));
}

std::string zsh(const CLI::App& app) {
  return fmt::format(
      R"(#compdef plimsoll
# zsh completion for plimsoll: source <(plimsoll completion zsh)
_plimsoll() {{
  local words_here
  case ${{words[2]}} in
{}    *) words_here="{}" ;;
  esac
  if ((CURRENT == 2)); then words_here="{}"; fi
  compadd -- ${{=words_here}}
  _files
}}
compdef _plimsoll plimsoll
)",
      [&] {
        std::string cases = cases_of(app);
        for (std::size_t at = 0; (at = cases.find("words=", at)) != std::string::npos; at += 11)
          cases.replace(at, 6, "words_here=");
        return cases;
      }(),
      words_of(app), words_of(app));
}

std::string fish(const CLI::App& app) {
  std::string out = "# fish completion for plimsoll: plimsoll completion fish | source\n";
  for (const CLI::App* sub : app.get_subcommands({})) {
    out += fmt::format("complete -c plimsoll -n __fish_use_subcommand -a {} -d '{}'\n",
                       sub->get_name(), sub->get_description());
    for (const CLI::Option* option : sub->get_options())
      for (const std::string& name : option->get_lnames())
        out += fmt::format("complete -c plimsoll -n '__fish_seen_subcommand_from {}' -l {}\n",
                           sub->get_name(), name);
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  auto* const command = app.add_subcommand("completion", "Print a shell's completion script");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, &action, shell] {
    action = [&app, shell] {
      const std::string script = *shell == "bash"  ? bash(app)
                                 : *shell == "zsh" ? zsh(app)
                                                   : fish(app);
      return print(script) ? kPassed : kFailed;
    };
  });
}

}  // namespace plimsoll::app
