#include "app/webhook.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "codec/answer.h"
#include "codec/files.h"
#include "policy/namespace_write.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

constexpr std::string_view kRoute = "/validate";
// Bytes of one text in a line of the log, and findings of one judgement.
constexpr std::size_t kMostLogged = 256, kMostLoggedFindings = 100;

// Of a request that does not say how long it waits: kube-apiserver's default.
constexpr std::chrono::milliseconds kPatience{10'000};
// What an answer needs for its way back.
constexpr std::chrono::milliseconds kWayBack{200};

/// How long the client waits. Source: kubernetes
/// staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/validating/dispatcher.go:
/// `timeout=3s`.
std::chrono::milliseconds patience(std::string_view query) {
  constexpr std::string_view kName = "timeout=";
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (!parameter.starts_with(kName)) continue;
    const auto time = codec::parse_duration(parameter.substr(kName.size()));
    if (time) return std::min(*time, kPatience);
  }
  return kPatience;
}

std::string_view name_of(Operation operation) {
  constexpr std::string_view kNames[] = {"CREATE", "UPDATE", "DELETE", "CONNECT", "OTHER"};
  return kNames[static_cast<std::size_t>(operation)];
}

}  // namespace

struct Webhook::Metrics {
  explicit Metrics(metrics::Registry& registry)
      : duration(registry.histogram("plimsoll_review_duration_seconds",
                                    "Time from a review's bytes to its answer's.")) {
    constexpr std::string_view kScopes[] = {"other", "pod", "workload", "namespace"};
    for (std::size_t scope = 0; scope < reviews.size(); ++scope)
      for (const bool allowed : {false, true})
        reviews[scope][allowed ? 1 : 0] = &registry.counter(
            "plimsoll_reviews_total", "Reviews answered.",
            {{"scope", std::string(kScopes[scope])}, {"decision", allowed ? "allowed" : "denied"}});
    malformed = &registry.counter("plimsoll_malformed_reviews_total",
                                  "Requests that were no review of admission.k8s.io/v1.");
    std::vector<const Check*> checks(catalogue().begin(), catalogue().end());
    checks.push_back(&kUnreadableField);
    for (const Check* check : checks)
      for (const Mode mode : {Mode::Enforce, Mode::Warn, Mode::Audit})
        findings[check][static_cast<std::size_t>(mode)] = &registry.counter(
            "plimsoll_findings_total", "Findings, by check and by what followed from them.",
            {{"check", std::string(check->id)}, {"mode", std::string(plimsoll::name_of(mode))}});
    dry_run_denials =
        &registry.counter("plimsoll_dry_run_denials_total",
                          "Reviews that would have been denied had --dry-run not been given.");
    for (const char* reason : {"namespace", "user", "group", "runtimeClass"})
      exempted[reason] =
          &registry.counter("plimsoll_exempted_reviews_total",
                            "Reviews let through unjudged, by why.", {{"reason", reason}});
    for (const char* result : {"found", "failed"})
      lookups[result] = &registry.counter(
          "plimsoll_namespace_lookups_total",
          "Namespaces that the API server was asked for in the course of a review.",
          {{"result", result}});
  }

  metrics::Histogram& duration;
  std::array<std::array<metrics::Counter*, 2>, 4> reviews{};
  metrics::Counter* malformed = nullptr;
  metrics::Counter* dry_run_denials = nullptr;
  std::map<std::string_view, metrics::Counter*> exempted, lookups;
  std::map<const Check*, std::array<metrics::Counter*, 3>> findings;
};

std::unique_ptr<codec::ReviewDecoder> DecoderPool::take() {
  for (auto& slot : slots_)
    if (slot.load(std::memory_order_relaxed) != nullptr)
      if (auto* const decoder = slot.exchange(nullptr, std::memory_order_acquire))
        return std::unique_ptr<codec::ReviewDecoder>(decoder);
  return std::make_unique<codec::ReviewDecoder>();
}

void DecoderPool::give_back(std::unique_ptr<codec::ReviewDecoder> decoder) {
  for (auto& slot : slots_) {
    codec::ReviewDecoder* none = nullptr;
    if (slot.load(std::memory_order_relaxed) == nullptr &&
        slot.compare_exchange_strong(none, decoder.get(), std::memory_order_release,
                                     std::memory_order_relaxed)) {
      static_cast<void>(decoder.release());
      return;
    }
  }
}

DecoderPool::~DecoderPool() {
  for (auto& slot : slots_) delete slot.load();
}

/// When a request came, and until when its client waits.
struct Webhook::Arrival {
  std::chrono::steady_clock::time_point at, deadline;
};

Webhook::Webhook(std::shared_ptr<const policy::Policy> policy, Cluster cluster,
                 metrics::Registry& registry, DecisionLog decisions,
                 std::function<void(std::string_view)> log)
    : policy_(std::move(policy)),
      cluster_(cluster),
      decisions_(decisions),
      log_(std::move(log)),
      metrics_(std::make_unique<Metrics>(registry)) {}

Webhook::~Webhook() = default;

