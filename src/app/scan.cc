#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/advice.h"
#include "app/cluster_scan.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/earlier_reports.h"
#include "app/kube_client.h"
#include "app/outputs.h"
#include "app/policy_reports.h"
#include "app/progress.h"
#include "app/settings.h"
#include "app/staged_file.h"
#include "app/templates_of.h"
#include "codec/pod_templates.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

struct Options : OutputOptions {
  std::string policy, config, kubeconfig, context;
  std::vector<std::string> templates, pod_templates, namespaces, exclude_namespaces;
  bool pod_security_labels = false, advise = false;
  bool policy_reports = false, events = false, exit_zero = false;
};

// Without a configuration the labels of namespaces say what binds them.
Result<ScanOptions> scan_options(const Options& options) {
  codec::Configuration flags;
  flags.templates = options.templates;
  if (options.config.empty() || options.pod_security_labels) flags.namespace_labels = true;
  if (options.pod_security_labels) flags.pod_security_labels = true;
  for (const std::string& file : options.pod_templates) {
    const auto text = read_file(file);
    if (!text) return text.error();
    auto read = codec::read_pod_templates(*text, file);
    if (!read) return read.error();
    std::ranges::move(*read, std::back_inserter(flags.pod_templates));
  }
  const auto settings = settle_policy(options.config, flags);
  if (!settings) return settings.error();
  auto policy = make_policy(*settings);
  if (!policy) return policy.error();
  ScanOptions scan;
  scan.policy = *std::move(policy);
  if (!options.policy.empty()) {
    auto everywhere = find_template(scan.policy->library, options.policy);
    if (!everywhere) return everywhere.error();
    scan.everywhere = *std::move(everywhere);
  }
  scan.namespaces = options.namespaces;
  scan.exclude_namespaces = options.exclude_namespaces;
  return scan;
}

/// Shows how far the scan is, and what it says on the way.
void watch(ScanOptions& scan, Progress& progress) {
  scan.progress = [&progress, seen = std::uint64_t{0}](std::uint64_t read,
                                                       std::uint64_t left) mutable {
    progress.expect(read + left);
    progress.step(read - std::exchange(seen, read));
  };
  scan.note = [&progress](const std::string& line) {
    progress.clear();
    fmt::print(stderr, "plimsoll: note: {}\n", verdict::printable(line));
  };
}

// An error is always said on stderr too: nobody may be reading standard output.
void say_missing(const std::vector<std::string>& missing) {
  for (const std::string& line : missing)
    fmt::print(stderr, "plimsoll: not seen: {}\n", verdict::printable(line));
}

// --- advice --------------------------------------------------------------------------------------

/// `FORMAT` or `FORMAT=FILE`.
struct AdviceOutput {
  bool json = false;
  std::string file;
};

Result<AdviceOutput> parse_advice_output(const std::string& text) {
  const auto equals = text.find('=');
  const auto name = text.substr(0, equals);
  if ((name == "text" || name == "json") && equals + 1 != text.size())
    return AdviceOutput{name == "json", equals == std::string::npos ? "" : text.substr(equals + 1)};
  Error error;
  error.field = "--output";
  error.message = fmt::format("\"{}\" is no format of advice", text);
  error.remedy = "with --advise write text or json, or FORMAT=FILE of these";
  return error;
}

int run_advice(const Options& options, ScanOptions& scan, const ApiServer& server,
               const std::string& subject) {
  std::vector<AdviceOutput> outputs;
  for (const std::string& text : options.outputs) {
    auto output = parse_advice_output(text);
    if (!output) return fail(output.error());
    outputs.push_back(*std::move(output));
  }
  std::vector<Advice> all;
  std::vector<std::string> missing;
  {
    Progress progress("scanning", "objects", 0, progress_wanted(false));
    watch(scan, progress);
    const auto take = [&](const Advice& advice) { all.push_back(advice); };
    if (auto error = advise_cluster(*server.transport, scan, take, missing)) return fail(*error);
  }
  for (const AdviceOutput& output : outputs) {
    const Palette palette = output.file.empty() ? palette_for(stdout) : Palette{};
    const std::string text =
        output.json ? advice_json(all, missing, subject, rfc3339(std::chrono::system_clock::now()))
                    : advice_text(all, missing, palette);
    if (!output.file.empty()) {
      if (auto error = write_file(output.file, text)) return fail(*error);
    } else if (!print(text)) {
      return kFailed;
    }
  }
  say_missing(missing);
  return missing.empty() ? kPassed : kFailed;
}

// --- the report ----------------------------------------------------------------------------------

