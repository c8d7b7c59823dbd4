// The catalogue of checks, and how the builtin templates use it.
//
// Ownership: none. Thread-safety: none needed.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/files.h"
#include "codec/pod.h"
#include "fix/patch.h"
#include "plimsoll/check.h"
#include "plimsoll/template.h"
#include "plimsoll/verdict.h"
#include "templates/builtin.h"
#include "templates/library.h"
#include "text/yaml.h"

namespace plimsoll::testing {
namespace {

std::vector<TemplateSpec> builtin_specs() {
  std::vector<TemplateSpec> specs;
  for (const auto& [name, text] : templates::builtin_files()) {
    auto read = codec::read_templates(text, std::string(name));
    if (read)
      std::ranges::move(*read, std::back_inserter(specs));
    else
      ADD_FAILURE() << read.error().to_string();
  }
  EXPECT_FALSE(specs.empty());
  return specs;
}

Pod decode(const std::string& json, std::vector<Fault>& faults) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  EXPECT_EQ(parser.parse(json).get(element), simdjson::SUCCESS) << json;
  return codec::decode_pods(element, "", places_in("", "Pod", {}), codec::Origin::Manifest, faults)
      .at(0);
}

Pod decode(const std::string& json) {
  std::vector<Fault> faults;
  Pod pod = decode(json, faults);
  for (const Fault& fault : faults) ADD_FAILURE() << fault.path << ' ' << fault.message;
  return pod;
}

Findings evaluate(const Check& check, const Params& params, const std::string& json) {
  Findings findings;
  check.evaluate(decode(json), params, findings);
  return findings;
}

/// A check's example as a pod, with a container if it has none, so that there is something to
/// judge.
nlohmann::json pod_of(std::string_view example) {
  nlohmann::json pod;
  auto document = text::YamlReader(example, "example").next();
  if (!document || !*document) {
    ADD_FAILURE() << (document ? "no document" : document.error().to_string()) << ": " << example;
    return nlohmann::json::object();
  }
  auto& spec = pod["spec"] = nlohmann::json::parse((*document)->json());
  EXPECT_TRUE(spec.is_object()) << spec;
  if (spec.contains("metadata")) {
    pod["metadata"] = spec["metadata"];
    spec.erase("metadata");
  }
  auto& containers = spec["containers"];
  if (containers.empty()) containers.push_back(nlohmann::json::object());
  for (auto& container : containers)
    if (!container.contains("name")) container["name"] = "app";
  return pod;
}

std::string pascal_case(std::string_view id) {
  std::string name;
  bool upper = true;
  for (const char c : id) {
    if (c != '-') name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = c == '-';
  }
  return name;
}

/// What is wrong with a text of one or two sentences; empty: nothing.
std::string faults_of_text(std::string_view text, bool sentences) {
  const std::string it(text);
  if (text.empty()) return "is empty";
  if (text.find_first_of("\n\t\r") != std::string_view::npos) return "has more than one line";
  if (text.front() == ' ' || text.back() == ' ' || text.find("  ") != std::string_view::npos)
    return "has white space where none belongs";
  if (text.ends_with('.') != sentences)
    return sentences ? "does not end with a full stop" : "ends with a full stop";
  if (std::regex_search(it, std::regex("[a-z][.;:,][A-Z]")))
    return "lacks a space between two sentences";
  // docs/checks.md takes the texts as they are.
  if (std::regex_search(std::regex_replace(it, std::regex("`[^`]*`"), ""),
                        std::regex("[*<`|\\\\]")))
    return "has what Markdown takes for markup";
  const std::regex next("[.] [A-Z]");
  if (std::distance(std::sregex_iterator(it.begin(), it.end(), next), {}) > (sentences ? 1 : 0))
    return "is too long";
  return "";
}

TEST(Catalogue, HasOneCheckAFile) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(PLIMSOLL_SOURCE_DIR) / "src" / "checks"))
    if (entry.path().extension() == ".cc") {
      files.push_back(entry.path().stem().string());
      std::ranges::replace(files.back(), '_', '-');
    }
  std::ranges::sort(files);
  std::vector<std::string> ids;
  for (const Check* check : catalogue()) ids.emplace_back(check->id);
  EXPECT_EQ(ids, files);
}

TEST(Catalogue, IsSortedAndUnique) {
  const auto id = [](const Check* check) { return check->id; };
  EXPECT_TRUE(std::ranges::is_sorted(catalogue(), {}, id));
  EXPECT_EQ(std::ranges::adjacent_find(catalogue(), {}, id), catalogue().end());
}

TEST(Catalogue, IsFoundById) {
  for (const Check* check : catalogue()) EXPECT_EQ(find_check(check->id), check);
  EXPECT_EQ(find_check(""), nullptr);
  EXPECT_EQ(find_check("drop_all"), nullptr);
  EXPECT_EQ(find_check("unreadable-field"), nullptr);
}

