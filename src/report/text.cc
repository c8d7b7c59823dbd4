#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "report/format.h"
#include "report/snippet.h"
#include "report/tally.h"
#include "report/words.h"

namespace plimsoll::report {
namespace {

struct Colours {
  std::string_view bold, dim, red, green, yellow, plain;

  [[nodiscard]] std::string_view of(Severity severity) const {
    return severity <= Severity::High ? red : yellow;
  }
};

constexpr Colours kColours{"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"};

// The line that editors jump by and people grep for. What has no file stands below its name.
std::string line_about(const Resource& resource, const ReportedFinding& finding, const Colours& c) {
  const std::string place = place_of(resource.source, finding.region.line, finding.region.column);
  const std::string where = place.empty() ? "  " : fmt::format("{}{}:{} ", c.bold, place, c.plain);
  return fmt::format("{}{} {}[{}]{}", where, shown(finding.message), c.of(finding.check->severity),
                     tag_of(finding), c.plain);
}

// The line and the one before it, which is often the key that holds it.
void write_snippet(const ReportedFinding& finding, const Colours& c, std::string& out) {
  for (const SnippetLine& line : snippet_of(finding.excerpt, finding.region)) {
    if (line.number + 1 < finding.region.line || line.number > finding.region.line) continue;
    out += fmt::format("{}{:>5} |{}", c.dim, line.number, c.plain);
    out += line.text.empty() ? "\n" : fmt::format(" {}\n", line.text);
    if (line.mark_width > 0)
      out += fmt::format("{}{:>5} |{} {}{}{}\n", c.dim, "", c.plain, c.of(finding.check->severity),
                         line.underline(), c.plain);
  }
}

std::string advice_of(const ReportedFinding& finding, const Colours& c) {
  const std::string_view word = !is_mendable(finding)         ? "help"
                                : finding.check->risk.empty() ? "fix"
                                                              : "fix, but test it";
  return fmt::format("{:>5} {}= {}:{} {}\n", "", c.green, word, c.plain, shown(finding.advice));
}

// What is wrong in one place is told together: the place is shown but once.
void write_findings(const Resource& resource, const Colours& c, std::string& out) {
  const auto findings = by_place(resource);
  for (auto begin = findings.begin(), end = begin; begin != findings.end(); begin = end) {
    end = std::find_if(begin, findings.end(), [&](const ReportedFinding* other) {
      return other->region != (*begin)->region;
    });
    std::vector<std::string> advices;
    for (auto at = begin; at != end; ++at) {
      out += line_about(resource, **at, c) + '\n';
      std::string advice = advice_of(**at, c);
      if (std::ranges::find(advices, advice) == advices.end()) advices.push_back(std::move(advice));
    }
    write_snippet(**begin, c, out);
    for (const std::string& advice : advices) out += advice;
  }
}

/// `web, db and 57 more`.
std::string names_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 10;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
    out += (i == 0 ? "" : ", ") + shown(names[i]);
  if (names.size() > kMost) out += fmt::format(" and {} more", names.size() - kMost);
  return out;
}

class TextWriter : public Writer {
 public:
  TextWriter(ReportHead head, const Style& style, Sink sink)
      : head_(std::move(head)),
        colours_(style.colour ? kColours : Colours{}),
        sink_(std::move(sink)) {}

  // What passes is counted and not named, as compilers do. What went through a benchmark is told
  // by its items, as its users know it.
  void add(const Resource& resource) override {
    const Colours& c = colours_;
    if (!resource.items.empty()) {
      tally_.add(resource);
      return;
    }
    switch (resource.outcome) {
      case Outcome::Pass:
        break;
      case Outcome::Skipped:
        write_line(fmt::format("{}skip{} {}: {}\n", c.dim, c.plain, name_for(resource),
                               shown(resource.reason)));
        break;
      case Outcome::Error:
        write_line(fmt::format("{}error{} {}\n", c.red, c.plain, shown(resource.reason)));
        break;
      case Outcome::Fail: {
        std::string block = fmt::format("{}fail{} {}\n", c.red, c.plain, name_for(resource));
        write_findings(resource, c, block);
        write_block(block);
        break;
      }
    }
    for (const auto& finding : resource.findings) {
      if (!is_mendable(finding) || resource.source.file.empty()) continue;
      ++mendable_;
      if (!finding.check->risk.empty()) ++risky_;
    }
    for (const auto& finding : resource.accepted) {
      if (finding.accepted->by == Acceptance::By::Ignore)
        accepted_ += fmt::format("{}accepted{} {}: {}\n", c.dim, c.plain,
                                 line_about(resource, finding, c), shown(finding.accepted->reason));
    }
  }

