#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "app/baseline.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/findings.h"
#include "app/in_order.h"
#include "app/input_files.h"
#include "app/manifest_options.h"
#include "app/manifests.h"
#include "app/outputs.h"
#include "app/progress.h"
#include "app/staged_file.h"
#include "app/version.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using Json = nlohmann::json;

struct Options : ManifestOptions, OutputOptions {
  std::string baseline, write_baseline;
  bool fail_on_skipped = false;
};

/// What one file gives to the report.
struct Checked {
  std::vector<Resource> resources;
  std::vector<std::string> stale;  ///< ignore comments that accept nothing
};

std::string unused(const std::string& file, const Ignore& ignore) {
  std::vector<std::string_view> ids;
  for (const Check* check : ignore.checks) ids.push_back(check->id);
  return fmt::format("{}:{}: the ignore comment accepts nothing: {}", file, ignore.line,
                     fmt::join(ids, ", "));
}

bool asked_for(const Template& policy, const Ignore& ignore) {
  return std::ranges::any_of(ignore.checks, [&](const Check* check) {
    return std::ranges::find(*policy.rules, check, &Rule::check) != policy.rules->end();
  });
}

// Objects without a name, and those of one name, share fingerprints: the second of a file is told
// from the first.
void number_twins(std::vector<Resource>& resources) {
  std::unordered_map<std::string, std::size_t> seen;
  for (Resource& resource : resources)
    for (auto* findings : {&resource.findings, &resource.accepted})
      for (ReportedFinding& finding : *findings)
        if (const std::size_t before = seen[finding.fingerprint]++; before > 0)
          finding.fingerprint = fingerprint_of({finding.fingerprint, std::to_string(before)});
}

Checked check_file(const Input& input, const Template& policy, const PodPlaces& places,
                   bool changes) {
  Checked checked;
  if (!input) {
    checked.resources.push_back(error_resource(input.error().file, input.error()));
    return checked;
  }
  const bool from_stdin = *input == "-";
  const std::string name(from_stdin ? kStdin : *input);
  const auto text = from_stdin ? read_stdin() : read_file(*input);
  if (!text) {
    checked.resources.push_back(error_resource(*input, text.error()));
    return checked;
  }
  ManifestReader reader(*text, name, policy, places);
  const Reporter reporter(*input, reader.text(), changes);
  while (const auto judged = reader.next()) {
    if (!*judged) {
      checked.resources.push_back(error_resource(*input, judged->error()));
      continue;
    }
    for (Resource& resource : reporter.resources_of(**judged))
      checked.resources.push_back(std::move(resource));
    for (const Ignore& ignore : (*judged)->ignores)
      if (!ignore.used && asked_for(policy, ignore)) checked.stale.push_back(unused(name, ignore));
  }
  number_twins(checked.resources);
  return checked;
}

// A baseline lies beside the manifests, and is none.
bool same_file(const std::string& input, const std::string& baseline) {
  std::error_code problem;
  return input.ends_with(".json") && std::filesystem::equivalent(input, baseline, problem);
}

// A report of the last run lies where this run's goes, and is no manifest: a manifest may begin as
// one does, but not without saying what it is.
bool is_report(const std::string& input) {
  const auto text = read_file(input);
  if (!text) return false;
  constexpr std::string_view kJson = "{\n  \"schemaVersion\": 1,", kList = ",\n  \"resources\": [",
                             kSarif = "{\n\"version\": \"2.1.0\",",
                             kGitlab = "[\n{\"description\":";
  if (!((text->starts_with(kJson) && text->find(kList) != text->npos) ||
        text->starts_with(kSarif) || text->starts_with(kGitlab) || *text == "[]\n"))
    return false;
  // Of the whole only the fields of the root and of a list's elements are kept.
  const auto kept = [](int depth, Json::parse_event_t, Json&) { return depth <= 2; };
  const Json json = Json::parse(*text, kept, false);
  const auto is_object = [](const Json& item) {
    return item.is_object() && (item.contains("apiVersion") || item.contains("kind"));
  };
  return !json.is_discarded() && !is_object(json) &&
         !(json.is_array() && std::ranges::any_of(json, is_object));
}

