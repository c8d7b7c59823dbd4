#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "app/docker_host.h"
#include "app/findings.h"
#include "app/outputs.h"
#include "app/progress.h"
#include "cis/item.h"
#include "docker/engine.h"
#include "docker/host_files.h"
#include "plimsoll/verdict.h"
#include "report/words.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

struct Options : OutputOptions {
  std::string docker, host_root = "/";
  std::vector<std::string> include, exclude, include_containers, exclude_containers;
  bool list = false;
};

using Items = std::vector<const cis::Item*>;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The items that are asked for. Errors: a pattern that means none.
Result<Items> chosen(const Options& options) {
  for (const auto& [field, patterns] :
       {std::pair("--include", &options.include), std::pair("--exclude", &options.exclude)})
    for (const std::string& pattern : *patterns)
      if (std::ranges::none_of(cis::items(), [&](const cis::Item* item) {
            return cis::matches(pattern, item->number());
          })) {
        Error error;
        error.field = field;
        error.message = fmt::format("\"{}\" is no number of an item", pattern);
        error.remedy = "use one such as 5.5, 5 or 5.*";
        return error;
      }
  Items all;
  const auto any = [](const std::vector<std::string>& patterns, std::string_view number) {
    return std::ranges::any_of(
        patterns, [&](std::string_view pattern) { return cis::matches(pattern, number); });
  };
  for (const cis::Item* item : cis::items())
    if ((options.include.empty() || any(options.include, item->number())) &&
        !any(options.exclude, item->number()))
      all.push_back(item);
  return all;
}

bool means(std::string_view pattern, const DockerHost::Name& container) {
  constexpr std::size_t kShortest = 12;
  return glob_match(pattern, container.name) ||
         (pattern.size() >= kShortest && container.id.starts_with(pattern));
}

bool wanted(const Options& options, const DockerHost::Name& container) {
  const auto any = [&](const std::vector<std::string>& patterns) {
    return std::ranges::any_of(patterns,
                               [&](std::string_view pattern) { return means(pattern, container); });
  };
  return (options.include_containers.empty() || any(options.include_containers)) &&
         !any(options.exclude_containers);
}

/// An error: a name that no container has. A glob may mean none: hosts differ.
Status known(const Options& options, const std::vector<DockerHost::Name>& containers) {
  for (const std::string& pattern : options.include_containers)
    if (pattern.find_first_of("*?") == std::string::npos &&
        std::ranges::none_of(containers, [&](const auto& name) { return means(pattern, name); })) {
      Error error;
      error.message = fmt::format("--include-containers: there is no container \"{}\"", pattern);
      error.remedy = "`docker ps --all` lists them";
      return error;
    }
  return {};
}

/// What the items say of a resource, put together.
class Judge {
 public:
  explicit Judge(Items items) : items_(std::move(items)) {}

  [[nodiscard]] bool any_of_host() const {
    return std::ranges::any_of(items_, [](const auto* item) { return item->of_host != nullptr; });
  }
  [[nodiscard]] bool any_of_containers() const {
    return std::ranges::any_of(items_,
                               [](const auto* item) { return item->of_container != nullptr; });
  }
  [[nodiscard]] bool has(std::string_view number) const {
    return std::ranges::any_of(items_, [&](const auto* item) { return item->number() == number; });
  }
  [[nodiscard]] bool any_of_section(std::string_view section) const {
    return std::ranges::any_of(
        items_, [&](const auto* item) { return cis::matches(section, item->number()); });
  }
  /// Items that could not be looked at, and why: each reason once.
  [[nodiscard]] std::size_t unseen() const { return unseen_; }
  [[nodiscard]] const std::vector<std::string>& reasons() const { return reasons_; }

  Resource host(const cis::Host& host) {
    Resource resource;
    resource.kind = "Host";
    resource.name = host.daemon.name;
    const auto fact = [&](std::string_view name, std::string value) {
      if (!value.empty()) resource.facts.push_back({name, std::move(value)});
    };
    fact("engine",
         fmt::format("{} {}", host.daemon.podman ? "podman" : "Docker", host.daemon.version));
    fact("operatingSystem", host.daemon.operating_system);
    resource.facts.push_back({"containers", static_cast<std::uint64_t>(host.daemon.containers)});
    resource.facts.push_back({"running", static_cast<std::uint64_t>(host.daemon.running)});
    for (const cis::Item* item : items_)
      if (item->of_host != nullptr) {
        cis::Said said;
        item->of_host(host, said);
        add(*item, std::move(said), resource, "");
      }
    return resource;
  }

  Resource container(const cis::Container& container, const cis::Host& host) {
    constexpr std::size_t kShown = 12;
    Resource resource;
    resource.kind = "Container";
    resource.name = container.name;
    resource.facts.push_back({"image", container.image});
    resource.facts.push_back({"id", container.id.substr(0, kShown)});
    resource.facts.push_back({"status", container.status});
    for (const cis::Item* item : items_)
      if (item->of_container != nullptr) {
        cis::Said said;
        item->of_container(container, host, said);
        add(*item, std::move(said), resource, container.name);
      }
    return resource;
  }