  void end(const ReportTail& tail) override {
    const Colours& c = colours_;
    write_items();
    std::string out = accepted_;
    for (const std::string& line : tail.missing)
      out += fmt::format("{}not looked at{} {}\n", c.red, c.plain, shown(line));
    for (const std::string& line : tail.stale)
      out += fmt::format("{}no longer needed{} {}\n", c.yellow, c.plain, shown(line));
    if (!out.empty()) write_block(out);
    out = sum_of(head_, tail.summary) + '\n';
    if (mendable_ > 0) out += fmt::format("{} can be mended by `plimsoll fix`", mendable_);
    if (risky_ > 0) out += fmt::format(", {} of them only with --allow-risky", risky_);
    if (mendable_ > 0) out += '\n';
    if (!head_.earlier.empty()) {
      const auto& [time, sum, severities] = head_.earlier.back();
      out += fmt::format("on {}: {} failed; {}\n", shown(time), sum.failed,
                         plural(sum.findings, "finding"));
    }
    if (!tail.missing.empty())
      out += fmt::format(
          "{}This report is partial: {} could not be looked at.{}\n", c.red,
          tail.missing.size() == 1 ? "one thing" : fmt::format("{} things", tail.missing.size()),
          c.plain);
    write_block(out);
  }

 private:
  [[nodiscard]] std::string name_for(const Resource& resource) const {
    std::string name = fmt::format("{}{}{}", colours_.bold, title_of(resource), colours_.plain);
    const std::string place = place_of(resource.source, resource.source.line, 0);
    return (place.empty() ? name : name + ' ' + place) +
           fmt::format("{}{}{}", colours_.dim, facts_of(resource), colours_.plain);
  }

  [[nodiscard]] std::string_view colour_of(ItemStatus status) const {
    constexpr std::string_view Colours::* kAll[] = {&Colours::green, &Colours::red, &Colours::dim,
                                                    &Colours::yellow};
    return colours_.*kAll[static_cast<std::size_t>(status)];
  }

  void write_items() {
    const Colours& c = colours_;
    std::string out, chapter;
    for (const TalliedItem& item : tally_.items()) {
      std::string own(item.reference.section.substr(0, item.reference.section.find('.')));
      if (!out.empty() && own != chapter) out += '\n';
      chapter = std::move(own);
      out += fmt::format("{}[{}]{} {}{:<6}{} {}\n", colour_of(item.status), name_of(item.status),
                         c.plain, c.bold, item.reference.section, c.plain, item.title);
      for (const TalliedItem::Place& place : item.places)
        out += fmt::format("              {}{}\n", names_of(place.resources),
                           place.detail.empty() ? "" : ": " + shown(place.detail));
      if (!item.remedy.empty())
        out += fmt::format("              {}= fix:{} {}\n", c.green, c.plain, item.remedy);
    }
    if (!out.empty()) write_block(out);
  }

  // Blocks have an empty line between them and whatever is before or behind them.
  void write_block(std::string_view text) {
    if (written_) sink_("\n");
    sink_(text);
    written_ = after_block_ = true;
  }
  void write_line(std::string_view text) {
    if (after_block_) sink_("\n");
    sink_(text);
    written_ = true;
    after_block_ = false;
  }

  ReportHead head_;
  Colours colours_;
  Sink sink_;
  bool written_ = false, after_block_ = false;
  Tally tally_;
  std::string accepted_;  // those that a comment accepts; a baseline may have thousands
  std::size_t mendable_ = 0, risky_ = 0;  // findings in files
};

}  // namespace

extern constinit const Format text{
    .name = "text",
    .meaning = "for people",
    .open = [](const ReportHead& head, const Style& style, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<TextWriter>(head, style, std::move(sink));
    }};

}  // namespace plimsoll::report
