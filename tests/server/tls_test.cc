#include "server/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <string>
#include <thread>
#include <vector>

#include "server/client.h"
#include "server/running.h"

namespace plimsoll::server {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using Reload = TlsContext::Reload;

std::string encrypted(const std::string& key_pem) {
  BIO* const in = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO* const out = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "passphrase", 10, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free_all(out);
  BIO_free_all(in);
  EVP_PKEY_free(key);
  return pem;
}

class Tls : public ::testing::Test {
 protected:
  TlsFiles write(const KeyPair& pair, const std::string& client_ca = "") {
    TlsFiles files{folder_.write("tls.crt", pair.certificate), folder_.write("tls.key", pair.key),
                   ""};
    if (!client_ca.empty()) files.client_ca = folder_.write("client-ca.crt", client_ca);
    return files;
  }
  std::unique_ptr<TlsContext> load(const KeyPair& pair, const std::string& client_ca = "") {
    return TlsContext::load(write(pair, client_ca)).value();
  }
  static void expect_error(const TlsFiles& files, const std::string& file,
                           const std::string& says) {
    const auto tls = TlsContext::load(files);
    ASSERT_FALSE(tls);
    EXPECT_EQ(tls.error().file, file);
    EXPECT_THAT(tls.error().message, HasSubstr(says));
    EXPECT_FALSE(tls.error().remedy.empty());
    EXPECT_EQ(tls.error().to_string().find('\n'), std::string::npos);
  }
  static std::string hash_of(const KeyPair& pair) {
    const auto certificate = certificate_of(pair.certificate);
    return std::to_string(X509_issuer_and_serial_hash(certificate.get()));
  }

