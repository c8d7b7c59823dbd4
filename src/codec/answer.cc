#include "codec/answer.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <tuple>

#include "text/json_text.h"
#include "verdict/words.h"

namespace plimsoll::codec {
namespace {

using text::append_escaped;
using text::append_string;

// Text that came from a manifest, for people.
void append_printable(std::string& out, std::string_view text) {
  if (verdict::is_printable(text))
    append_escaped(out, text);
  else
    append_escaped(out, verdict::printable(text));
}

// The same, cut to what people read.
void append_words(std::string& out, std::string_view text) {
  if (text.size() <= verdict::kMostWords)
    append_printable(out, text);
  else
    append_printable(out, verdict::cut(std::string(text), verdict::kMostWords));
}

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

struct Listed {
  const Violation* violation;
  const Template* policy;
};

/// Tells whether a finding was met before: several templates may ask for the same.
class Seen {
 public:
  bool add(const Violation& v) {
    return known_.emplace(v.check, v.finding.path, v.finding.message).second;
  }

 private:
  std::set<std::tuple<const Check*, std::string_view, std::string_view>> known_;
};

/// The violations of the wanted judgements that were not seen yet, each once.
template <class Wanted>
std::vector<Listed> list(const Verdict& verdict, Wanted wanted, Seen seen = {}) {
  std::vector<Listed> all;
  for (const Judgement& judgement : verdict.judgements)
    if (wanted(judgement))
      for (const Violation& violation : judgement.violations)
        if (verdict.judgements.size() == 1 || seen.add(violation))
          all.push_back({&violation, judgement.policy.get()});
  return all;
}

template <class Wanted>
std::string template_names(const Verdict& verdict, Wanted wanted) {
  std::vector<std::string> names;
  for (const Judgement& judgement : verdict.judgements) {
    if (!wanted(judgement)) continue;
    std::string ref = judgement.policy->ref();
    if (std::ranges::find(names, ref) == names.end()) names.push_back(std::move(ref));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The same with what bound them: `restricted@v1.37 (label plimsoll.dev/enforce)`.
template <class Wanted>
std::string sourced_names(const Verdict& verdict, Wanted wanted) {
  std::vector<std::string> names;
  for (const Judgement& judgement : verdict.judgements) {
    if (!wanted(judgement)) continue;
    std::string name = judgement.policy->ref();
    if (!judgement.source.empty()) name += fmt::format(" ({})", judgement.source);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

bool denies(const Judgement& j) { return j.mode == Mode::Enforce && !j.violations.empty(); }

void append_status(std::string& out, const Review& review, const Verdict& verdict) {
  const auto findings = list(verdict, denies);
  const RequestFacts& facts = review.facts;
  std::string kind = facts.kind.empty() ? "object" : facts.kind;
  std::ranges::transform(kind, kind.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });

  // What a denial says of a finding stands in its message and in a cause: `message [check]:
  // advice`.
  struct Words {
    std::string field;
    std::size_t begin, advice, end;  // in `text`
  };
  std::string text;
  std::vector<Words> words;
  words.reserve(std::min(findings.size(), kMaxCauses));
  for (const Listed& listed : findings) {
    if (words.size() == kMaxCauses || text.size() > kMaxDenialBytes) break;
    const Violation& v = *listed.violation;
    Words& one = words.emplace_back(verdict::field_of(v.finding.path), text.size());
    append_words(text, v.finding.message);
    one.advice = text.size();
    append_words(text, verdict::advice(v, one.field));
    one.end = text.size();
  }
  const auto said = [&](std::size_t from, std::size_t to) {
    return std::string_view(text).substr(from, to - from);
  };

  out.reserve(out.size() + 512 + 3 * text.size());
  out += R"(,"status":{"metadata":{},"status":"Failure","message":")";
  append_printable(out,
                   fmt::format("{}{} has more privilege than {} allows ({})", kind,
                               facts.name.empty() ? "" : fmt::format(" \"{}\"", facts.name),
                               sourced_names(verdict, denies), plural(findings.size(), "finding")));
  const std::size_t listed = std::min(words.size(), kMaxMessageFindings);
  for (std::size_t i = 0; i < listed; ++i) {
    out += R"(\n- )";
    out += said(words[i].begin, words[i].advice);
    out += " [";
    out += findings[i].violation->check->id;
    out += "]: ";
    out += said(words[i].advice, words[i].end);
  }
  if (findings.size() > listed) out += fmt::format(R"(\n- and {} more)", findings.size() - listed);
  out += R"(","reason":"Forbidden","details":{"name":)";
  append_string(out, facts.name);
  if (!facts.group.empty()) {
    out += R"(,"group":)";
    append_string(out, facts.group);
  }
  out += R"(,"kind":)";
  append_string(out, facts.resource);
  out += R"(,"causes":[)";
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += i > 0 ? R"(,{"reason":")" : R"({"reason":")";
    out += findings[i].violation->check->id;
    out += R"(","message":")";
    out += said(words[i].begin, words[i].advice);
    out += ": ";
    out += said(words[i].advice, words[i].end);
    out += R"(","field":")";
    append_printable(out, words[i].field);
    out += R"("})";
  }
  out += R"(]},"code":403})";
}

// Not about what a pod holds, so there is no finding.
void append_refusal(std::string& out, const Review& review, const Refusal& refusal) {
  out += R"(,"status":{"metadata":{},"status":"Failure","message":)";
  append_string(out, verdict::printable(verdict::cut(refusal.message, kMaxDenialBytes)));
  out += R"(,"reason":")";
  out += refusal.reason;
  out += R"(","details":{"name":)";
  append_string(out, review.facts.name);
  out += R"(,"kind":)";
  append_string(out, review.facts.resource);
  out += R"(,"causes":[)";
  for (const Refusal::Cause& cause : refusal.causes) {
    if (&cause != refusal.causes.data()) out += ',';
    out += R"({"reason":)";
    append_string(out, cause.reason);
    out += R"(,"message":)";
    append_string(out, verdict::printable(cause.message));
    out += R"(,"field":)";
    append_string(out, verdict::printable(cause.field));
    out += '}';
  }
  out += fmt::format(R"(]}},"code":{}}})", refusal.code);
}

/// The words of the warnings, in the order in which they matter.
std::vector<std::string> words_of_warnings(const Verdict& verdict) {
  std::vector<std::string> words;
  for (const std::string& warning : verdict.warnings) words.push_back("plimsoll: " + warning);
  // What a denial says already is not said again; a judgement that only warned for a dry run is.
  const auto warns = [](const Judgement& j) { return j.mode == Mode::Warn; };
  if (std::ranges::none_of(verdict.judgements, warns)) return words;
  Seen said_by_denial;
  for (const Listed& listed : list(verdict, denies)) said_by_denial.add(*listed.violation);
  auto findings = list(verdict, warns, std::move(said_by_denial));
  std::ranges::stable_sort(findings, {},
                           [](const Listed& listed) { return listed.violation->check->severity; });
  // More than are ever said need no words.
  const std::size_t enough = WarningBudget::kTotal / 16;
  for (const auto& [violation, policy] : findings) {
    if (words.size() < enough)
      words.push_back(fmt::format("{} {}: {}; {}", policy->ref(), violation->check->id,
                                  violation->finding.message, verdict::advice(*violation)));
    else
      words.emplace_back();
  }
  return words;
}

void append_warnings(std::string& out, const Verdict& verdict) {
  const std::vector<std::string> words = words_of_warnings(verdict);
  if (words.empty()) return;
  constexpr std::size_t kForLast = 120;  // the word of how many were left out
  out += R"(,"warnings":[)";
  std::size_t spent = 0, said = 0;
  for (const std::string& word : words) {
    const std::string warning = verdict::cut(verdict::printable(word), WarningBudget::kEach);
    const bool last = said + 1 == words.size();
    if (spent + warning.size() > WarningBudget::kTotal - (last ? 0 : kForLast)) break;
    if (said++ > 0) out += ',';
    append_string(out, warning);
    spent += warning.size();
  }
  if (said < words.size()) {
    if (said > 0) out += ',';
    append_string(
        out, fmt::format("plimsoll: {} left out{}", plural(words.size() - said, "further finding"),
                         verdict.judgements.empty() ? "" : "; plimsoll check lists them all"));
  }
  out += ']';
}

// One line for an audit log: `restricted@v1.37: message [check]; message [check]`, most severe
// first. Text of any length must not push the others out.
std::string audit_text(const Verdict& verdict, std::vector<Listed> findings, auto wanted) {
  constexpr std::size_t kMost = 4096, kMostOfOne = 256;
  std::ranges::stable_sort(findings, {},
                           [](const Listed& listed) { return listed.violation->check->severity; });
  std::string text = template_names(verdict, wanted) + ": ";
  std::size_t said = 0;
  for (const Listed& listed : findings) {
    const Violation& v = *listed.violation;
    const std::string one =
        fmt::format("{}{} [{}]", said > 0 ? "; " : "",
                    verdict::cut(verdict::printable(v.finding.message), kMostOfOne), v.check->id);
    if (text.size() + one.size() > kMost) break;
    text += one;
    ++said;
  }
  if (said < findings.size()) text += fmt::format(" and {} more", findings.size() - said);
  return text;
}

// Keys become `<webhook>/<key>`. `enforce-policy` and `audit-violations` are upstream's names.
void append_audit_annotations(std::string& out, const Verdict& verdict) {
  const auto enforces = [](const Judgement& j) { return j.mode == Mode::Enforce || j.dry_run; };
  const auto audits = [](const Judgement& j) { return j.mode == Mode::Audit; };
  const auto would = [](const Judgement& j) { return j.dry_run; };
  std::vector<std::pair<std::string_view, std::string>> annotations;
  if (std::string names = template_names(verdict, enforces); !names.empty())
    annotations.emplace_back("enforce-policy", std::move(names));
  if (const auto findings = list(verdict, audits); !findings.empty())
    annotations.emplace_back("audit-violations", audit_text(verdict, findings, audits));
  if (const auto findings = list(verdict, would); !findings.empty())
    annotations.emplace_back("dry-run-violations", audit_text(verdict, findings, would));
  if (!verdict.exempt.empty()) annotations.emplace_back("exempt", verdict.exempt);
  if (!verdict.error.empty())
    annotations.emplace_back("error", verdict::cut(verdict::printable(verdict.error), 1024));
  if (annotations.empty()) return;
  out += R"(,"auditAnnotations":{)";
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    if (i > 0) out += ',';
    append_string(out, annotations[i].first);
    out += ':';
    append_string(out, annotations[i].second);
  }
  out += '}';
}

}  // namespace

// Written by hand: building a tree of values first takes longer than judging the pod.
std::string encode_answer(const Review& review, const Verdict& verdict) {
  std::string out;
  out += R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":)";
  append_string(out, review.facts.uid);
  out += verdict.allowed ? R"(,"allowed":true)" : R"(,"allowed":false)";
  if (verdict.refusal)
    append_refusal(out, review, *verdict.refusal);
  else if (!verdict.allowed)
    append_status(out, review, verdict);
  append_audit_annotations(out, verdict);
  append_warnings(out, verdict);
  out += "}}";
  return out;
}

std::string encode_error(std::string_view message) {
  std::string text;
  if (simdjson::validate_utf8(message.data(), message.size()))
    text = message;
  else  // of a path, say: JSON is UTF-8
    for (const char c : message) text += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  std::string out = R"({"error":)";
  append_string(out, verdict::printable(text));
  out += "}\n";
  return out;
}

}  // namespace plimsoll::codec
