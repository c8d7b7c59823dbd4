#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "report/diff.h"
#include "report/format.h"
#include "report/html_page.h"
#include "report/posture.h"
#include "report/tally.h"
#include "report/words.h"
#include "text/base64.h"
#include "verdict/words.h"

namespace plimsoll::report {
namespace {

constexpr std::size_t kSeverities = 4;
constexpr std::size_t kOpenAtMost = 40;   // findings that are shown in full at first
constexpr std::size_t kManyFrom = 200;    // findings from which a browser had better draw lazily
constexpr std::size_t kNameAtMost = 253;  // bytes: no honest name is longer
constexpr std::size_t kRowsAtMost = 8;    // of a table of the summary
constexpr std::size_t kDiffAtMost = 40;   // lines of a diff that are shown
constexpr std::size_t kStepsAtMost = 6;   // of what to mend first
constexpr std::size_t kTrendAtMost = 24;  // reports of before

// ---------------------------------------------------------------------------------------------
// Texts. Whatever comes from a manifest goes through one of these.

/// For an element or a quoted attribute.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// Words of any bytes, cut where nobody reads on.
std::string words(std::string_view raw, std::size_t most = verdict::kMostWords) {
  return escape(verdict::cut(shown(raw), most));
}

/// A name of something in a cluster.
std::string name_text(std::string_view raw) { return words(raw, kNameAtMost); }

/// A piece of a line of a manifest, in which a tab is a tab.
std::string code(std::string_view raw) { return escape(shown_code(raw)); }

/// For the page's own `Content-Security-Policy`.
std::string source_of(const PagePart& part) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < part.sha256.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(part.sha256.data() + i, part.sha256.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return fmt::format("'sha256-{}'", text::encode_base64(bytes));
}

/// ` web.yaml:17:5`; of what comes from no file nothing.
std::string place_html(const Source& source, std::size_t line, std::size_t column) {
  const std::string place = place_of(source, line, column);
  return place.empty() ? "" : fmt::format(" <code><bdi>{}</bdi></code>", escape(place));
}

/// `Deployment <b>shop/web</b>`.
std::string title_html(const Resource& resource) {
  std::string title = name_text(resource.kind.empty() ? "document" : resource.kind);
  std::string name = resource.name;
  if (!resource.namespace_name.empty()) name = resource.namespace_name + "/" + name;
  if (!name.empty()) title += fmt::format(" <b><bdi>{}</bdi></b>", name_text(name));
  return title;
}

std::string_view label_of(const std::string& namespace_name) {
  return namespace_name.empty() ? std::string_view("none given") : namespace_name;
}

// ---------------------------------------------------------------------------------------------
// Lines of a manifest

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// A line with the bytes [begin, end) marked.
std::string marked(std::string_view line, std::size_t begin, std::size_t end) {
  end = std::min(end, line.size());
  begin = std::min(begin, end);
  if (begin == end) return code(line);
  return fmt::format("{}<mark>{}</mark>{}", code(line.substr(0, begin)),
                     code(line.substr(begin, end - begin)), code(line.substr(end)));
}

std::string code_line(std::optional<std::size_t> number, std::string_view inside,
                      std::string_view element = "span") {
  // Not as text: what is copied should be the manifest's.
  const std::string attribute = number ? fmt::format(" data-line=\"{}\"", *number) : "";
  return fmt::format(
      "<code{}><span>{}</span></code>\n", attribute,
      element == "span" ? std::string(inside) : fmt::format("<{0}>{1}</{0}>", element, inside));
}

/// The lines around a finding. Of one over several lines the first is marked: it is a whole block.
std::string excerpt_of(const ReportedFinding& finding) {
  if (finding.excerpt.lines.empty()) return "";
  std::string out = "<div class=\"code\">\n";
  std::size_t number = finding.excerpt.line;
  for (const std::string& text : finding.excerpt.lines) {
    const std::string_view line = without_return(text);
    const Region& region = finding.region;
    const bool hit = number == region.line && region.column > 0;
    const std::size_t begin = hit ? region.column - 1 : 0;
    const std::size_t end = !hit                             ? 0
                            : region.end_line == region.line ? region.end_column - 1
                            : region.end_line > region.line  ? line.size()
                                                             : begin;
    out += code_line(number, marked(line, begin, end));
    ++number;
  }
  return out + "</div>\n";
}

// ---------------------------------------------------------------------------------------------
// Changes

/// Without the lines that stay: they stand above.
std::string code_of(std::vector<DiffLine> lines) {
  std::erase_if(lines, [](const DiffLine& line) { return line.sign == ' '; });
  std::string out = "<div class=\"code\">\n";
  for (std::size_t i = 0; i < std::min(lines.size(), kDiffAtMost); ++i)
    out += code_line(lines[i].number, code(lines[i].text), lines[i].sign == '+' ? "ins" : "del");
  if (lines.size() > kDiffAtMost)
    out += code_line({}, fmt::format("… and {} more", plural(lines.size() - kDiffAtMost, "line")));
  return out + "</div>\n";
}

/// An RFC 6902 patch, an operation a line.
std::string code_of_patch(const std::string& patch) {
  using Json = nlohmann::ordered_json;
  std::string out = "<div class=\"code\">\n";
  const Json operations = Json::parse(patch);
  for (std::size_t i = 0; i < operations.size(); ++i)
    out += code_line(
        {}, fmt::format("{}{}{}", i == 0 ? "[" : " ",
                        escape(operations[i].dump(-1, ' ', false, Json::error_handler_t::replace)),
                        i + 1 == operations.size() ? "]" : ","));
  return out + "</div>\n";
}

// ---------------------------------------------------------------------------------------------
// A finding

std::string row(std::string_view name, std::string_view html) {
  return fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
}

std::string fix_of(const ReportedFinding& finding) {
  const std::string advice = fmt::format("<p>{}</p>\n", words(finding.advice));
  if (!is_mendable(finding)) return row("To decide", advice);
  const auto lines = diff_of(finding);
  std::string out =
      row("Fix", advice + (lines.empty() ? code_of_patch(finding.patch) : code_of(lines)));
  if (!finding.check->risk.empty()) out += row("Test it", words(finding.check->risk));
  return out;
}

std::string references_of(const Check& check) {
  std::string list;
  for (const Reference& reference : check.references)
    list += fmt::format("<li>{} <span>{}</span></li>", escape(reference.standard),
                        escape(reference.section));
  return list.empty() ? "" : row("Asked for by", "<ul>" + list + "</ul>");
}

std::string acceptance_of(const Acceptance& acceptance) {
  if (acceptance.by == Acceptance::By::Baseline) return row("Accepted", "by the baseline");
  return row("Accepted", "by a comment: " + words(acceptance.reason));
}

/// All of a finding but its opening `<details`, which is to say whether it is open.
std::string html_of(const Resource& resource, const ReportedFinding& finding) {
  const Check& check = *finding.check;
  std::string out = fmt::format(
      " class=\"finding{}\" data-severity=\"{}\" data-namespace=\"{}\" data-check=\"{}\">\n"
      "<summary><h4><bdi>{}</bdi></h4> <code class=\"id\">{}</code>\n<span class=\"where\">",
      finding.accepted ? " accepted" : "", name_of(check.severity),
      name_text(resource.namespace_name), escape(check.id), words(finding.message),
      escape(check.id));
  if (finding.accepted)
    out += fmt::format("<span class=\"badge\">{}</span> ", name_of(check.severity));
  out += fmt::format("<span>{}</span>", title_html(resource));
  if (!resource.facts.empty()) out += fmt::format("<span>{}</span>", words(facts_of(resource)));
  if (!finding.container.empty())
    out += fmt::format(" <span>container <bdi>{}</bdi></span>", name_text(finding.container));
  out += place_html(resource.source, finding.region.line, finding.region.column);
  out += "</span></summary>\n<div>\n";
  out += excerpt_of(finding);
  out += "<dl>\n";
  if (finding.accepted) out += acceptance_of(*finding.accepted);
  // Most advice names the field.
  if (finding.advice.find(finding.field) == std::string::npos)
    out += row("Field", fmt::format("<code>{}</code>", words(finding.field)));
  if (!finding.template_ref.empty())
    out += row(finding.mode.empty() ? "Template" : "Bound",
               fmt::format("<code>{}</code> {}", words(finding.template_ref), finding.mode));
  out += fix_of(finding);
  out += row("Why", escape(check.rationale));
  out += references_of(check);
  return out + "</dl>\n</div>\n</details>\n";
}

// ---------------------------------------------------------------------------------------------
// The page

std::size_t total(const Counts& counts) {
  std::size_t sum = 0;
  for (const std::size_t count : counts) sum += count;
  return sum;
}

std::string_view severity_name(std::size_t severity) {
  return name_of(static_cast<Severity>(severity));
}

/// `3 of 12 resources fail`. `facts`: whether there is more that was judged than resources.
std::string verdict_of(const Summary& sum, bool facts) {
  if (sum.failed > 0)
    return fmt::format("{} of {} {}", sum.failed, plural(sum.resources, "resource"),
                       sum.failed == 1 ? "fails" : "fail");
  if (sum.errors > 0) return fmt::format("{} could not be read", plural(sum.errors, "resource"));
  if (sum.passed == 0) return facts ? "Nothing fails" : "Nothing was judged";
  return fmt::format("{} {}", plural(sum.passed, "resource"), sum.passed == 1 ? "passes" : "pass");
}

std::string tiles_of(const Counts& counts) {
  std::string out = "<ul class=\"tiles\">\n";
  for (std::size_t i = 0; i < kSeverities; ++i)
    out += counts[i] > 0 ? fmt::format("<li data-severity=\"{0}\"><a href=\"#{0}\"><b>{1}</b> {0}"
                                       "</a></li>\n",
                                       severity_name(i), counts[i])
                         : fmt::format("<li><b>0</b> {}</li>\n", severity_name(i));
  return out + "</ul>\n";
}

/// A bar of the outcomes of all resources, and the same in figures.
std::string outcomes_of(const Summary& sum) {
  const std::pair<Outcome, std::pair<std::size_t, std::string_view>> kAll[] = {
      {Outcome::Fail, {sum.failed, "failed"}},
      {Outcome::Error, {sum.errors, "could not be read"}},
      {Outcome::Skipped, {sum.skipped, "skipped"}},
      {Outcome::Pass, {sum.passed, "passed"}}};
  std::string bar, list;
  std::size_t at = 0;
  for (const auto& [outcome, counted] : kAll) {
    const auto& [count, words] = counted;
    if (count == 0) continue;
    bar += fmt::format("<rect class=\"{}\" x=\"{}\" width=\"{}\" height=\"1\"/>", name_of(outcome),
                       at, count);
    list += fmt::format("<li class=\"{}\"><b>{}</b> {}</li>\n", name_of(outcome), count, words);
    at += count;
  }
  if (at == 0) return "";
  return fmt::format("<svg class=\"bar\" viewBox=\"0 0 {} 1\" preserveAspectRatio=\"none\" "
                     "aria-hidden=\"true\">{}</svg>\n<ul class=\"outcomes\">\n{}</ul>\n",
                     at, bar, list);
}

/// A row of a table of the summary.
struct Row {
  std::string name, value;  ///< as it is shown, and as the filter knows it
  Counts counts{};
  std::string note{};  ///< HTML, below the name
};

/// Worst first.
void sort(std::vector<Row>& rows) {
  std::ranges::stable_sort(rows, std::ranges::greater(), &Row::counts);
}

std::string table_of(std::string_view title, std::string_view filter, std::vector<Row> rows) {
  sort(rows);
  std::string out = fmt::format(
      "<div class=\"card\"><table>\n<caption>{}</caption>\n<thead><tr><th scope=\"col\">Name</th>",
      title);
  for (std::size_t i = 0; i < kSeverities; ++i)
    out += fmt::format("<th scope=\"col\">{}</th>", severity_name(i));
  out += "</tr></thead>\n<tbody>\n";
  const auto cells = [&out](const Counts& counts) {
    for (std::size_t i = 0; i < kSeverities; ++i)
      out += counts[i] > 0
                 ? fmt::format("<td data-severity=\"{}\">{}</td>", severity_name(i), counts[i])
                 : std::string("<td class=\"zero\">0</td>");
    out += "</tr>\n";
  };
  const std::size_t shown = std::min(rows.size(), kRowsAtMost);
  for (std::size_t i = 0; i < shown; ++i) {
    out +=
        fmt::format("<tr><th scope=\"row\" data-of=\"{}\" data-value=\"{}\"><bdi>{}</bdi>{}</th>",
                    filter, name_text(rows[i].value), name_text(rows[i].name), rows[i].note);
    cells(rows[i].counts);
  }
  if (shown < rows.size()) {
    Counts rest{};
    for (std::size_t i = shown; i < rows.size(); ++i)
      for (std::size_t k = 0; k < kSeverities; ++k) rest[k] += rows[i].counts[k];
    out += fmt::format("<tr><th scope=\"row\">{} more</th>", rows.size() - shown);
    cells(rest);
  }
  return out + "</tbody>\n</table></div>\n";
}

/// How many pass, as a bar and in words.
std::string share_of(const NamespacePosture& posture) {
  return fmt::format("<small><svg class=\"share\" viewBox=\"0 0 {0} 1\" "
                     "preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"{1}\" "
                     "height=\"1\"/></svg>{1} of {0} pass</small>",
                     posture.judged, posture.passed);
}

/// What to mend first, and how many pass then.
std::string steps_of(const std::vector<FirstStep>& steps, const Summary& sum) {
  std::string out =
      "<div class=\"card\"><table class=\"steps\">\n<caption>Fix first</caption>\n<thead><tr>"
      "<th scope=\"col\">Change</th><th scope=\"col\">found in</th>"
      "<th scope=\"col\">frees</th><th scope=\"col\">then pass</th></tr></thead>\n<tbody>\n";
  std::size_t passed = sum.passed;
  for (const FirstStep& step : steps) {
    passed += step.freed;
    out += fmt::format(
        "<tr><th scope=\"row\" data-of=\"check\" data-value=\"{0}\"><bdi>{0}</bdi><small>{1}"
        "</small></th><td>{2}</td><td>{3}</td><td>{4} of {5}</td></tr>\n",
        escape(step.check->id), escape(step.check->title), step.resources, step.freed, passed,
        sum.passed + sum.failed);
  }
  return out + "</tbody>\n</table></div>\n";
}

/// Columns of the findings of each report, oldest first, and the same in figures.
std::string trend_of(std::span<const EarlierReport> reports) {
  std::size_t most = 1;
  for (const EarlierReport& report : reports) most = std::max(most, total(report.severities));
  std::string columns, rows;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto& [time, sum, severities] = reports[i];
    double top = 100;
    for (std::size_t k = 0; k < kSeverities; ++k) {
      const double height = 100.0 * static_cast<double>(severities[k]) / static_cast<double>(most);
      top -= height;
      columns += fmt::format("<rect data-severity=\"{}\" x=\"{}\" y=\"{:.2f}\" width=\"8\" "
                             "height=\"{:.2f}\"/>",
                             severity_name(k), i * 10 + 1, top, height);
    }
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{} of {}</td>",
        i + 1 == reports.size() ? "<b>now</b>" : fmt::format("<time>{}</time>", words(time)),
        sum.passed, sum.passed + sum.failed);
    for (std::size_t k = 0; k < kSeverities; ++k)
      rows += severities[k] > 0
                  ? fmt::format("<td data-severity=\"{}\">{}</td>", severity_name(k), severities[k])
                  : std::string("<td class=\"zero\">0</td>");
    rows += "</tr>\n";
  }
  std::string head;
  for (std::size_t k = 0; k < kSeverities; ++k)
    head += fmt::format("<th scope=\"col\">{}</th>", severity_name(k));
  return fmt::format(
      "<div class=\"card\">\n<svg class=\"trend\" viewBox=\"0 0 {} 100\" "
      "preserveAspectRatio=\"none\" aria-hidden=\"true\">{}</svg>\n<table>\n"
      "<caption>Findings, report by report</caption>\n<thead><tr><th scope=\"col\">Report</th>"
      "<th scope=\"col\">pass</th>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
      // A few are not drawn as wide as the page.
      std::max<std::size_t>(reports.size(), 8) * 10, columns, head, rows);
}

