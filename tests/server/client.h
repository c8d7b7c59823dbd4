// What the tests of servers share: a folder of their own, a certificate, and a client that writes
// and reads raw bytes over TLS or plain TCP, so that it can say what no HTTP library would.
//
// Thread-safety: a Client is for one thread at a time.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/certificates.h"

namespace plimsoll::server::testing {

/// Nothing takes this long unless it never comes: not a measure of speed.
inline constexpr std::chrono::seconds kForever{60};

/// Whether the condition comes true at last.
template <class Condition>
bool eventually(Condition condition, std::chrono::seconds bound = kForever) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

/// A folder that goes when the test ends.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "plimsoll-test-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string operator/(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Writes a file whole, as whoever replaces a certificate should: by rename.
  std::string write(std::string_view name, std::string_view text) const {
    std::string path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path + ".new", std::ios::binary) << text;
    std::filesystem::rename(path + ".new", path);
    return path;
  }

 private:
  std::string path_;
};

inline std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The CA of this process.
inline const KeyPair& test_ca() {
  static const KeyPair ca = make_ca("Test CA", std::chrono::days(2)).value();
  return ca;
}

inline KeyPair test_serving(const KeyPair& ca = test_ca()) {
  const std::string hosts[] = {"localhost", "127.0.0.1"};
  return make_serving(ca, hosts, std::chrono::days(1)).value();
}

struct X509Deleter {
  void operator()(X509* x509) const { X509_free(x509); }
};
using X509Pointer = std::unique_ptr<X509, X509Deleter>;

inline X509Pointer certificate_of(std::string_view pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509Pointer certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
  BIO_free_all(bio);
  return certificate;
}

/// A certificate for a client of TLS, which no command of Plimsoll makes.
inline KeyPair test_client(const KeyPair& ca) {
  BIO* const text = BIO_new_mem_buf(ca.key.data(), static_cast<int>(ca.key.size()));
  EVP_PKEY* const signer = PEM_read_bio_PrivateKey(text, nullptr, nullptr, nullptr);
  const X509Pointer issuer = certificate_of(ca.certificate);
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  const X509Pointer own(X509_new());
  X509_set_version(own.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(own.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(own.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(own.get()), 3600);
  X509_set_pubkey(own.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(own.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("client"), -1, -1, 0);
  X509_set_issuer_name(own.get(), X509_get_subject_name(issuer.get()));
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer.get(), own.get(), nullptr, nullptr, 0);
  for (const auto& [nid, value] :
       {std::pair{NID_key_usage, "digitalSignature"}, std::pair{NID_ext_key_usage, "clientAuth"}}) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(own.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(own.get(), signer, EVP_sha256());
  BIO* const out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, own.get());
  const auto take = [out] {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out, &bytes);
    std::string taken(bytes, static_cast<std::size_t>(size));
    BIO_reset(out);
    return taken;
  };
  KeyPair pair;
  pair.certificate = take();
  PEM_write_bio_PKCS8PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  pair.key = take();
  BIO_free_all(out);
  BIO_free_all(text);
  EVP_PKEY_free(key);
  EVP_PKEY_free(signer);
  return pair;
}

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< by name in small letters
  std::string body;
  std::string raw;

  [[nodiscard]] std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
  }
  [[nodiscard]] bool closes() const { return header("connection") == "close"; }
};

/// A request as it stands on the wire.
inline std::string post(std::string_view path, std::string_view body,
                        std::string_view more_headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" +
         "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(more_headers) + "\r\n" + std::string(body);
}
inline std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

enum class Ending { Closed, Reset, StillOpen };

class Client {
 public:
  struct Options {
    bool tls = true;
    bool shake_hands = true;  ///< false: connects only
    std::string ca;           ///< PEM; empty: any certificate will do
    KeyPair certificate;      ///< shown to the server; empty: none
    int min_version = TLS1_2_VERSION, max_version = TLS1_3_VERSION;
    std::vector<unsigned char> alpn;  ///< as on the wire
  };

  explicit Client(const std::string& address) : Client(address, Options()) {}
  Client(const std::string& address, const Options& options) {
    std::signal(SIGPIPE, SIG_IGN);
    connect_to(address);
    if (socket_ < 0 || !options.tls) return;
    begin_tls(options);
    if (!options.shake_hands) return;
    ERR_clear_error();
    connected_ = SSL_connect(ssl_.get()) == 1;
    if (!connected_) return;
    // In TLS 1.3 the server's refusal of a client comes after the client's handshake: to be read.
    if (X509* const peer = SSL_get0_peer_certificate(ssl_.get()))
      serial_ = std::to_string(X509_issuer_and_serial_hash(peer));
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  /// Tells one serving certificate from another.
  [[nodiscard]] const std::string& serial() const { return serial_; }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] int socket() const { return socket_; }

