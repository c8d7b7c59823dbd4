#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/console.h"
#include "app/findings.h"
#include "app/in_order.h"
#include "app/input_files.h"
#include "app/manifest_options.h"
#include "app/manifests.h"
#include "app/staged_file.h"
#include "fix/patch.h"
#include "fix/proposal.h"
#include "fix/text.h"
#include "text/lines.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using fix::TextEdit;
using nlohmann::ordered_json;

// A change may lay open what another check asks for: after the first time that is rare.
constexpr int kMostPasses = 8;
// Of the text, in bytes, to find out which changes cannot be made beside others, if many cannot.
constexpr std::size_t kMostRead = std::size_t{64} << 20;

struct Options : ManifestOptions {
  bool write = false, patch = false, allow_risky = false;
};

/// The patch of one object.
struct ObjectPatch {
  std::size_t document = 0, line = 0;
  std::string api_version, kind, namespace_name, name;
  ordered_json operations = ordered_json::array();
};

/// What comes of one file.
struct Fixed {
  std::string file;  ///< as it was given
  std::string text;
  std::vector<TextEdit> edits;
  std::vector<ObjectPatch> objects;
  std::vector<std::string> left;   ///< a line each
  std::vector<std::string> first;  ///< YAML of what must be there before
  std::set<const Check*> risks;    ///< whose fixes were made although they are a risk
  std::size_t found = 0, skipped = 0;
  std::vector<Error> errors;  ///< set: nothing is changed
};

/// Fixes one text, pass by pass until nothing more can be done.
class Fixer {
 public:
  Fixer(Fixed& fixed, std::string name, const Template& policy, const PodPlaces& places,
        const Options& options)
      : fixed_(fixed),
        name_(std::move(name)),
        policy_(policy),
        places_(places),
        options_(options) {}

  void run() {
    text_ = fixed_.text;
    std::multiset<std::string> accepted;
    bool done = false;
    for (int pass = 0; pass < kMostPasses && !done; ++pass) {
      left_.clear();
      accepted_.clear();
      auto edits = this->pass(pass == 0);
      if (!fixed_.errors.empty()) return;
      if (pass == 0) accepted = accepted_;
      // A comment must not come to speak of something else, nor what it speaks of go.
      if (accepted_ != accepted) return refuse();
      done = edits.empty();
      if (done) break;
      fixed_.edits = fix::compose(fixed_.text.size(), fixed_.edits, edits);
      text_ = fix::edited(text_, edits);
    }
    if (!done) fixed_.left.push_back(fmt::format("{}: there is more to fix; run it again", name_));
    const text::Lines before(fixed_.text), after(text_);
    for (const auto& [offset, words] : left_) {
      const auto place = options_.write ? after.place(offset) : before.place(place_before(offset));
      fixed_.left.push_back(fmt::format("{}:{}:{}: {}", name_, place.line, place.column, words));
    }
  }

 private:
  /// The edits of all documents, none if there is nothing that can be done.
  std::vector<TextEdit> pass(bool first) {
    std::vector<TextEdit> edits;
    std::vector<nlohmann::json> expected;
    to_be_read_ = kMostRead;
    ManifestReader reader(text_, name_, policy_, places_);
    std::size_t object = 0, index = 0;
    while (const auto read = reader.next()) {
      if (!*read) {
        fixed_.errors.push_back(read->error());
        continue;
      }
      const JudgedDocument& judged = **read;
      for (Error error : judged.errors) fixed_.errors.push_back(std::move(error));
      if (!fixed_.errors.empty()) continue;
      auto json = nlohmann::json::parse(judged.document.json());
      // Each document has become what the last pass said, and no other has changed.
      if (!first && (index >= expected_.size() || json != expected_[index])) return broken();
      ++index;
      for (TextEdit& edit : document(judged, reader.text(), json, first, object))
        edits.push_back(std::move(edit));
      expected.push_back(std::move(json));
    }
    if (!first && index != expected_.size()) return broken();
    if (!edits.empty() && reader.text().data() != text_.data()) {
      Error error;
      error.file = name_;
      error.message = "the file is UTF-16, and would not be afterwards";
      error.remedy = "save it as UTF-8";
      fixed_.errors.push_back(std::move(error));
    }
    expected_ = std::move(expected);
    return edits;
  }

