#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using testing::benchmark;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Report;
using testing::sample;
using testing::write;

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

/// Each match's only group.
std::vector<std::string> all_of(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at)
    found.push_back((*at)[1]);
  return found;
}

Report of(const ReportedFinding& finding) {
  Report report = sample();
  report.resources[0].findings = {finding};
  return report;
}

ReportedFinding found(std::string_view check, std::string message) {
  ReportedFinding finding = sample().resources[0].findings[0];
  finding.check = find_check(check);
  finding.message = std::move(message);
  return finding;
}

TEST(Html, SaysWhatItComesTo) {
  const std::string page = write(html, sample());
  EXPECT_THAT(page, HasSubstr("<h1>1 of 4 resources fails</h1>"));
  EXPECT_THAT(page, HasSubstr("<code>restricted@v1.37</code>"));
  EXPECT_THAT(page, HasSubstr("<b>1</b> could not be read"));
  EXPECT_THAT(page, HasSubstr("Plimsoll 0.1.0"));
}

TEST(Html, SaysWhatItComesToWhateverThatIs) {
  Report report = sample();
  report.resources.erase(report.resources.begin());
  EXPECT_THAT(write(html, report), HasSubstr("<h1>1 resource could not be read</h1>"));
  report.resources.resize(1);
  EXPECT_THAT(write(html, report), HasSubstr("<h1>1 resource passes</h1>"));
  report.resources.push_back(report.resources[0]);
  EXPECT_THAT(write(html, report), HasSubstr("<h1>2 resources pass</h1>"));
  report.resources.clear();
  const std::string page = write(html, report);
  EXPECT_THAT(page, HasSubstr("<h1>Nothing was judged</h1>"));
  EXPECT_THAT(page, Not(HasSubstr("id=\"filter\"")));
  report.head.facts.push_back({"requests", std::uint64_t{5}});
  EXPECT_THAT(write(html, report), HasSubstr("<h1>Nothing fails</h1>"))
      << "resources are only what differs";
}

TEST(Html, WorstFirst) {
  Report report = sample();
  report.resources[0].findings = {found("host-ports", "second"), found("privileged", "first"),
                                  found("drop-all", "third")};
  report.resources.push_back(report.resources[0]);
  report.resources.back().findings = {found("host-path", "also first")};
  EXPECT_THAT(all_of(write(html, report), "<h4><bdi>([^<]*)"),
              ElementsAre("first", "also first", "second", "third"));
}

TEST(Html, CountsByCheckAndNamespace) {
  Report report = sample();
  report.resources.push_back(report.resources[0]);
  report.resources.back().namespace_name = "";
  const std::string page = write(html, report);
  EXPECT_THAT(page, HasSubstr("data-of=\"check\" data-value=\"privileged\"><bdi>privileged</bdi>"
                              "</th><td data-severity=\"critical\">2</td>"));
  EXPECT_THAT(page, HasSubstr("data-of=\"namespace\" data-value=\"\"><bdi>none given</bdi>"
                              "<small><svg class=\"share\" viewBox=\"0 0 2 1\" "
                              "preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width="
                              "\"1\" height=\"1\"/></svg>1 of 2 pass</small></th>"
                              "<td data-severity=\"critical\">1</td>"));
  EXPECT_THAT(page, HasSubstr("<option value=\"shop\">shop (1)</option>"));
}

TEST(Html, SaysWhatToMendFirstAndWhoIsWorst) {
  Report report = sample();
  report.resources.push_back(report.resources[0]);
  report.resources.back().name = "second";
  const std::string page = write(html, report);
  EXPECT_THAT(page, HasSubstr("<td>2</td><td>2</td><td>3 of 3</td>"));
  EXPECT_THAT(page, HasSubstr("data-of=\"text\" data-value=\"shop/second\"><bdi>Pod shop/second"));
  EXPECT_THAT(write(html, sample()), Not(HasSubstr("Fix first")));  // of one there is no choice
}

