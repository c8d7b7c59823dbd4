// Keeps self-managed certificates: reads the Secret and the ValidatingWebhookConfiguration again
// and again, writes what rotation.h says, and gives the server what to serve with.
//
// The registration is read before the Secret, and written only if nobody has changed it since: what
// the Secret holds is then at least as new as what the registration was made from, and an old
// bundle never takes the place of a newer one.
//
// Ownership: the transport must outlive it. Thread-safety: status() may be called from any thread,
// round() and run() from one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "app/rotation.h"
#include "kube/transport.h"
#include "metrics/registry.h"
#include "plimsoll/result.h"
#include "server/certificates.h"

namespace plimsoll::app {

struct SelfManagedSettings {
  std::string secret_namespace, secret_name;
  std::string webhook_configuration;  ///< the ValidatingWebhookConfiguration's name
  RotationRules rules;
};

struct SelfManagedHooks {
  /// Gives new connections the pair. An error leaves the old one serving.
  std::function<Status(const server::KeyPair&)> serve;
  /// What was done, or (`problem`) what went wrong; each once.
  std::function<void(bool problem, const std::string& message)> log;
  std::function<Moment()> clock;  ///< empty: the machine's
};

struct SelfManagedStatus {
  /// There is a certificate to serve with, which has not expired, and since the start the API
  /// server was once seen to trust it. That it does not any more is put right; being unready would
  /// not help.
  bool ready = false;
  std::string detail;  ///< what is wrong now, a line each; empty: nothing
  std::chrono::sys_seconds ca_not_after;
  std::uint64_t rotations = 0;  ///< new pairs taken, the first not counted
  std::uint64_t errors = 0;     ///< what failed
};

class SelfManaged {
 public:
  SelfManaged(SelfManagedSettings settings, kube::Transport& transport, SelfManagedHooks hooks);

  /// Looks at everything once and does what is to be done; gives how long to wait for the next
  /// time.
  std::chrono::milliseconds round();

  /// round() at once, and again and again.
  void run(const std::stop_token& stop);

  [[nodiscard]] SelfManagedStatus status() const;

  /// plimsoll_ca_expiry_seconds, plimsoll_certificate_rotations_total and
  /// plimsoll_certificate_errors_total. It must outlive the registry.
  void add_metrics(metrics::Registry& registry) const;

 private:
  enum class Outcome { Done, Again, Failed };
  struct Secret;
  struct Webhooks;
  /// What was found out last, and of what.
  struct Trusted {
    std::string certificate;
    std::vector<std::string> bundles;
    bool now = false, ever = false;
  };

  Outcome look();
  Webhooks read_webhooks();
  Outcome read_secret(Secret& secret);
  Outcome write_secret(Secret& secret, const Plan& plan);
  Outcome write_webhooks(const Webhooks& webhooks, const std::string& bundle);
  void serve(Moment now);
  void report(const Webhooks& webhooks, Moment now);

  /// Sends, and makes a problem of every answer but a 2xx and those in `expected`.
  bool send(const kube::Request& request, const std::string& source, const std::string& what,
            std::initializer_list<int> expected, kube::Response& response);
  Outcome conflict(const std::string& label, const kube::Response& response);
  void problem(const std::string& source, const std::string& text);
  void solved(const std::string& source);
  void say(bool problem, const std::string& message) const;
  std::chrono::milliseconds jittered(std::chrono::milliseconds time);

  const SelfManagedSettings settings_;
  kube::Transport& transport_;
  SelfManagedHooks hooks_;
  const std::string secret_label_, webhooks_label_;  ///< for messages
  const std::chrono::milliseconds poll_;
  std::mt19937 random_{std::random_device{}()};
  Replica replica_;
  Inspected secret_;  ///< as it was last read
  Trusted was_trusted_;
  unsigned failures_ = 0;                        ///< rounds in a row
  std::map<std::string, std::string> problems_;  ///< by source
  std::string conflict_;                         ///< why it has to be looked at again
  std::optional<bool> there_;                    ///< whether the registration was, last time

  mutable std::mutex mutex_;  ///< of the status
  SelfManagedStatus status_;
};

}  // namespace plimsoll::app
