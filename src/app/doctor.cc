#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "app/kube_client.h"
#include "app/prefilter.h"
#include "app/templates_of.h"
#include "app/webhook_registration.h"
#include "codec/manifest.h"
#include "kube/objects.h"
#include "text/yaml.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using nlohmann::ordered_json;

struct Options {
  std::string kubeconfig, name = "plimsoll", file, output = "text";
  std::vector<std::string> templates;
};

/// A registration and what is to be said of it.
struct Finding {
  std::string source;  ///< a file and its line, or the cluster
  WebhookRegistration registration;
  Comparison comparison;
  std::vector<std::string> notes;  ///< for information
};

// --- where it is read ----------------------------------------------------------------------------

Result<std::vector<Finding>> from_cluster(const Options& options) {
  Settings settings;
  settings.kubeconfig = kubeconfig_of(options.kubeconfig);
  const auto transport = connect(settings);
  if (!transport) {
    Error error = transport.error();
    if (error.remedy.empty()) error.remedy = "give --kubeconfig, or --file with rendered manifests";
    return error;
  }
  const kube::Request request{.path = kube::path_of("admissionregistration.k8s.io", "v1",
                                                    "validatingwebhookconfigurations", "",
                                                    options.name)};
  const auto response = (*transport)->send(request);
  if (!response) return response.error();
  if (response->status != 200) {
    Error error = kube::api_error(request, *response);
    if (response->status == 404) error.remedy = "name it with --webhook-configuration";
    return error;
  }
  auto registration = read_registration(response->body);
  if (!registration) return registration.error();
  std::vector<Finding> found;
  found.push_back({.source = "cluster",
                   .registration = *std::move(registration),
                   .comparison = {},
                   .notes = {}});
  return found;
}

/// Whether any of its entries is Plimsoll's.
bool is_ours(const WebhookRegistration& registration) {
  return std::ranges::any_of(registration.entries, [](const RegisteredEntry& entry) {
    return entry.name.ends_with(".plimsoll.dev");
  });
}

Result<std::vector<Finding>> from_file(const std::string& path) {
  const bool from_stdin = path == "-";
  const std::string name = from_stdin ? std::string(kStdin) : path;
  const auto text = from_stdin ? read_stdin() : read_file(path);
  if (!text) return text.error();
  std::vector<Finding> found;
  text::YamlReader reader(*text, name);
  for (;;) {
    const auto next = reader.next();
    if (!next) return next.error();
    if (!*next) break;
    const text::YamlDocument& document = **next;
    if (document.empty()) continue;
    for (const auto& manifest : codec::manifests_of(document, {})) {
      if (manifest.kind != kRegistrationKind) continue;
      const auto& node = document.nearest(manifest.path);
      auto registration = read_registration(document.json(node));
      if (!registration) {
        Error error = registration.error();
        error.file = name;
        error.line = node.begin.line;
        return error;
      }
      if (is_ours(*registration))
        found.push_back({.source = fmt::format("{}:{}", name, node.begin.line),
                         .registration = *std::move(registration),
                         .comparison = {},
                         .notes = {}});
    }
  }
  if (!found.empty()) return found;
  Error error;
  error.file = name;
  error.message = fmt::format("holds no {} with webhooks of plimsoll.dev", kRegistrationKind);
  error.remedy = "pipe in what `helm template` prints, or look at the cluster without --file";
  return error;
}

// --- what is said --------------------------------------------------------------------------------