  void refuse() {
    Error error;
    error.file = name_;
    error.message = "what its ignore comments accept would be changed with the rest";
    error.remedy = "make the changes beside them by hand";
    fixed_.errors.push_back(std::move(error));
  }

  std::vector<TextEdit> broken() {
    Error error;
    error.file = name_;
    error.message = "the changes of its documents do not go together";
    error.remedy = "fix its documents in files of their own";
    fixed_.errors.push_back(std::move(error));
    return {};
  }

  /// One violation and what is to be done about it.
  struct Step {
    const JudgedObject* object;
    const Violation* violation;
    fix::Proposal proposal;
  };

  /// `json` becomes what the document is to be; `object` counts the objects of all documents.
  std::vector<TextEdit> document(const JudgedDocument& judged, std::string_view text,
                                 nlohmann::json& json, bool first, std::size_t& object) {
    std::vector<Step> steps;
    for (const JudgedObject& it : judged.objects) {
      const codec::Manifest& manifest = it.manifest;
      for (const auto& [violation, acceptance] : it.accepted)
        accepted_.insert(fmt::format("{} {} {}", violation.check->id,
                                     place_of(judged.document, violation.finding.path),
                                     acceptance.reason));
      if (first) {
        fixed_.found += it.violations.size();
        fixed_.skipped += manifest.skipped.empty() ? 0 : 1;
        fixed_.objects.push_back(
            {judged.document.index, judged.document.nearest(manifest.path).begin.line,
             manifest.api_version, manifest.kind, manifest.namespace_name, manifest.name});
      }
      fix::Proposer proposer(manifest.pods, judged.document, policy_, manifest.namespace_name,
                             is_custom(manifest) ? manifest.kind : "", options_.allow_risky);
      for (const Violation& violation : it.violations) {
        Step step{&it, &violation, proposer.propose(violation)};
        if (accepted_beside(it, violation)) {
          step.proposal = {};
          step.proposal.reason = "an ignore comment accepts this volume in another respect";
        }
        if (step.proposal.edits.empty())
          leave(judged.document, violation, step.proposal.reason);
        else
          steps.push_back(std::move(step));
      }
    }
    auto edits = edits_of(judged.document, text, steps);
    for (const JudgedObject& it : judged.objects) take(it, steps, json, object++);
    return edits;
  }

  /// Whether the violation is about a volume of which another finding is accepted: what a person
  /// keeps on purpose does not go.
  static bool accepted_beside(const JudgedObject& object, const Violation& violation) {
    if (violation.check->fix != nullptr) return false;
    const std::string_view volume = volume_of(violation.finding.path);
    return !volume.empty() &&
           std::ranges::any_of(object.accepted, [&](const AcceptedViolation& other) {
             return volume_of(other.violation.finding.path) == volume;
           });
  }

  // `/spec/volumes/3` of `/spec/volumes/3/hostPath`.
  static std::string_view volume_of(std::string_view path) {
    constexpr std::string_view kVolumes = "/volumes/";
    const auto at = path.find(kVolumes);
    return at == path.npos ? std::string_view()
                           : path.substr(0, path.find('/', at + kVolumes.size()));
  }

  /// Those of all steps or, if they cannot be made together, of as many as can; the others are
  /// taken off.
  std::vector<TextEdit> edits_of(const text::YamlDocument& document, std::string_view text,
                                 std::vector<Step>& steps) {
    const auto make = [&](const std::vector<Step*>& some) {
      std::vector<const Edit*> all;
      for (const Step* step : some)
        for (const auto& edit : step->proposal.edits) all.push_back(edit.get());
      return fix::to_text_edits(all, text, document);
    };
    const std::size_t cost = document.end.offset - document.begin.offset;
    // Enough to find one or two, however large the document is.
    auto free_tries = static_cast<std::size_t>(2 * std::bit_width(steps.size()));
    std::vector<Step*> made;
    std::vector<TextEdit> edits;
    // Half of what cannot be made together, and half of that: few changes are refused, of many.
    std::vector<std::span<Step>> parts;
    if (!steps.empty()) parts.emplace_back(steps);
    while (!parts.empty()) {
      auto part = parts.back();
      parts.pop_back();
      // What cannot be looked for any more may be behind: the rest is tried once.
      const bool last = part.size() < steps.size() && free_tries == 0 && cost > to_be_read_;
      if (last) {
        part = std::span(steps).last(steps.size() -
                                     static_cast<std::size_t>(part.data() - steps.data()));
        parts.clear();
      }
      auto with = made;
      for (Step& step : part) with.push_back(&step);
      if (auto all = make(with)) {
        made = std::move(with);
        edits = *std::move(all);
        continue;
      }
      if (last) {
        for (const Step& step : part)
          leave(document, *step.violation,
                "it was not tried alone, for too many other changes cannot be made here; make "
                "those by hand and fix again");
        break;
      }
      if (free_tries > 0)
        --free_tries;
      else
        to_be_read_ -= std::min(cost, to_be_read_);
      if (const auto half = part.size() / 2; half > 0) {
        parts.push_back(part.subspan(half));
        parts.push_back(part.first(half));
        continue;
      }
      // Why it cannot be made at all says more than why not beside others.
      const auto alone = make({part.data()});
      leave(document, *part[0].violation,
            alone ? "the change cannot be made beside the others; fix again"
                  : alone.error().to_string());
    }
    std::vector<Step> kept;
    for (Step* step : made) kept.push_back(std::move(*step));
    steps = std::move(kept);
    return edits;
  }

