#include "server/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

#include "server/client.h"

namespace plimsoll::server {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::certificate_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::test_ca;
using testing::test_client;
using testing::X509Pointer;

constexpr long kDay = 24L * 3600;
const std::string kHost[] = {"localhost"};

KeyPair serving(const std::vector<std::string>& hosts, days valid = days(1),
                const KeyPair& ca = test_ca()) {
  return make_serving(ca, hosts, valid).value();
}

/// OpenSSL's own word on the certificate as that of a TLS server at the host.
int verify(const KeyPair& leaf, const KeyPair& ca, const std::string& host = "",
           const std::string& address = "", int purpose = X509_PURPOSE_SSL_SERVER) {
  X509_STORE* const store = X509_STORE_new();
  const X509Pointer authority = certificate_of(ca.certificate),
                    own = certificate_of(leaf.certificate);
  X509_STORE_add_cert(store, authority.get());
  X509_STORE_CTX* const context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, own.get(), nullptr);
  X509_VERIFY_PARAM* const wanted = X509_STORE_CTX_get0_param(context);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_X509_STRICT);
  if (!host.empty()) X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
  if (!address.empty()) X509_VERIFY_PARAM_set1_ip_asc(wanted, address.c_str());
  X509_verify_cert(context);
  const int error = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return error;
}

std::string curve_of(X509* certificate) {
  char name[64] = "";
  std::size_t size = 0;
  EVP_PKEY_get_group_name(X509_get0_pubkey(certificate), name, sizeof name, &size);
  return name;
}

TEST(Certificates, CaIsACaForServingCertificatesOnly) {
  const auto ca = certificate_of(test_ca().certificate);
  ASSERT_TRUE(ca);
  EXPECT_EQ(X509_check_ca(ca.get()), 1);
  EXPECT_EQ(X509_get_pathlen(ca.get()), 0);
  EXPECT_EQ(X509_get_key_usage(ca.get()), static_cast<unsigned>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  EXPECT_EQ(curve_of(ca.get()), "prime256v1");
  EXPECT_EQ(X509_get_version(ca.get()), X509_VERSION_3);
  for (const int nid : {NID_basic_constraints, NID_key_usage}) {
    const int at = X509_get_ext_by_NID(ca.get(), nid, -1);
    ASSERT_GE(at, 0);
    EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(ca.get(), at)), 1);
  }
}

constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1'900'000'000)};

// Clocks that are behind must not see a certificate that is not valid yet.
TEST(Certificates, HoldAsLongAsIsAskedAndFromBeforeTheyAreMade) {
  const std::pair<std::chrono::seconds, std::chrono::seconds> kRows[] = {
      {days(365), hours(1)},      {hours(2), hours(1)},     {hours(1), hours(1)},
      {minutes(10), minutes(10)}, {seconds(7), seconds(7)},
  };
  for (const auto& [valid, backdate] : kRows) {
    const auto ca = make_ca("CA", days(400), kNow).value();
    for (const std::string& pem : {make_ca("CA", valid, kNow).value().certificate,
                                   make_serving(ca, kHost, valid, kNow).value().certificate}) {
      const auto facts = read_certificate(pem).value();
      EXPECT_EQ(facts.not_before, kNow - backdate) << valid.count();
      EXPECT_EQ(facts.not_after, kNow + valid) << valid.count();
      EXPECT_EQ(facts.valid(), valid);
    }
  }
  const auto now = read_certificate(make_ca("CA", days(1)).value().certificate).value();
  EXPECT_NEAR(static_cast<double>((now.not_after - current_second()).count()),
              static_cast<double>(kDay), 30);
}

TEST(Certificates, HoldForDecades) {
  const auto ca = make_ca("CA", days(36500)).value();
  EXPECT_EQ(verify(serving({"localhost"}, days(3650), ca), ca, "localhost"), X509_V_OK);
}

