#include <fmt/format.h>

#include <utility>

#include "report/format.h"
#include "report/words.h"

namespace plimsoll::report {
namespace {

struct Colours {
  std::string_view bold, dim, red, green, yellow, plain;
};

void write(const Resource& resource, const Colours& c, std::string& out) {
  const auto line = [&](std::string_view colour, std::string_view word, std::string_view rest) {
    out += fmt::format("{}{}{} {}{}{} {}{}\n", colour, word, c.plain, c.bold, title_of(resource),
                       c.plain, place_of(resource.source, resource.source.line, 0), rest);
  };
  const std::string reason = shown(resource.reason);
  switch (resource.outcome) {
    case Outcome::Pass:
      line(c.green, "pass", "");
      return;
    case Outcome::Skipped:
      line(c.dim, "skip", ": " + reason);
      return;
    case Outcome::Error:
      out += fmt::format("{}error{} {}\n", c.red, c.plain, reason);
      return;
    case Outcome::Fail:
      line(c.red, "fail", "");
      break;
  }
  for (const auto& finding : resource.findings) {
    out += fmt::format("  {}: {} {}[{}, {}]{}\n",
                       place_of(resource.source, finding.region.line, finding.region.column),
                       shown(finding.message), c.dim, finding.check->id,
                       name_of(finding.check->severity), c.plain);
    out += fmt::format("    {}{}{}\n", c.yellow, shown(finding.advice), c.plain);
  }
}

class TextWriter : public Writer {
 public:
  TextWriter(ReportHead head, const Style& style, Sink sink)
      : head_(std::move(head)), sink_(std::move(sink)) {
    if (style.colour)
      colours_ = {"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"};
  }

  void add(const Resource& resource) override {
    std::string out;
    write(resource, colours_, out);
    sink_(out);
  }

  void end(const ReportTail& tail) override {
    if (tail.summary.resources > 0) sink_("\n");
    sink_(sum_of(head_, tail.summary) + "\n");
  }

 private:
  ReportHead head_;
  Colours colours_;
  Sink sink_;
};

}  // namespace

extern constinit const Format text{
    .name = "text",
    .meaning = "for people",
    .open = [](const ReportHead& head, const Style& style, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<TextWriter>(head, style, std::move(sink));
    }};

}  // namespace plimsoll::report