void say_written(const PolicyReports& reports) {
  const ReportCounts& counts = reports.counts();
  fmt::print(stderr, "plimsoll: {}.{}: {} created, {} updated, {} unchanged, {} deleted",
             reports.api().resource, reports.api().group, counts.created, counts.updated,
             counts.unchanged, counts.deleted);
  if (counts.kept > 0) fmt::print(stderr, ", {} kept until all can be read", counts.kept);
  if (counts.failed > 0) fmt::print(stderr, ", {} failed", counts.failed);
  if (counts.events > 0) fmt::print(stderr, "; {} events", counts.events);
  if (counts.events_failed > 0)
    fmt::print(stderr, "; {} events were refused", counts.events_failed);
  if (counts.events_left_out > 0)
    fmt::print(stderr, "; {} events left out, for there were too many at once",
               counts.events_left_out);
  fmt::print(stderr, "\n");
}

int run(const Options& options) {
  auto scan = scan_options(options);
  if (!scan) return fail(scan.error());
  const auto server = connect(kubeconfig_of(options.kubeconfig), options.context);
  if (!server) {
    Error error = server.error();
    if (error.remedy.empty()) error.remedy = "give --kubeconfig";
    return fail(error);
  }
  const std::string subject = fmt::format("cluster {}", server->url);
  if (options.advise) return run_advice(options, *scan, *server, subject);
  auto outputs = Outputs::parse(options.outputs);
  if (!outputs) return fail(outputs.error());
  const auto head =
      head_of_now(options, scan->everywhere ? scan->everywhere->ref() : "what binds them", subject);
  if (!head) return fail(head.error());
  ReportTail tail;
  std::optional<PolicyReports> reports;
  // Without them there is the scan itself at least.
  if (options.policy_reports) {
    auto opened = PolicyReports::open(*server->transport, options.events, options.namespaces);
    if (opened)
      reports = *std::move(opened);
    else
      tail.missing.push_back("reports in the cluster: " + opened.error().to_string());
  }
  bool open = false;
  {
    Progress progress("scanning", "objects", 0, progress_wanted(false));
    watch(*scan, progress);
    const auto give = [&](const Resource& resource, bool complete) {
      // Nothing is written before the cluster was read.
      if (!std::exchange(open, true)) {
        progress.clear();
        outputs->open(*head);
      }
      outputs->add(resource);
      if (reports) reports->write(resource, head->template_ref, complete);
    };
    if (auto error = scan_cluster(*server->transport, *scan, give, tail)) return fail(*error);
  }
  if (!open) outputs->open(*head);
  // What was left out on purpose says nothing about its owners.
  const bool partial = !tail.missing.empty() || !options.namespaces.empty();
  if (reports) {
    reports->end(partial);
    for (std::string& line : reports->problems()) tail.missing.push_back(std::move(line));
  }
  if (const auto error = outputs->end(tail)) return fail(*error);
  say_missing(tail.missing);
  if (reports) say_written(*reports);
  if (!tail.missing.empty() || tail.summary.errors > 0) return kFailed;
  return tail.summary.failed > 0 && !options.exit_zero ? kViolations : kPassed;
}

}  // namespace

void add_scan(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command =
      app.add_subcommand("scan", "Judge what runs in a cluster by the templates that bind it");
  auto* const policy =
      command->add_option("-t,--template", options->policy,
                          "Template for everything: NAME or NAME@VERSION [what binds each]");
  command->add_option("--config", options->config,
                      "Configuration file of the server, for its bindings and exemptions");
  command->add_option("--kubeconfig", options->kubeconfig,
                      "How to reach the API server [as kubectl, or the pod]");
  command->add_option("--context", options->context, "Context of the kubeconfig [the current one]");
  const auto repeatable = [&](const char* name, std::vector<std::string>& values,
                              const char* meaning) {
    return command->add_option(name, values, meaning)->allow_extra_args(false);
  };
  auto* const only =
      repeatable("-n,--namespace", options->namespaces, "Look at this namespace only; repeatable");
  repeatable("--exclude-namespace", options->exclude_namespaces,
             "Leave out this namespace, a name or a glob; repeatable")
      ->excludes(only);
  repeatable("--templates", options->templates, "File with SecurityTemplates; repeatable");
  repeatable("--pod-templates", options->pod_templates,
             "File that says where custom resources hold pods; repeatable");
  const auto flag = [&](const char* name, bool& value, const char* meaning) {
    return command->add_flag(name, value, meaning)->check(CLI::IsMember({"true", "false"}));
  };
  flag("--pod-security-labels", options->pod_security_labels,
       "Labels pod-security.kubernetes.io/* of namespaces count as well");
  auto* const advise =
      flag("--advise", options->advise,
           "Say what each namespace could be held to, instead of what strays in it")
          ->excludes(policy);
  auto* const reports =
      flag("--policy-reports", options->policy_reports,
           "Keep a report of each owner in the cluster: openreports.io, or wgpolicyk8s.io")
          ->excludes(advise);
  flag("--events", options->events, "Write an Event on an owner whose report is new and not good")
      ->needs(reports);
  auto* const exit_zero =
      flag("--exit-zero", options->exit_zero, "Exit 0 although something strays");
  add_trend_options(*command, *options);
  advise->excludes(exit_zero)->excludes(command->get_option("--trend"));
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace plimsoll::app