TEST(Catalogue, HasATableForEachCheck) {
  std::set<std::string> suites;
  const auto& unit = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < unit.total_test_suite_count(); ++i)
    suites.insert(unit.GetTestSuite(i)->name());
  for (const Check* check : catalogue())
    EXPECT_TRUE(suites.contains(pascal_case(check->id)))
        << "write TEST(" << pascal_case(check->id) << ", ...) with its tables";
}

TEST(Catalogue, ExplainsEachCheck) {
  const std::set<std::string_view> standards = {"PSS", "CIS Kubernetes 1.23", "CIS Docker 1.6.0",
                                                "NSA/CISA Kubernetes Hardening Guide 1.2"};
  for (const Check* check : catalogue()) {
    SCOPED_TRACE(check->id);
    EXPECT_NE(check->evaluate, nullptr);
    EXPECT_EQ(faults_of_text(check->title, false), "") << "title: " << check->title;
    EXPECT_LE(check->title.size(), 80U);
    EXPECT_EQ(faults_of_text(check->rationale, true), "") << "rationale: " << check->rationale;
    EXPECT_EQ(faults_of_text(check->remedy, true), "") << "remedy: " << check->remedy;
    EXPECT_FALSE(check->references.empty());
    std::set<std::string_view> named;
    for (const auto& [standard, section] : check->references) {
      EXPECT_TRUE(standards.contains(standard)) << standard;
      EXPECT_TRUE(named.insert(standard).second) << standard << " stands there twice";
      EXPECT_EQ(faults_of_text(section, false), "") << "section: " << section;
    }
    std::set<std::string_view> params;
    for (const ParamSpec& param : check->params) {
      EXPECT_TRUE(std::regex_match(std::string(param.name), std::regex("[a-z][A-Za-z]*")))
          << param.name;
      EXPECT_TRUE(params.insert(param.name).second) << param.name << " stands there twice";
      EXPECT_EQ(faults_of_text(param.meaning, true), "") << "meaning: " << param.meaning;
      if (param.form == nullptr) continue;
      EXPECT_EQ(param.type, ParamType::Strings);
      EXPECT_EQ(faults_of_text(param.form->name, false), "") << "form: " << param.form->name;
      EXPECT_EQ(faults_of_text(param.form->hint, false), "") << "hint: " << param.form->hint;
    }
    if (!check->risk.empty()) {
      EXPECT_EQ(faults_of_text(check->risk, true), "") << "risk: " << check->risk;
      EXPECT_NE(check->fix, nullptr) << "nothing is at risk where nothing is changed";
    }
    for (const std::string_view example : {check->example, check->counterexample}) {
      EXPECT_FALSE(example.empty());
      EXPECT_TRUE(example.ends_with('\n'));
      EXPECT_FALSE(example.ends_with("\n\n"));
    }
  }
}

TEST(Catalogue, SaysWhichFixesMayBreakAnImage) {
  std::set<std::string_view> risky;
  for (const Check* check : catalogue())
    if (!check->risk.empty()) risky.insert(check->id);
  EXPECT_EQ(risky, (std::set<std::string_view>{"id-ranges", "read-only-root-filesystem",
                                               "read-only-volumes", "run-as-non-root",
                                               "run-as-user", "service-account-token"}));
}

TEST(Catalogue, TakesAnEmptyPod) {
  for (const Check* check : catalogue())
    for (const char* object : {"{}", R"({"metadata": null, "spec": null})"}) {
      SCOPED_TRACE(check->id);
      // What a pod must say, it must say without containers as well.
      const std::size_t expected = check->id == "service-account-token" ? 1 : 0;
      EXPECT_EQ(evaluate(*check, {}, object).size(), expected) << object;
    }
}

TEST(Catalogue, GivesExamplesThatPassByThemselves) {
  for (const Check* check : catalogue()) {
    // Without parameters these four allow nothing, and an example of nothing is none.
    if (check->id == "capabilities-add" || check->id == "selinux" || check->id == "sysctls" ||
        check->id == "volume-types")
      continue;
    for (const Finding& finding : evaluate(*check, {}, pod_of(check->example).dump()))
      ADD_FAILURE() << check->id << ": " << finding.path << ": " << finding.message;
  }
}

TEST(Catalogue, GivesExamplesOfWhatCannotBeRead) {
  std::vector<Fault> faults;
  decode(pod_of(kUnreadableField.example).dump(), faults);
  EXPECT_EQ(faults.size(), 0U);
  decode(pod_of(kUnreadableField.counterexample).dump(), faults);
  EXPECT_EQ(faults.size(), 1U);
}