TEST(Html, LooksBackOnEarlierReports) {
  Report report = sample();
  report.head.time = "2026-11-26T12:00:00Z";
  EXPECT_THAT(write(html, report), Not(HasSubstr("id=\"trend\"")));
  report.head.earlier = {{"2026-11-19T12:00:00Z<", {.passed = 4, .failed = 3}, {0, 2, 0, 0}}};
  const std::string page = write(html, report);
  EXPECT_THAT(page, HasSubstr("<time>2026-11-19T12:00:00Z&lt;</time></th><td>4 of 7</td>"
                              "<td class=\"zero\">0</td><td data-severity=\"high\">2</td>"));
  EXPECT_THAT(page,
              HasSubstr("<b>now</b></th><td>1 of 2</td><td data-severity=\"critical\">1</td>"));
  EXPECT_THAT(page, HasSubstr("x=\"1\" y=\"0.00\" width=\"8\" height=\"100.00\""));
  EXPECT_THAT(page, HasSubstr("x=\"11\" y=\"50.00\" width=\"8\" height=\"50.00\""));
}

TEST(Html, SaysWhatItIsOfAndWhatItHasNotSeen) {
  Report report = sample();
  report.head.subject = "cluster <a>";
  report.missing = {"namespace \"x\": pods is forbidden"};
  const std::string page = write(html, report);
  EXPECT_THAT(page, HasSubstr("</code>: <bdi>cluster &lt;a&gt;</bdi>. <a href=\"#missing\">This "
                              "report is partial: 1 thing could not be looked at</a></p>"));
  EXPECT_THAT(page, HasSubstr("<li>namespace &quot;x&quot;: pods is forbidden</li>"));
}

TEST(Html, GoesThroughABenchmarkItemByItem) {
  const std::string page = write(html, benchmark());
  EXPECT_THAT(page,
              HasSubstr("<details><summary><span class=\"status WARN\">WARN</span> <b>5.5</b> "
                        "<span>No container is privileged</span> <small>1</small></summary>\n"
                        "<ul>\n<li><bdi>db</bdi>: it is</li>\n</ul>\n<p>"));
  EXPECT_THAT(page, HasSubstr("<p><span class=\"status PASS\">PASS</span> <b>5.10</b> "));
}

TEST(Html, SaysWhoAsks) {
  Report report = sample();
  report.resources[0].findings[0].template_ref = "baseline@v1.37";
  report.resources[0].findings[0].mode = "warn";
  report.resources[0].facts = {{"pods", std::uint64_t{3}}};
  const std::string page = write(html, report);
  EXPECT_THAT(page, HasSubstr("<dt>Bound</dt><dd><code>baseline@v1.37</code> warn</dd>"));
  EXPECT_THAT(page, HasSubstr("(pods: 3)"));
}

TEST(Html, MarksTheValueInItsLines) {
  ReportedFinding finding = sample().resources[0].findings[0];
  finding.region = {17, 4, 17, 9};
  finding.excerpt = {16, {"\ta: <b>\r", "b: \xc3\xa9x y", ""}};
  EXPECT_THAT(write(html, of(finding)),
              HasSubstr("<code data-line=\"16\"><span>\ta: &lt;b&gt;</span></code>\n"
                        "<code data-line=\"17\"><span>b: <mark>\xc3\xa9x y</mark></span></code>\n"
                        "<code data-line=\"18\"><span></span></code>\n"));
  // Of a block its first line.
  finding.region = {16, 2, 17, 9};
  EXPECT_THAT(write(html, of(finding)),
              HasSubstr("<span>\t<mark>a: &lt;b&gt;</mark></span></code>\n"
                        "<code data-line=\"17\"><span>b: \xc3\xa9x y</span>"));
  // A place that is not known marks nothing.
  finding.region = {};
  EXPECT_THAT(write(html, of(finding)), Not(HasSubstr("<mark>")));
}

TEST(Html, WithoutLinesThereIsNoExcerpt) {
  Report report = of(found("host-path", "x"));
  report.resources[0].findings[0].patch = "[]";
  EXPECT_THAT(write(html, report), Not(HasSubstr("class=\"code\"")));
}

// The lines of the fix: sign, number, text.
std::vector<std::string> diff_of(const Excerpt& excerpt, std::vector<TextChange> changes) {
  ReportedFinding finding = sample().resources[0].findings[0];
  finding.excerpt = excerpt;
  finding.changes = std::move(changes);
  const std::string page = write(html, of(finding));
  const std::regex line(R"re(<code data-line="(\d+)"><span><(ins|del)>([^<]*)</)re");
  std::vector<std::string> lines;
  for (std::sregex_iterator at(page.begin(), page.end(), line), end; at != end; ++at)
    lines.push_back(((*at)[2] == "ins" ? "+" : "-") + (*at)[1].str() + " " + (*at)[3].str());
  EXPECT_EQ(lines.empty(), page.find("{&quot;op&quot;:") != std::string::npos)
      << "either the lines or the patch";
  return lines;
}