  const Folder folder_;
  const KeyPair pair_ = test_serving();
};

// --- load ----------------------------------------------------------------------------------------

TEST_F(Tls, Loads) {
  const auto tls = load(pair_);
  ASSERT_NE(tls->current(), nullptr);
  const auto certificate = certificate_of(pair_.certificate);
  std::tm parts{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &parts);
  EXPECT_EQ(tls->not_after(), timegm(&parts));
}

TEST_F(Tls, SaysWhichFileIsMissing) {
  const TlsFiles files = write(pair_, test_ca().certificate);
  for (std::string TlsFiles::* const member :
       {&TlsFiles::certificate, &TlsFiles::key, &TlsFiles::client_ca}) {
    TlsFiles wrong = files;
    wrong.*member = folder_ / "missing";
    expect_error(wrong, folder_ / "missing", "No such file");
  }
}

TEST_F(Tls, SaysWhichFileIsEmpty) {
  const TlsFiles files = write(pair_, test_ca().certificate);
  const std::string empty = folder_.write("empty", "");
  expect_error({empty, files.key, ""}, empty, "is empty");
  expect_error({files.certificate, empty, ""}, empty, "is empty");
  expect_error({files.certificate, files.key, empty}, empty, "is empty");
}

TEST_F(Tls, SaysThatAFolderIsNoFile) {
  const TlsFiles files = write(pair_);
  expect_error({folder_.path(), files.key, ""}, folder_.path(), "directory");
}

TEST_F(Tls, SaysWhichFileIsGarbage) {
  const TlsFiles files = write(pair_);
  for (const std::string& text :
       {std::string("garbage"), std::string("\0\0\0\0", 4), std::string(100'000, 'x'),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        pair_.certificate.substr(0, pair_.certificate.size() / 2)}) {
    const std::string garbage = folder_.write("garbage", text);
    expect_error({garbage, files.key, ""}, garbage, "no certificate");
    expect_error({files.certificate, garbage, ""}, garbage, "no private key");
    expect_error({files.certificate, files.key, garbage}, garbage, "no certificate");
  }
}

TEST_F(Tls, SaysThatTheFilesAreSwapped) {
  const TlsFiles files = write(pair_);
  expect_error({files.key, files.certificate, ""}, files.key, "no certificate");
}

TEST_F(Tls, SaysThatTheKeyIsAnothers) {
  const TlsFiles files = write(pair_);
  const std::string other = folder_.write("other.key", test_serving().key);
  expect_error({files.certificate, other, ""}, other, files.certificate);
}

// It must not ask a terminal, which nobody sits at.
TEST_F(Tls, RefusesAKeyWithAPassphrase) {
  const TlsFiles files = write(pair_);
  const std::string locked = folder_.write("locked.key", encrypted(pair_.key));
  expect_error({files.certificate, locked, ""}, locked, "passphrase");
}

TEST_F(Tls, SendsTheWholeChain) {
  const auto tls = load({pair_.certificate + test_ca().certificate, pair_.key});
  const RunningServer server(wide_limits(), tls.get());
  const auto client = server.connect();
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(client->ssl())), 2);
}

// --- what is agreed on ---------------------------------------------------------------------------

TEST_F(Tls, SpeaksTls12And13Only) {
  const auto tls = load(pair_);
  RunningServer server(wide_limits(), tls.get());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto options = server.options();
    options.min_version = options.max_version = version;
    Client client(server.address(), options);
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(SSL_version(client.ssl()), version);
    const auto answer = client.ask(post("/echo", "hello"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "hello");
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    auto options = server.options();
    options.min_version = options.max_version = version;
    EXPECT_FALSE(Client(server.address(), options).connected());
  }
}

TEST_F(Tls, KeepsEveryConnectionForwardSecret) {
  const auto tls = load(pair_);
  const RunningServer server(wide_limits(), tls.get());
  auto options = server.options();
  options.max_version = TLS1_2_VERSION;
  const Client client(server.address(), options);
  ASSERT_TRUE(client.connected());
  EXPECT_TRUE(std::string(SSL_get_cipher_name(client.ssl())).starts_with("ECDHE-"));
}

std::string alpn_of(const RunningServer& server, const std::string& offered, bool& connected) {
  auto options = server.options();
  options.alpn.assign(offered.begin(), offered.end());
  const Client client(server.address(), options);
  connected = client.connected();
  const unsigned char* chosen = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(client.ssl(), &chosen, &length);
  return {reinterpret_cast<const char*>(chosen), length};
}

TEST_F(Tls, ChoosesHttp11) {
  const auto tls = load(pair_);
  const RunningServer server(wide_limits(), tls.get());
  bool connected = false;
  EXPECT_EQ(alpn_of(server, "\x08http/1.1", connected), "http/1.1");
  EXPECT_EQ(alpn_of(server, "\x02h2\x08http/1.1", connected), "http/1.1");
  EXPECT_TRUE(connected);
  EXPECT_EQ(alpn_of(server, "", connected), "");
  EXPECT_TRUE(connected);
  // Never what the server does not speak.
  EXPECT_EQ(alpn_of(server, "\x02h2", connected), "");
}

// --- clients with certificates -------------------------------------------------------------------

KeyPair client_ca(std::string_view name) { return make_ca(name, std::chrono::days(1)).value(); }

TEST_F(Tls, TakesOnlyClientsOfTheClientCa) {
  const KeyPair ca = client_ca("Client CA"), stranger = client_ca("Client CA");
  const auto tls = load(pair_, ca.certificate);
  RunningServer server(wide_limits(), tls.get());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto ask = [&](const KeyPair& shown) {
      auto options = server.options();
      options.max_version = version;
      options.certificate = shown;
      Client client(server.address(), options);
      return client.ask(post("/echo", "hello"));
    };
    const auto answer = ask(test_client(ca));
    ASSERT_TRUE(answer) << version;
    EXPECT_EQ(answer->body, "hello");
    EXPECT_FALSE(ask(test_client(stranger))) << version;
    EXPECT_FALSE(ask({})) << version;
    // A serving certificate is not a client's, whoever signed it.
    EXPECT_FALSE(ask(test_serving(ca))) << version;
  }
  EXPECT_TRUE(eventually([&] { return server->counts().handshake_failures == 6; }));
}

TEST_F(Tls, TakesClientsOfEachOfSeveralClientCas) {
  const KeyPair one = client_ca("One"), two = client_ca("Two");
  const auto tls = load(pair_, one.certificate + two.certificate);
  const RunningServer server(wide_limits(), tls.get());
  for (const KeyPair& ca : {one, two}) {
    auto options = server.options();
    options.certificate = test_client(ca);
    EXPECT_TRUE(Client(server.address(), options).ask(post("/echo", "hello")));
  }
}

