#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using ::testing::AllOf;
using testing::full_sample;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Report;
using testing::sample;
using testing::write;

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) ++found;
  return found;
}

TEST(Markdown, IsACommentOfAPullRequest) {
  EXPECT_EQ(write(markdown, full_sample()), R"(## Plimsoll: 1 finding in 1 of 4 resources, 1 error

4 resources against `restricted@v1.37`: 1 passed, 1 failed, 1 error, 1 skipped; 1 finding, 2 accepted.

**Not judged**

- `x.yaml:1:2: broken`

| Severity | Check | Findings |
|---|---|--:|
| critical | `privileged` | 1 |

<details open>
<summary><code>Pod shop/web</code> in <code>deploy/web.yaml</code>: 1 finding</summary>

**critical** `privileged` in line 17: container "app" is privileged

```diff
         securityContext:
-          privileged: true
+          privileged: false
       volumes:
```

Fix: set it to false.

</details>

<details>
<summary>1 skipped</summary>

- `document`: no pod template is known in Service of v1

</details>

<details>
<summary>2 accepted</summary>

- `Pod shop/web` in `deploy/web.yaml:20`: volume "proc" mounts the node's /proc (`host-path`), accepted by a comment: the node exporter reads it
- `document good` in `deploy/job.yaml:20`: volume "proc" mounts the node's /proc (`host-path`), in the baseline

</details>

<details>
<summary>1 no longer needed</summary>

- deploy/old.yaml: Pod old: privileged

</details>

)");
}

TEST(Markdown, ShowsThePlaceWhereTheChangeIsNotKnown) {
  Report report = full_sample();
  report.resources[0].findings[0].changes.clear();
  EXPECT_THAT(write(markdown, report), HasSubstr("```\n"
                                                 "   16 |         securityContext:\n"
                                                 "   17 |           privileged: true\n"
                                                 "      |                       ^~~~\n"
                                                 "   18 |       volumes:\n"
                                                 "```\n\nFix: set it to false.\n"));
  EXPECT_THAT(write(markdown, sample()),
              HasSubstr("in line 17: container \"app\" is privileged\n\nFix: set it to false.\n"));
}

TEST(Markdown, SaysWhereTheDiffGoesOn) {
  Report report = full_sample();
  report.resources[0].findings[0].changes = {{{3, 6, 3, 6}, "\n  hostPID: false"}};
  EXPECT_THAT(write(markdown, report), HasSubstr("```diff\n"
                                                 "+  hostPID: false\n"
                                                 "@@ line 16 @@\n"
                                                 "         securityContext:\n"));
}

TEST(Markdown, SaysWhatToTest) {
  Check check = *find_check("privileged");
  check.risk = "Run the image.";
  Report report = sample();
  report.resources[0].findings[0].check = &check;
  EXPECT_THAT(write(markdown, report),
              HasSubstr("Fix: set it to false.\n\nTest it first: Run the image.\n"));
  report.resources[0].findings[0].patch = "[]";
  EXPECT_THAT(write(markdown, report),
              AllOf(HasSubstr("\n\nset it to false.\n"), Not(HasSubstr("Test it"))));
}

TEST(Markdown, NothingFoundIsOneLine) {
  Report report = sample();
  report.resources.assign(2, report.resources[1]);
  EXPECT_EQ(write(markdown, report),
            "## Plimsoll: nothing found in 2 resources\n\n"
            "2 resources against `restricted@v1.37`: 2 passed, 0 failed; 0 findings.\n\n");
}

TEST(Markdown, NobodyIsMentionedAndNothingIsAPage) {
  Report report = full_sample();
  Resource& bad = report.resources[0];
  bad.name = "<img src=x>&@octocat";
  ReportedFinding& finding = bad.findings[0];
  finding.message = "@octocat #1 https://x.y www.x.y [a](b) <b> & `c` *d* _e_ |f| ~g~ $h$ \\ \n# i";
  finding.changes.clear();
  finding.excerpt.lines[1] = "```\t````</details>\x1b";
  bad.accepted[0].accepted->reason = "@octocat";
  report.resources[2].reason = "<script>";
  report.resources[3].reason = "``a` ![b](c)";
  const std::string written = write(markdown, report);
  EXPECT_THAT(written, HasSubstr("<code>Pod shop/&lt;img src=x&gt;&amp;@octocat</code>"));
  EXPECT_THAT(written,
              HasSubstr("@&#8203;octocat #&#8203;1 https:&#8203;//x.y www&#8203;.x.y \\[a\\](b) "
                        "&lt;b&gt; &amp; \\`c\\` \\*d\\* \\_e\\_ \\|f\\| \\~g\\~ \\$h\\$ \\\\ "
                        "\\\\x0a#&#8203; i\n"));
  EXPECT_THAT(written, HasSubstr("`````\n   16 |"));
  EXPECT_THAT(written, HasSubstr("   17 | ``` ````</details>\\x1b\n"));
  EXPECT_THAT(written, HasSubstr("accepted by a comment: @&#8203;octocat\n"));
  EXPECT_THAT(written, HasSubstr("- `document`: &lt;script&gt;\n"));
  EXPECT_THAT(written, HasSubstr("- ``` ``a` ![b](c) ```\n"));
}