server::Reply Webhook::answer(const server::Request& request) {
  auto decoder = decoders_.take();
  server::Reply response = answer(*decoder, request);
  decoders_.give_back(std::move(decoder));
  return response;
}

Result<std::vector<Binding>> Webhook::fixed_binding(std::string_view path) const {
  Error error;
  error.field = "path";
  path.remove_prefix(kRoute.size() + 1);
  const auto slash = path.find('/');
  const auto mode = parse_mode(path.substr(0, slash));
  std::string text(slash == std::string_view::npos ? "" : path.substr(slash + 1));
  // Behind a Service the API server takes no @ in a path: a version may be a segment of its own.
  if (const auto version = text.find('/'); version != std::string::npos) text[version] = '@';
  if (!mode || slash == std::string_view::npos) {
    error.message = "is not /validate/{enforce|warn|audit}[/{template}[/{version}]]";
    return error;
  }
  const auto ref = TemplateRef::parse(text);
  if (!ref) {
    error.message =
        fmt::format("\"{}\" is not a template such as restricted or restricted@v1.31", text);
    return error;
  }
  auto policy = policy_->library.find(*ref);
  if (!policy) {
    error.message = fmt::format("there is no template \"{}\"", ref->name);
    error.remedy = fmt::format("use one of {}", fmt::join(policy_->library.names(), ", "));
    return error;
  }
  std::vector<Binding> bindings(1);
  bindings[0].mode = *mode;
  bindings[0].policy = std::move(policy);
  bindings[0].workloads = Workloads::Enforce;
  bindings[0].updates = policy_->updates;
  return bindings;
}

server::Reply Webhook::answer(codec::ReviewDecoder& decoder, const server::Request& request) {
  const auto now = std::chrono::steady_clock::now();
  const auto given = patience(request.query);
  const Arrival arrival{now, now + given - std::min(kWayBack, given / 2)};
  std::vector<Binding> fixed;
  std::optional<Mode> mode;
  if (request.path != kRoute) mode = parse_mode(request.path.substr(kRoute.size() + 1));
  const bool by_route = request.path != kRoute && !mode;
  if (by_route) {
    auto binding = fixed_binding(request.path);
    if (!binding) return server::Response{404, codec::encode_error(binding.error().to_string())};
    fixed = *std::move(binding);
  }
  auto review = decoder.decode(request.body, policy_->pod_places);
  if (!review) {
    metrics_->malformed->add();
    return server::Response{400, codec::encode_error(review.error().to_string())};
  }
  if (by_route) return respond(*review, decide(*review, fixed, {}), arrival);
  // That a label may be written is no matter of warnings.
  if (review->scope == Scope::Namespace && mode.value_or(Mode::Enforce) == Mode::Enforce)
    return answer_namespace(*review, arrival);
  if (cluster_.namespaces != nullptr && to_be_judged(*review)) {
    // Some custom resources are of the whole cluster: no label binds them.
    if (review->scope == Scope::Workload && review->facts.namespace_name.empty())
      return respond(*review, decide(*review, bindings_without_labels(), mode), arrival);
    return answer_by_labels(*std::move(review), mode, arrival);
  }
  return respond(*review, decide(*review, policy_->bindings, mode), arrival);
}

/// A review whose bindings depend on the labels of its namespace.
server::Reply Webhook::answer_by_labels(Review review, std::optional<Mode> mode,
                                        const Arrival& arrival) {
  const std::string& name = review.facts.namespace_name;
  const auto answer_as = [this, mode, arrival](const Review& known,
                                               const policy::NamespacePolicy& held) {
    Verdict verdict = decide(known, held.bindings, mode);
    if (verdict.exempt.empty() && !held.warnings.empty()) {
      verdict.error = fmt::format("{}", fmt::join(held.warnings, "; "));
      verdict.warnings = held.warnings;
    }
    return respond(known, verdict, arrival);
  };
  if (const auto held = cluster_.namespaces->find(name)) return answer_as(review, *held);
  // What is let through in any case need not wait.
  if (!policy::exempt(review, policy_->exemptions).empty())
    return answer_as(review, policy::NamespacePolicy{});
  return server::Later([this, mode, arrival, answer_as,
                        review = std::make_shared<const Review>(std::move(review))](
                           server::Respond send) {
    cluster_.namespaces->fetch(
        review->facts.namespace_name, arrival.deadline,
        [this, mode, arrival, answer_as, review,
         send = std::move(send)](Result<Namespaces::Held> held) {
          metrics_->lookups[held ? "found" : "failed"]->add();
          if (held) return send(answer_as(*review, **held));
          // Upstream's rule: a pod is denied, a workload is let through with a word, unless a
          // binding that needs no labels denies it.
          Verdict verdict = decide(*review, bindings_without_labels(), mode);
          verdict.error = fmt::format("the labels of namespace \"{}\" are not known: {}",
                                      review->facts.namespace_name, held.error().to_string());
          const bool may_deny = mode.value_or(Mode::Enforce) == Mode::Enforce && !policy_->dry_run;
          if (review->scope == Scope::Pod && may_deny) {
            verdict = {.allowed = false, .error = std::move(verdict.error)};
            verdict.refusal = Refusal{.code = 500,
                                      .reason = "InternalError",
                                      .message = verdict.error + "; try again",
                                      .causes = {}};
          } else {
            verdict.warnings.push_back(verdict.error);
          }
          send(respond(*review, verdict, arrival));
        });
  });
}

