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
using testing::certificate_of;
using ::testing::HasSubstr;
using testing::test_ca;
using testing::X509Pointer;

constexpr long kDay = 24L * 3600;

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

long seconds_between(const ASN1_TIME* from, const ASN1_TIME* to) {
  int whole_days = 0, seconds = 0;
  EXPECT_EQ(ASN1_TIME_diff(&whole_days, &seconds, from, to), 1);
  return whole_days * kDay + seconds;
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

TEST(Certificates, CaHoldsAsLongAsIsAskedAndAllowsForClocksThatAreBehind) {
  const auto pair = make_ca("CA", days(30)).value();
  const auto ca = certificate_of(pair.certificate);
  const long holds = seconds_between(X509_get0_notBefore(ca.get()), X509_get0_notAfter(ca.get()));
  EXPECT_NEAR(static_cast<double>(holds), 30.0 * kDay + 300, 5);
  EXPECT_GT(seconds_between(X509_get0_notBefore(ca.get()), nullptr), 200);
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
  const auto ca = make_ca("Short", days(2)).value();
  const auto authority = certificate_of(ca.certificate);
  const auto clipped = certificate_of(serving({"localhost"}, days(365), ca).certificate);
  EXPECT_EQ(seconds_between(X509_get0_notAfter(clipped.get()), X509_get0_notAfter(authority.get())),
            0);
  const auto within = certificate_of(serving({"localhost"}, days(1), ca).certificate);
  EXPECT_NEAR(static_cast<double>(seconds_between(X509_get0_notAfter(within.get()),
                                                  X509_get0_notAfter(authority.get()))),
              static_cast<double>(kDay), 10);
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

}  // namespace
}  // namespace plimsoll::server