/// The items of a benchmark, those that need somebody first in their order.
std::string items_of(const std::vector<TalliedItem>& items) {
  std::string out = "<div class=\"card items\">\n";
  for (const TalliedItem& item : items) {
    const std::string line =
        fmt::format("<span class=\"status {0}\">{0}</span> <b>{1}</b> <span>{2}</span>",
                    name_of(item.status), escape(item.reference.section), escape(item.title));
    if (item.places.empty()) {
      out += fmt::format("<p>{}</p>\n", line);
      continue;
    }
    out +=
        fmt::format("<details><summary>{} <small>{}</small></summary>\n<ul>\n", line, item.count());
    for (const TalliedItem::Place& place : item.places) {
      std::string names;
      for (const std::string& name : place.resources)
        names += fmt::format("{}<bdi>{}</bdi>", names.empty() ? "" : ", ", name_text(name));
      out += fmt::format("<li>{}{}</li>\n", names,
                         place.detail.empty() ? "" : ": " + words(place.detail));
    }
    out += "</ul>\n";
    if (!item.remedy.empty()) out += fmt::format("<p>{}</p>\n", escape(item.remedy));
    out += "</details>\n";
  }
  return out + "</div>\n";
}

std::string select_of(std::string_view id, std::string_view title, std::string_view all,
                      const std::vector<Row>& rows) {
  std::string out = fmt::format(
      "<label>{} <select id=\"{}\" autocomplete=\"off\"><option value=\"*\">{}</option>\n", title,
      id, all);
  for (const Row& row : rows)
    out += fmt::format("<option value=\"{}\">{} ({})</option>\n", name_text(row.value),
                       name_text(row.name), total(row.counts));
  return out + "</select></label>\n";
}