/// Every rule of the builtin templates, at every version, with the template's reference; each form
/// of a rule once.
std::vector<std::pair<std::string, Rule>> builtin_rules() {
  std::vector<std::pair<std::string, Rule>> rules;
  const auto library = templates::Library::make(builtin_specs());
  EXPECT_TRUE(library) << library.error().to_string();
  for (const std::string_view name : library->names())
    for (MinorVersion version = 0; version <= library->find({std::string(name), {}})->version;
         ++version) {
      const auto policy = library->find({std::string(name), version});
      for (const Rule& rule : *policy->rules)
        if (std::ranges::none_of(rules, [&](const auto& known) {
              return known.second.check == rule.check && known.second.params == rule.params;
            }))
          rules.emplace_back(policy->ref(), rule);
    }
  return rules;
}

TEST(BuiltinTemplates, PassTheExampleOfEachCheck) {
  std::set<std::string_view> seen;
  for (const auto& [ref, rule] : builtin_rules()) {
    seen.insert(rule.check->id);
    for (const Finding& finding :
         evaluate(*rule.check, rule.params, pod_of(rule.check->example).dump()))
      ADD_FAILURE() << ref << ": " << rule.check->id << ": " << finding.path << ": "
                    << finding.message;
  }
  for (const Check* check : catalogue())
    EXPECT_TRUE(seen.contains(check->id)) << "no builtin template asks for " << check->id;
}

TEST(BuiltinTemplates, RefuseTheCounterexampleOfEachCheckUntilItIsMended) {
  for (const auto& [ref, rule] : builtin_rules()) {
    SCOPED_TRACE(ref + ": " + std::string(rule.check->id));
    const auto bad = pod_of(rule.check->counterexample);
    EXPECT_FALSE(evaluate(*rule.check, rule.params, bad.dump()).empty());
    if (rule.check->fix == nullptr) continue;
    Edits edits;
    rule.check->fix(decode(bad.dump()), rule.params, edits);
    std::vector<const Edit*> all;
    for (const Edit& edit : edits) all.push_back(&edit);
    const auto mended = bad.patch(fix::to_json_patch(all, bad));
    EXPECT_TRUE(evaluate(*rule.check, rule.params, mended.dump()).empty()) << mended;
  }
}

/// Where a builtin template of the Pod Security Standards states a rule for the check, such as
/// `baseline (v1.0+), restricted (v1.22+)`.
std::string stated_by_pss(const templates::Library& library, const Check& check) {
  std::string text;
  for (const char* level : {"baseline", "restricted"}) {
    const MinorVersion newest = library.find({level, {}})->version;
    std::vector<MinorVersion> versions;
    for (MinorVersion version = 0; version <= newest; ++version)
      for (const Rule& rule : *library.find({level, version})->rules)
        if (rule.check == &check && rule.from == level) versions.push_back(version);
    if (versions.empty()) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", level,
                        versions.back() < newest ? fmt::format("before v1.{}", versions.back() + 1)
                                                 : fmt::format("v1.{}+", versions.front()));
  }
  return text;
}

TEST(BuiltinTemplates, AreWhatTheReferencesToPssSay) {
  const auto library = templates::Library::make(builtin_specs());
  ASSERT_TRUE(library) << library.error().to_string();
  for (const Check* check : catalogue()) {
    SCOPED_TRACE(check->id);
    const auto pss = std::ranges::find(check->references, "PSS", &Reference::standard);
    const std::string_view section = pss == check->references.end() ? "" : pss->section;
    EXPECT_EQ(section.substr(0, section.find(": ")), stated_by_pss(*library, *check));
  }
}

TEST(BuiltinTemplates, GiveOnlyDeclaredParameters) {
  for (const TemplateSpec& spec : builtin_specs())
    for (const RuleSpec& rule : spec.rules) {
      SCOPED_TRACE(fmt::format("{}: {}", spec.file, rule.check));
      const Check* const check = find_check(rule.check);
      ASSERT_NE(check, nullptr);
      for (const auto& [name, value] : rule.params) {
        const auto declared = std::ranges::find(check->params, name, &ParamSpec::name);
        ASSERT_NE(declared, check->params.end()) << name;
        EXPECT_EQ(static_cast<std::size_t>(declared->type), value.index()) << name;
      }
    }
}

TEST(BuiltinTemplates, AskForEveryCheck) {
  std::set<std::string> asked;
  for (const TemplateSpec& spec : builtin_specs())
    for (const RuleSpec& rule : spec.rules)
      if (rule.enabled) asked.insert(rule.check);
  for (const Check* check : catalogue())
    EXPECT_TRUE(asked.contains(std::string(check->id))) << check->id;
}

}  // namespace
}  // namespace plimsoll::testing