/// What of all that is read would be lost by what is written.
Status written_over(const Options& options, const Outputs& outputs,
                    const std::vector<Input>& inputs) {
  Status error;
  const auto look_at = [&](const std::string& file, std::string_view use, bool by_baseline) {
    const bool by_report = outputs.would_overwrite(file);
    if (error || (!by_report && !(by_baseline && same_place(options.write_baseline, file)))) return;
    error.emplace();
    error->field = by_report ? "--output" : "--write-baseline";
    error->message = fmt::format("{} is {}, and would be written over", file, use);
    error->remedy = "name another file";
  };
  for (const Input& input : inputs)
    if (input && *input != "-") look_at(*input, "to be checked", true);
  for (const std::string& file : options.templates) look_at(file, "read by --templates", true);
  for (const std::string& file : options.pod_templates)
    look_at(file, "read by --pod-templates", true);
  if (!options.baseline.empty()) look_at(options.baseline, "read by --baseline", false);
  if (!options.write_baseline.empty())
    look_at(options.write_baseline, "written by --write-baseline", false);
  return error;
}

int run(const Options& options) {
  auto outputs = Outputs::parse(options.outputs);
  if (!outputs) return fail(outputs.error());
  const auto yardstick = load_yardstick(options);
  if (!yardstick) return fail(yardstick.error());
  const Template& policy = *yardstick->policy;
  std::optional<Baseline> known;
  if (!options.baseline.empty()) {
    auto baseline = Baseline::read(options.baseline);
    if (!baseline) return fail(baseline.error());
    known = *std::move(baseline);
  }
  auto inputs = inputs_of(options.paths, options.exclude);
  std::erase_if(inputs, [&](const Input& input) {
    return input && (same_file(*input, options.baseline) ||
                     (same_file(*input, options.write_baseline) && Baseline::read(*input)) ||
                     (outputs->would_overwrite(*input) && is_report(*input)));
  });
  if (const auto error = written_over(options, *outputs, inputs)) return fail(*error);

  outputs->open({.template_ref = policy.ref(), .version = std::string(kVersion)});
  ReportTail tail;
  Baseline fresh(options.write_baseline);
  {
    Progress progress("checking", "files", inputs.size(), progress_wanted(outputs->to_stdout()));
    in_order(
        inputs.size(),
        [&](std::size_t i) {
          return check_file(inputs[i], policy, yardstick->places, outputs->want_changes());
        },
        [&](std::size_t i, Checked checked) {
          const bool whole = std::ranges::none_of(checked.resources, [](const Resource& resource) {
            return resource.outcome == Outcome::Error;
          });
          if (known && whole) known->has_read(*inputs[i]);
          for (Resource& resource : checked.resources) {
            if (!options.write_baseline.empty()) fresh.add(resource);
            if (known) known->accept(resource);
            tail.summary.add(resource);
            outputs->add(resource);
            // An error is always said on stderr too: nobody may be reading standard output.
            if (resource.outcome == Outcome::Error)
              fmt::print(stderr, "plimsoll: {}\n", verdict::printable(resource.reason));
          }
          tail.stale.insert(tail.stale.end(), checked.stale.begin(), checked.stale.end());
          progress.step();
        });
  }
  if (known) {
    const auto stale = known->stale();
    tail.stale.insert(tail.stale.end(), stale.begin(), stale.end());
  }
  if (const auto error = outputs->end(tail)) return fail(*error);
  const Summary& sum = tail.summary;
  if (sum.errors > 0) return kFailed;
  if (!options.write_baseline.empty()) {
    if (const auto error = write_file(options.write_baseline, fresh.to_json(policy.ref())))
      return fail(*error);
    fmt::print(stderr, "plimsoll: {}: {} accepted from now on\n", options.write_baseline,
               fresh.added());
    return kPassed;
  }
  return sum.failed > 0 || (options.fail_on_skipped && sum.skipped > 0) ? kViolations : kPassed;
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("check", "Judge manifests by a template");
  add_manifest_options(*command, *options);
  add_output_options(*command, *options);
  command->add_option("--baseline", options->baseline,
                      "Count only findings that this file does not know");
  command->add_option("--write-baseline", options->write_baseline,
                      "Let this file know every finding of today");
  command
      ->add_flag("--fail-on-skipped", options->fail_on_skipped,
                 "Exit 1 also when an object could not be judged")
      ->check(CLI::IsMember({"true", "false"}));
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace plimsoll::app