  /// Keeps the patch of one object, and applies it to the document.
  void take(const JudgedObject& of, const std::vector<Step>& steps, nlohmann::json& json,
            std::size_t object) {
    std::vector<const Edit*> edits;
    for (const Step& step : steps) {
      if (step.object != &of) continue;
      for (const auto& edit : step.proposal.edits) edits.push_back(edit.get());
      if (!step.proposal.first.empty() &&
          std::ranges::find(fixed_.first, step.proposal.first) == fixed_.first.end())
        fixed_.first.push_back(step.proposal.first);
      if (!step.violation->check->risk.empty()) fixed_.risks.insert(step.violation->check);
    }
    auto operations = fix::to_json_patch(edits, json);
    json.patch_inplace(operations);
    for (ordered_json& operation : operations) {
      operation["path"] = operation["path"].get<std::string>().substr(of.manifest.path.size());
      fixed_.objects[object].operations.push_back(std::move(operation));
    }
  }

  void leave(const text::YamlDocument& document, const Violation& violation,
             const std::string& reason) {
    const auto* const exact = document.find(violation.finding.path);
    const auto& node = exact != nullptr ? *exact : document.nearest(violation.finding.path);
    const auto offset = (exact == nullptr && node.has_key ? node.key_begin : node.begin).offset;
    left_.emplace_back(
        offset,
        fmt::format("{} [{}]: {}", verdict::cut(violation.finding.message, verdict::kMostWords),
                    violation.check->id, reason));
  }

  /// Where something stands in the text that was read, by its place in what it has become.
  [[nodiscard]] std::size_t place_before(std::size_t offset) const {
    std::size_t before = 0, after = 0;
    for (const TextEdit& edit : fixed_.edits) {
      if (offset < after + (edit.begin - before)) break;
      after += edit.begin - before;
      if (offset < after + edit.text.size()) return edit.begin;
      after += edit.text.size();
      before = edit.end;
    }
    return before + (offset - after);
  }

  Fixed& fixed_;
  const std::string name_;
  const Template& policy_;
  const PodPlaces& places_;
  const Options& options_;
  std::string text_;
  std::size_t to_be_read_ = kMostRead;    ///< in this pass
  std::vector<nlohmann::json> expected_;  ///< the documents as the last pass has left them
  std::vector<std::pair<std::size_t, std::string>> left_;  ///< in text_
  std::multiset<std::string> accepted_;                    ///< in text_, for comparison
};

Fixed fix_file(const Input& input, const Template& policy, const PodPlaces& places,
               const Options& options) {
  Fixed fixed;
  if (!input) {
    fixed.errors.push_back(input.error());
    return fixed;
  }
  fixed.file = *input;
  const bool from_stdin = *input == "-";
  auto text = from_stdin ? read_stdin() : read_file(*input);
  if (!text) {
    fixed.errors.push_back(text.error());
    return fixed;
  }
  fixed.text = *std::move(text);
  Fixer(fixed, from_stdin ? std::string(kStdin) : *input, policy, places, options).run();
  return fixed;
}

/// Puts what comes of the files where it is wanted, and counts.
class Results {
 public:
  explicit Results(const Options& options) : options_(options) {}

