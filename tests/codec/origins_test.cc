#include "codec/origins.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::codec {
namespace {

TEST(Origins, NamesWhatPodsHaveInCommon) {
  const auto family = [](const std::string& metadata) {
    const Origins origins =
        origins_of(R"({"kind":"Pod","apiVersion":"v1","metadata":)" + metadata + "}");
    EXPECT_EQ(origins.kind, "Pod");
    return origins.owner_kind + " " + origins.family;
  };
  EXPECT_EQ(family(R"({"name":"web"})"), " web");
  EXPECT_EQ(family(R"({"name":"run-abcde","generateName":"run-"})"), " run");
  EXPECT_EQ(family(R"({"name":"web-7d4b-x","labels":{"pod-template-hash":"7d4b"},"ownerReferences":
    [{"kind":"ReplicaSet","name":"web-7d4b","controller":true}]})"),
            "Deployment web");
  EXPECT_EQ(family(R"({"name":"rs-x","ownerReferences":
    [{"kind":"ReplicaSet","name":"rs","controller":true}]})"),
            "ReplicaSet rs");
  EXPECT_EQ(family(R"({"name":"x","ownerReferences":
    [{"kind":"Job","name":"nightly-29384750","controller":true}]})"),
            "Job nightly");
  EXPECT_EQ(family(R"({"name":"x","ownerReferences":[{"kind":"Node","name":"n"}]})"), " x");
}

}  // namespace
}  // namespace plimsoll::codec