/// It is of no use without the script, which shows it.
std::string filter_of(const std::vector<Row>& namespaces, const std::vector<Row>& checks,
                      const Counts& counts) {
  std::string out =
      "<div class=\"filter\" id=\"filter\" role=\"search\" aria-label=\"Findings\" hidden>\n"
      "<label>Search <input id=\"text\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" "
      "placeholder=\"name, file, field, image …\"></label>\n" +
      select_of("namespace", "Namespace", "all", namespaces) +
      select_of("check", "Check", "all", checks) + "<fieldset><legend>Only</legend>\n";
  for (std::size_t i = 0; i < kSeverities; ++i)
    out += fmt::format(
        "<label data-severity=\"{0}\"><input type=\"checkbox\" autocomplete=\"off\" value=\"{0}\"> "
        "{0} ({1})</label>\n",
        severity_name(i), counts[i]);
  return out + "</fieldset>\n<div class=\"shown\"><output id=\"shown\"></output>"
               "<button type=\"button\" id=\"clear\" hidden>Clear</button>"
               "<button type=\"button\" id=\"fold\">Open all</button></div>\n</div>\n";
}

/// A list of lines that are HTML already.
std::string list_of(const std::vector<std::string>& lines) {
  std::string out = "<ul class=\"plain\">\n";
  for (const std::string& line : lines) out += "<li>" + line + "</li>\n";
  return out + "</ul>\n";
}

