// What of the pods that run would be refused by a template that their namespace is about to get.
//
// Ownership: has threads of its own, which its destructor ends. Thread-safety: any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "codec/pod_list.h"
#include "plimsoll/result.h"
#include "plimsoll/template.h"

namespace plimsoll::app {

/// Pods that were looked at, by what made them.
class PodSurvey {
 public:
  /// Pods of an exempt runtime class are good whatever they hold.
  PodSurvey(std::shared_ptr<const Template> policy, std::span<const std::string> exempt_classes)
      : policy_(std::move(policy)), exempt_classes_(exempt_classes) {}

  void add(const codec::ListedPod& pod);
  [[nodiscard]] std::size_t looked_at() const { return looked_at_; }

  /// A line that sums up and one a group, the largest first; none: all would be let in. `whole`:
  /// every pod was looked at.
  [[nodiscard]] std::vector<std::string> warnings(std::string_view namespace_name,
                                                  bool whole) const;

 private:
  struct Group {
    std::string kind, name;
    std::size_t pods = 0, findings = 0;
    std::string words;  // of the first finding
  };

  const std::shared_ptr<const Template> policy_;
  const std::span<const std::string> exempt_classes_;
  std::vector<Group> groups_;
  std::size_t looked_at_ = 0, refused_ = 0;
};

class RunningPods {
 public:
  using Clock = std::chrono::steady_clock;
  using Words = std::vector<std::string>;
  /// Lists the pods of a namespace page by page, until the deadline has come or `take` gives an
  /// error, which is the result then; else the result says whether they were all listed.
  using List =
      std::function<Result<bool>(const std::string& namespace_name, Clock::time_point deadline,
                                 const std::function<Status(const codec::PodList& page)>& take)>;

  /// Source of the limits: pod-security-admission admission.go, defaultNamespaceMaxPodsToCheck and
  /// defaultNamespacePodCheckTimeout.
  static constexpr std::size_t kMostPods = 3000;
  static constexpr std::chrono::milliseconds kMostTime{1000};

  RunningPods(List list, std::vector<std::string> exempt_classes);
  ~RunningPods();
  RunningPods(const RunningPods&) = delete;
  RunningPods& operator=(const RunningPods&) = delete;

  /// `done` is called once, from another thread or at once, with warnings; at the latest some
  /// moments after `deadline`, or after twice kMostTime.
  void survey(std::string namespace_name, std::shared_ptr<const Template> policy,
              Clock::time_point deadline, std::function<void(Words)> done);

 private:
  struct Job {
    std::string namespace_name;
    std::shared_ptr<const Template> policy;
    Clock::time_point deadline;
    std::function<void(Words)> done;
  };

  void run(const std::stop_token& stop);
  Words look(const Job& job) const;

  const List list_;
  const std::vector<std::string> exempt_classes_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Job> jobs_;
  std::vector<std::jthread> threads_;
};

}  // namespace plimsoll::app
