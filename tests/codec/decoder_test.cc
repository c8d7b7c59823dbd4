#include "codec/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Thing {
  bool flag = false;
  std::optional<std::int64_t> big;
  std::int32_t small = 0;
  std::string text;
  std::vector<std::string> names;
  std::vector<Thing> inner;
};

extern const Decoder::Field<Thing> kThing[6];
const Decoder::Field<Thing> kThing[6] = {{"flag", plain<&Thing::flag>::read},
                                         {"big", plain<&Thing::big>::read},
                                         {"small", plain<&Thing::small>::read},
                                         {"text", plain<&Thing::text>::read},
                                         {"names", plain<&Thing::names>::read},
                                         {"inner", [](Decoder& d, Json v, Thing& out) {
                                            d.array(v, sizeof(Thing), [&](Json e, std::size_t) {
                                              d.object(e, kThing, out.inner.emplace_back());
                                            });
                                          }}};

struct Read {
  Thing thing;
  std::vector<Fault> faults;
};

Read read(const std::string& json, Unknown unknown = Unknown::Passed) {
  Read out;
  simdjson::dom::parser parser;
  Decoder decoder("/at", out.faults, unknown);
  decoder.object(parser.parse(json).value(), kThing, out.thing);
  return out;
}

TEST(Decoder, ReadsWhatTheTableNames) {
  const auto [thing, faults] =
      read(R"({"flag":true,"big":9223372036854775807,"small":-2147483648,"text":"x",
               "names":["a","b"],"other":[{}],"Flag":false,"inner":[{"text":"y"},null]})");
  EXPECT_THAT(faults, IsEmpty());
  EXPECT_TRUE(thing.flag);
  EXPECT_EQ(thing.big, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(thing.small, std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(thing.text, "x");
  EXPECT_THAT(thing.names, ElementsAre("a", "b"));
  ASSERT_THAT(thing.inner, SizeIs(2));
  EXPECT_EQ(thing.inner[0].text, "y");
}

TEST(Decoder, NullIsAbsent) {
  for (const char* json :
       {"null", "{}", R"({"flag":null,"big":null,"text":null,"names":null,"inner":null})"}) {
    const auto [thing, faults] = read(json);
    EXPECT_THAT(faults, IsEmpty()) << json;
    EXPECT_FALSE(thing.big);
    EXPECT_THAT(thing.inner, IsEmpty());
  }
}

TEST(Decoder, NamesThePathAndTheTypeOfWhatItCannotRead) {
  const std::tuple<const char*, const char*, const char*> kRows[] = {
      {"[]", "/at", "must be an object, is an array"},
      {R"({"flag":"true"})", "/at/flag", "must be a boolean, is a string"},
      {R"({"text":true})", "/at/text", "must be a string, is a boolean"},
      {R"({"big":1.0})", "/at/big", "must be an integer, is a number with a fraction or exponent"},
      {R"({"big":9223372036854775808})", "/at/big", "is out of range for a 64-bit integer"},
      {R"({"small":2147483648})", "/at/small", "is out of range for a 32-bit integer"},
      {R"({"names":{}})", "/at/names", "must be an array, is an object"},
      {R"({"names":["a",5]})", "/at/names/1", "must be a string, is an integer"},
      {R"({"inner":[{},{"inner":[{"flag":0}]}]})", "/at/inner/1/inner/0/flag",
       "must be a boolean, is an integer"},
      {R"({"text":"a","text":"a"})", "/at/text", "stands there twice"},
      {R"({"text":null,"text":"a"})", "/at/text", "stands there twice"},
  };
  for (const auto& [json, path, message] : kRows) {
    const auto faults = read(json).faults;
    ASSERT_THAT(faults, SizeIs(1)) << json;
    EXPECT_EQ(faults[0].path, path);
    EXPECT_EQ(faults[0].message, message);
  }
}

TEST(Decoder, InPlimsollsOwnFilesSaysWhatIsKnownAndHowToWriteIt) {
  EXPECT_THAT(
      read(R"({"a/b~":1})", Unknown::Fault).faults,
      ElementsAre(Fault{"/at/a~1b~0", "is not known here; use one of flag, big, small, text, "
                                      "names, inner"}));
  for (const auto& [json, how] :
       {std::pair(R"({"flag":"true"})", "; write true or false, without quotes"),
        std::pair(R"({"big":"1"})", "; write digits, without quotes"),
        std::pair(R"({"text":1})", "; put it in quotes"),
        std::pair(R"({"names":"a"})", "; write a list, such as [a, b]"),
        std::pair(R"([])", "; write fields, one `name: value` a line")}) {
    const auto faults = read(json, Unknown::Fault).faults;
    ASSERT_THAT(faults, SizeIs(1)) << json;
    EXPECT_THAT(faults[0].message, HasSubstr(how));
  }
}

TEST(Decoder, BoundsWhatTheElementsOfAllListsBecomeTogether) {
  const auto list = [](std::size_t count) {
    std::string text = "[\"\"";
    for (std::size_t i = 1; i < count; ++i) text += ",\"\"";
    return text + "]";
  };
  const auto half = list(Decoder::kMaxWeight / sizeof(std::string) / 2 - sizeof(Thing));
  const auto within = R"({"inner":[{"names":)" + half + R"(},{"names":)" + half + "}]}";
  EXPECT_THAT(read(within).faults, IsEmpty());
  const auto beyond =
      R"({"inner":[{"names":)" + half + R"(},{"names":)" + half + R"(},{"names":)" + half + "}]}";
  EXPECT_THAT(read(beyond).faults, SizeIs(1));
}

}  // namespace
}  // namespace plimsoll::codec
