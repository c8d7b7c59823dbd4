// When self-managed certificates are made, replaced, trusted and served with.
//
// All replicas share one Secret: a CA with its key, a serving pair, and the bundle of every CA that
// the API server has to trust. What should become of it is decided from what it holds, so that
// replicas agree whoever of them is first; writes are conditional, so that one of them wins.
//
//   serving certificate   made anew, by the same CA, when a third of its validity is left
//   CA                    when a third of its validity is left a new one joins the bundle. Only
//   when
//                         the API server has had both for the settle time the new one makes the
//                         serving certificate. The old one leaves when it has expired.
//   whatever is missing,
//   broken or expired     is made anew; a replica that has a certificate which is still trusted
//   goes
//                         on with it until a new CA has settled
//
// For how long a CA has been trusted each replica sees for itself, by a clock that is not set:
// replicas' clocks may differ.
//
// Pure: no I/O, the time is passed in. Thread-safety: a Replica is for one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/result.h"
#include "server/certificates.h"

namespace plimsoll::app {

struct RotationRules {
  std::vector<std::string> hosts;  ///< that the serving certificate names
  std::chrono::seconds ca_validity{std::chrono::days(365)};
  std::chrono::seconds serving_validity{std::chrono::days(90)};

  /// How long an API server may still use a caBundle that has been replaced.
  [[nodiscard]] std::chrono::milliseconds settle() const {
    return std::clamp<std::chrono::milliseconds>(serving_validity / 10, std::chrono::seconds(1),
                                                 std::chrono::seconds(60));
  }
};

/// What the Secret holds, in PEM; empty: it is not there.
struct SecretData {
  std::string ca_certificate, ca_key;  ///< that make serving certificates
  std::string certificate, key;        ///< to serve with
  std::string bundle;                  ///< the CAs to trust, ca_certificate among them
  bool operator==(const SecretData&) const = default;
};

/// What a Secret's data mean. Reading keys and certificates takes a millisecond: it is done once.
struct Inspected {
  SecretData text;
  std::string ca;  ///< the first certificate of ca_certificate
  std::optional<server::CertificateFacts> ca_facts, facts;
  bool ca_key_fits = false, key_fits = false;
  struct Authority {
    std::string certificate;
    server::CertificateFacts facts;
  };
  std::vector<Authority> bundle;
  std::string signer;  ///< the CA of the bundle that signed `certificate`; empty: none

  [[nodiscard]] bool trusts(const std::string& authority) const;
};
Inspected inspect(SecretData data);

/// What the API server trusts.
struct Registration {
  bool known = false;  ///< false: it could not be read this time
  /// The caBundle of each webhook, in PEM. None: there is no webhook that needs any.
  std::vector<std::string> bundles;
};

struct Moment {
  std::chrono::sys_seconds wall;     ///< for what certificates say; may be wrong
  std::chrono::milliseconds steady;  ///< since any time; is never set
};

/// What one replica remembers.
struct Replica {
  server::KeyPair serving;         ///< with what it serves; empty: nothing yet
  server::CertificateFacts facts;  ///< of `serving`
  std::string signer;              ///< the CA of it
  std::map<std::string, std::chrono::milliseconds> trusted_since;  ///< by CA, in every webhook
  std::chrono::milliseconds observed{0};
};

/// Notes what the API server trusts now.
void observe(Replica& replica, const Registration& registration, const Inspected& secret,
             const RotationRules& rules, Moment now);

struct Plan {
  SecretData secret;                 ///< what the Secret should hold
  std::vector<std::string> reasons;  ///< what is to be written and why; none: nothing
};

/// What should become of a Secret that holds `have`. An error: a certificate cannot be made.
Result<Plan> plan(const Inspected& have, const Registration& registration, const Replica& replica,
                  const RotationRules& rules, Moment now);

/// Whether the bundle may be given to the API server: it is whole, and trusts what is served with.
bool publishable(const Inspected& secret);

/// The replica serves from now on with what the Secret holds, if it should: true, if that is new.
bool adopt(Replica& replica, const Inspected& secret, const RotationRules& rules, Moment now);

/// Whether every webhook of the registration trusts what the replica serves with.
bool trusted(const Replica& replica, const Registration& registration, Moment now);

}  // namespace plimsoll::app