 private:
  void add(const cis::Item& item, cis::Said said, Resource& resource,
           const std::string& container) {
    if (said.unseen) {
      ++unseen_;
      if (std::ranges::find(reasons_, said.detail) == reasons_.end())
        reasons_.push_back(said.detail);
    }
    ReportedItem& reported = resource.items.emplace_back();
    reported.reference = item.reference;
    reported.title = item.check.title;
    reported.status = said.status;
    reported.detail = said.detail;
    for (cis::Hit& hit : said.hits) {
      if (reported.detail.empty()) reported.detail = hit.message;
      ReportedFinding finding;
      finding.check = &item.check;
      finding.container = container;
      // What is no pointer is the name of a setting, or a file.
      finding.field = hit.path.starts_with('/') && item.of_container != nullptr
                          ? verdict::field_of(hit.path)
                          : hit.path;
      finding.path = item.of_container != nullptr ? hit.path : "";
      finding.place =
          hit.element.empty() ? finding.field : fmt::format("{}[{}]", finding.field, hit.element);
      finding.message = verdict::cut(std::move(hit.message), verdict::kMostWords);
      finding.advice = item.check.remedy;
      if (finding.advice.ends_with('.')) finding.advice.pop_back();
      finding.fingerprint =
          fingerprint_of({resource.kind, resource.name, item.check.id, finding.place});
      resource.findings.push_back(std::move(finding));
      resource.outcome = Outcome::Fail;
    }
    if (said.hits.size() > 1) reported.detail += fmt::format(", and {} more", said.hits.size() - 1);
    reported.detail = verdict::cut(std::move(reported.detail), verdict::kMostWords);
  }

  Items items_;
  std::size_t unseen_ = 0;
  std::vector<std::string> reasons_;
};

void tell_unseen(const Judge& judge, const Options& options) {
  if (judge.unseen() == 0) return;
  std::string why = judge.reasons().front().substr(0, 300);
  if (const auto others = judge.reasons().size() - 1; others > 0)
    why += fmt::format(", and {}", report::plural(others, "other reason"));
  // Root sees all that is there, unless this is a container.
  const bool more_to_see = ::geteuid() != 0 || options.host_root == "/";
  fmt::print(stderr, "plimsoll: {}: {}{}\n", report::plural(judge.unseen(), "item"),
             verdict::printable(why),
             more_to_see ? "; run it as root on the host, or with --host-root" : "");
}

int list(const Items& items) {
  const Palette c = palette_for(stdout);
  std::string out;
  for (const cis::Item* item : items)
    out += fmt::format("{}{:<6}{}  {:<8}  {}\n", c.bold, item->number(), c.plain,
                       name_of(item->check.severity), item->check.title);
  return print(out) ? kPassed : kFailed;
}

int run(const Options& options) {
  auto outputs = Outputs::parse(options.outputs);
  if (!outputs) return fail(outputs.error());
  auto items = chosen(options);
  if (!items) return fail(items.error());
  if (options.list) return list(*items);
  const std::string runtime_dir = environment("XDG_RUNTIME_DIR");
  auto path = docker::Engine::find_socket(options.docker, environment("DOCKER_HOST"), runtime_dir);
  if (!path) return fail(path.error());
  auto engine = docker::Engine::connect(*std::move(path));
  if (!engine) return fail(engine.error());
  Judge judge(*std::move(items));
  const docker::HostFiles files(options.host_root);
  DockerHost host(*engine, files,
                  {.images = judge.any_of_section("4.6") || judge.any_of_section("4.7") ||
                             judge.any_of_section("4.9") || judge.any_of_section("6.1"),
                   .containers = judge.any_of_containers(),
                   .processes = judge.has("5.7"),
                   .users = judge.has("4.1")});
  if (const auto error = host.begin()) return fail(*error);
  if (const auto error = known(options, host.containers()); error && judge.any_of_containers())
    return fail(*error);
  host.keep([&](const DockerHost::Name& container) { return wanted(options, container); });
  auto head = head_of_now(options, std::string(cis::kStandard),
                          fmt::format("Docker host at unix://{}", engine->path()));
  if (!head) return fail(head.error());
  outputs->open(*head);

  ReportTail tail;
  const auto report = [&](const Resource& resource) {
    tail.summary.add(resource);
    outputs->add(resource);
  };
  std::size_t left = 0;
  {
    Progress progress("looking at", "images and containers", host.steps(),
                      progress_wanted(outputs->to_stdout()));
    const cis::Host& facts = host.look([&] { progress.step(); });
    if (judge.any_of_host()) report(judge.host(facts));
    left = host.containers().size();
    for (const auto& name : host.containers()) {
      if (host.lost()) break;
      --left;
      if (const auto container = host.container(name); container)
        report(judge.container(*container, facts));
      progress.step();
    }
  }
  tail.missing = host.missing(left);
  for (const std::string& line : tail.missing)
    fmt::print(stderr, "plimsoll: {}\n", verdict::printable(line));
  tell_unseen(judge, options);
  if (const auto error = outputs->end(tail)) return fail(*error);
  if (!tail.missing.empty()) return kFailed;
  return tail.summary.failed > 0 ? kViolations : kPassed;
}

void add_patterns(CLI::App& command, const char* name, std::vector<std::string>& into,
                  const char* meaning) {
  command.add_option(name, into, meaning)->delimiter(',')->allow_extra_args(false);
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command =
      app.add_subcommand("bench", "Hold a Docker host to the CIS Docker Benchmark");
  command->add_option("--docker", options->docker,
                      "unix://PATH of the engine's socket (default: DOCKER_HOST, or where Docker "
                      "and podman listen)");
  command
      ->add_option("--host-root", options->host_root,
                   "Where the host's file system is, such as in a container")
      ->capture_default_str();
  add_patterns(*command, "--include", options->include,
               "Only these items: 5.5, 5 or 5.*; repeatable");
  add_patterns(*command, "--exclude", options->exclude, "Not these items; repeatable");
  add_patterns(*command, "--include-containers", options->include_containers,
               "Only these containers: names or globs, or ids; repeatable");
  add_patterns(*command, "--exclude-containers", options->exclude_containers,
               "Not these containers; repeatable");
  command->add_flag("--list", options->list, "List the items, and look at nothing");
  add_trend_options(*command, *options);
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace plimsoll::app
