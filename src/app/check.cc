#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "app/staged_file.h"
#include "app/templates_of.h"
#include "app/version.h"
#include "codec/manifest.h"
#include "fix/patch.h"
#include "report/format.h"
#include "text/yaml.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> paths;
  std::string policy = "restricted";
  std::vector<std::string> templates;
  std::vector<std::string> outputs;
  bool fail_on_skipped = false;
};

Resource error_resource(const std::string& file, const Error& error) {
  Resource resource;
  resource.source.file = file;
  resource.source.line = error.line;
  resource.outcome = Outcome::Error;
  resource.reason = error.to_string();
  return resource;
}

std::string container_of(const Pod& pod, std::string_view path) {
  for (const Container& c : pod.containers)
    if (path.starts_with(c.path) && (path.size() == c.path.size() || path[c.path.size()] == '/'))
      return c.name;
  return "";
}

// The value's own place, or that of the nearest thing that should hold it.
void locate(const text::YamlDocument& document, ReportedFinding& finding) {
  const auto* const exact = document.find(finding.path);
  const auto& node = exact != nullptr ? *exact : document.nearest(finding.path);
  const auto& begin = exact == nullptr && node.has_key ? node.key_begin : node.begin;
  const auto& end = exact == nullptr && node.has_key ? node.key_end : node.end;
  finding.region = {begin.line, begin.column, end.line, end.column};
}

/// `object`: the document's JSON.
Resource judge_manifest(const codec::Manifest& manifest, const text::YamlDocument& document,
                        const nlohmann::json& object, const std::string& file,
                        const Template& policy) {
  Resource resource;
  resource.source = {file, document.index, document.nearest(manifest.path).begin.line};
  resource.api_version = manifest.api_version;
  resource.kind = manifest.kind;
  resource.namespace_name = manifest.namespace_name;
  resource.name = manifest.name;
  if (!manifest.skipped.empty()) {
    resource.outcome = Outcome::Skipped;
    resource.reason = manifest.skipped;
    return resource;
  }
  const auto violations = violations_of(manifest.pod, manifest.faults, policy);
  if (violations.empty()) return resource;
  resource.outcome = Outcome::Fail;
  std::vector<const Edit*> all, own;
  for (const Violation& violation : violations) {
    ReportedFinding& finding = resource.findings.emplace_back();
    finding.check = violation.check;
    finding.path = violation.finding.path;
    finding.field = verdict::field_of(finding.path);
    finding.message = violation.finding.message;
    finding.advice = verdict::advice(violation);
    own.clear();
    for (const auto& edit : violation.edits) own.push_back(edit.get());
    finding.patch = fix::to_json_patch(own, object).dump();
    all.insert(all.end(), own.begin(), own.end());
    if (manifest.pod) finding.container = container_of(*manifest.pod, finding.path);
    locate(document, finding);
  }
  resource.patch = fix::to_json_patch(all, object).dump();
  return resource;
}

std::vector<Resource> check_file(const std::string& file, const Template& policy) {
  std::vector<Resource> resources;
  const bool from_stdin = file == "-";
  const auto text = from_stdin ? read_stdin() : read_file(file);
  if (!text) {
    resources.push_back(error_resource(file, text.error()));
    return resources;
  }
  text::YamlReader reader(*text, from_stdin ? std::string(kStdin) : file);
  for (;;) {
    auto next = reader.next();
    if (!next) {
      Error error = next.error();
      if (text->find("{{") != std::string::npos)
        error.remedy = "render the chart first: `helm template CHART | plimsoll check -`";
      resources.push_back(error_resource(file, error));
      continue;
    }
    if (!*next) return resources;
    const text::YamlDocument& document = **next;
    if (document.empty()) continue;
    const auto object = nlohmann::json::parse(document.json());
    for (const auto& manifest : codec::manifests_of(document))
      resources.push_back(judge_manifest(manifest, document, object, file, policy));
  }
}

bool is_manifest(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

/// A file to read, or why there is none.
using Input = Result<std::string>;

Error about_folder(const fs::path& folder, std::string message) {
  Error error;
  error.file = folder.string();
  error.message = std::move(message);
  return error;
}

// As kubectl, no folder behind a symbolic link: it may lead back. A link that leads nowhere is an
// input like others, so that reading it says what is wrong.
void open_folder(const fs::path& folder, std::vector<Input>& out) {
  std::error_code problem;
  std::vector<fs::directory_entry> entries;
  fs::directory_iterator at(folder, problem);
  for (; !problem && at != fs::directory_iterator(); at.increment(problem)) entries.push_back(*at);
  if (problem)
    out.push_back(about_folder(folder, fmt::format("cannot be read: {}", problem.message())));
  std::ranges::sort(entries);
  for (const auto& entry : entries) {
    std::error_code ignored;
    const auto leads_to = entry.status(ignored);
    if (fs::is_directory(entry.symlink_status(ignored)))
      open_folder(entry.path(), out);
    else if (is_manifest(entry.path()) && (fs::is_regular_file(leads_to) || !fs::exists(leads_to)))
      out.push_back(entry.path().string());
  }
}

/// The files of the paths, folders opened, sorted within each.
std::vector<Input> inputs_of(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (path == "-" || !fs::is_directory(path, ignored)) {
      inputs.push_back(path);
      continue;
    }
    const auto before = inputs.size();
    open_folder(path, inputs);
    if (inputs.size() > before) continue;
    Error error = about_folder(path, "holds no file that ends in .yaml, .yml or .json");
    error.remedy = "name the files, or pipe them in with -";
    inputs.push_back(std::move(error));
  }
  return inputs;
}

