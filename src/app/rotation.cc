#include "app/rotation.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <utility>

namespace plimsoll::app {
namespace {

using server::CertificateFacts;
using std::chrono::milliseconds;
using std::chrono::sys_seconds;

constexpr std::string_view kCaName = "Plimsoll self-managed CA";
// A forced rotation leaves a CA behind; a bundle must not grow without end.
constexpr std::size_t kMostAuthorities = 8;
constexpr std::size_t kMostHosts = 64;

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

std::string joined(const std::vector<std::string>& certificates) {
  return fmt::format("{}", fmt::join(certificates, ""));
}

bool expired(const CertificateFacts& facts, Moment now) { return facts.not_after <= now.wall; }

/// Made by a clock that is further ahead than clocks are: for everybody else it is not valid yet.
bool from_the_future(const CertificateFacts& facts, Moment now) {
  return facts.not_before > now.wall + server::backdate_of(facts.valid());
}

bool due(const CertificateFacts& facts, Moment now) {
  return now.wall >= facts.not_after - facts.valid() / 3;
}

/// So near its end that for other clocks it may have expired.
bool ending(const CertificateFacts& facts, Moment now) {
  constexpr std::chrono::seconds kDifference = std::chrono::minutes(10);
  return now.wall >= facts.not_after - std::min(kDifference, facts.valid() / 10);
}

/// Whether every API server has had the CA for long enough to trust what it signs. What was not
/// seen lately may have changed.
bool settled(const Replica& replica, const std::string& ca, const RotationRules& rules,
             Moment now) {
  const auto since = replica.trusted_since.find(ca);
  return since != replica.trusted_since.end() &&
         replica.observed - since->second >= rules.settle() &&
         now.steady - replica.observed <= rules.settle();
}

/// The CAs that every webhook trusts.
std::vector<std::string> trusted_by_all(const Registration& registration) {
  std::vector<std::string> common = server::split_certificates(registration.bundles.front());
  for (const std::string& bundle : registration.bundles) {
    const auto there = server::split_certificates(bundle);
    std::erase_if(common, [&](const std::string& ca) { return !contains(there, ca); });
  }
  return common;
}

/// What is wrong with the CA; empty: nothing.
std::string ca_fault(const Inspected& have, Moment now) {
  if (have.text.ca_certificate.empty() && have.text.ca_key.empty()) return "there was none";
  if (!have.ca_facts || !have.ca_facts->ca) return "ca.crt is not one";
  if (!have.ca_key_fits) return "ca.key is not its key";
  if (expired(*have.ca_facts, now)) return "the old one has expired";
  if (from_the_future(*have.ca_facts, now)) return "the old one is not valid yet";
  return "";
}

/// What is wrong with the serving pair; empty: nothing.
std::string serving_fault(const Inspected& have, const std::string& signer,
                          const RotationRules& rules, Moment now) {
  if (have.text.certificate.empty() && have.text.key.empty()) return "there was none";
  if (!have.facts) return "tls.crt is not one";
  if (!have.key_fits) return "tls.key is not its key";
  if (signer.empty()) return "no CA of the bundle has signed the old one";
  if (expired(*have.facts, now)) return "the old one has expired";
  if (from_the_future(*have.facts, now)) return "the old one is not valid yet";
  if (!server::names_hosts(*have.facts, rules.hosts)) return "the old one does not name every host";
  return "";
}

/// Somebody may still serve under it; his clock may be behind.
bool worth_keeping(const CertificateFacts& facts, Moment now) {
  return facts.ca && now.wall < facts.not_after + server::backdate_of(facts.valid());
}

bool whole(const Inspected& have) {
  std::string text;
  for (const auto& authority : have.bundle) text += authority.certificate;
  return !have.ca.empty() && have.trusts(have.ca) && text == have.text.bundle;
}

/// The CAs to trust: the present one, and those before it. The Secret's bundle says which; when it
/// or the CA is broken they are looked for everywhere.
std::vector<std::string> authorities(const Inspected& have, const std::string& present, bool sound,
                                     const Registration& registration, const Replica& replica,
                                     Moment now) {
  std::vector<std::string> all = {present};
  const auto add = [&](const std::string& ca, const CertificateFacts& facts) {
    if (all.size() < kMostAuthorities && !contains(all, ca) && worth_keeping(facts, now))
      all.push_back(ca);
  };
  for (const auto& [ca, facts] : have.bundle) add(ca, facts);
  if (sound && whole(have)) return all;
  if (have.ca_facts) add(have.ca, *have.ca_facts);
  for (const std::string& ca : server::split_certificates(replica.signer))
    add(ca, server::read_certificate(ca).value());
  for (const std::string& bundle : registration.bundles)
    for (const std::string& ca : server::split_certificates(bundle))
      // Others' CAs may have been trusted before: they are no concern of ours.
      if (const auto facts = server::read_certificate(ca); facts->common_name == kCaName)
        add(ca, *facts);
  return all;
}

/// The hosts of a certificate that is to take the place of another: replicas of a new configuration
/// come while those of the old one are there, and neither may take the other's names away.
std::vector<std::string> hosts_with(const RotationRules& rules, const CertificateFacts& old) {
  std::vector<std::string> hosts = rules.hosts;
  for (const std::string& host : old.hosts)
    if (hosts.size() < kMostHosts && !contains(hosts, host) && server::is_host(host))
      hosts.push_back(host);
  return hosts;
}

}  // namespace

bool Inspected::trusts(const std::string& authority) const {
  return std::ranges::find(bundle, authority, &Authority::certificate) != bundle.end();
}

Inspected inspect(SecretData data) {
  Inspected secret;
  secret.ca_facts = server::read_certificate(data.ca_certificate);
  if (secret.ca_facts) secret.ca = server::split_certificates(data.ca_certificate).front();
  secret.facts = server::read_certificate(data.certificate);
  secret.ca_key_fits = server::key_fits({data.ca_certificate, data.ca_key});
  secret.key_fits = server::key_fits({data.certificate, data.key});
  for (std::string& ca : server::split_certificates(data.bundle)) {
    auto facts = server::read_certificate(ca).value();
    secret.bundle.push_back({std::move(ca), std::move(facts)});
  }
  secret.signer = server::signer_of(data.certificate, data.bundle);
  secret.text = std::move(data);
  return secret;
}

void observe(Replica& replica, const Registration& registration, const Inspected& secret,
             const RotationRules& rules, Moment now) {
  if (!registration.known) return;
  std::vector<std::string> trusted;
  if (std::ranges::all_of(registration.bundles,
                          [&](const std::string& bundle) { return bundle == secret.text.bundle; }))
    for (const auto& authority : secret.bundle) trusted.push_back(authority.certificate);
  else
    trusted = trusted_by_all(registration);
  // Nobody knows what was there while it was not looked at.
  if (now.steady - replica.observed > rules.settle()) replica.trusted_since.clear();
  replica.observed = now.steady;
  std::erase_if(replica.trusted_since,
                [&](const auto& entry) { return !contains(trusted, entry.first); });
  for (const std::string& ca : trusted) replica.trusted_since.emplace(ca, now.steady);
}

Result<Plan> plan(const Inspected& have, const Registration& registration, const Replica& replica,
                  const RotationRules& rules, Moment now) {
  Plan next{have.text, {}};
  SecretData& secret = next.secret;

  std::string why = ca_fault(have, now);
  const bool sound = why.empty();
  if (sound && have.signer == have.ca && due(*have.ca_facts, now) &&
      settled(replica, have.ca, rules, now))
    why = "two thirds of the old one's time are over";
  // A new CA could take the place of one that is only known from the registration.
  if (!sound && !registration.known) return next;
  std::string present = have.ca;
  auto present_end = sound ? have.ca_facts->not_after : now.wall + rules.ca_validity;
  if (!why.empty()) {
    auto made = server::make_ca(kCaName, rules.ca_validity, now.wall);
    if (!made) return made.error();
    present = std::move(made->certificate);
    present_end = now.wall + rules.ca_validity;
    secret.ca_key = std::move(made->key);
    next.reasons.push_back(fmt::format("new CA: {}", why));
  }
  secret.ca_certificate = present;  // without what stands around it

  const auto trusted = authorities(have, present, sound, registration, replica, now);
  secret.bundle = joined(trusted);
  const bool same = secret.bundle == have.text.bundle;
  if (!same || (sound && secret.ca_certificate != have.text.ca_certificate))
    next.reasons.push_back(
        fmt::format("bundle of {} CA{}", trusted.size(), trusted.size() == 1 ? "" : "s"));

  const std::string signer =
      same ? have.signer : server::signer_of(have.text.certificate, secret.bundle);
  why = serving_fault(have, signer, rules, now);
  std::vector<std::string> hosts = rules.hosts;
  if (!why.empty()) {
    if (have.facts && !server::names_hosts(*have.facts, rules.hosts))
      hosts = hosts_with(rules, *have.facts);
  } else if (signer != present) {
    if (settled(replica, present, rules, now)) why = "there is a new CA";
  } else if (due(*have.facts, now)) {
    // By a CA that is at its end only the same end could be made, again and again.
    if (std::min(now.wall + rules.serving_validity, present_end) > have.facts->not_after)
      why = "two thirds of the old one's time are over";
  }
  if (!why.empty()) {
    auto made =
        server::make_serving({present, secret.ca_key}, hosts, rules.serving_validity, now.wall);
    if (!made) return made.error();
    secret.certificate = std::move(made->certificate);
    secret.key = std::move(made->key);
    next.reasons.push_back(fmt::format("new serving certificate: {}", why));
  }
  return next;
}

bool publishable(const Inspected& secret) { return whole(secret) && !secret.signer.empty(); }

bool adopt(Replica& replica, const Inspected& secret, const RotationRules& rules, Moment now) {
  const server::KeyPair offered{secret.text.certificate, secret.text.key};
  if (offered.certificate == replica.serving.certificate && offered.key == replica.serving.key)
    return false;
  if (!secret.facts || secret.signer.empty() || expired(*secret.facts, now) || !secret.key_fits ||
      !server::names_hosts(*secret.facts, rules.hosts))
    return false;
  const bool own_is_good = !replica.serving.certificate.empty() && !ending(replica.facts, now) &&
                           secret.trusts(replica.signer);
  if (own_is_good &&
      (secret.facts->not_before > now.wall ||
       (secret.signer != replica.signer && !settled(replica, secret.signer, rules, now))))
    return false;
  replica.serving = offered;
  replica.facts = *secret.facts;
  replica.signer = secret.signer;
  return true;
}

bool trusted(const Replica& replica, const Registration& registration, Moment now) {
  return registration.known && !replica.serving.certificate.empty() &&
         std::ranges::all_of(registration.bundles, [&](const std::string& bundle) {
           return server::verifies(replica.serving.certificate, bundle, now.wall);
         });
}

}  // namespace plimsoll::app
