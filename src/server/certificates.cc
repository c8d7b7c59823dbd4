#include "server/certificates.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

namespace plimsoll::server {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

using std::chrono::seconds;
using std::chrono::sys_seconds;

Error error_of(std::string message, std::string remedy = "") {
  Error error;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

template <class Write>
std::string pem_of(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  char* text = nullptr;
  if (!bio || write(bio.get()) != 1) return "";
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// False only for want of memory.
bool set_time(ASN1_TIME* to, sys_seconds time) {
  std::time_t at = time.time_since_epoch().count();
  return X509_time_adj_ex(to, 0, 0, &at) != nullptr;
}

sys_seconds to_time(const ASN1_TIME* time) {
  std::tm parts{};
  return sys_seconds(seconds(ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0));
}

/// A certificate without extensions; empty on failure, which is only for want of memory or entropy.
Certificate start(EVP_PKEY* key, std::string_view common_name, seconds valid, sys_seconds now) {
  Certificate certificate(X509_new());
  unsigned char serial[16];
  if (!certificate || RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7F;  // positive
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  if (!set_time(X509_getm_notBefore(certificate.get()), now - backdate_of(valid)) ||
      !set_time(X509_getm_notAfter(certificate.get()), now + valid) ||
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1)
    return nullptr;
  return certificate;
}

Bio bio_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<Certificate> certificates_of(std::string_view pem) {
  std::vector<Certificate> all;
  const Bio bio = bio_of(pem);
  while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    all.emplace_back(next);
  ERR_clear_error();
  return all;
}

Certificate first_certificate(std::string_view pem) {
  Certificate first(PEM_read_bio_X509(bio_of(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return first;
}

Key private_key(std::string_view pem) {
  // A key with a passphrase must not make anybody ask the terminal.
  Key key(PEM_read_bio_PrivateKey(
      bio_of(pem).get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
  ERR_clear_error();
  return key;
}

std::string pem_of(X509* certificate) {
  return pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

Result<KeyPair> finish(const Certificate& certificate, const Key& key, EVP_PKEY* signer) {
  if (X509_sign(certificate.get(), signer, EVP_sha256()) <= 0)
    return error_of("the CA's key cannot sign", "give the ca.key that belongs to ca.crt");
  KeyPair pair;
  pair.certificate = pem_of(certificate.get());
  pair.key = pem_of([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (pair.certificate.empty() || pair.key.empty()) return error_of("a certificate cannot be made");
  return pair;
}

/// An address as everybody writes it: of `0:0:0:0:0:0:0:1` it makes `::1`.
std::string address_text(std::span<const unsigned char> bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  if (bytes.size() == 4) inet_ntop(AF_INET, bytes.data(), text, sizeof text);
  if (bytes.size() == 16) inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

/// In the form that CertificateFacts has.
std::string plain_host(std::string host) {
  unsigned char address[16];
  if (inet_pton(AF_INET, host.c_str(), address) == 1)
    return address_text(std::span(address).first<4>());
  if (inet_pton(AF_INET6, host.c_str(), address) == 1) return address_text(address);
  std::ranges::transform(host, host.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return host;
}

std::vector<std::string> hosts_of(X509* certificate) {
  std::vector<std::string> hosts;
  const std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* const value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const auto* const text = static_cast<const ASN1_STRING*>(value);
    const std::span bytes(ASN1_STRING_get0_data(text),
                          static_cast<std::size_t>(ASN1_STRING_length(text)));
    hosts.push_back(type == GEN_IPADD ? address_text(bytes)
                                      : plain_host(std::string(bytes.begin(), bytes.end())));
  }
  return hosts;
}

std::string common_name_of(X509* certificate) {
  X509_NAME* const name = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return "";
  const ASN1_STRING* const text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// The host as subjectAltName has it; empty: it is neither a DNS name nor an address.
std::string alternative_name(const std::string& host) {
  unsigned char address[16];
  if (inet_pton(AF_INET, host.c_str(), address) == 1 ||
      inet_pton(AF_INET6, host.c_str(), address) == 1)
    return "IP:" + host;
  const std::string_view name = host.starts_with("*.") ? std::string_view(host).substr(2) : host;
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
  // Labels of 1 to 63 letters; of digits and dots alone only an address is made.
  bool labels = !name.empty() && name.size() <= 253;
  for (std::size_t at = 0; at <= name.size() && labels;) {
    const auto end = std::min(name.find('.', at), name.size());
    const auto label = name.substr(at, end - at);
    labels = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-';
    at = end + 1;
  }
  const bool digits = name.find_first_not_of("0123456789.") == std::string_view::npos;
  return plain && labels && !digits ? "DNS:" + host : "";
}

}  // namespace

sys_seconds current_second() {
  return std::chrono::floor<seconds>(std::chrono::system_clock::now());
}

Result<KeyPair> make_ca(std::string_view common_name, seconds valid, sys_seconds now) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key ? start(key.get(), common_name, valid, now) : nullptr;
  if (!certificate) return error_of("a certificate cannot be made");
  X509* const self = certificate.get();
  X509_set_issuer_name(self, X509_get_subject_name(self));
  if (!add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(self, self, NID_subject_key_identifier, "hash"))
    return error_of("a certificate cannot be made");
  return finish(certificate, key, key.get());
}

Result<KeyPair> make_serving(const KeyPair& ca, std::span<const std::string> hosts, seconds valid,
                             sys_seconds now) {
  if (hosts.empty()) return error_of("no host is given", "name those that clients connect to");
  std::string names;
  for (const std::string& host : hosts) {
    const std::string name = alternative_name(host);
    if (name.empty())
      return error_of(fmt::format("\"{}\" is neither a DNS name nor an IP address", host),
                      "give hosts without a scheme or a port");
    names += (names.empty() ? "" : ",") + name;
  }
  const Certificate issuer = first_certificate(ca.certificate);
  const Key signer = private_key(ca.key);
  const bool able = issuer && signer && X509_check_private_key(issuer.get(), signer.get()) == 1 &&
                    X509_check_ca(issuer.get()) == 1;
  ERR_clear_error();  // what X509_check_private_key() has to say
  if (!able)
    return error_of("the certificate and the key are not those of a CA",
                    "give the ca.key that belongs to ca.crt");

  valid = std::min(valid, to_time(X509_get0_notAfter(issuer.get())) - now);
  if (valid <= seconds(0)) return error_of("the CA has expired", "make a new one");

  const Key key(EVP_EC_gen("P-256"));
  // A common name has at most 64 letters; it is for people, clients read subjectAltName.
  const std::string common_name = hosts.front().substr(0, 64);
  const Certificate certificate = key ? start(key.get(), common_name, valid, now) : nullptr;
  if (!certificate) return error_of("a certificate cannot be made");
  X509* const self = certificate.get();
  X509_set_issuer_name(self, X509_get_subject_name(issuer.get()));
  if (!add_extension(self, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(self, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(self, issuer.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(self, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(self, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(self, issuer.get(), NID_subject_alt_name, names))
    return error_of("a certificate cannot be made");
  return finish(certificate, key, signer.get());
}

bool is_host(const std::string& host) { return !alternative_name(host).empty(); }

seconds CertificateFacts::valid() const {
  const seconds life = not_after - not_before;
  return life - backdate_of(life / 2);
}

std::optional<CertificateFacts> read_certificate(std::string_view pem) {
  const Certificate certificate = first_certificate(pem);
  if (!certificate) return std::nullopt;
  CertificateFacts facts;
  facts.not_before = to_time(X509_get0_notBefore(certificate.get()));
  facts.not_after = to_time(X509_get0_notAfter(certificate.get()));
  facts.common_name = common_name_of(certificate.get());
  facts.ca = X509_check_ca(certificate.get()) == 1;
  facts.hosts = hosts_of(certificate.get());
  ERR_clear_error();
  return facts;
}

std::vector<std::string> split_certificates(std::string_view pem) {
  std::vector<std::string> all;
  for (const Certificate& certificate : certificates_of(pem))
    all.push_back(pem_of(certificate.get()));
  return all;
}

bool key_fits(const KeyPair& pair) {
  const Certificate certificate = first_certificate(pair.certificate);
  const Key key = private_key(pair.key);
  const bool fits = certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return fits;
}

std::string signer_of(std::string_view certificate, std::string_view bundle) {
  const Certificate own = first_certificate(certificate);
  if (!own) return "";
  for (const Certificate& authority : certificates_of(bundle)) {
    const bool signed_it = X509_check_issued(authority.get(), own.get()) == X509_V_OK &&
                           X509_verify(own.get(), X509_get0_pubkey(authority.get())) == 1;
    ERR_clear_error();
    if (signed_it) return pem_of(authority.get());
  }
  return "";
}

bool names_hosts(const CertificateFacts& facts, std::span<const std::string> hosts) {
  return std::ranges::all_of(hosts, [&](const std::string& host) {
    return std::ranges::find(facts.hosts, plain_host(host)) != facts.hosts.end();
  });
}

bool verifies(std::string_view chain, std::string_view bundle, sys_seconds at) {
  const std::vector<Certificate> own = certificates_of(chain);
  const std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  const std::unique_ptr<STACK_OF(X509), Deleter<[](STACK_OF(X509) * all) { sk_X509_free(all); }>>
      rest(sk_X509_new_null());
  if (own.empty() || !store || !context || !rest) return false;
  for (std::size_t i = 1; i < own.size(); ++i) sk_X509_push(rest.get(), own[i].get());
  for (const Certificate& authority : certificates_of(bundle))
    X509_STORE_add_cert(store.get(), authority.get());
  if (X509_STORE_CTX_init(context.get(), store.get(), own[0].get(), rest.get()) != 1) return false;
  X509_VERIFY_PARAM* const wanted = X509_STORE_CTX_get0_param(context.get());
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(wanted, at.time_since_epoch().count());
  const bool good = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace plimsoll::server