  /// False: the peer takes no more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t sent = 0;
      if (ssl_ != nullptr && connected_) {
        ERR_clear_error();
        if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) != 1) return false;
      } else {
        const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        sent = static_cast<std::size_t>(count);
      }
      bytes.remove_prefix(sent);
    }
    return true;
  }

  /// The next answer, past any `100 Continue`; empty: the connection ended before its end.
  std::optional<Answer> answer() {
    for (;;) {
      auto next = any_answer();
      if (!next || next->status != 100) return next;
    }
  }

  /// The next answer, of any status.
  std::optional<Answer> any_answer() {
    std::size_t end = std::string::npos;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return std::nullopt;
    Answer answer;
    const std::string head = input_.substr(0, end + 2);
    if (!head.starts_with("HTTP/1.1 ")) return std::nullopt;
    answer.status = std::atoi(head.c_str() + 9);
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const auto stop = head.find("\r\n", at);
      const auto colon = head.find(':', at);
      std::string name = head.substr(at, colon - at);
      std::ranges::transform(name, name.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const auto value = head.find_first_not_of(' ', colon + 1);
      answer.headers[name] = head.substr(value, stop - value);
      at = stop + 2;
    }
    const std::size_t length = std::strtoul(answer.header("content-length").c_str(), nullptr, 10);
    while (input_.size() < end + 4 + length)
      if (!more()) return std::nullopt;
    answer.body = input_.substr(end + 4, length);
    answer.raw = input_.substr(0, end + 4 + length);
    input_.erase(0, end + 4 + length);
    return answer;
  }

  /// Sends the request and reads its answer. What cannot be sent any more is not: the server may
  /// have answered already.
  std::optional<Answer> ask(std::string_view request) {
    send(request);
    return answer();
  }

  /// Waits for the server to end the connection, and drops what else it says.
  Ending ending() {
    while (more()) input_.clear();
    return ending_;
  }
  bool ended() { return ending() != Ending::StillOpen; }

  void close() {
    ssl_.reset();
    context_.reset();
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  void connect_to(const std::string& address) {
    const auto colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval bound{kForever.count(), 0};
    const int on = 1;
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      ::close(socket_);
      socket_ = -1;
      return;
    }
    connected_ = true;
  }

  void begin_tls(const Options& options) {
    connected_ = false;
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = context_.get();
    // Old versions are only offered at a security level that still has them.
    if (options.min_version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, options.min_version);
    SSL_CTX_set_max_proto_version(context, options.max_version);
    if (!options.alpn.empty())
      SSL_CTX_set_alpn_protos(context, options.alpn.data(),
                              static_cast<unsigned>(options.alpn.size()));
    if (!options.ca.empty()) {
      const auto ca = certificate_of(options.ca);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get());
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
    if (!options.certificate.certificate.empty()) {
      const auto own = certificate_of(options.certificate.certificate);
      SSL_CTX_use_certificate(context, own.get());
      BIO* const bio = BIO_new_mem_buf(options.certificate.key.data(),
                                       static_cast<int>(options.certificate.key.size()));
      EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
      SSL_CTX_use_PrivateKey(context, key);
      EVP_PKEY_free(key);
      BIO_free_all(bio);
    }
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), socket_);
    SSL_set_tlsext_host_name(ssl_.get(), "localhost");
    if (!options.ca.empty()) SSL_set1_host(ssl_.get(), "localhost");
  }

  /// Reads what is there; false: it ended, see ending_.
  bool more() {
    if (socket_ < 0) {
      ending_ = Ending::Closed;
      return false;
    }
    char buffer[16 * 1024];
    std::size_t got = 0;
    errno = 0;
    if (ssl_ != nullptr && connected_) {
      ERR_clear_error();
      const int done = SSL_read_ex(ssl_.get(), buffer, sizeof buffer, &got);
      if (done != 1) {
        const int problem = errno;
        const int error = SSL_get_error(ssl_.get(), done);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
          ending_ = Ending::StillOpen;
        else
          ending_ = error == SSL_ERROR_SYSCALL && problem != 0 ? Ending::Reset : Ending::Closed;
        return false;
      }
    } else {
      const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
      if (count <= 0) {
        ending_ = count == 0                                ? Ending::Closed
                  : errno == EAGAIN || errno == EWOULDBLOCK ? Ending::StillOpen
                                                            : Ending::Reset;
        return false;
      }
      got = static_cast<std::size_t>(count);
    }
    input_.append(buffer, got);
    return true;
  }

  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  int socket_ = -1;
  bool connected_ = false;
  std::unique_ptr<SSL_CTX, SslFree> context_;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::string input_, serial_;
  Ending ending_ = Ending::StillOpen;
};

}  // namespace plimsoll::server::testing