TEST_F(Tls, AsksForNoCertificateWithoutAClientCa) {
  const auto tls = load(pair_);
  const RunningServer server(wide_limits(), tls.get());
  auto options = server.options();
  options.certificate = test_client(client_ca("Anybody"));
  EXPECT_TRUE(Client(server.address(), options).ask(post("/echo", "hello")));
}

// --- reload --------------------------------------------------------------------------------------

TEST_F(Tls, ServesANewPairToNewConnectionsWhileOldOnesGoOn) {
  const auto tls = load(pair_);
  const RunningServer server(wide_limits(), tls.get());
  const auto before = server.connect();
  ASSERT_TRUE(before->ask(post("/echo", "one")));
  EXPECT_EQ(before->serial(), hash_of(pair_));

  const KeyPair renewed = test_serving();
  write(renewed);
  Error error;
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
  EXPECT_EQ(server.connect()->serial(), hash_of(renewed));
  const auto answer = before->ask(post("/echo", "two"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "two");
  EXPECT_EQ(tls->reload(error), Reload::Unchanged);
}

TEST_F(Tls, DoesNothingWhenNothingChanged) {
  const auto tls = load(pair_);
  const auto context = tls->current();
  Error error;
  EXPECT_EQ(tls->reload(error), Reload::Unchanged);
  write(pair_);  // the same bytes, new files
  EXPECT_EQ(tls->reload(error), Reload::Unchanged);
  EXPECT_EQ(tls->current(), context);
}

TEST_F(Tls, KeepsTheOldPairWhenTheNewOneIsBrokenAndSaysSoOnce) {
  const auto tls = load(pair_);
  const RunningServer server(wide_limits(), tls.get());
  const KeyPair renewed = test_serving();
  for (const KeyPair& broken :
       {KeyPair{"garbage", renewed.key}, KeyPair{renewed.certificate, "garbage"},
        KeyPair{renewed.certificate, pair_.key}, KeyPair{pair_.certificate, renewed.key},
        KeyPair{"", ""}, KeyPair{renewed.certificate, encrypted(renewed.key)}}) {
    write(broken);
    Error error;
    EXPECT_EQ(tls->reload(error), Reload::Failed);
    EXPECT_FALSE(error.to_string().empty());
    EXPECT_THAT(error.file, HasSubstr(folder_.path()));
    EXPECT_EQ(tls->reload(error), Reload::Unchanged);
    EXPECT_EQ(server.connect()->serial(), hash_of(pair_));
    server.expect_alive();
  }
  write(renewed);
  Error error;
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
  EXPECT_EQ(server.connect()->serial(), hash_of(renewed));
}

TEST_F(Tls, KeepsTheOldPairWhileFilesAreMissing) {
  const TlsFiles files = write(pair_);
  const auto tls = TlsContext::load(files).value();
  std::filesystem::remove(files.key);
  Error error;
  EXPECT_EQ(tls->reload(error), Reload::Failed);
  EXPECT_EQ(error.file, files.key);
  EXPECT_EQ(tls->reload(error), Reload::Unchanged);
  std::filesystem::remove(files.certificate);
  EXPECT_EQ(tls->reload(error), Reload::Failed);
  EXPECT_EQ(error.file, files.certificate);
  write(pair_);  // back again, as it was
  EXPECT_EQ(tls->reload(error), Reload::Unchanged);
  std::filesystem::remove(files.key);
  EXPECT_EQ(tls->reload(error), Reload::Failed);  // news again
  const KeyPair renewed = test_serving();
  write(renewed);
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
}

// An exception here would end the thread that watches the files, and the process with it.
TEST_F(Tls, KeepsTheOldPairWhenAFileBecomesAFolder) {
  const TlsFiles files = write(pair_);
  const auto tls = TlsContext::load(files).value();
  std::filesystem::remove(files.certificate);
  std::filesystem::create_directory(files.certificate);
  Error error;
  EXPECT_EQ(tls->reload(error), Reload::Failed);
  EXPECT_EQ(error.file, files.certificate);
}

// Whoever writes the pair file by file is seen between the two.
TEST_F(Tls, TakesAPairThatIsWrittenByHalves) {
  const auto tls = load(pair_);
  const KeyPair renewed = test_serving();
  Error error;
  folder_.write("tls.key", renewed.key);
  EXPECT_EQ(tls->reload(error), Reload::Failed);
  folder_.write("tls.crt", renewed.certificate.substr(0, 100));
  EXPECT_EQ(tls->reload(error), Reload::Failed);
  folder_.write("tls.crt", renewed.certificate);
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
}

TEST_F(Tls, GoesBackToTheFirstPair) {
  const auto tls = load(pair_);
  const KeyPair renewed = test_serving();
  Error error;
  write(renewed);
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
  write({renewed.certificate, "garbage"});
  EXPECT_EQ(tls->reload(error), Reload::Failed);
  write(pair_);
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
}

TEST_F(Tls, TellsWhenTheNewPairEnds) {
  const auto tls = load(pair_);
  const auto before = tls->not_after();
  const std::string hosts[] = {"localhost"};
  write(make_serving(test_ca(), hosts, std::chrono::days(2)).value());
  Error error;
  ASSERT_EQ(tls->reload(error), Reload::Reloaded);
  EXPECT_GT(tls->not_after(), before);
}

TEST_F(Tls, ReloadsTheClientCa) {
  const KeyPair first = client_ca("First"), second = client_ca("Second");
  const auto tls = load(pair_, first.certificate);
  const RunningServer server(wide_limits(), tls.get());
  const auto taken = [&](const KeyPair& ca) {
    auto options = server.options();
    options.certificate = test_client(ca);
    return Client(server.address(), options).ask(post("/echo", "hello")).has_value();
  };
  EXPECT_TRUE(taken(first));
  EXPECT_FALSE(taken(second));
  folder_.write("client-ca.crt", second.certificate);
  Error error;
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
  EXPECT_FALSE(taken(first));
  EXPECT_TRUE(taken(second));
  folder_.write("client-ca.crt", "garbage");
  EXPECT_EQ(tls->reload(error), Reload::Failed);
  EXPECT_TRUE(taken(second));
  EXPECT_FALSE(taken(first));
}

TEST_F(Tls, ReloadsUnderLoad) {
  const auto tls = load(pair_);
  const RunningServer server(wide_limits(), tls.get());
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0}, served{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop) {
        Client client(server.address(), server.options());
        for (int k = 0; k < 3; ++k) {
          const auto answer = client.ask(post("/echo", "hello"));
          ++(answer && answer->status == 200 ? served : failed);
        }
      }
    });
  for (int i = 0; i < 20; ++i) {
    write(test_serving());
    Error error;
    EXPECT_EQ(tls->reload(error), Reload::Reloaded);
    const int before = served;
    EXPECT_TRUE(eventually([&] { return served > before + 2; }));
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

// --- given while serving -------------------------------------------------------------------------

TEST_F(Tls, WithoutAPairNobodyIsServedUntilOneIsGiven) {
  const auto tls = TlsContext::load({}).value();
  EXPECT_EQ(tls->not_after(), 0);
  RunningServer server(wide_limits(), tls.get());
  EXPECT_FALSE(Client(server.address(), server.options()).connected());
  ASSERT_FALSE(tls->replace(pair_.certificate, pair_.key));
  EXPECT_EQ(server.connect()->serial(), hash_of(pair_));
  EXPECT_EQ(std::chrono::sys_seconds(std::chrono::seconds(tls->not_after())),
            read_certificate(pair_.certificate)->not_after);
  server.expect_alive();
}

TEST_F(Tls, ServesAGivenPairToNewConnectionsWhileOldOnesGoOn) {
  const auto tls = TlsContext::load({}).value();
  ASSERT_FALSE(tls->replace(pair_.certificate, pair_.key));
  const RunningServer server(wide_limits(), tls.get());
  const auto before = server.connect();
  ASSERT_TRUE(before->ask(post("/echo", "one")));
  const std::string hosts[] = {"localhost"};
  const KeyPair renewed = make_serving(test_ca(), hosts, std::chrono::hours(1)).value();
  ASSERT_FALSE(tls->replace(renewed.certificate, renewed.key));
  EXPECT_EQ(server.connect()->serial(), hash_of(renewed));
  EXPECT_EQ(std::chrono::sys_seconds(std::chrono::seconds(tls->not_after())),
            read_certificate(renewed.certificate)->not_after);
  const auto answer = before->ask(post("/echo", "two"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "two");
}

TEST_F(Tls, AGivenPairThatCannotBeUsedChangesNothing) {
  const auto tls = TlsContext::load({}).value();
  ASSERT_FALSE(tls->replace(pair_.certificate, pair_.key));
  const RunningServer server(wide_limits(), tls.get());
  const auto context = tls->current();
  const KeyPair other = test_serving();
  const std::pair<KeyPair, const char*> kRows[] = {
      {{"", ""}, "tls.crt: is empty"},
      {{"", other.key}, "tls.crt: is empty"},
      {{"garbage", other.key}, "tls.crt: holds no certificate"},
      {{other.certificate, ""}, "tls.key: holds no private key"},
      {{other.certificate, encrypted(other.key)}, "tls.key: holds no private key"},
      {{other.certificate, pair_.key}, "tls.key: is not the key of tls.crt"},
  };
  for (const auto& [pair, says] : kRows) {
    const Status error = tls->replace(pair.certificate, pair.key);
    ASSERT_TRUE(error) << says;
    EXPECT_THAT(error->to_string(), HasSubstr(says));
    EXPECT_EQ(tls->current(), context);
  }
  EXPECT_EQ(server.connect()->serial(), hash_of(pair_));
}

// The pair comes from elsewhere, the CA of clients from a file.
TEST_F(Tls, AGivenPairAndTheFileOfTheClientCaChangeEachForItself) {
  const KeyPair first = client_ca("First"), second = client_ca("Second");
  const auto tls =
      TlsContext::load({.client_ca = folder_.write("client-ca.crt", first.certificate)}).value();
  ASSERT_FALSE(tls->replace(pair_.certificate, pair_.key));
  const RunningServer server(wide_limits(), tls.get());
  const auto taken = [&](const KeyPair& ca) {
    auto options = server.options();
    options.certificate = test_client(ca);
    return Client(server.address(), options).ask(post("/echo", "hello")).has_value();
  };
  EXPECT_TRUE(taken(first));
  EXPECT_FALSE(taken(second));
  folder_.write("client-ca.crt", second.certificate);
  Error error;
  EXPECT_EQ(tls->reload(error), Reload::Reloaded);
  EXPECT_TRUE(taken(second));
  EXPECT_EQ(server.connect()->serial(), hash_of(pair_));
  const KeyPair renewed = test_serving();
  ASSERT_FALSE(tls->replace(renewed.certificate, renewed.key));
  EXPECT_FALSE(taken(first));
  EXPECT_TRUE(taken(second));
  EXPECT_EQ(server.connect()->serial(), hash_of(renewed));
  EXPECT_EQ(tls->reload(error), Reload::Unchanged);
}

TEST_F(Tls, ReplacesUnderLoad) {
  const auto tls = TlsContext::load({}).value();
  ASSERT_FALSE(tls->replace(pair_.certificate, pair_.key));
  const RunningServer server(wide_limits(), tls.get());
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0}, served{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop) {
        Client client(server.address(), server.options());
        for (int k = 0; k < 3; ++k) {
          const auto answer = client.ask(post("/echo", "hello"));
          ++(answer && answer->status == 200 ? served : failed);
        }
      }
    });
  for (int i = 0; i < 20; ++i) {
    const KeyPair renewed = test_serving();
    EXPECT_FALSE(tls->replace(renewed.certificate, renewed.key));
    Error error;
    EXPECT_EQ(tls->reload(error), Reload::Unchanged);
    const int before = served;
    EXPECT_TRUE(eventually([&] { return served > before + 2; }));
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace plimsoll::server
