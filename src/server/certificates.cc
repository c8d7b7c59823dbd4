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

constexpr long kClockSkew = 5 * 60;  // seconds

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

/// A certificate without extensions; empty on failure, which is only for want of memory or entropy.
Certificate start(EVP_PKEY* key, std::string_view common_name, std::chrono::days valid) {
  Certificate certificate(X509_new());
  unsigned char serial[16];
  if (!certificate || RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7F;  // positive
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kClockSkew);
  X509_time_adj_ex(X509_getm_notAfter(certificate.get()), static_cast<int>(valid.count()), 0,
                   nullptr);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1)
    return nullptr;
  return certificate;
}

Result<KeyPair> finish(const Certificate& certificate, const Key& key, EVP_PKEY* signer) {
  if (X509_sign(certificate.get(), signer, EVP_sha256()) <= 0)
    return error_of("the CA's key cannot sign", "give the ca.key that belongs to ca.crt");
  KeyPair pair;
  pair.certificate = pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  pair.key = pem_of([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (pair.certificate.empty() || pair.key.empty()) return error_of("a certificate cannot be made");
  return pair;
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

Result<KeyPair> make_ca(std::string_view common_name, std::chrono::days valid) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key ? start(key.get(), common_name, valid) : nullptr;
  if (!certificate) return error_of("a certificate cannot be made");
  X509* const self = certificate.get();
  X509_set_issuer_name(self, X509_get_subject_name(self));
  if (!add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(self, self, NID_subject_key_identifier, "hash"))
    return error_of("a certificate cannot be made");
  return finish(certificate, key, key.get());
}

Result<KeyPair> make_serving(const KeyPair& ca, std::span<const std::string> hosts,
                             std::chrono::days valid) {
  if (hosts.empty()) return error_of("no host is given", "name those that clients connect to");
  std::string names;
  for (const std::string& host : hosts) {
    const std::string name = alternative_name(host);
    if (name.empty())
      return error_of(fmt::format("\"{}\" is neither a DNS name nor an IP address", host),
                      "give hosts without a scheme or a port");
    names += (names.empty() ? "" : ",") + name;
  }
  const Bio ca_text(
      BIO_new_mem_buf(ca.certificate.data(), static_cast<int>(ca.certificate.size())));
  const Bio key_text(BIO_new_mem_buf(ca.key.data(), static_cast<int>(ca.key.size())));
  const Certificate issuer(PEM_read_bio_X509(ca_text.get(), nullptr, nullptr, nullptr));
  const Key signer(PEM_read_bio_PrivateKey(
      key_text.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
  const bool able = issuer && signer && X509_check_private_key(issuer.get(), signer.get()) == 1 &&
                    X509_check_ca(issuer.get()) == 1;
  ERR_clear_error();
  if (!able)
    return error_of("the certificate and the key are not those of a CA",
                    "give the ca.key that belongs to ca.crt");

  const Key key(EVP_EC_gen("P-256"));
  // A common name has at most 64 letters; it is for people, clients read subjectAltName.
  const std::string common_name = hosts.front().substr(0, 64);
  const Certificate certificate = key ? start(key.get(), common_name, valid) : nullptr;
  if (!certificate) return error_of("a certificate cannot be made");
  X509* const self = certificate.get();
  if (ASN1_TIME_compare(X509_get0_notAfter(self), X509_get0_notAfter(issuer.get())) > 0)
    X509_set1_notAfter(self, X509_get0_notAfter(issuer.get()));
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

}  // namespace plimsoll::server