std::string section(std::string_view id, std::string_view title, std::string_view html) {
  return fmt::format("<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}"
                     "</h2>\n{2}</section>\n",
                     id, title, html);
}

std::string folded(std::string_view title, std::string_view html) {
  return fmt::format("<details class=\"rest\"><summary>{}</summary>\n{}</details>\n", title, html);
}

class HtmlWriter : public Writer {
 public:
  HtmlWriter(ReportHead head, Sink sink) : head_(std::move(head)), sink_(std::move(sink)) {}

  void add(const Resource& resource) override {
    posture_.add(resource);
    tally_.add(resource);
    for (const ReportedFinding& finding : resource.findings) add(resource, finding);
    for (const ReportedFinding& finding : resource.accepted) add(resource, finding);
    const std::string line =
        title_html(resource) + place_html(resource.source, resource.source.line, 0);
    switch (resource.outcome) {
      case Outcome::Pass:
        passed_.push_back(line);
        break;
      case Outcome::Skipped:
        skipped_.push_back(line + ": " + words(resource.reason));
        break;
      case Outcome::Error:
        errors_.push_back(words(resource.reason));
        break;
      case Outcome::Fail:
        break;
    }
  }

  void end(const ReportTail& tail) override {
    write_head(tail);
    if (!tail.missing.empty()) {
      std::vector<std::string> missing;
      for (const std::string& line : tail.missing) missing.push_back(words(line));
      sink_(section("missing", "Not looked at", list_of(missing)));
    }
    if (total(counts_) > 0) write_summary(tail.summary);
    if (!head_.earlier.empty()) write_trend(tail.summary);
    if (const auto items = tally_.items(); !items.empty())
      sink_(section("items", "Item by item", items_of(items)));
    if (!errors_.empty()) sink_(section("errors", "Could not be read", list_of(errors_)));
    write_findings();
    if (!tail.stale.empty()) {
      std::vector<std::string> stale;
      for (const std::string& line : tail.stale) stale.push_back(words(line));
      sink_(section("stale", "Accepted, but found no more", list_of(stale)));
    }
    if (!skipped_.empty())
      sink_(section("skipped", "Skipped",
                    folded(plural(skipped_.size(), "resource"), list_of(skipped_))));
    if (!passed_.empty())
      sink_(section("passed", "Passed",
                    folded(plural(passed_.size(), "resource"), list_of(passed_))));
    sink_("</main>\n");
    sink_(fmt::format("<footer>Plimsoll {}</footer>\n<script>{}</script>\n</body>\n</html>\n",
                      escape(head_.version), kPageScript.text));
  }