TEST(Html, ShowsAFixAsLines) {
  const Excerpt excerpt{15, {"securityContext:", "  privileged: true", "  x: 1", "image: y"}};
  // A value.
  EXPECT_THAT(diff_of(excerpt, {{{16, 15, 16, 19}, "false"}}),
              ElementsAre("-16   privileged: true", "+16   privileged: false"));
  // Two of one line, and a line further on.
  EXPECT_THAT(
      diff_of(excerpt, {{{16, 3, 16, 3}, "a"}, {{16, 15, 16, 19}, "no"}, {{17, 6, 17, 7}, "2"}}),
      ElementsAre("-16   privileged: true", "-17   x: 1", "+16   aprivileged: no", "+17   x: 2"));
  // Whole lines that go; the last of them is the last that is shown.
  EXPECT_THAT(diff_of(excerpt, {{{16, 1, 18, 1}, ""}}),
              ElementsAre("-16   privileged: true", "-17   x: 1"));
  EXPECT_THAT(diff_of(excerpt, {{{18, 1, 19, 1}, ""}}), ElementsAre("-18 image: y"));
  // Lines that come, before a line and after one.
  EXPECT_THAT(diff_of(excerpt, {{{16, 1, 16, 1}, "  a: 1\n  b: 2\n"}}),
              ElementsAre("+16   a: 1", "+17   b: 2"));
  EXPECT_THAT(diff_of(excerpt, {{{17, 7, 17, 7}, "\n  a: 1"}}), ElementsAre("+18   a: 1"));
  EXPECT_THAT(diff_of(excerpt, {{{19, 1, 19, 1}, "a: 1\n"}}), ElementsAre("+19 a: 1"));
  // As a file with carriage returns has them.
  EXPECT_THAT(diff_of({15, {"a:\r", "  b: 1\r"}}, {{{16, 6, 16, 7}, "2\r\n  c: 3"}}),
              ElementsAre("-16   b: 1", "+16   b: 2", "+17   c: 3"));
}

TEST(Html, ShowsAFixBesideTheExcerpt) {
  const Excerpt excerpt{15, {"a: 1", "b: 2"}};
  EXPECT_THAT(diff_of(excerpt, {{{3, 1, 3, 1}, "x: 1\ny: 1\n"},
                                {{15, 4, 15, 5}, "7"},
                                {{20, 9, 20, 9}, "\r\nz: 1"}}),
              ElementsAre("+3 x: 1", "+4 y: 1", "-15 a: 1", "+17 a: 7", "+23 z: 1"));
  // What goes is not known, nor what stands around what comes.
  EXPECT_THAT(diff_of(excerpt, {{{20, 1, 21, 1}, ""}}), IsEmpty());
  EXPECT_THAT(diff_of(excerpt, {{{20, 5, 20, 5}, ", x: 1"}}), IsEmpty());
  EXPECT_THAT(diff_of(excerpt, {{{16, 3, 20, 2}, "x"}}), IsEmpty());
  EXPECT_THAT(diff_of({}, {{{16, 3, 16, 4}, "x"}}), IsEmpty());
  EXPECT_THAT(diff_of(excerpt, {}), IsEmpty());
}

TEST(Html, CutsALongFix) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "x\n";
  ReportedFinding finding = sample().resources[0].findings[0];
  finding.changes = {{{9, 1, 9, 1}, text}};
  const std::string page = write(html, of(finding));
  EXPECT_EQ(count(page, "<ins>x</ins>"), 40U);
  EXPECT_THAT(page, HasSubstr("and 10 lines more"));
}

TEST(Html, TellsAFixFromADecision) {
  ReportedFinding finding = found("run-as-user", "x");
  EXPECT_THAT(write(html, of(finding)), HasSubstr("<dt>Fix</dt><dd><p>set it to false</p>"));
  EXPECT_THAT(write(html, of(finding)), HasSubstr("<dt>Asked for by</dt>"));
  finding.patch = "[]";
  EXPECT_THAT(write(html, of(finding)), HasSubstr("<dt>To decide</dt><dd><p>set it to false</p>"));
}

TEST(Html, NamesTheFieldWhereTheAdviceDoesNot) {
  ReportedFinding finding = found("privileged", "x");
  EXPECT_THAT(write(html, of(finding)), HasSubstr("<dt>Field</dt><dd><code>" + finding.field));
  finding.advice = "set " + finding.field + " to false";
  EXPECT_THAT(write(html, of(finding)), Not(HasSubstr("<dt>Field</dt>")));
}

