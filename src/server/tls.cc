#include "server/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

namespace plimsoll::server {
namespace {

Error file_error(const std::string& file, std::string message, std::string remedy) {
  Error error;
  error.message = std::move(message);
  error.file = file;
  error.remedy = std::move(remedy);
  return error;
}

Result<std::string> read_file(const std::string& path) {
  constexpr std::size_t kMost = 4 << 20;  // a chain of certificates has some kilobytes
  errno = 0;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  std::string bytes;
  std::array<char, 16 * 1024> part;
  for (std::size_t got = 1; file && got > 0 && bytes.size() <= kMost;
       bytes.append(part.data(), got))
    got = std::fread(part.data(), 1, part.size(), file.get());
  if (bytes.size() > kMost)
    return file_error(path, "is larger than 4 MiB", "keep only the certificates that are needed");
  if (!bytes.empty()) return bytes;
  return file_error(path,
                    errno != 0 ? fmt::format("cannot be read: {}", std::strerror(errno))
                               : std::string("is empty"),
                    "`plimsoll certs DIR` makes a CA and a serving pair");
}

struct BioFree {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct X509Free {
  void operator()(X509* x509) const { X509_free(x509); }
};
struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, BioFree>;
using Certificate = std::unique_ptr<X509, X509Free>;

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

// A key with a passphrase must not make the server ask the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

int choose_protocol(SSL*, const unsigned char** out, unsigned char* length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, length, kHttp11, sizeof kHttp11 - 1, offered,
                            offered_length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::time_t to_time(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

/// Makes the context serve with the pair; gives when it ends.
Result<std::time_t> use_pair(SSL_CTX* context, const TlsFiles& files,
                             std::string_view certificate_text, std::string_view key_text) {
  auto chain = certificates_of(certificate_text);
  if (chain.empty())
    return file_error(files.certificate, "holds no certificate in PEM",
                      "`plimsoll certs DIR` makes a CA and a serving pair");
  if (SSL_CTX_use_certificate(context, chain[0].get()) != 1)
    return file_error(files.certificate, "holds a certificate that cannot be used",
                      "use ECDSA P-256 or RSA with 2048 bits or more");
  for (std::size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(context, chain[i].get());

  const Bio key_bio = bio_of(key_text);
  const std::unique_ptr<EVP_PKEY, KeyFree> key(
      PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  if (!key)
    return file_error(files.key,
                      "holds no private key in PEM that can be read without a passphrase",
                      "give the key that belongs to the certificate");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return file_error(files.key, fmt::format("is not the key of {}", files.certificate),
                      "give the key that belongs to the certificate");
  }
  return to_time(X509_get0_notAfter(chain[0].get()));
}

}  // namespace

Result<TlsContext::Texts> TlsContext::read(const TlsFiles& files, Texts texts) {
  for (const auto& [path, text] :
       {std::pair{&files.certificate, &texts.certificate}, std::pair{&files.key, &texts.key},
        std::pair{&files.client_ca, &texts.client_ca}}) {
    if (path->empty()) continue;
    auto read = read_file(*path);
    if (!read) return read.error();
    *text = *std::move(read);
  }
  return texts;
}

Result<TlsContext::State> TlsContext::make(const TlsFiles& files, Texts texts) {
  State state;
  state.context = {SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  SSL_CTX* const context = state.context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Buffers that go from connection to connection stay in the processor's cache.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(context,
                          "ECDHE+AESGCM:ECDHE+CHACHA20");  // TLS 1.2; 1.3 has only good ones
  // The one that every client has (RFC 8446, 9.1) is also the cheapest.
  SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_read_ahead(context, 1);
  // A client that sends records without data, one after the other, must not keep SSL_read from
  // coming back.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  // The API server keeps its connections; tickets and sessions would only cost memory.
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);

  if (!texts.certificate.empty() || !texts.key.empty()) {
    auto used = use_pair(context, files, texts.certificate, texts.key);
    if (!used) return used.error();
    state.not_after = *used;
  }
  if (!texts.client_ca.empty()) {
    const auto authorities = certificates_of(texts.client_ca);
    if (authorities.empty())
      return file_error(files.client_ca, "holds no certificate in PEM",
                        "give the CA that signs the API server's client certificate");
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    for (const auto& authority : authorities) {
      X509_STORE_add_cert(store, authority.get());
      SSL_CTX_add_client_CA(context, authority.get());
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  state.texts = std::move(texts);
  return state;
}

Result<std::unique_ptr<TlsContext>> TlsContext::load(TlsFiles files) {
  std::unique_ptr<TlsContext> tls(new TlsContext(std::move(files)));
  auto texts = read(tls->files_, {});
  if (!texts) return texts.error();
  auto state = make(tls->files_, *std::move(texts));
  if (!state) return state.error();
  tls->state_ = *std::move(state);
  return tls;
}

TlsContext::Reload TlsContext::reload(Error& error) {
  const std::lock_guard one(changing_);
  // Nobody else writes it now.
  auto texts = read(files_, state_.texts);
  if (!texts) {
    if (unreadable_ == texts.error().to_string()) return Reload::Unchanged;
    unreadable_ = texts.error().to_string();
    failed_.reset();
    error = texts.error();
    return Reload::Failed;
  }
  unreadable_.clear();
  if (*texts == state_.texts) {
    failed_.reset();
    return Reload::Unchanged;
  }
  if (failed_ == *texts) return Reload::Unchanged;
  auto state = make(files_, *texts);
  if (!state) {
    failed_ = *std::move(texts);
    error = state.error();
    return Reload::Failed;
  }
  failed_.reset();
  const std::lock_guard lock(mutex_);
  state_ = *std::move(state);
  return Reload::Reloaded;
}

Status TlsContext::replace(std::string certificate, std::string key) {
  const std::lock_guard one(changing_);
  const TlsFiles names{"tls.crt", "tls.key", files_.client_ca};
  if (certificate.empty())
    return file_error(names.certificate, "is empty", "give the certificate in PEM");
  auto state = make(names, {std::move(certificate), std::move(key), state_.texts.client_ca});
  if (!state) return state.error();
  const std::lock_guard lock(mutex_);
  state_ = *std::move(state);
  return {};
}

std::shared_ptr<SSL_CTX> TlsContext::current() const {
  const std::lock_guard lock(mutex_);
  return state_.context;
}

std::time_t TlsContext::not_after() const {
  const std::lock_guard lock(mutex_);
  return state_.not_after;
}

}  // namespace plimsoll::server