  void add(Fixed fixed) {
    for (const Error& error : fixed.errors) say(error.to_string());
    if (!fixed.errors.empty()) {
      failed_ = true;
      return;
    }
    if (!put(fixed)) {
      failed_ = true;
      return;
    }
    for (const std::string& line : fixed.left) say(line);
    for (const std::string& yaml : fixed.first)
      fmt::print(stderr, "# make this before {} is applied\n{}", shown(fixed), yaml);
    risks_.insert(fixed.risks.begin(), fixed.risks.end());
    left_ += fixed.left.size();
    done_ += fixed.found - std::min(fixed.found, fixed.left.size());
    skipped_ += fixed.skipped;
  }

  int end() {
    if (options_.patch && !print(patches())) return kFailed;
    for (const Check* check : risks_)
      fmt::print(stderr, "plimsoll: try what was changed for {}: {}\n", check->id, check->risk);
    fmt::print(stderr, "plimsoll: {} finding{} fixed, {} left", done_, done_ == 1 ? "" : "s",
               left_);
    if (skipped_ > 0)
      fmt::print(stderr, ", {} object{} skipped", skipped_, skipped_ == 1 ? "" : "s");
    fmt::print(stderr, "\n");
    if (failed_) return kFailed;
    return left_ > 0 ? kViolations : kPassed;
  }

 private:
  static std::string shown(const Fixed& fixed) {
    return fixed.file == "-" ? std::string(kStdin) : verdict::printable(fixed.file);
  }

  static void say(const std::string& line) {
    fmt::print(stderr, "plimsoll: {}\n", verdict::printable(line));
  }

  bool put(const Fixed& fixed) {
    if (options_.patch) {
      for (const ObjectPatch& object : fixed.objects) add_patch(fixed, object);
      return true;
    }
    if (!options_.write) {
      auto name =
          std::filesystem::path(fixed.file == "-" ? "stdin" : fixed.file).lexically_normal();
      // What takes a diff writes nowhere but below its folder: this one is from the top.
      if (*name.begin() == "..") name = std::filesystem::absolute(name).lexically_normal();
      return print(fix::unified_diff(name.string(), fixed.text, fixed.edits));
    }
    const std::string text = fix::edited(fixed.text, fixed.edits);
    if (fixed.file == "-") return print(text);
    if (fixed.edits.empty()) return true;
    const auto problem = write_file(fixed.file, text);
    if (problem) say(problem->to_string());
    return !problem;
  }

  void add_patch(const Fixed& fixed, const ObjectPatch& object) {
    if (++objects_ == 1) bare_ = object.operations;
    if (object.operations.empty()) return;
    patches_.push_back(
        {{"source", {{"file", fixed.file}, {"document", object.document}, {"line", object.line}}},
         {"apiVersion", object.api_version},
         {"kind", object.kind},
         {"namespace", object.namespace_name},
         {"name", object.name},
         {"patch", object.operations}});
  }

  [[nodiscard]] std::string patches() const {
    return (objects_ == 1 ? bare_ : patches_)
               .dump(2, ' ', false, ordered_json::error_handler_t::replace) +
           '\n';
  }

  const Options& options_;
  std::size_t done_ = 0, left_ = 0, skipped_ = 0, objects_ = 0;
  bool failed_ = false;
  std::set<const Check*> risks_;
  ordered_json patches_ = ordered_json::array(), bare_ = ordered_json::array();
};

int run(const Options& options) {
  const auto yardstick = load_yardstick(options);
  if (!yardstick) return fail(yardstick.error());
  const auto inputs = inputs_of(options.paths, options.exclude);
  Results results(options);
  in_order(
      inputs.size(),
      [&](std::size_t i) {
        return fix_file(inputs[i], *yardstick->policy, yardstick->places, options);
      },
      [&](std::size_t, Fixed fixed) { results.add(std::move(fixed)); });
  return results.end();
}

}  // namespace

void add_fix(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "fix", "Change manifests so that they pass a template; prints a diff unless told otherwise");
  add_manifest_options(*command, *options);
  const auto flag = [&](const char* name, bool& value, const char* meaning) {
    return command->add_flag(name, value, meaning)->check(CLI::IsMember({"true", "false"}));
  };
  auto* const write = flag("--write", options->write,
                           "Change the files; the text of standard input goes to standard output");
  flag("--patch", options->patch, "Print JSON patches (RFC 6902) instead")->excludes(write);
  flag("--allow-risky", options->allow_risky,
       "Make changes too after which a program may stop working; says what to try");
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace plimsoll::app
