#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "app/in_order.h"
#include "app/line_stream.h"
#include "app/outputs.h"
#include "app/progress.h"
#include "app/recordings.h"
#include "app/replayed.h"
#include "app/settings.h"
#include "app/staged_file.h"
#include "app/templates_of.h"
#include "codec/namespace_labels.h"
#include "codec/recording.h"
#include "report/words.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

struct Options : OutputOptions {
  std::vector<std::string> paths;
  std::string policy = "restricted", config, namespaces, examples;
  std::vector<std::string> templates, pod_templates;
};

// Lines of one file that are named when they cannot be read. The others are counted.
constexpr std::size_t kMostFaults = 10;
// Batches that wait for those before them, for each thread; and threads: of more, reading itself
// leaves no use, and each has its share of memory.
constexpr std::size_t kAhead = 4, kMostThreads = 8;

// --- what is judged by ---------------------------------------------------------------------------

using SharedPolicy = std::shared_ptr<const policy::Policy>;

/// As the route `/validate/enforce/TEMPLATE` is bound.
Result<SharedPolicy> policy_of_template(const Options& options) {
  auto policy = std::make_shared<policy::Policy>();
  auto library = load_library(options.templates);
  if (!library) return library.error();
  policy->library = *std::move(library);
  auto found = find_template(policy->library, options.policy);
  if (!found) return found.error();
  auto places = load_pod_places(options.pod_templates);
  if (!places) return places.error();
  policy->pod_places = *std::move(places);
  policy->bindings.push_back(
      {.mode = Mode::Enforce, .policy = *std::move(found), .workloads = Workloads::Enforce});
  return SharedPolicy(std::move(policy));
}

Result<SharedPolicy> policy_of(const Options& options) {
  if (options.config.empty()) return policy_of_template(options);
  const auto settings = settle_policy(options.config, {});
  if (!settings) return settings.error();
  return make_policy(*settings);
}

// --- what is read --------------------------------------------------------------------------------

/// Some lines of a file, or why there are none.
struct Task {
  std::string file;
  std::unique_ptr<LineBatch> batch;  // what was read refers to its text
};

/// All lines of all files. Thread-safety: one thread at a time.
class Source {
 public:
  explicit Source(std::vector<Input> inputs) : inputs_(std::move(inputs)) {}

  std::optional<Task> next() {
    for (;;) {
      if (stream_) {
        if (auto batch = stream_->next()) {
          Task task{name_, std::make_unique<LineBatch>(*std::move(batch))};
          if (stream_->empty() && task.batch->faults.empty())
            task.batch->faults.push_back(nothing());
          return task;
        }
        stream_.reset();
      }
      if (at_ == inputs_.size()) return std::nullopt;
      const Input& input = inputs_[at_++];
      name_ = !input ? input.error().file : *input == "-" ? std::string(kStdin) : *input;
      if (!input) return failed(input.error());
      auto stream = LineStream::open(*input);
      if (!stream) return failed(stream.error());
      stream_ = *std::move(stream);
    }
  }

 private:
  [[nodiscard]] Error nothing() const {
    Error error;
    error.file = name_;
    error.message = "is empty";
    error.remedy = "see why what should have written it did not";
    return error;
  }
  [[nodiscard]] Task failed(const Error& error) const {
    Task task{name_, std::make_unique<LineBatch>()};
    task.batch->faults.push_back(error);
    return task;
  }

  std::vector<Input> inputs_;
  std::size_t at_ = 0;
  std::string name_;
  std::optional<LineStream> stream_;
};

/// What a task has come to.
struct Made {
  Task task;
  std::vector<Error> faults;
  ReplayCounts counts;
  std::vector<Change> changes;
  /// Where labels matter, all requests and writes of namespaces: they are judged in their order.
  struct Waiting {
    codec::Recorded recorded;
    std::size_t line = 0;
  };
  std::vector<Waiting> waiting;
};

std::string place_in(const std::string& file, std::size_t line) {
  return fmt::format("{}:{}", file, line);
}

void put(Made& made, Spaces& spaces, codec::Recorded recorded, std::size_t line) {
  Replayed replayed;
  if (recorded.answer != codec::Answer::Failed) replayed = spaces.judge(recorded);
  auto change = settle(std::move(recorded), std::move(replayed), made.counts);
  if (!change) return;
  change->place = place_in(made.task.file, line);
  made.changes.push_back(*std::move(change));
}