// Tabs are indentation, whatever else is hidden is told.
TEST(Markdown, ADiffKeepsTabs) {
  Report report = full_sample();
  report.resources[0].findings[0].excerpt.lines[0] = "\t{\x1b";
  EXPECT_THAT(write(markdown, report), HasSubstr("\n \t{\\x1b\n"));
}

TEST(Markdown, TheWorstComeFirst) {
  Report report = sample();
  Resource mild = report.resources[0];
  mild.name = "mild";
  mild.findings[0].check = find_check("drop-all");
  report.resources.insert(report.resources.begin(), mild);
  const std::string written = write(markdown, report);
  EXPECT_LT(written.find("<code>Pod shop/web"), written.find("<code>Pod shop/mild"));
  EXPECT_LT(written.find("| critical | `privileged` | 1 |"),
            written.find("| medium | `drop-all` | 1 |"));
}

TEST(Markdown, ManyResourcesAreFolded) {
  Report report = sample();
  report.resources.assign(3, report.resources[0]);
  EXPECT_EQ(count(write(markdown, report), "<details open>"), 3U);
  report.resources.push_back(report.resources[0]);
  EXPECT_EQ(count(write(markdown, report), "<details>"), 4U);
}

// GitHub refuses a comment of more than 65,536 characters.
TEST(Markdown, FitsInAComment) {
  Report report = full_sample();
  const Resource bad = report.resources[0], skipped = report.resources[2],
                 error = report.resources[3];
  Resource huge = bad;
  huge.name = "huge";
  for (int i = 0; i < 10'000; ++i) huge.findings.push_back(bad.findings[0]);
  Resource long_one = bad;
  long_one.findings[0].message = std::string(100'000, '`');
  Resource mild = bad;
  mild.name = "mild";
  mild.findings[0].check = find_check("drop-all");
  report.resources = {mild, huge, long_one};
  for (int i = 0; i < 1000; ++i)
    for (const Resource& resource : {bad, skipped, error}) report.resources.push_back(resource);
  report.stale.assign(10'000, "deploy/old.yaml: Pod old: privileged");
  const std::string written = write(markdown, report);
  EXPECT_LE(written.size(), 65'000U);
  EXPECT_GT(written.size(), 60'000U);
  EXPECT_EQ(count(written, "<details"), count(written, "</details>"));
  EXPECT_EQ(count(written, "\n```") % 2, 0U);
  EXPECT_THAT(written, HasSubstr("huge"));
  EXPECT_THAT(written,
              Not(HasSubstr("<code>Pod shop/mild")));  // there is no room but for the worst
  // Every finding is shown or counted.
  const std::size_t shown = count(written, "**critical** `privileged`");
  EXPECT_THAT(written, HasSubstr("A comment has no room for " +
                                 std::to_string(10'000 + 1 + 1 + 1 + 1000 - shown) +
                                 " more findings: `plimsoll check` shows all."));
  EXPECT_THAT(written, HasSubstr("<summary>1000 skipped</summary>"));
}

TEST(Markdown, SaysWhatWasNotLookedAtAndWhoAsks) {
  Report report = sample();
  report.missing = {"pods of @a"};
  report.head.subject = "cluster <x>";
  report.resources[0].facts = {{"pods", std::uint64_t{3}}};
  report.resources[0].findings[0].template_ref = "baseline@v1.37";
  report.resources[0].findings[0].mode = "warn";
  const std::string written = write(markdown, report);
  EXPECT_THAT(written, HasSubstr("cluster &lt;x&gt;: 4 resources against `restricted@v1.37`"));
  EXPECT_THAT(written, HasSubstr("- pods of @&#8203;a\n"));
  EXPECT_THAT(written, HasSubstr("</code> in <code>web.yaml</code> (pods: 3): 1 finding"));
  EXPECT_THAT(written, HasSubstr("`privileged` (warn by `baseline@v1.37`)"));
}

}  // namespace
}  // namespace plimsoll::report
