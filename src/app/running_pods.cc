#include "app/running_pods.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plimsoll/verdict.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

// Surveys at once, and those that wait for one of them; one more is not made. Labels are raised by
// people, and a write of a namespace must not wait longer than its API server does.
constexpr std::size_t kThreads = 4, kMostJobs = 4;

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string unseen(std::string_view namespace_name, std::string_view why) {
  return fmt::format("the pods that run in namespace \"{}\" were not looked at: {}", namespace_name,
                     why);
}

}  // namespace

void PodSurvey::add(const codec::ListedPod& pod) {
  if (pod.ended) return;
  ++looked_at_;
  if (std::ranges::find(exempt_classes_, pod.pod.runtime_class) != exempt_classes_.end()) return;
  const auto violations = violations_of({&pod.pod, 1}, pod.faults, *policy_);
  if (violations.empty()) return;
  ++refused_;
  auto at = std::ranges::find_if(groups_, [&](const Group& group) {
    return group.kind == pod.owner_kind && group.name == pod.owner_name;
  });
  if (at == groups_.end()) {
    const auto worst = std::ranges::min_element(
        violations, {}, [](const Violation& v) { return v.check->severity; });
    at = groups_.insert(at, {.kind = pod.owner_kind,
                             .name = pod.owner_name,
                             .words = fmt::format("{} [{}]; {}", worst->finding.message,
                                                  worst->check->id, verdict::advice(*worst))});
  }
  ++at->pods;
  at->findings = std::max(at->findings, violations.size());
}

std::vector<std::string> PodSurvey::warnings(std::string_view namespace_name, bool whole) const {
  std::vector<std::string> lines;
  if (!whole)
    lines.push_back(fmt::format("only the first {} of namespace \"{}\" were looked at",
                                plural(looked_at_, "running pod"), namespace_name));
  if (refused_ == 0) return lines;
  lines.push_back(fmt::format(
      "{} in namespace \"{}\" {} more privilege than {} allows; what runs goes on running",
      plural(refused_, "running pod"), namespace_name, refused_ == 1 ? "has" : "have",
      policy_->ref()));
  auto groups = groups_;
  std::ranges::sort(groups, [](const Group& a, const Group& b) {
    return std::tie(b.pods, a.kind, a.name) < std::tie(a.pods, b.kind, b.name);
  });
  for (const Group& group : groups) {
    std::string who = fmt::format("{} {}", group.kind, group.name);
    if (group.kind != "Pod") who += fmt::format(" ({})", plural(group.pods, "pod"));
    const std::string more =
        group.findings > 1 ? fmt::format(" (and {} more)", group.findings - 1) : "";
    lines.push_back(fmt::format("{}{}: {}", who, more, group.words));
  }
  return lines;
}

RunningPods::RunningPods(List list, std::vector<std::string> exempt_classes)
    : list_(std::move(list)), exempt_classes_(std::move(exempt_classes)) {
  for (std::size_t i = 0; i < kThreads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

RunningPods::~RunningPods() {
  threads_.clear();
  for (Job& job : jobs_) job.done({unseen(job.namespace_name, "the server is ending")});
}

void RunningPods::survey(std::string namespace_name, std::shared_ptr<const Template> policy,
                         Clock::time_point deadline, std::function<void(Words)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() < kMostJobs) {
      jobs_.push_back({std::move(namespace_name), std::move(policy),
                       std::min(deadline, Clock::now() + kMostTime), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done({unseen(namespace_name, "too many namespaces are being labelled at once")});
}

void RunningPods::run(const std::stop_token& stop) {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!wake_.wait(lock, stop, [this] { return !jobs_.empty(); })) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.done(look(job));
  }
}

RunningPods::Words RunningPods::look(const Job& job) const {
  if (Clock::now() >= job.deadline) return {unseen(job.namespace_name, "there was no time left")};
  PodSurvey survey(job.policy, exempt_classes_);
  bool left = false;  // of a page
  const auto whole =
      list_(job.namespace_name, job.deadline, [&](const codec::PodList& page) -> Status {
        for (const codec::ListedPod& pod : page.pods) {
          left = left || survey.looked_at() >= kMostPods || Clock::now() >= job.deadline;
          if (left) break;
          survey.add(pod);
        }
        return {};
      });
  if (!whole) return {unseen(job.namespace_name, whole.error().to_string())};
  return survey.warnings(job.namespace_name, *whole && !left);
}

}  // namespace plimsoll::app