TEST(Certificates, ServingVerifies) {
  const auto pair = serving({"localhost"});
  EXPECT_EQ(verify(pair, test_ca(), "localhost"), X509_V_OK);
  EXPECT_EQ(verify(pair, test_ca(), "elsewhere"), X509_V_ERR_HOSTNAME_MISMATCH);
  const auto other = make_ca("Test CA", days(1)).value();
  EXPECT_NE(verify(pair, other, "localhost"), X509_V_OK);
}

TEST(Certificates, ServingIsForServersOnly) {
  const auto pair = serving({"localhost"});
  const auto own = certificate_of(pair.certificate);
  EXPECT_EQ(X509_get_extended_key_usage(own.get()), static_cast<unsigned>(XKU_SSL_SERVER));
  EXPECT_EQ(X509_get_key_usage(own.get()), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_check_ca(own.get()), 0);
  EXPECT_NE(verify(pair, test_ca(), "", "", X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_EQ(curve_of(own.get()), "prime256v1");
}

TEST(Certificates, ServingNamesEveryHost) {
  const auto pair = serving({"plimsoll.plimsoll-system.svc", "localhost", "127.0.0.1", "::1",
                             "10.96.0.10", "*.example.test"});
  for (const char* host :
       {"plimsoll.plimsoll-system.svc", "localhost", "LOCALHOST", "web.example.test"})
    EXPECT_EQ(verify(pair, test_ca(), host), X509_V_OK) << host;
  for (const char* host : {"example.test", "a.b.example.test", "plimsoll", "127.0.0.2"})
    EXPECT_EQ(verify(pair, test_ca(), host), X509_V_ERR_HOSTNAME_MISMATCH) << host;
  for (const char* address : {"127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "10.96.0.10"})
    EXPECT_EQ(verify(pair, test_ca(), "", address), X509_V_OK) << address;
  EXPECT_EQ(verify(pair, test_ca(), "", "127.0.0.2"), X509_V_ERR_IP_ADDRESS_MISMATCH);
}

TEST(Certificates, TakesLongNames) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), 253U);
  EXPECT_EQ(verify(serving({longest}), test_ca(), longest), X509_V_OK);
}

TEST(Certificates, RefusesWhatIsNoHost) {
  const std::string label(63, 'a');
  for (const std::string& host : {std::string(),
                                  std::string("https://localhost"),
                                  std::string("localhost:8443"),
                                  std::string("a b"),
                                  std::string("a,DNS:evil"),
                                  std::string("a_b"),
                                  std::string("."),
                                  std::string("a..b"),
                                  std::string("a."),
                                  std::string(".a"),
                                  std::string("-a"),
                                  std::string("a-"),
                                  std::string("*"),
                                  std::string("*."),
                                  std::string("a.*.b"),
                                  std::string("*a.b"),
                                  std::string("**.b"),
                                  std::string("1.2.3"),
                                  std::string("1.2.3.4.5"),
                                  std::string("256.1.1.1"),
                                  std::string("::g"),
                                  std::string("[::1]"),
                                  std::string("10.0.0.0/8"),
                                  std::string("fe80::1%eth0"),
                                  std::string("m\xc3\xbcller.de"),
                                  std::string("a\nb"),
                                  std::string("a\0b", 3),
                                  label + "a",
                                  label + "." + label + "." + label + "." + label}) {
    const std::vector<std::string> hosts = {"localhost", host};
    const auto pair = make_serving(test_ca(), hosts, days(1));
    ASSERT_FALSE(pair) << host;
    EXPECT_THAT(pair.error().message, HasSubstr("neither a DNS name nor an IP address"));
    EXPECT_FALSE(pair.error().remedy.empty());
  }
  EXPECT_FALSE(make_serving(test_ca(), {}, days(1)));
}

TEST(Certificates, ServingNeverOutlivesItsCa) {
  const auto ca = make_ca("Short", days(2), kNow).value();
  const auto clipped =
      read_certificate(make_serving(ca, kHost, days(365), kNow).value().certificate).value();
  EXPECT_EQ(clipped.not_after, kNow + days(2));
  EXPECT_EQ(clipped.valid(), days(2));
  const auto last = read_certificate(
      make_serving(ca, kHost, days(1), kNow + days(2) - seconds(5)).value().certificate);
  EXPECT_EQ(last->not_after, kNow + days(2));
  EXPECT_EQ(last->not_before, kNow + days(2) - seconds(10));
  const auto late = make_serving(ca, kHost, days(1), kNow + days(2));
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("expired"));
}