 private:
  void add(const Resource& resource, const ReportedFinding& finding) {
    const auto severity = static_cast<std::size_t>(finding.check->severity);
    Counts& in_namespace = namespaces_[resource.namespace_name];
    Counts& of_check = checks_[finding.check->id];
    if (finding.accepted) {
      accepted_.push_back(html_of(resource, finding));
      return;
    }
    findings_[severity].push_back(html_of(resource, finding));
    ++in_namespace[severity];
    ++of_check[severity];
    ++counts_[severity];
  }

  void write_head(const ReportTail& tail) {
    const Summary& sum = tail.summary;
    const std::string verdict = verdict_of(sum, !head_.facts.empty());
    std::string judge = escape(head_.template_ref), about;
    // Some are judged by more than one template.
    if (head_.template_ref.find('@') != std::string::npos)
      judge = fmt::format("<code>{}</code>", judge);
    if (!head_.subject.empty()) about += fmt::format(": <bdi>{}</bdi>", words(head_.subject));
    if (!head_.time.empty()) about += fmt::format(", <time>{}</time>", words(head_.time));
    if (!tail.missing.empty())
      about += fmt::format(". <a href=\"#missing\">This report is partial: {} could not be looked "
                           "at</a>",
                           plural(tail.missing.size(), "thing"));
    sink_(fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; "
        "script-src {}; base-uri 'none'; form-action 'none'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}: {}</title>\n"
        "<style>{}</style>\n</head>\n",
        source_of(kPageStyle), source_of(kPageScript), verdict, escape(head_.template_ref),
        kPageStyle.text));
    sink_(fmt::format(
        "<body{}>\n<header>\n<p class=\"brand\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">"
        "<circle cx=\"12\" cy=\"12\" r=\"7.5\"/><path d=\"M1 12h22\"/></svg>Plimsoll</p>\n"
        "<h1>{}</h1>\n<p>Judged by {}{}</p>\n{}</header>\n<main>\n",
        total(counts_) >= kManyFrom ? " class=\"many\"" : "", verdict, judge, about,
        outcomes_of(sum)));
  }

  void write_summary(const Summary& sum) {
    std::string html = tiles_of(counts_) + "<div class=\"tables\">\n";
    // Of one resource there is nothing to be compared.
    if (sum.failed > 1) html += steps_of(posture_.first_steps(kStepsAtMost), sum);
    if (posture_.namespaces().size() > 1)
      html += table_of("By namespace", "namespace", rows_of_postures());
    if (sum.failed > 1) html += table_of("Worst", "text", rows_of_worst());
    html += table_of("By check", "check", rows_of_checks());
    sink_(section("summary", plural(total(counts_), "finding"), html + "</div>\n"));
  }

  void write_trend(const Summary& sum) {
    std::vector<EarlierReport> reports = head_.earlier;
    if (reports.size() > kTrendAtMost) reports.erase(reports.begin(), reports.end() - kTrendAtMost);
    reports.push_back({head_.time, sum, counts_});
    sink_(section("trend", "Trend", trend_of(reports)));
  }

  void write_findings() {
    if (total(counts_) == 0 && accepted_.empty()) return;
    const bool open = total(counts_) <= kOpenAtMost;
    sink_("<section id=\"findings\" aria-labelledby=\"findings-title\">\n"
          "<h2 id=\"findings-title\">Findings, worst first</h2>\n" +
          filter_of(rows_of_namespaces(), rows_of_checks(), counts_));
    for (std::size_t i = 0; i < kSeverities; ++i)
      write_group(severity_name(i), fmt::format(" data-severity=\"{}\"", severity_name(i)),
                  findings_[i], open);
    write_group("accepted", "", accepted_, false);
    sink_("</section>\n");
  }

  void write_group(std::string_view name, std::string_view attribute,
                   const std::vector<std::string>& findings, bool open) {
    if (findings.empty()) return;
    sink_(fmt::format("<section class=\"group\"{1} aria-labelledby=\"{0}\">\n"
                      "<h3 id=\"{0}\">{0} <span>{2}</span></h3>\n",
                      name, attribute, plural(findings.size(), "finding")));
    for (const std::string& finding : findings)
      sink_((open ? "<details open" : "<details") + finding);
    sink_("</section>\n");
  }

  [[nodiscard]] std::vector<Row> rows_of_namespaces() const {
    std::vector<Row> rows;
    for (const auto& [name, counts] : namespaces_)
      rows.push_back({std::string(label_of(name)), name, counts});
    return rows;
  }

  [[nodiscard]] std::vector<Row> rows_of_postures() const {
    std::vector<Row> rows;
    for (const auto& [name, posture] : posture_.namespaces())
      rows.push_back({std::string(label_of(name)), name, posture.findings, share_of(posture)});
    return rows;
  }

  [[nodiscard]] std::vector<Row> rows_of_worst() const {
    std::vector<Row> rows;
    for (const WorstResource& worst : posture_.worst()) {
      std::string name = worst.namespace_name.empty() ? "" : worst.namespace_name + "/";
      name += worst.name;
      rows.push_back({worst.kind + " " + name, name.empty() ? worst.kind : name, worst.findings});
    }
    return rows;
  }

  [[nodiscard]] std::vector<Row> rows_of_checks() const {
    std::vector<Row> rows;
    for (const auto& [id, counts] : checks_)
      rows.push_back({std::string(id), std::string(id), counts});
    return rows;
  }

  ReportHead head_;
  Sink sink_;
  std::array<std::vector<std::string>, kSeverities> findings_;
  std::vector<std::string> accepted_, errors_, skipped_, passed_;
  Posture posture_;
  Tally tally_;
  Counts counts_{};
  std::map<std::string, Counts> namespaces_;   // of all findings, the accepted not counted
  std::map<std::string_view, Counts> checks_;  // as well
};

}  // namespace

extern constinit const Format html{
    .name = "html",
    .meaning = "one page for a browser: summary, filter, excerpts, fixes",
    .changes = true,
    .open = [](const ReportHead& head, const Style&, Sink sink) -> std::unique_ptr<Writer> {
      return std::make_unique<HtmlWriter>(head, std::move(sink));
    }};

}  // namespace plimsoll::report
