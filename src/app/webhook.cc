#include "app/webhook.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "codec/answer.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

constexpr std::string_view kRoute = "/validate";
// Bytes of one text in a line of the log, and findings of one judgement.
constexpr std::size_t kMostLogged = 256, kMostLoggedFindings = 100;

std::string_view name_of(Operation operation) {
  constexpr std::string_view kNames[] = {"CREATE", "UPDATE", "DELETE", "CONNECT", "OTHER"};
  return kNames[static_cast<std::size_t>(operation)];
}

}  // namespace

struct Webhook::Metrics {
  explicit Metrics(metrics::Registry& registry)
      : duration(registry.histogram("plimsoll_review_duration_seconds",
                                    "Time from a review's bytes to its answer's.")) {
    constexpr std::string_view kScopes[] = {"other", "pod", "workload"};
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
  }

  metrics::Histogram& duration;
  std::array<std::array<metrics::Counter*, 2>, 3> reviews{};
  metrics::Counter* malformed = nullptr;
  metrics::Counter* dry_run_denials = nullptr;
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

Webhook::Webhook(std::shared_ptr<const Policy> policy, metrics::Registry& registry,
                 DecisionLog decisions, std::function<void(std::string_view)> log)
    : policy_(std::move(policy)),
      decisions_(decisions),
      log_(std::move(log)),
      metrics_(std::make_unique<Metrics>(registry)) {}

Webhook::~Webhook() = default;

server::Response Webhook::answer(const server::Request& request) {
  auto decoder = decoders_.take();
  server::Response response = answer(*decoder, request);
  decoders_.give_back(std::move(decoder));
  return response;
}

Result<std::vector<Binding>> Webhook::fixed_binding(std::string_view path) const {
  Error error;
  error.field = "path";
  path.remove_prefix(kRoute.size() + 1);
  const auto slash = path.find('/');
  const auto mode = parse_mode(path.substr(0, slash));
  const auto text = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  if (!mode || slash == std::string_view::npos) {
    error.message = "is not /validate/{enforce|warn|audit}/{template}";
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
  bindings[0].enforce_workloads = true;
  return bindings;
}

server::Response Webhook::answer(codec::ReviewDecoder& decoder, const server::Request& request) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<Binding> fixed;
  std::span<const Binding> bindings = policy_->bindings;
  if (request.path != kRoute) {
    auto binding = fixed_binding(request.path);
    if (!binding) return {404, codec::encode_error(binding.error().to_string())};
    fixed = *std::move(binding);
    bindings = fixed;
  }
  const auto review = decoder.decode(request.body);
  if (!review) {
    metrics_->malformed->add();
    return {400, codec::encode_error(review.error().to_string())};
  }
  const Verdict verdict = judge(*review, bindings, policy_->dry_run);
  server::Response response{200, codec::encode_answer(*review, verdict)};
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  metrics_->duration.observe(seconds);
  count(*review, verdict);
  log(*review, verdict, seconds);
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
}

void Webhook::log(const Review& review, const Verdict& verdict, double seconds) {
  if (decisions_ == DecisionLog::None) return;
  if (decisions_ == DecisionLog::Denied && verdict.allowed) return;
  bool found = false;
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
  for (const Judgement& judgement : verdict.judgements) {
    nlohmann::ordered_json one{{"mode", plimsoll::name_of(judgement.mode)},
                               {"template", judgement.policy->ref()},
                               {"findings", judgement.violations.size()}};
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
