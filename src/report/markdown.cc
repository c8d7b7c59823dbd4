// A comment of a pull request, as GitHub and GitLab show Markdown. What comes from a manifest must
// not become a link, a mention, a picture or a part of the page.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "report/diff.h"
#include "report/format.h"
#include "report/snippet.h"
#include "report/words.h"

namespace plimsoll::report {
namespace {

// GitHub refuses a comment of more than 65,536 characters; a line or two of the caller's fit in.
constexpr std::size_t kMostBytes = 65'000;
// So that one resource does not take all of it, nor what is only listed.
constexpr std::size_t kMostOfResource = 12'000, kMostOfList = 4'000;
// The words that say what is left out.
constexpr std::size_t kMostNote = 120;
// More resources than this are folded.
constexpr std::size_t kMostOpen = 3;

// Cannot be seen, and ends what would be a mention, a reference or an address.
constexpr std::string_view kBreak = "&#8203;";

/// Text of any bytes as words.
std::string words(std::string_view text) {
  const std::string clean = shown(text);
  std::string out;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const char c = clean[i];
    const std::string_view rest = std::string_view(clean).substr(i + 1);
    if (c == '&' || c == '<' || c == '>')
      out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;";
    else if (std::string_view("\\`*_[]|~$").find(c) != std::string_view::npos)
      out += fmt::format("\\{}", c);
    else
      out += c;
    if (c == '@' || c == '#' || (c == ':' && rest.starts_with("//")) ||
        (c == 'w' && rest.starts_with('.')))
      out += kBreak;
  }
  return out;
}

/// So many backticks that none of these texts ends what they begin; at least `least`.
std::string fence(const std::vector<std::string>& texts, std::size_t least) {
  std::size_t most = least - 1;
  for (const std::string& text : texts) {
    std::size_t run = 0;
    for (const char c : text) {
      run = c == '`' ? run + 1 : 0;
      most = std::max(most, run);
    }
  }
  return std::string(most + 1, '`');
}

std::string code(std::string_view text) {
  const std::string clean = shown(text);
  const std::string ticks = fence({clean}, 1);
  // One blank at each end is taken off, so that a backtick may stand there.
  const bool pad = clean.starts_with('`') || clean.ends_with('`') || clean.empty();
  return fmt::format("{0}{1}{2}{1}{0}", ticks, pad ? " " : "", clean);
}

std::string code_block(std::string_view language, const std::vector<std::string>& lines) {
  const std::string ticks = fence(lines, 3);
  return fmt::format("{0}{1}\n{2}\n{0}\n", ticks, language, fmt::join(lines, "\n"));
}

/// Where it stands in HTML, in which Markdown does not count.
std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : shown(text)) {
    if (c == '&' || c == '<' || c == '>')
      out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;";
    else
      out += c;
  }
  return out;
}

std::string html_code(std::string_view text) { return "<code>" + html_escaped(text) + "</code>"; }

// The change if it is known, else the place.
std::string excerpt_of(const ReportedFinding& finding) {
  std::vector<std::string> lines;
  if (const auto diff = diff_of(finding); !diff.empty()) {
    std::size_t next = diff.front().number;
    for (const DiffLine& line : diff) {
      if (line.sign != '-' && line.number > next)
        lines.push_back(fmt::format("@@ line {} @@", line.number));
      if (line.sign != '-') next = line.number + 1;
      lines.push_back(line.sign + shown_code(line.text));
    }
    return code_block("diff", lines);
  }
  for (const SnippetLine& line : snippet_of(finding.excerpt, finding.region)) {
    lines.push_back(fmt::format("{:>5} | {}", line.number, line.text));
    if (line.mark_width > 0) lines.push_back(fmt::format("{:>5} | {}", "", line.underline()));
  }
  return lines.empty() ? "" : code_block("", lines);
}

std::string text_of(const ReportedFinding& finding) {
  const std::string line =
      finding.region.line > 0 ? fmt::format(" in line {}", finding.region.line) : "";
  const std::string mode =
      finding.mode.empty() ? ""
                           : fmt::format(" ({} by {})", finding.mode, code(finding.template_ref));
  std::string out = fmt::format("**{}** {}{}{}: {}\n\n", name_of(finding.check->severity),
                                code(finding.check->id), mode, line, words(finding.message));
  if (const std::string excerpt = excerpt_of(finding); !excerpt.empty()) out += excerpt + '\n';
  out += fmt::format("{}{}.\n\n", is_mendable(finding) ? "Fix: " : "", words(finding.advice));
  if (is_mendable(finding) && !finding.check->risk.empty())
    out += fmt::format("Test it first: {}\n\n", words(finding.check->risk));
  return out;
}