TEST(Certificates, NameTheKeyThatSignedThem) {
  const auto ca = certificate_of(test_ca().certificate);
  const auto own = certificate_of(serving({"localhost"}).certificate);
  const ASN1_OCTET_STRING* const signer = X509_get0_authority_key_id(own.get());
  ASSERT_NE(signer, nullptr);
  ASSERT_NE(X509_get0_subject_key_id(ca.get()), nullptr);
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(signer, X509_get0_subject_key_id(ca.get())), 0);
  ASSERT_NE(X509_get0_subject_key_id(own.get()), nullptr);
  EXPECT_NE(ASN1_OCTET_STRING_cmp(signer, X509_get0_subject_key_id(own.get())), 0);
}

TEST(Certificates, EachIsNew) {
  const auto first = serving({"localhost"}), second = serving({"localhost"});
  EXPECT_NE(first.key, second.key);
  const auto one = certificate_of(first.certificate), two = certificate_of(second.certificate);
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(one.get()), X509_get0_serialNumber(two.get())),
            0);
  BIGNUM* const serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(one.get()), nullptr);
  EXPECT_FALSE(BN_is_negative(serial));
  EXPECT_GE(BN_num_bits(serial), 64);
  BN_free(serial);
}

TEST(Certificates, KeysAreUnencryptedPkcs8) {
  EXPECT_TRUE(test_ca().key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_TRUE(serving({"localhost"}).key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
}

TEST(Certificates, RefusesACaThatCannotSign) {
  const std::string host[] = {"localhost"};
  const auto leaf = serving({"localhost"});
  const auto other = make_ca("Other", days(1)).value();
  for (const KeyPair& ca :
       {KeyPair{}, KeyPair{"garbage", "garbage"}, KeyPair{test_ca().certificate, ""},
        KeyPair{"", test_ca().key}, KeyPair{test_ca().certificate, other.key}, leaf}) {
    const auto pair = make_serving(ca, host, days(1));
    ASSERT_FALSE(pair);
    EXPECT_THAT(pair.error().message, HasSubstr("CA"));
    EXPECT_FALSE(pair.error().remedy.empty());
  }
}

// --- what is read of them ------------------------------------------------------------------------

TEST(CertificateFacts, AreWhatWasMade) {
  const auto ca = make_ca("Some CA", days(30), kNow).value();
  const auto authority = read_certificate(ca.certificate).value();
  EXPECT_TRUE(authority.ca);
  EXPECT_EQ(authority.common_name, "Some CA");
  EXPECT_THAT(authority.hosts, ::testing::IsEmpty());
  const std::vector<std::string> hosts = {"Plimsoll.Plimsoll.svc", "*.example.test", "10.0.0.1",
                                          "0:0:0:0:0:0:0:1"};
  const auto own = read_certificate(make_serving(ca, hosts, days(7), kNow).value().certificate);
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->ca);
  EXPECT_EQ(own->common_name, "Plimsoll.Plimsoll.svc");
  EXPECT_THAT(own->hosts,
              ElementsAre("plimsoll.plimsoll.svc", "*.example.test", "10.0.0.1", "::1"));
}

TEST(CertificateFacts, AreThoseOfTheFirstOfSeveral) {
  const auto pair = serving({"localhost"});
  EXPECT_FALSE(read_certificate("noise\n" + pair.certificate + test_ca().certificate)->ca);
  EXPECT_TRUE(read_certificate(test_ca().certificate + pair.certificate)->ca);
}

TEST(CertificateFacts, OfGarbageThereAreNone) {
  for (const std::string& text :
       {std::string(), std::string("garbage"), test_ca().key,
        test_ca().certificate.substr(0, test_ca().certificate.size() / 2),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}) {
    EXPECT_FALSE(read_certificate(text)) << text;
    EXPECT_THAT(split_certificates(text), ::testing::IsEmpty()) << text;
  }
}

TEST(CertificateFacts, TellWhetherEveryHostIsNamed) {
  const auto facts =
      read_certificate(serving({"localhost", "web.example.test", "127.0.0.1", "::1"}).certificate);
  const auto named = [&](std::vector<std::string> hosts) { return names_hosts(*facts, hosts); };
  EXPECT_TRUE(named({"localhost"}));
  EXPECT_TRUE(named({"LOCALHOST", "0:0:0:0:0:0:0:1", "127.0.0.1"}));
  EXPECT_FALSE(named({"localhost", "other"}));
  EXPECT_FALSE(named({"127.0.0.2"}));
  EXPECT_FALSE(named({"*.example.test"}));
  EXPECT_FALSE(names_hosts({}, kHost));
}

TEST(Bundle, IsTakenApart) {
  const auto one = make_ca("One", days(1)).value(), two = make_ca("Two", days(1)).value();
  EXPECT_THAT(split_certificates(one.certificate + "# two\n" + two.certificate),
              ElementsAre(one.certificate, two.certificate));
}

TEST(Bundle, TellsWhoSigned) {
  // The same name twice: only the key tells them apart.
  const auto one = make_ca("CA", days(1)).value(), two = make_ca("CA", days(1)).value();
  const auto pair = serving({"localhost"}, days(1), two);
  EXPECT_EQ(signer_of(pair.certificate, one.certificate + two.certificate), two.certificate);
  EXPECT_EQ(signer_of(pair.certificate, one.certificate), "");
  EXPECT_EQ(signer_of(pair.certificate, ""), "");
  EXPECT_EQ(signer_of("garbage", two.certificate), "");
  EXPECT_EQ(signer_of(pair.certificate, pair.certificate), "") << "it is no CA";
}

TEST(KeyPairs, FitOrNot) {
  const auto pair = serving({"localhost"}), other = serving({"localhost"});
  EXPECT_TRUE(key_fits(pair));
  EXPECT_TRUE(key_fits(test_ca()));
  for (const KeyPair& wrong :
       {KeyPair{pair.certificate, other.key}, KeyPair{pair.certificate, ""}, KeyPair{"", pair.key},
        KeyPair{pair.certificate, "garbage"}, KeyPair{}})
    EXPECT_FALSE(key_fits(wrong));
}

TEST(Chain, VerifiesOnlyInItsTimeAndUnderItsCa) {
  const auto one = make_ca("CA", days(10), kNow).value(),
             two = make_ca("CA", days(10), kNow).value();
  const auto pair = make_serving(one, kHost, days(5), kNow).value();
  const std::string both = two.certificate + one.certificate;
  EXPECT_TRUE(verifies(pair.certificate, both, kNow));
  EXPECT_TRUE(verifies(pair.certificate, both, kNow - minutes(59)));
  EXPECT_TRUE(verifies(pair.certificate, both, kNow + days(5) - seconds(1)));
  EXPECT_FALSE(verifies(pair.certificate, both, kNow - minutes(61)));
  EXPECT_FALSE(verifies(pair.certificate, both, kNow + days(5) + seconds(1)));
  EXPECT_FALSE(verifies(pair.certificate, two.certificate, kNow));
  EXPECT_FALSE(verifies(pair.certificate, "", kNow));
  EXPECT_FALSE(verifies("garbage", both, kNow));
  EXPECT_FALSE(verifies(test_client(one).certificate, both, current_second())) << "not a server's";
}

TEST(Hosts, AreNamesAndAddresses) {
  for (const char* host : {"localhost", "a.b.svc", "*.a.b", "10.0.0.1", "::1"})
    EXPECT_TRUE(is_host(host)) << host;
  for (const char* host : {"", "a b", "https://a", "a:443", "1.2.3"})
    EXPECT_FALSE(is_host(host)) << host;
}

}  // namespace
}  // namespace plimsoll::server