Made work_on(Task task, const policy::Policy& policy, Spaces& spaces) {
  Made made;
  made.task = std::move(task);
  const LineBatch& batch = *made.task.batch;
  made.faults = batch.faults;
  codec::RecordingReader reader;
  std::size_t number = batch.first_line;
  std::string_view text = batch.text;
  for (; !text.empty(); ++number) {
    const auto end = batch.document ? text.size() : std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const bool cut = batch.cut && end == text.size();
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto read = line.size() > kMostLineBytes
                    ? Result<std::optional<codec::Recorded>>(
                          Error{fmt::format("the line has more than {} MiB", kMostLineBytes >> 20)})
                    : reader.read(line, policy.pod_places);
    if (!read) {
      Error error = read.error();
      error.file = made.task.file;
      error.line = number;
      if (cut) {
        error.message = "the last line is cut short";
        error.remedy = "if the file is still being written, replay it again later";
      }
      made.faults.push_back(std::move(error));
      continue;
    }
    ++made.counts.lines;
    if (!*read) continue;
    codec::Recorded& recorded = **read;
    if (spaces.follow_labels())
      made.waiting.push_back({std::move(recorded), number});
    else if (recorded.review.scope != Scope::Namespace)
      put(made, spaces, std::move(recorded), number);
  }
  return made;
}

// --- what is told --------------------------------------------------------------------------------

/// What could not be read, named on standard error at once, and kept for the report.
class Complaints {
 public:
  /// Of the whole.
  void add(std::string line) {
    end_file();
    say(std::move(line));
  }
  void add(const std::string& file, const Error& error) {
    if (std::exchange(file_, file) != file) end_file();
    if (++of_file_ > kMostFaults) return;
    say(error.to_string());
  }
  [[nodiscard]] bool none() const { return lines_.empty(); }
  std::vector<std::string> all() && {
    end_file();
    return std::move(lines_);
  }

 private:
  void say(std::string line) {
    line = verdict::cut(std::move(line), verdict::kMostWords);
    fmt::print(stderr, "plimsoll: {}\n", verdict::printable(line));
    lines_.push_back(std::move(line));
  }
  void end_file() {
    if (of_file_ > kMostFaults)
      say(fmt::format("{}: {} more lines could not be read", last_, of_file_ - kMostFaults));
    of_file_ = 0;
    last_ = file_;
  }

  std::vector<std::string> lines_;
  std::string file_, last_;
  std::size_t of_file_ = 0;
};

/// Writes the first example of each group.
class Examples {
 public:
  explicit Examples(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] Status make_folder() const {
    std::error_code failure;
    if (!folder_.empty()) fs::create_directories(folder_, failure);
    if (!failure) return {};
    Error error;
    error.file = folder_;
    error.message = fmt::format("cannot be made: {}", failure.message());
    return error;
  }

  std::string keep(const Change& change) {
    std::string name =
        fmt::format("{:05}-{}-{}-{}", ++count_, change.recorded.review.facts.namespace_name,
                    change.origins.kind, change.origins.family);
    std::ranges::replace_if(
        name,
        [](char c) {
          return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '.');
        },
        '_');
    constexpr std::size_t kMostName = 200;
    name = fmt::format("{}/{}.json", folder_, name.substr(0, kMostName));
    std::string text(change.recorded.object);
    if (auto error = write_file(name, text += '\n'); error && !problem) problem = error;
    return name;
  }

  Status problem;

 private:
  std::string folder_;
  std::size_t count_ = 0;
};

std::string subject_of(const std::vector<Input>& inputs, const ReplayCounts& counts) {
  std::string subject =
      inputs.size() == 1 && inputs[0]
          ? fmt::format("{}: ", *inputs[0] == "-" ? std::string(kStdin) : *inputs[0])
          : fmt::format("{}: ", report::plural(inputs.size(), "file"));
  subject += fmt::format("{} about pods and workloads, {} newly denied",
                         report::plural(counts.requests, "request"), counts.newly_denied);
  const auto also = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) subject += fmt::format(", {} {}", count, what);
  };
  also(counts.no_longer, "no longer denied");
  also(counts.still_denied, "denied then as now");
  also(counts.denied_unknown, "denied then");
  also(counts.failed, "failed then for other reasons");
  return subject;
}

/// What was read, in numbers.
std::vector<Fact> facts_of(const ReplayCounts& counts) {
  std::uint64_t unknown = 0;
  for (const auto& [why, count] : counts.unknown) unknown += count;
  std::vector<Fact> facts;
  const auto tell = [&](std::string_view name, std::uint64_t count) {
    facts.push_back({name, count});
  };
  tell("lines", counts.lines);
  tell("requests", counts.requests);
  tell("allowed", counts.allowed);
  tell("newlyDenied", counts.newly_denied);
  tell("stillDenied", counts.still_denied);
  tell("noLongerDenied", counts.no_longer);
  tell("deniedNotJudged", counts.denied_unknown);
  tell("failed", counts.failed);
  tell("notJudged", unknown);
  tell("judgedAsSent", counts.as_sent);
  return facts;
}

std::vector<std::string> missing_of(const ReplayCounts& counts, const Changes& changes,
                                    std::uint64_t late, bool nothing_wrong) {
  std::vector<std::string> missing;
  for (const auto& [why, count] : counts.unknown)
    missing.push_back(fmt::format("{} {}", report::plural(count, "request"), why));
  if (late > 0)
    missing.push_back(fmt::format("{} of a namespace's labels came behind younger requests, which "
                                  "were judged without: logs of several API servers follow each "
                                  "other",
                                  report::plural(late, "write")));
  if (changes.left_out() > 0)
    missing.push_back(fmt::format("{} are counted but not listed: there are too many that differ",
                                  report::plural(changes.left_out(), "changed request")));
  if (nothing_wrong && counts.requests == 0)
    missing.emplace_back(
        "no request that makes or changes a pod or a workload is in it: see that the audit policy "
        "records them");
  return missing;
}