TEST(Html, ListsTheRest) {
  Report report = sample();
  ReportedFinding accepted = found("host-path", "reads /proc");
  accepted.accepted = {Acceptance::By::Ignore, "node <exporter>"};
  report.resources[1].accepted = {accepted};
  accepted.accepted = {Acceptance::By::Baseline, ""};
  report.resources[1].accepted.push_back(accepted);
  report.resources[1].source = {"good.yaml", 0, 3};
  report.stale = {"web.yaml: <old>"};
  const std::string page = write(html, report);
  EXPECT_THAT(page, HasSubstr("by a comment: node &lt;exporter&gt;"));
  EXPECT_THAT(page, HasSubstr("by the baseline"));
  EXPECT_EQ(count(page, "class=\"finding accepted\""), 2U);
  EXPECT_THAT(page, HasSubstr("<h2 id=\"summary-title\">1 finding</h2>")) << "those that count";
  EXPECT_THAT(page, HasSubstr("<li>x.yaml:1:2: broken</li>"));
  EXPECT_THAT(page, HasSubstr("no pod template is known in Service of v1"));
  EXPECT_THAT(page, HasSubstr("<bdi>good.yaml:3</bdi>"));
  EXPECT_THAT(page, HasSubstr("<li>web.yaml: &lt;old&gt;</li>"));
}

TEST(Html, ManyFindingsAreClosed) {
  Report report = sample();
  for (int i = 0; i < 39; ++i) report.resources[0].findings.push_back(found("host-path", "x"));
  EXPECT_EQ(count(write(html, report), "<details open"), 40U);
  report.resources[0].findings.push_back(found("host-path", "x"));
  EXPECT_EQ(count(write(html, report), "<details open"), 0U);
}

TEST(Html, TextsAreNeverLanguage) {
  const std::string evil = "</script><b a='\"'>&\x1b\xe2\x80\xae\xff";
  const std::string tame =
      "&lt;/script&gt;&lt;b a=&#39;&quot;&#39;&gt;&amp;\\x1b\\u202e\xef\xbf\xbd";
  Report report = sample();
  Resource& bad = report.resources[0];
  bad.source.file = bad.kind = bad.namespace_name = bad.name = evil;
  ReportedFinding& finding = bad.findings[0];
  finding.container = finding.field = finding.message = finding.advice = evil;
  finding.patch = "[{\"op\":\"" + std::string("</script><b>") + "\"}]";
  finding.excerpt = {17, {evil}};
  bad.accepted = {finding};
  bad.accepted[0].accepted = {Acceptance::By::Ignore, evil};
  bad.accepted[0].changes = {{{20, 1, 20, 1}, evil + "\n"}};
  report.resources[2].reason = report.resources[3].reason = evil;
  report.stale = {evil};
  const std::string page = write(html, report);
  EXPECT_EQ(count(page, "</script>"), 1U);
  EXPECT_EQ(count(page, "<b a"), 0U);
  EXPECT_EQ(count(page, "\x1b"), 0U);
  EXPECT_EQ(count(page, "\xe2\x80\xae"), 0U);
  EXPECT_EQ(count(page, "\xff"), 0U);
  // In each place in which one of them may stand, twice of a finding and an accepted one.
  EXPECT_GE(count(page, tame), 20U);
}

TEST(Html, ValuesOfAnySizeAreCut) {
  const std::string long_text(100'000, 'x');
  Report report = sample();
  report.resources[0].name = long_text;
  report.resources[0].findings[0].message = long_text;
  EXPECT_LT(write(html, report).size(), 40'000U);
}

TEST(Html, AResourceOfNoFileHasNoPlace) {
  Report report = sample();
  report.resources[0].source = {};
  EXPECT_THAT(write(html, report), Not(HasSubstr("<bdi></bdi>")));
}

TEST(Html, AllowsNothingButItself) {
  const std::string page = write(html, sample());
  const auto policy = all_of(page, "Content-Security-Policy\" content=\"([^\"]*)");
  ASSERT_EQ(policy.size(), 1U);
  const std::regex regex("default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; script-src "
                         "'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'");
  EXPECT_TRUE(std::regex_match(policy[0], regex)) << policy[0];
  EXPECT_THAT(page, Not(HasSubstr(" style=")));
  EXPECT_THAT(page, Not(HasSubstr("://")));
}

}  // namespace
}  // namespace plimsoll::report
