// What differs between a registration's prefilter and this binary's.
#include "app/prefilter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "app/registered.h"

namespace plimsoll::app {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Comparison compared(const json& object, Bindings bindings = nullptr) {
  const auto read = read_registration(object.dump());
  EXPECT_TRUE(read) << read.error().to_string();
  return compare_prefilter(*read, builtin_library(), bindings);
}

std::vector<std::string> lines_of(const Comparison& comparison) {
  std::vector<std::string> lines;
  for (const Difference& difference : comparison.differences) lines.push_back(difference.line());
  return lines;
}

using Change = std::function<void(json& entry)>;

std::string& path_of(json& entry) {
  return entry["clientConfig"]["service"]["path"].get_ref<std::string&>();
}
json& selector_of(json& entry) { return entry["namespaceSelector"]["matchExpressions"]; }
json& condition_in(json& entry) { return entry["matchConditions"][1]; }
/// Binds it by no label.
void unlabel(json& entry) {
  selector_of(entry) = json::array({requirement("kubernetes.io/metadata.name", "In", {"shop"})});
}

TEST(Prefilter, FindsNothingInWhatIsSound) {
  const Comparison comparison = compared(sound());
  EXPECT_THAT(lines_of(comparison), IsEmpty());
  EXPECT_EQ(comparison.entries, 3U);
  EXPECT_EQ(comparison.prefiltered, 2U);
  ASSERT_THAT(comparison.unfiltered, SizeIs(1));
  EXPECT_EQ(comparison.unfiltered[0].entry, "enforce.general.pods.plimsoll.dev");
}

TEST(Prefilter, TakesWhatIsAsGood) {
  const std::pair<const char*, Change> kRows[] = {
      {"no white space at the end",
       [](json& e) {
         auto& text = condition_in(e)["expression"].get_ref<std::string&>();
         text.resize(text.find_last_not_of('\n') + 1);
       }},
      {"more of it",
       [](json& e) { condition_in(e)["expression"].get_ref<std::string&>() += "\n \n"; }},
      {"a label by matchLabels",
       [](json& e) {
         selector_of(e).erase(0);
         e["namespaceSelector"]["matchLabels"]["plimsoll.dev/enforce"] = "restricted";
       }},
      {"no version at all",
       [](json& e) {
         selector_of(e)[1] = requirement("plimsoll.dev/enforce-version", "DoesNotExist");
       }},
      {"the newest versions by name",
       [](json& e) {
         selector_of(e)[1] =
             requirement("plimsoll.dev/enforce-version", "In", {"latest", "v1.37", "v1.99"});
       }},
      {"the other family of labels",
       [](json& e) {
         e = labelled("enforce", "restricted", cel::Kind::Pods, "pod-security.kubernetes.io/");
       }},
      {"a fixed route",
       [](json& e) {
         path_of(e) = "/validate/enforce/restricted";
         unlabel(e);
       }},
      {"a fixed route, whatever the label's version",
       [](json& e) {
         path_of(e) = "/validate/enforce/restricted";
         selector_of(e).erase(1);
       }},
      {"a fixed route at the newest",
       [](json& e) { path_of(e) = "/validate/enforce/restricted/latest"; }},
      {"a fixed route beyond the newest",
       [](json& e) { path_of(e) = "/validate/enforce/restricted/v1.99"; }},
      {"a URL behind a proxy",
       [](json& e) {
         e["clientConfig"] =
             json{{"url", "https://[::1]:8443/plimsoll/validate/enforce/restricted@v1.37?a=b"}};
       }},
      {"a binding, of which nothing is known", unlabel},
  };
  for (const auto& [what, change] : kRows) {
    json object = sound();
    change(object["webhooks"][0]);
    EXPECT_THAT(lines_of(compared(object)), IsEmpty()) << what;
  }
}

TEST(Prefilter, FindsWhatDiffers) {
  struct Row {
    Change change;
    std::vector<std::string> says;
  };
  const std::vector<Row> rows = {
      // the condition
      {[](json& e) { condition_in(e)["expression"].get_ref<std::string&>().insert(0, " "); },
       {"condition prefilter.plimsoll.dev/restricted.v1.37 is not what this binary writes for "
        "pods, from its line 1 on; `helm upgrade`",
        "plimsoll templates export restricted --as match-conditions"}},
      {[](json& e) {
         auto& text = condition_in(e)["expression"].get_ref<std::string&>();
         text.insert(text.rfind(')'), " || true");
       },
       {"is not what this binary writes for pods, from its line "}},
      {[](json& e) { condition_in(e)["expression"] = ""; }, {"from its line 1 on"}},
      {[](json& e) { condition_in(e) = condition_of({"restricted", {}}, cel::Kind::Workloads); },
       {"is not what this binary writes for pods"}},
      {[](json& e) { condition_in(e) = condition_of({"restricted", 36}, cel::Kind::Pods); },
       {"condition prefilter.plimsoll.dev/restricted.v1.36 is of v1.36, and the newest restricted "
        "here is v1.37: an upgrade half done; `helm upgrade`"}},
      {[](json& e) { condition_in(e)["name"] = "prefilter.plimsoll.dev/restricted.v1.38"; },
       {"is of v1.38, and the newest restricted here is v1.37: an upgrade half done; bring the "
        "servers to the version of the registration"}},
      {[](json& e) { condition_in(e)["name"] = "prefilter.plimsoll.dev/payments.v1.37"; },
       {"condition prefilter.plimsoll.dev/payments.v1.37 is of a template that is not known here; "
        "give the file of template payments"}},
      {[](json& e) { condition_in(e)["name"] = "prefilter.plimsoll.dev/restricted"; },
       {"condition prefilter.plimsoll.dev/restricted names no template and version"}},
      {[](json& e) {
         condition_in(e)["name"] = "prefilter.plimsoll.dev/privileged.v1.37";
         selector_of(e)[0]["values"] = {"privileged"};
       },
       {"condition prefilter.plimsoll.dev/privileged.v1.37 is of a template without prefilter: "}},
      {[](json& e) {
         e["matchConditions"].push_back(
             {{"name", "prefilter.plimsoll.dev/nonsense"}, {"expression", "true"}});
       },
       {"has 2 conditions of a prefilter: what is within one of them is not sent",
        "prefilter.plimsoll.dev/nonsense names no template"}},
      // the rules
      {[](json& e) { e["rules"].push_back(rule("apps", {"deployments"})); },
       {"has rules for pods and workloads together, of which its prefilter says nothing"}},
      {[](json& e) { e["rules"].push_back(rule("apps", {"deployments/scale"})); },
       {"has rules for apps/deployments/scale, of which its prefilter says nothing"}},
      {[](json& e) { e["rules"] = json::array({rule("*", {"*"})}); },
       {"has rules for */*, of which its prefilter says nothing"}},
      {[](json& e) { e["rules"] = json::array({rule("apps", {"pods"})}); },
       {"has rules for apps/pods, of which"}},
      {[](json& e) { e.erase("rules"); }, {"has rules for nothing, of which"}},
      {[](json& e) { e["rules"][0]["operations"].push_back("DELETE"); },
       {"has rules for DELETE, of which its prefilter says nothing; keep CREATE and UPDATE"}},
      // the route
      {[](json& e) { path_of(e) = "/validate"; },
       {"leads to /validate, which answers for every mode"}},
      {[](json& e) { path_of(e) = "/validate/deny"; },
       {"leads to \"/validate/deny\", which is no route"}},
      {[](json& e) { path_of(e) = "/validated"; },
       {"leads to \"/validated\", which is no route of the server"}},
      {[](json& e) { e["clientConfig"] = json{{"url", "https://x"}}; },
       {"leads to \"/\", which is no route of the server"}},
      {[](json& e) { path_of(e) = "/validate/enforce/baseline"; },
       {"leads to /validate/enforce/baseline, but its prefilter is of restricted; give it that of "
        "baseline, or none"}},
      {[](json& e) { path_of(e) = "/validate/enforce/restricted/v1.31"; },
       {"leads to /validate/enforce/restricted/v1.31, pinned to v1.31, but its prefilter is of "
        "v1.37; take the condition out"}},
      {[](json& e) {
         e["clientConfig"] = json{{"url", "https://x/validate/enforce/restricted@v1.31"}};
       },
       {"pinned to v1.31"}},
      // the selector
      {[](json& e) { selector_of(e)[0]["values"] = {"baseline"}; },
       {"is for namespaces whose plimsoll.dev/enforce is baseline, but its prefilter is of "
        "restricted; give each template an entry of its own"}},
      {[](json& e) { selector_of(e)[0]["values"] = {"restricted", "baseline"}; },
       {"is for namespaces whose plimsoll.dev/enforce is restricted, baseline, but"}},
      {[](json& e) { selector_of(e)[0] = requirement("plimsoll.dev/enforce", "Exists"); },
       {"is for namespaces with any plimsoll.dev/enforce, but its prefilter is of restricted; "
        "select `plimsoll.dev/enforce In [restricted]`"}},
      {[](json& e) { path_of(e) = "/validate/audit"; },
       {"selects by plimsoll.dev/enforce, but leads to /validate/audit, which follows another "
        "label"}},
      {[](json& e) { selector_of(e).erase(1); },
       {"is also for namespaces whose plimsoll.dev/enforce-version is any, but its prefilter is of "
        "v1.37; leave them out with `plimsoll.dev/enforce-version NotIn`"}},
      {[](json& e) { selector_of(e)[1]["values"].erase(36); },
       {"is also for namespaces whose plimsoll.dev/enforce-version is v1.36, but"}},
      {[](json& e) {
         for (int i = 0; i < 5; ++i) selector_of(e)[1]["values"].erase(0);
       },
       {"enforce-version is v1.0, v1.1, v1.2 and 2 more, but"}},
      {[](json& e) { selector_of(e)[1]["key"] = "plimsoll.dev/warn-version"; },
       {"whose plimsoll.dev/enforce-version is any"}},
      {[](json& e) {
         e = labelled("enforce", "least-privilege", cel::Kind::Pods, "pod-security.kubernetes.io/");
         e["name"] = "enforce.restricted.pods.plimsoll.dev";
       },
       {"has the prefilter of least-privilege, which pod-security.kubernetes.io/enforce cannot "
        "name: it is read as restricted"}},
  };
  for (const Row& row : rows) {
    json object = sound();
    row.change(object["webhooks"][0]);
    const auto lines = lines_of(compared(object));
    EXPECT_FALSE(lines.empty()) << row.says.front();
    const std::string all = ::testing::PrintToString(lines);
    for (const std::string& says : row.says) {
      EXPECT_TRUE(std::ranges::any_of(
          lines, [&](const std::string& line) { return line.find(says) != std::string::npos; }))
          << says << "\nin " << all;
    }
    for (const std::string& line : lines) {
      EXPECT_THAT(line, ::testing::StartsWith("enforce.restricted.pods.plimsoll.dev: "));
      EXPECT_EQ(line.find('\n'), std::string::npos);
    }
    // One fault, one line, but where the row says more.
    const bool two = row.says.front().find("2 conditions") != std::string::npos;
    EXPECT_THAT(lines, SizeIs(two ? 2 : 1)) << row.says.front();
  }
}

TEST(Prefilter, ComparesWorkloadsWithTheirOwn) {
  json object = sound();
  condition_in(object["webhooks"][1]) = condition_of({"restricted", {}}, cel::Kind::Pods);
  EXPECT_THAT(lines_of(compared(object)),
              ElementsAre(HasSubstr("is not what this binary writes for workloads")));
}

TEST(Prefilter, FindsEntriesThatAskTheSame) {
  json object = sound();
  json twin = object["webhooks"][0];
  twin["name"] = "twin.plimsoll.dev";
  object["webhooks"].push_back(twin);
  EXPECT_THAT(
      lines_of(compared(object)),
      ElementsAre(HasSubstr("twin.plimsoll.dev: asks the same as "
                            "enforce.restricted.pods.plimsoll.dev, so that everything is judged")));
}

TEST(Prefilter, ExpectsABindingWhereNoLabelDecides) {
  json object = sound();
  object["webhooks"].erase(1);
  unlabel(object["webhooks"][0]);
  std::vector<Binding> bindings;
  EXPECT_THAT(lines_of(compared(object, &bindings)),
              ElementsAre(HasSubstr("has the prefilter of restricted, but no binding of this "
                                    "server is enforce restricted at its newest version")));
  Binding& binding = bindings.emplace_back();
  binding.mode = Mode::Enforce;
  for (const auto& [ref, fits] : {std::pair{TemplateRef{"baseline", {}}, false},
                                  {TemplateRef{"restricted", 31}, false},
                                  {TemplateRef{"restricted", {}}, true}}) {
    binding.policy = builtin_library().find(ref);
    EXPECT_THAT(lines_of(compared(object, &bindings)), SizeIs(fits ? 0 : 1)) << ref.name;
  }
  binding.mode = Mode::Audit;
  EXPECT_THAT(lines_of(compared(object, &bindings)), SizeIs(1));
  // A label needs none.
  EXPECT_THAT(lines_of(compared(sound(), &bindings)), IsEmpty());
}

TEST(Prefilter, SaysWhyAnEntryHasNone) {
  const std::pair<Change, const char*> kRows[] = {
      {[](json&) {}, "has no condition of a prefilter"},
      {[](json& e) { path_of(e) = "/validate"; }, "has no condition of a prefilter"},
      {[](json& e) { path_of(e) = "/validate/enforce/restricted/v1.31"; },
       "restricted pinned to v1.31"},
      {[](json& e) { path_of(e) = "/validate/enforce/restricted"; },
       "has no condition of a prefilter"},
      {[](json& e) { path_of(e) = "/validate/enforce/payments"; },
       "template payments is not known here"},
      {[](json& e) { selector_of(e)[0]["values"] = {"privileged"}; }, "privileged"},
      {[](json& e) {
         selector_of(e)[1] = requirement("plimsoll.dev/enforce-version", "In", older());
       },
       "versions that labels pin"},
      {[](json& e) { selector_of(e)[0] = requirement("plimsoll.dev/enforce", "Exists"); },
       "templates of labels that have no entry of their own"},
      {[](json& e) {
         path_of(e) = "/validate/warn";
         selector_of(e)[1] = requirement("plimsoll.dev/warn-version", "Exists");
       },
       "warnings that `enforce` implies"},
  };
  for (const auto& [change, says] : kRows) {
    json object = sound();
    json& entry = object["webhooks"][0];
    entry["matchConditions"].erase(1);
    change(entry);
    const Comparison comparison = compared(object);
    EXPECT_THAT(lines_of(comparison), IsEmpty());
    ASSERT_THAT(comparison.unfiltered, SizeIs(2));
    EXPECT_THAT(comparison.unfiltered[0].why, HasSubstr(says));
  }
}

TEST(WebhookRegistration, NamesTheFieldThatCannotBeRead) {
  const auto error_of = [](const Change& change) {
    json object = sound();
    change(object);
    const auto read = read_registration(object.dump());
    return read ? std::string("none") : read.error().to_string();
  };
  EXPECT_EQ(read_registration("{").error().to_string(), "is not JSON");
  EXPECT_EQ(read_registration("[]").error().to_string(),
            "kind: is not ValidatingWebhookConfiguration");
  EXPECT_EQ(error_of([](json& o) { o["kind"] = "Status"; }),
            "kind: is not ValidatingWebhookConfiguration");
  EXPECT_EQ(error_of([](json& o) { o["webhooks"] = 1; }), "webhooks: is not an array");
  EXPECT_EQ(error_of([](json& o) { o["webhooks"][2] = 1; }), "webhooks[2]: is not an object");
  EXPECT_EQ(error_of([](json& o) { selector_of(o["webhooks"][0])[1]["operator"] = "Gt"; }),
            "webhooks[0].namespaceSelector.matchExpressions[1].operator: \"Gt\" is not known");
  EXPECT_EQ(
      error_of([](json& o) { o["webhooks"][0]["namespaceSelector"]["matchLabels"]["a"] = 1; }),
      "webhooks[0].namespaceSelector.matchLabels.a: is not a string");
  EXPECT_EQ(error_of([](json& o) { condition_in(o["webhooks"][0])["expression"] = true; }),
            "webhooks[0].matchConditions[1].expression: is not a string");
  EXPECT_EQ(error_of([](json& o) { o["webhooks"][0]["rules"][0]["resources"] = "pods"; }),
            "webhooks[0].rules[0].resources: is not an array");
}

TEST(WebhookRegistration, ReadsWhatIsAbsentAsEmpty) {
  const auto read = read_registration(R"({"kind": "ValidatingWebhookConfiguration"})");
  ASSERT_TRUE(read);
  EXPECT_THAT(read->entries, IsEmpty());
  EXPECT_EQ(compare_prefilter(*read, builtin_library()).entries, 0U);
}

}  // namespace
}  // namespace plimsoll::app