/// `checking 120 of 400 files` on a terminal, for work that takes a while.
class Progress {
 public:
  explicit Progress(std::size_t total) : total_(total), shown_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void step() {
    ++done_;
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - start_ < std::chrono::milliseconds(300) ||
        now - last_ < std::chrono::milliseconds(100))
      return;
    last_ = now;
    drawn_ = true;
    fmt::print(stderr, "\r\x1b[Kchecking {} of {} files", done_, total_);
  }

 private:
  std::size_t total_, done_ = 0;
  bool shown_, drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_;
};

struct Output {
  const report::Format* format;
  std::string file;  ///< empty: standard output
  std::string text;
  std::unique_ptr<report::Writer> writer;
};

Result<std::vector<Output>> outputs_of(const std::vector<std::string>& texts) {
  std::vector<Output> outputs;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    const auto all = report::formats();
    const auto at =
        std::ranges::find_if(all, [&](const auto* format) { return format->name == name; });
    if (at == all.end() || equals + 1 == text.size()) {
      Error error;
      error.field = "--output";
      error.message = fmt::format("\"{}\" is not FORMAT or FORMAT=FILE", text);
      std::vector<std::string_view> names;
      for (const auto* format : all) names.push_back(format->name);
      error.remedy = fmt::format("formats are {}", fmt::join(names, ", "));
      return error;
    }
    outputs.push_back(
        {*at, equals == std::string::npos ? "" : text.substr(equals + 1), "", nullptr});
  }
  return outputs;
}

int run(const Options& options) {
  auto outputs = outputs_of(options.outputs);
  if (!outputs) return fail(outputs.error());
  const auto library = load_library(options.templates);
  if (!library) return fail(library.error());
  const auto policy = find_template(*library, options.policy);
  if (!policy) return fail(policy.error());
  const auto inputs = inputs_of(options.paths);

  const ReportHead head{(*policy)->ref(), std::string(kVersion)};
  for (Output& output : *outputs)
    output.writer = output.format->open(
        head, {.colour = output.file.empty() && !palette_for(stdout).plain.empty()},
        [&output](std::string_view piece) { output.text += piece; });
  ReportTail tail;
  {
    Progress progress(inputs.size());
    for (const Input& input : inputs) {
      const auto resources = input ? check_file(*input, **policy)
                                   : std::vector{error_resource(input.error().file, input.error())};
      for (const Resource& resource : resources) {
        tail.summary.add(resource);
        for (const Output& output : *outputs) output.writer->add(resource);
        // An error is always said on stderr too: standard output may be a format that nobody reads.
        if (resource.outcome == Outcome::Error)
          fmt::print(stderr, "plimsoll: {}\n", verdict::printable(resource.reason));
      }
      progress.step();
    }
  }
  for (const Output& output : *outputs) {
    output.writer->end(tail);
    if (output.file.empty()) {
      if (!print(output.text)) return kFailed;
    } else if (const auto error = write_file(output.file, output.text)) {
      return fail(*error);
    }
  }
  const Summary& sum = tail.summary;
  if (sum.errors > 0) return kFailed;
  return sum.failed > 0 || (options.fail_on_skipped && sum.skipped > 0) ? kViolations : kPassed;
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("check", "Judge manifests by a template");
  command->add_option("path", options->paths, "Files, folders, or - for standard input")
      ->required();
  command->add_option("-t,--template", options->policy, "Template: NAME or NAME@VERSION")
      ->capture_default_str();
  command->add_option("--templates", options->templates, "File with SecurityTemplates; repeatable")
      ->allow_extra_args(false);
  command
      ->add_option("-o,--output", options->outputs,
                   "FORMAT or FORMAT=FILE (text, json); repeatable")
      ->allow_extra_args(false);
  command
      ->add_flag("--fail-on-skipped", options->fail_on_skipped,
                 "Exit 1 also when an object could not be judged")
      ->check(CLI::IsMember({"true", "false"}));
  command->callback([&action, options] {
    if (options->outputs.empty()) options->outputs = {"text"};
    action = [options] { return run(*options); };
  });
}

}  // namespace plimsoll::app