/// As many lines as there is room for.
class List {
 public:
  void add(const std::string& line) {
    ++count_;
    if (text_.size() + line.size() > kMostOfList) return;
    text_ += fmt::format("- {}\n", line);
    ++shown_;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string text() const {
    if (shown_ == count_) return text_;
    return fmt::format("{}- and {} more\n", text_, count_ - shown_);
  }

 private:
  std::string text_;
  std::size_t count_ = 0, shown_ = 0;
};

/// What a click opens. `title` is HTML.
std::string folded(std::string_view title, std::string_view text, bool open) {
  return fmt::format("<details{}>\n<summary>{}</summary>\n\n{}</details>\n\n", open ? " open" : "",
                     title, text);
}

/// The findings of a resource, as many as there is room for.
struct Section {
  std::string title, text;
  std::size_t findings = 0;  ///< that are in it
};

Section section_of(const Resource& resource) {
  Section section;
  section.title = html_code(title_of(resource));
  if (!resource.source.file.empty())
    section.title += " in " + html_code(place_of(resource.source, 0, 0));
  section.title +=
      html_escaped(facts_of(resource)) + ": " + plural(resource.findings.size(), "finding");
  for (const ReportedFinding* const finding : by_place(resource)) {
    const std::string text = text_of(*finding);
    if (section.text.size() + text.size() > kMostOfResource) break;
    section.text += text;
    ++section.findings;
  }
  if (section.findings < resource.findings.size())
    section.text += fmt::format("And {} more.\n\n", resource.findings.size() - section.findings);
  return section;
}

/// The resources whose worst finding is of one severity, as many as there is room for.
struct Sections {
  std::vector<Section> all;
  std::size_t bytes = 0;

  void add(const Resource& resource) {
    if (bytes > kMostBytes) return;
    all.push_back(section_of(resource));
    bytes += all.back().text.size();
  }
};

class MarkdownWriter : public Writer {
 public:
  MarkdownWriter(ReportHead head, Sink sink) : head_(std::move(head)), sink_(std::move(sink)) {}

  void add(const Resource& resource) override {
    Severity worst = Severity::Low;
    for (const auto& finding : resource.findings) {
      worst = std::min(worst, finding.check->severity);
      ++counts_[{finding.check->severity, finding.check->id}];
    }
    if (!resource.findings.empty()) sections_[static_cast<std::size_t>(worst)].add(resource);
    if (resource.outcome == Outcome::Error) errors_.add(code(resource.reason));
    if (resource.outcome == Outcome::Skipped)
      skipped_.add(fmt::format("{}: {}", name_of_resource(resource, resource.source.line),
                               words(resource.reason)));
    for (const auto& finding : resource.accepted)
      accepted_.add(fmt::format("{}: {} ({}), {}", name_of_resource(resource, finding.region.line),
                                words(finding.message), code(finding.check->id),
                                finding.accepted->by == Acceptance::By::Baseline
                                    ? "in the baseline"
                                    : "accepted by a comment: " + words(finding.accepted->reason)));
  }

  void end(const ReportTail& tail) override {
    std::string top =
        headline(tail.summary) +
        sum_of({.template_ref = code(head_.template_ref), .subject = words(head_.subject)},
               tail.summary) +
        ".\n\n";
    for (const std::string& line : tail.missing) errors_.add(words(line));
    if (!errors_.empty()) top += "**Not judged**\n\n" + errors_.text() + '\n';
    if (!counts_.empty()) top += table();
    List stale;
    for (const std::string& line : tail.stale) stale.add(words(line));
    std::string bottom;
    for (const auto& [title, list] :
         {std::pair<std::string_view, const List*>{"skipped", &skipped_},
          {"accepted", &accepted_},
          {"no longer needed", &stale}})
      if (!list->empty())
        bottom += folded(fmt::format("{} {}", list->count(), title), list->text() + '\n', false);
    sink_(top);
    write_sections(tail.summary, kMostBytes - top.size() - bottom.size());
    sink_(bottom);
  }

 private:
  static std::string headline(const Summary& sum) {
    const std::string found =
        sum.findings == 0 ? fmt::format("nothing found in {}", plural(sum.resources, "resource"))
                          : fmt::format("{} in {} of {}", plural(sum.findings, "finding"),
                                        sum.failed, plural(sum.resources, "resource"));
    const std::string errors = sum.errors == 0 ? "" : ", " + plural(sum.errors, "error");
    return fmt::format("## Plimsoll: {}{}\n\n", found, errors);
  }

  static std::string name_of_resource(const Resource& resource, std::size_t line) {
    const std::string place = place_of(resource.source, line, 0);
    return code(title_of(resource)) + (place.empty() ? "" : " in " + code(place));
  }

  [[nodiscard]] std::string table() const {
    std::string out = "| Severity | Check | Findings |\n|---|---|--:|\n";
    for (const auto& [check, count] : counts_)
      out += fmt::format("| {} | `{}` | {} |\n", name_of(check.first), check.second, count);
    return out + '\n';
  }

  // The worst first; those of one severity in the order of the report.
  void write_sections(const Summary& sum, std::size_t room) {
    std::size_t left = sum.findings;
    for (const Sections& sections : sections_) {
      for (const Section& section : sections.all) {
        const std::string text = folded(section.title, section.text, sum.failed <= kMostOpen);
        if (text.size() + kMostNote > room) continue;
        room -= text.size();
        left -= section.findings;
        sink_(text);
      }
    }
    if (left > 0)
      sink_(fmt::format("A comment has no room for {}: `plimsoll check` shows all.\n\n",
                        left == 1 ? "1 more finding" : fmt::format("{} more findings", left)));
  }

  ReportHead head_;
  Sink sink_;
  std::map<std::pair<Severity, std::string_view>, std::size_t> counts_;  // by check
  std::array<Sections, 4> sections_;                                     // by severity
  List errors_, skipped_, accepted_;
};

}  // namespace

extern constinit const Format markdown{
    .name = "markdown",
    .meaning = "a comment of a pull request",
    .changes = true,
    .open = [](const ReportHead& head, const Style&, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<MarkdownWriter>(head, std::move(sink));
    }};

}  // namespace plimsoll::report