std::string plural(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

bool is_enforcing(const RegisteredEntry& entry) {
  return entry.path.find("/validate/enforce") != std::string::npos ||
         entry.name.starts_with("enforce.");
}

/// What is no difference, but worth knowing.
std::vector<std::string> notes_of(const WebhookRegistration& registration, bool rendered) {
  const auto& entries = registration.entries;
  const auto no_bundle =
      static_cast<std::size_t>(std::ranges::count(entries, false, &RegisteredEntry::has_ca_bundle));
  std::vector<std::string> notes;
  if (no_bundle > 0)
    notes.push_back(fmt::format(
        "{} without caBundle: {}", plural(no_bundle, "entry", "entries"),
        rendered ? "the server or cert-manager writes it, unless the certificates are your own"
                 : "the API server trusts only a certificate of its machine's own authorities"));
  std::vector<std::string> ignoring;
  for (const RegisteredEntry& entry : entries)
    if (entry.ignores_failure && is_enforcing(entry) &&
        entry.name.find(".pods.") != entry.name.npos)
      ignoring.push_back(entry.name);
  if (!ignoring.empty())
    notes.push_back(fmt::format("failurePolicy Ignore: while no server answers, what is to be sent "
                                "passes unjudged at {}",
                                fmt::join(ignoring, ", ")));
  return notes;
}

/// Why entries have no prefilter, each reason once, in the order of the registration.
std::vector<std::pair<std::string, std::size_t>> reasons_of(const Comparison& comparison) {
  std::vector<std::pair<std::string, std::size_t>> reasons;
  for (const auto& [entry, why] : comparison.unfiltered) {
    const auto at =
        std::ranges::find(reasons, why, [](const auto& reason) { return reason.first; });
    if (at == reasons.end())
      reasons.emplace_back(why, 1);
    else
      ++at->second;
  }
  return reasons;
}

std::string text_of(const std::vector<Finding>& findings, const Palette& c) {
  std::string out;
  for (const Finding& finding : findings) {
    const Comparison& comparison = finding.comparison;
    const auto safe = [](const std::string& text) { return verdict::printable(text); };
    out +=
        fmt::format("{}{} {}{} {}({}){}\n", c.bold, kRegistrationKind,
                    safe(finding.registration.name), c.plain, c.dim, safe(finding.source), c.plain);
    out += fmt::format("  {} about pods and workloads, {} prefiltered\n",
                       plural(comparison.entries, "entry", "entries"), comparison.prefiltered);
    for (const Difference& difference : comparison.differences)
      out += fmt::format("  {}differs{} {}{}{}: {}\n    {}{}{}\n", c.red, c.plain, c.bold,
                         safe(difference.entry), c.plain, safe(difference.what), c.yellow,
                         safe(difference.remedy), c.plain);
    for (const auto& [why, count] : reasons_of(comparison))
      out += fmt::format("  {}always asked{} {}: {}\n", c.dim, c.plain,
                         plural(count, "entry", "entries"), safe(why));
    for (const std::string& note : finding.notes)
      out += fmt::format("  {}note{} {}\n", c.cyan, c.plain, safe(note));
    if (!comparison.differences.empty())
      out +=
          fmt::format("{}{} from what this plimsoll writes.{}\n", c.red,
                      plural(comparison.differences.size(), "difference", "differences"), c.plain);
    else if (comparison.prefiltered > 0)
      out += fmt::format("{}The prefilter is what this plimsoll writes.{}\n", c.green, c.plain);
    else
      out += "There is no prefilter: all is sent.\n";
  }
  return out;
}

std::string json_of(const std::vector<Finding>& findings) {
  ordered_json out{{"schemaVersion", 1}, {"registrations", ordered_json::array()}};
  for (const Finding& finding : findings) {
    ordered_json differences = ordered_json::array(), unfiltered = ordered_json::array();
    for (const Difference& difference : finding.comparison.differences)
      differences.push_back(ordered_json{{"entry", difference.entry},
                                         {"message", difference.what},
                                         {"remedy", difference.remedy}});
    for (const auto& one : finding.comparison.unfiltered)
      unfiltered.push_back(ordered_json{{"entry", one.entry}, {"reason", one.why}});
    out["registrations"].push_back(ordered_json{{"source", finding.source},
                                                {"name", finding.registration.name},
                                                {"entries", finding.comparison.entries},
                                                {"prefiltered", finding.comparison.prefiltered},
                                                {"differences", std::move(differences)},
                                                {"unfiltered", std::move(unfiltered)},
                                                {"notes", finding.notes}});
  }
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

int run(const Options& options) {
  const auto library = load_library(options.templates);
  if (!library) return fail(library.error());
  auto findings = options.file.empty() ? from_cluster(options) : from_file(options.file);
  if (!findings) return fail(findings.error());
  bool differs = false;
  for (Finding& finding : *findings) {
    finding.comparison = compare_prefilter(finding.registration, *library);
    finding.notes = notes_of(finding.registration, !options.file.empty());
    differs = differs || !finding.comparison.differences.empty();
  }
  const std::string text =
      options.output == "json" ? json_of(*findings) : text_of(*findings, palette_for(stdout));
  if (!print(text)) return kFailed;
  return differs ? kViolations : kPassed;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "doctor", "Compare the registered prefilter with the one that this binary writes");
  auto* const kubeconfig = command->add_option(
      "--kubeconfig", options->kubeconfig, "How to reach the API server [as kubectl, or the pod]");
  auto* const name = command
                         ->add_option("--webhook-configuration", options->name,
                                      "Name of the ValidatingWebhookConfiguration")
                         ->capture_default_str();
  command->add_option("--templates", options->templates, "File with SecurityTemplates; repeatable")
      ->allow_extra_args(false);
  command
      ->add_option("--file", options->file,
                   "Look at rendered manifests instead of the cluster; - for standard input")
      ->excludes(kubeconfig)
      ->excludes(name);
  command->add_option("-o,--output", options->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace plimsoll::app