/// Why the reports cannot be written beside what is read.
Status overwritten(const Outputs& outputs, const std::vector<Input>& inputs) {
  for (const Input& input : inputs) {
    if (!input || *input == "-" || !outputs.would_overwrite(*input)) continue;
    Error error;
    error.field = "--output";
    error.message = fmt::format("{} is to be replayed, and would be written over", *input);
    error.remedy = "name another file";
    return error;
  }
  return {};
}

int run(const Options& options) {
  auto outputs = Outputs::parse(options.outputs);
  if (!outputs) return fail(outputs.error());
  const auto policy = policy_of(options);
  if (!policy) return fail(policy.error());
  const bool by_template = options.config.empty();
  auto head = head_of_now(options,
                          by_template ? (*policy)->bindings.front().policy->ref()
                                      : fmt::format("configuration {}", options.config),
                          "");
  if (!head) return fail(head.error());
  Spaces spaces(*policy);
  if (!options.namespaces.empty()) {
    const auto text = read_file(options.namespaces);
    if (!text) return fail(text.error());
    const auto read = codec::read_namespaces(*text, options.namespaces);
    if (!read) return fail(read.error());
    for (const auto& [name, labels] : *read) spaces.learn(name, labels);
  }
  const std::vector<Input> inputs = recordings_of(options.paths);
  if (const auto error = overwritten(*outputs, inputs)) return fail(*error);
  Examples examples(options.examples);
  if (const auto error = examples.make_folder()) return fail(*error);
  Changes changes(
      !by_template, options.examples.empty()
                        ? std::function<std::string(const Change&)>()
                        : [&](const Change& change) { return examples.keep(change); });
  ReplayCounts counts;
  Complaints complaints;
  {
    Source source(inputs);
    Progress progress("replaying", "bytes", size_of(inputs), progress_wanted(outputs->to_stdout()));
    in_order_from([&] { return source.next(); },
                  [&](Task task) { return work_on(std::move(task), **policy, spaces); },
                  [&](Made made) {
                    for (auto& [recorded, line] : made.waiting) {
                      if (recorded.review.scope == Scope::Namespace)
                        spaces.learn(recorded);
                      else
                        put(made, spaces, std::move(recorded), line);
                    }
                    counts += made.counts;
                    for (const Change& change : made.changes) changes.add(change);
                    if (!made.faults.empty()) progress.clear();
                    for (const Error& error : made.faults) complaints.add(made.task.file, error);
                    progress.step(made.task.batch->bytes);
                  },
                  std::min<std::size_t>(std::thread::hardware_concurrency(), kMostThreads), kAhead);
  }
  if (examples.problem) return fail(*examples.problem);

  for (std::string& line : missing_of(counts, changes, spaces.late(), complaints.none()))
    complaints.add(std::move(line));
  ReportTail tail;
  tail.missing = std::move(complaints).all();
  head->subject = subject_of(inputs, counts);
  head->facts = facts_of(counts);
  outputs->open(*head);
  for (const Resource& resource : changes.resources()) {
    tail.summary.add(resource);
    outputs->add(resource);
  }
  if (const auto error = outputs->end(tail)) return fail(*error);
  if (!tail.missing.empty()) return kFailed;
  return tail.summary.failed > 0 ? kViolations : kPassed;
}

}  // namespace

void add_replay(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "replay", "Judge recorded requests by another template: what would be denied");
  command
      ->add_option("path", options->paths,
                   "API server audit logs, decision logs, AdmissionReviews, folders of these, or - "
                   "for standard input; oldest first")
      ->required();
  auto* const by_template =
      command->add_option("-t,--template", options->policy, "Template: NAME or NAME@VERSION")
          ->capture_default_str();
  auto* const by_config = command->add_option("--config", options->config,
                                              "Judge as `serve` with this configuration would");
  by_config->excludes(by_template);
  const auto repeatable = [&](const char* name, std::vector<std::string>& values,
                              const char* meaning) {
    command->add_option(name, values, meaning)->allow_extra_args(false)->excludes(by_config);
  };
  repeatable("--templates", options->templates, "File with SecurityTemplates; repeatable");
  repeatable("--pod-templates", options->pod_templates,
             "File that says where custom resources hold pods; repeatable");
  command
      ->add_option("--namespaces", options->namespaces,
                   "File with the namespaces at the beginning, as kubectl writes them, for their "
                   "labels")
      ->needs(by_config);
  command->add_option("--examples", options->examples,
                      "Folder to write the first object of each kind of change to");
  add_trend_options(*command, *options);
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace plimsoll::app