server::Reply Webhook::answer_namespace(const Review& review, const Arrival& arrival) {
  policy::NamespaceWrite write = policy::judge_namespace(*policy_, review);
  if (write.raised == nullptr || cluster_.running_pods == nullptr)
    return respond(review, write.verdict, arrival);
  return server::Later([this, arrival, review = std::make_shared<const Review>(review),
                        write = std::move(write)](server::Respond send) {
    const auto done = [this, arrival, review, verdict = write.verdict,
                       send = std::move(send)](const RunningPods::Words& words) mutable {
      verdict.warnings.insert(verdict.warnings.end(), words.begin(), words.end());
      send(respond(*review, verdict, arrival));
    };
    cluster_.running_pods->survey(review->facts.name, write.raised, arrival.deadline, done);
  });
}

std::vector<Binding> Webhook::bindings_without_labels() const {
  std::vector<Binding> bindings;
  std::ranges::copy_if(policy_->bindings, std::back_inserter(bindings),
                       [](const Binding& b) { return b.selector.requirements.empty(); });
  return bindings;
}

Verdict Webhook::decide(const Review& review, std::span<const Binding> bindings,
                        std::optional<Mode> mode) const {
  if (to_be_judged(review))
    if (const auto why = policy::exempt(review, policy_->exemptions); !why.empty()) {
      Verdict verdict;
      verdict.exempt = why;
      return verdict;
    }
  return mode ? judge_mode(review, bindings, *mode, policy_->dry_run)
              : judge(review, bindings, policy_->dry_run);
}

server::Response Webhook::respond(const Review& review, const Verdict& verdict,
                                  const Arrival& arrival) {
  server::Response response{200, codec::encode_answer(review, verdict)};
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - arrival.at).count();
  metrics_->duration.observe(seconds);
  count(review, verdict);
  log(review, verdict, seconds);
  return response;
}

void Webhook::count(const Review& review, const Verdict& verdict) {
  metrics_->reviews[static_cast<std::size_t>(review.scope)][verdict.allowed ? 1 : 0]->add();
  bool dry_run = false;
  for (const Judgement& judgement : verdict.judgements) {
    dry_run = dry_run || judgement.dry_run;
    for (const Violation& violation : judgement.violations)
      metrics_->findings.at(violation.check)[static_cast<std::size_t>(judgement.mode)]->add();
  }
  if (dry_run) metrics_->dry_run_denials->add();
  if (!verdict.exempt.empty()) metrics_->exempted.at(verdict.exempt)->add();
}

void Webhook::log(const Review& review, const Verdict& verdict, double seconds) {
  if (decisions_ == DecisionLog::None) return;
  if (decisions_ == DecisionLog::Denied && verdict.allowed && verdict.exempt.empty()) return;
  bool found = verdict.refusal || !verdict.exempt.empty();
  for (const Judgement& judgement : verdict.judgements)
    found = found || !judgement.violations.empty();
  if (decisions_ == DecisionLog::Findings && !found) return;

  // What a client says may be of any length, and lines that nobody reads yet are kept.
  const auto brief = [](const std::string& text) { return verdict::cut(text, kMostLogged); };
  const RequestFacts& facts = review.facts;
  nlohmann::ordered_json line{{"msg", "decision"},
                              {"uid", brief(facts.uid)},
                              {"allowed", verdict.allowed},
                              {"operation", name_of(facts.operation)},
                              {"group", brief(facts.group)},
                              {"resource", brief(facts.resource)},
                              {"kind", brief(facts.kind)},
                              {"namespace", brief(facts.namespace_name)},
                              {"name", brief(facts.name)},
                              {"user", brief(facts.user)},
                              {"requestDryRun", facts.dry_run},
                              {"microseconds", static_cast<std::int64_t>(seconds * 1e6)}};
  if (!facts.subresource.empty()) line["subresource"] = brief(facts.subresource);
  if (!verdict.exempt.empty()) line["exempt"] = verdict.exempt;
  if (verdict.refusal) line["refusal"] = brief(verdict.refusal->message);
  if (!verdict.error.empty()) line["error"] = brief(verdict.error);
  for (const Judgement& judgement : verdict.judgements) {
    nlohmann::ordered_json one{{"mode", plimsoll::name_of(judgement.mode)},
                               {"template", judgement.policy->ref()},
                               {"findings", judgement.violations.size()}};
    if (!judgement.source.empty()) one["source"] = judgement.source;
    if (judgement.dry_run) one["wouldDeny"] = true;
    for (std::size_t i = 0; i < std::min(judgement.violations.size(), kMostLoggedFindings); ++i) {
      const Violation& v = judgement.violations[i];
      one["violations"].push_back({{"check", v.check->id},
                                   {"path", brief(v.finding.path)},
                                   {"message", brief(v.finding.message)}});
    }
    line["judgements"].push_back(std::move(one));
  }
  log_(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace plimsoll::app
