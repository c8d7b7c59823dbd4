// Tests of codec/yaml: what a text becomes, where its values stand, what is refused and how.
// That the JSON is kubectl's is held by tests/yaml, against kubectl's own library.
//
// Ownership: none. Thread-safety: none needed.
#include "text/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/utf8.h"

namespace plimsoll::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// A stream read to its end.
struct Stream {
  std::vector<YamlDocument> documents;
  std::vector<Error> errors;

  [[nodiscard]] std::vector<std::string> json() const {
    std::vector<std::string> out;
    for (const YamlDocument& document : documents) out.push_back(document.json());
    return out;
  }
};

Stream read(std::string_view text, YamlLimits limits = {}) {
  Stream out;
  YamlReader reader(text, "it.yaml", limits);
  while (true) {
    auto next = reader.next();
    if (!next) {
      out.errors.push_back(next.error());
    } else if (*next) {
      out.documents.push_back(*std::move(*next));
    } else {
      return out;
    }
  }
}

/// The one document of a text that is right.
YamlDocument read_one(std::string_view text) {
  Stream stream = read(text);
  for (const Error& error : stream.errors) ADD_FAILURE() << error.to_string();
  EXPECT_THAT(stream.documents, SizeIs(1)) << text;
  if (stream.documents.empty()) stream = read("null");
  return std::move(stream.documents.front());
}

std::string_view slice(std::string_view text, const Mark& begin, const Mark& end) {
  EXPECT_LE(begin.offset, end.offset);
  EXPECT_LE(end.offset, text.size());
  return text.substr(begin.offset, end.offset - begin.offset);
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Yaml, BecomesJson) {
  struct Case {
    std::string_view text;
    std::string_view json;
  };
  const Case cases[] = {
      {"a: 1", R"({"a":1})"},
      {"- a\n- [b, {c: d}]", R"(["a",["b",{"c":"d"}]])"},
      {"z: 1\na: 2", R"({"z":1,"a":2})"},
      {"[on, Off, y, N, yes, 'yes', yEs]", R"([true,false,true,false,true,"yes","yEs"])"},
      {"[~, null, '', \"null\", ]", R"([null,null,"","null"])"},
      {"[017, 0o17, 08, 0x1F, 0b11, 1_000, -0x10]", "[15,15,8,31,3,1000,-16]"},
      {"[1e3, 1., .5, -.5, 1.50, 1e21, 1e-7, 0.000001, .5_0]",
       "[1000,1,0.5,-0.5,1.5,1e+21,1e-7,0.000001,0.5]"},
      {"[9223372036854775807, 18446744073709551615, 18446744073709551616, -9223372036854775809, "
       "1.2345678901234567e18, ]",
       "[9223372036854775807,18446744073709551615,1.8446744073709552e+19,-9.223372036854776e+18,"
       "1234567890123456800]"},
      {"[1e999, 1e-999, 4.9e-324, ]", R"(["1e999",0,5e-324])"},
      {"[2001-12-14, '12:30', 12:30:45]", R"(["2001-12-14","12:30","12:30:45"])"},
      {"[!!str 1, !!int '2', !!float 3, !!bool 'on', !!binary aGk=, !own 4, ! '5']",
       R"(["1",2,3,true,"hi","4","5"])"},
      {"[!!binary /+8=]", "[\"\xEF\xBF\xBD\xEF\xBF\xBD\"]"},
      {"{1: a, 1.5: b, on: c, 0x10: d, 1e10: e, 1e30: f, .inf: g, 'x': h}",
       R"({"1":"a","1.5":"b","true":"c","16":"d","1e+10":"e","1e+30":"f",".inf":"g","x":"h"})"},
      {"a: &x {k: [1]}\nb: *x\nc: [*x , *x ]",
       R"({"a":{"k":[1]},"b":{"k":[1]},"c":[{"k":[1]},{"k":[1]}]})"},
      {"&k a: *k", R"({"a":"a"})"},
      // A merge key counts where it stands, as in kubectl's library.
      {"a: &x {k: 1}\nb: {k: 2, <<: *x}\nc: {<<: *x, k: 2}",
       R"({"a":{"k":1},"b":{"k":1},"c":{"k":2}})"},
      {"a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc: {<<: [*x , *y ]}",
       R"({"a":{"k":1},"b":{"k":2,"l":3},"c":{"k":1,"l":3}})"},
      {"a: {<<: {k: 1}, '<<': 2}", R"({"a":{"k":1,"<<":2}})"},
      {"a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", R"({"a":"x\n y\n","b":"x y"})"},
      {"a: \"\\x01\\t\\u00e9\\U0001F6A2\\\"\\\\\"",
       "{\"a\":\"\\u0001\\t\xC3\xA9\xF0\x9F\x9A\xA2\\\"\\\\\"}"},
      {"\xEF\xBB\xBF"
       "a: 1\r\nb:\r\n- c\r\n",
       R"({"a":1,"b":["c"]})"},
      {"plain text", R"("plain text")"},
  };
  for (const Case& it : cases) EXPECT_EQ(read_one(it.text).json(), it.json) << it.text;
}

TEST(Yaml, KeyOfDoubleBeyondFloatIsInfinite) {
  EXPECT_EQ(read_one("{1e39: a, -1e39: b}").json(), R"({".inf":"a","-.inf":"b"})");
}

TEST(Yaml, JsonStaysJson) {
  EXPECT_EQ(
      read_one(
          "{\n\t\"a\" :\t[1, -0, 1e3, \"\\ud83d\\ude00\\/\\u0041\", null, true],\r\n\"yes\": {}}")
          .json(),
      "{\"a\":[1,-0,1e3,\"\xF0\x9F\x98\x80/A\",null,true],\"yes\":{}}");
  EXPECT_EQ(read_one("{\"" + repeat("k", 2000) + "\"\n: 18446744073709551616}").json(),
            "{\"" + repeat("k", 2000) + "\":1.8446744073709552e+19}");
  EXPECT_EQ(read_one(R"({"a": "\ud800x"})").json(), "{\"a\":\"\xEF\xBF\xBDx\"}");
}

TEST(Yaml, WhatOnlyBeginsLikeJsonIsYaml) {
  EXPECT_EQ(read_one("{a: b, c: yes}").json(), R"({"a":"b","c":true})");
  EXPECT_EQ(read_one("[a, # why\n 'b']\n").json(), R"(["a","b"])");
  EXPECT_EQ(read_one("{\"a\": 1} # why\n").json(), R"({"a":1})");
}

TEST(Yaml, Streams) {
  EXPECT_THAT(read("a: 1\n---\nb: 2\n...\n---\nc: 3\n").json(),
              ElementsAre(R"({"a":1})", R"({"b":2})", R"({"c":3})"));
  EXPECT_THAT(read("{\"a\":1}{\"b\":2}\n\n[3]\n---\nd: 4\n").json(),
              ElementsAre(R"({"a":1})", R"({"b":2})", "[3]", R"({"d":4})"));
  EXPECT_THAT(read("{\"a\":1}\n...\n# end\n").json(), ElementsAre(R"({"a":1})"));
  EXPECT_THAT(read("").json(), IsEmpty());
  EXPECT_THAT(read("# only a comment\n").json(), IsEmpty());

  const Stream stream = read("# head\n---\n# nothing\n---\na: 1\n---\nnull\n---\n");
  EXPECT_THAT(stream.errors, IsEmpty());
  ASSERT_THAT(stream.documents, SizeIs(4));
  const std::array<bool, 4> empty = {true, false, true, true};
  for (std::size_t i = 0; i < empty.size(); ++i) {
    EXPECT_EQ(stream.documents[i].index, i);
    EXPECT_EQ(stream.documents[i].empty(), empty[i]) << i;
  }
  EXPECT_EQ(stream.documents[1].begin, (Mark{21, 4, 1}));
  EXPECT_EQ(stream.documents[1].end, (Mark{30, 6, 1}));
}

TEST(Yaml, AnchorsEndWithTheirDocument) {
  const Stream stream = read("a: &x 1\n---\nb: *x\n---\nc: 3\n");
  EXPECT_THAT(stream.json(), ElementsAre(R"({"a":1})", R"({"c":3})"));
  ASSERT_THAT(stream.errors, SizeIs(1));
  EXPECT_EQ(stream.documents[1].index, 2U);
}

TEST(Yaml, Marks) {
  const std::string_view text = "# h\xC3\xA9 \xF0\x9F\x9A\xA2\n"
                                "kind: Pod  # why\n"
                                "'two words' : \"d\\\n  e\"\n"
                                "list:\n"
                                "- &one !!str plain\n"
                                "-   k: {f: [1, 'x'], g: }\n"
                                "    t: |+\n"
                                "      a\n"
                                "      b\n"
                                "\n"
                                "- *one\n"
                                "-\n"
                                "base: &b # note\n"
                                "  x: >-\n"
                                "   folded\n"
                                "  v: z\n"
                                "use:\n"
                                "  <<: *b\n"
                                "  v: w\n"
                                "none:\n"
                                "\xC3\xA9: \xC3\xBC\n";
  const YamlDocument document = read_one(text);
  struct Case {
    std::string_view pointer, key, value;
    YamlKind kind;
    YamlStyle style;
    std::size_t line, column;
  };
  const auto scalar = YamlKind::kScalar;
  const Case cases[] = {
      {"/kind", "kind", "Pod", scalar, YamlStyle::kPlain, 2, 7},
      {"/two words", "'two words'", "\"d\\\n  e\"", scalar, YamlStyle::kDouble, 3, 15},
      {"/list/0", "", "plain", scalar, YamlStyle::kPlain, 6, 14},
      {"/list/1", "", "k: {f: [1, 'x'], g: }\n    t: |+\n      a\n      b", YamlKind::kMapping,
       YamlStyle::kBlock, 7, 5},
      {"/list/1/k", "k", "{f: [1, 'x'], g: }", YamlKind::kMapping, YamlStyle::kFlow, 7, 8},
      {"/list/1/k/f", "f", "[1, 'x']", YamlKind::kSequence, YamlStyle::kFlow, 7, 12},
      {"/list/1/k/f/1", "", "'x'", scalar, YamlStyle::kSingle, 7, 16},
      {"/list/1/k/g", "g", "", scalar, YamlStyle::kPlain, 7, 24},
      {"/list/1/t", "t", "|+\n      a\n      b", scalar, YamlStyle::kLiteral, 8, 8},
      {"/list/2", "", "*one", scalar, YamlStyle::kPlain, 12, 3},
      {"/list/3", "", "", scalar, YamlStyle::kPlain, 13, 2},
      {"/base", "base", "x: >-\n   folded\n  v: z", YamlKind::kMapping, YamlStyle::kBlock, 15, 3},
      {"/base/x", "x", ">-\n   folded", scalar, YamlStyle::kFolded, 15, 6},
      {"/use", "use", "<<: *b\n  v: w", YamlKind::kMapping, YamlStyle::kBlock, 19, 3},
      {"/use/x", "x", ">-\n   folded", scalar, YamlStyle::kFolded, 15, 6},
      {"/use/v", "v", "w", scalar, YamlStyle::kPlain, 20, 6},
      {"/none", "none", "", scalar, YamlStyle::kPlain, 21, 6},
      {"/\xC3\xA9", "\xC3\xA9", "\xC3\xBC", scalar, YamlStyle::kPlain, 22, 5},
  };
  for (const Case& it : cases) {
    SCOPED_TRACE(it.pointer);
    const YamlNode* node = document.find(it.pointer);
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(slice(text, node->begin, node->end), it.value);
    EXPECT_EQ(slice(text, node->key_begin, node->key_end), it.key);
    EXPECT_EQ(node->kind, it.kind);
    EXPECT_EQ(node->style, it.style);
    EXPECT_EQ(node->begin.line, it.line);
    EXPECT_EQ(node->begin.column, it.column);
    EXPECT_EQ(document.pointer(*node), it.pointer);
  }
  const YamlNode& first = *document.find("/list/0");
  EXPECT_EQ(slice(text, first.properties, first.end), "&one !!str plain");
  EXPECT_FALSE(first.is_alias);
  const YamlNode& base = *document.find("/base");
  EXPECT_EQ(slice(text, base.properties, base.begin), "&b # note\n  ");
}

TEST(Yaml, TellsHowAValueCame) {
  const std::string_view text =
      "a: &x {k: {l: 1}}\nb: *x\nc: {<<: *x, m: 2}\nd: {<<: {o: 3}}\ne: [*x ]\n";
  const YamlDocument document = read_one(text);
  struct Case {
    std::string_view pointer;
    bool is_alias, via_merge;
  };
  const Case cases[] = {
      {"/a", false, false},     {"/a/k", false, false},   {"/b", true, false},
      {"/b/k", false, false},   {"/b/k/l", false, false}, {"/c", false, false},
      {"/c/k", false, true},    {"/c/k/l", false, true},  {"/c/m", false, false},
      {"/d/o", false, true},    {"/e", false, false},     {"/e/0", true, false},
      {"/e/0/k", false, false},
  };
  for (const Case& it : cases) {
    SCOPED_TRACE(it.pointer);
    const YamlNode* node = document.find(it.pointer);
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->is_alias, it.is_alias);
    EXPECT_EQ(node->via_merge, it.via_merge);
  }
  EXPECT_EQ(document.find("/b/k")->begin, document.find("/a/k")->begin);
  EXPECT_EQ(document.find("/b")->kind, YamlKind::kMapping);
}

TEST(Yaml, FindsByPointer) {
  const YamlDocument document = read_one("a/b: [x, {m~n: 1, '': 2}]\n0: zero\n");
  EXPECT_EQ(document.find(""), &document.root());
  const auto json = [&](std::string_view pointer) {
    const YamlNode* node = document.find(pointer);
    return node == nullptr ? std::string_view("-") : document.json(*node);
  };
  EXPECT_EQ(json("/a~1b/0"), "\"x\"");
  EXPECT_EQ(json("/a~1b/1/m~0n"), "1");
  EXPECT_EQ(json("/a~1b/1/"), "2");
  EXPECT_EQ(json("/0"), "\"zero\"");
  EXPECT_EQ(json("/a~1b/1"), R"({"m~n":1,"":2})");
  for (const std::string_view missing : {"/", "/a", "/a~1b/2", "/a~1b/00", "/a~1b/-", "/a~1b/-1",
                                         "/a~1b/0/x", "a~1b", "/a~1b/99999999999999999999"})
    EXPECT_EQ(document.find(missing), nullptr) << missing;
  EXPECT_EQ(&document.nearest("/a~1b/1/q/r/s"), document.find("/a~1b/1"));
  EXPECT_EQ(&document.nearest("/a~1b/7"), document.find("/a~1b"));
  EXPECT_EQ(&document.nearest("nonsense"), &document.root());
  EXPECT_EQ(document.parent(document.root()), nullptr);
  EXPECT_EQ(document.parent(*document.find("/a~1b/0")), document.find("/a~1b"));
  EXPECT_EQ(document.size(document.root()), 2U);
  EXPECT_EQ(document.key(document.child(document.root(), 0)), "a/b");
}

TEST(Yaml, JsonHasMarksToo) {
  const std::string_view text = "\n{ \"a\" : [ 1, \"x\\u0041\" ] }{\"b\": 2}";
  const Stream stream = read(text);
  ASSERT_THAT(stream.documents, SizeIs(2));
  const YamlNode& node = *stream.documents[0].find("/a/1");
  EXPECT_EQ(slice(text, node.begin, node.end), "\"x\\u0041\"");
  EXPECT_EQ(node.begin.line, 2U);
  EXPECT_EQ(node.begin.column, 14U);
  const YamlNode& list = *stream.documents[0].find("/a");
  EXPECT_EQ(slice(text, list.key_begin, list.end), "\"a\" : [ 1, \"x\\u0041\" ]");
  EXPECT_EQ(stream.documents[1].find("/b")->begin.column, 33U);
}

TEST(Yaml, CountsNoColumnForAByteOrderMark) {
  const auto stream = read("\xEF\xBB\xBF"
                           "{\"a\": 1}\n");
  const YamlNode& node = *stream.documents[0].find("/a");
  EXPECT_EQ(node.begin.offset, 9U);
  EXPECT_EQ(node.begin.column, 7U);
}

TEST(Yaml, ReadsUtf16) {
  const auto encode = [](std::u16string_view text, bool big) {
    std::string out;
    for (const char16_t unit : text) {
      const char high = static_cast<char>(unit >> 8);
      const char low = static_cast<char>(unit & 0xFF);
      out += big ? high : low;
      out += big ? low : high;
    }
    return out;
  };
  for (const bool big : {false, true}) {
    const std::string text = encode(u"\uFEFFa: \u00E9\U0001F6A2\n", big);
    YamlReader reader(text, "");
    EXPECT_EQ(reader.text(), "a: \xC3\xA9\xF0\x9F\x9A\xA2\n") << "before the first document, too";
    const auto document = reader.next();
    ASSERT_TRUE(document);
    EXPECT_EQ((*document)->json(), "{\"a\":\"\xC3\xA9\xF0\x9F\x9A\xA2\"}");
    const YamlNode& node = *(*document)->find("/a");
    EXPECT_EQ(slice(reader.text(), node.begin, node.end), "\xC3\xA9\xF0\x9F\x9A\xA2");
  }
  EXPECT_THAT(read(std::string_view("\xFF\xFE"
                                    "a",
                                    3))
                  .errors,
              SizeIs(1));
  EXPECT_THAT(read(std::string_view("\xFF\xFE\x00\xDC", 4)).errors, SizeIs(1));
}

TEST(Yaml, Errors) {
  struct Case {
    std::string_view text;
    std::size_t line, column;
    std::string_view field, message;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"a:\n\tb: 1\n", 2, 1, "", "a tab stands in the indentation"},
      {"a: @x", 1, 4, "", "a plain value cannot begin with '@'"},
      {"a: b: c", 1, 5, "", "a ':' stands where no key can be"},
      {"a: 1\n b: 2", 2, 3, "", "a ':' stands where no key can be"},
      {"a:\n  b: 1\n c: 2\n", 3, 2, "", "does not continue the mapping"},
      {"a:\n  - b\n  c: 1\n", 3, 3, "", "does not continue the list"},
      {"a: - b", 1, 4, "", "a list cannot begin here"},
      {"a: 'x\nb: 1\n", 1, 4, "", "the quoted text is not closed"},
      {"a: [1\nb: 2\n", 2, 2, "", "list in [ ] is not closed"},
      {"a: {b: 1\n", 2, 1, "", "mapping in { } is not closed"},
      {"a: \"\\q\"", 1, 5, "", "no such escape"},
      {"a: {b:c:, d: 1}", 1, 8, "", "a ':' stands in [ ] or { }"},
      {"a\nb\n", 0, 0, "", ""},
      {"a: 1\nb\n", 3, 1, "", "a key without a ':'"},
      {"a: !e!x 1", 1, 4, "", "prefix is not declared"},
      {"a: \x01\n", 1, 4, "", "control character"},
      {"a: 1\nb: \xFF\n", 2, 4, "", "not valid UTF-8"},
      {"a: 1\nb: x\0y\n"sv, 2, 5, "", "NUL byte"},
      {"a: 1\n\xEF\xBB\xBF"
       "b: 2\n",
       2, 1, "", "byte order mark"},
      {"a: *x", 1, 4, "a", "names no anchor"},
      {"a: &x [*x ]", 1, 8, "a[0]", "inside the value it repeats"},
      {"a:\n- k: 1\n  l: 2\n  k: 3\n", 4, 3, "a[0]",
       "\"k\" stands in the mapping twice, first at line 2 column 3"},
      {"1: a\n'1': b\n", 2, 1, "", "twice, first at line 1 column 1"},
      {"on: a\nyes: b\n", 2, 1, "", "\"true\" stands in the mapping twice"},
      {"{\"a\": 1,\n\"a\": 2}", 2, 1, "", "twice, first at line 1 column 2"},
      {"a: {~: 1}", 1, 5, "a", "a key cannot be null"},
      {"18446744073709551615: a", 1, 1, "", "beyond 64 bits"},
      {"? [a]\n: 1", 1, 3, "", "a key cannot be a list or a mapping"},
      {"a: &x [1]\n*x : 1", 2, 1, "", "a key cannot be a list or a mapping"},
      {"a: {<<: 1}", 1, 9, "", "a merge key (<<) needs a mapping"},
      {"a: {<<: [1]}", 1, 10, "", "a merge key (<<) needs a mapping"},
      {"spec:\n  x: [1, .inf]", 2, 10, "spec.x[1]", "JSON has no number .inf"},
      {"a: .NaN", 1, 4, "a", "JSON has no number .nan"},
      {"a: [!!int x]", 1, 11, "a[0]", "\"x\" is not a !!int"},
      {"a: !!binary '*'", 1, 13, "a", "not base64"},
      {"{\"a\": 1e999}", 1, 7, "a", "out of range"},
      {"{\"a\": 1} x", 1, 10, "", "after the end of the JSON value"},
      {"{\"a\": \"x\ny\"", 1, 0, "", ""},
      {"{\"a\" 1}", 0, 0, "", ""},
      {"a: 1\n...\nb: 2\n", 3, 1, "", "text after the end of the document"},
  };
  for (const Case& it : cases) {
    SCOPED_TRACE(it.text);
    const Stream stream = read(it.text);
    if (it.message.empty()) continue;  // only that it ends
    ASSERT_THAT(stream.errors, SizeIs(1));
    const Error& error = stream.errors.front();
    EXPECT_EQ(error.file, "it.yaml");
    EXPECT_EQ(error.line, it.line) << error.to_string();
    EXPECT_EQ(error.column, it.column) << error.to_string();
    EXPECT_EQ(error.field, it.field);
    EXPECT_THAT(error.message, HasSubstr(it.message));
    EXPECT_THAT(error.to_string(), Not(HasSubstr("\n")));
  }
}

TEST(Yaml, ReadsOnAfterAFaultInOneDocument) {
  const Stream stream =
      read("a: 1\na: 2\n---\nb: !!int x\nc: [[[*q ]]]\n---\nd: .inf\n---\ne: 5\n");
  EXPECT_THAT(stream.json(), ElementsAre(R"({"e":5})"));
  EXPECT_THAT(stream.errors, SizeIs(3));
  EXPECT_EQ(stream.documents[0].index, 3U);

  const Stream json = read("{\"a\":1,\"a\":2}{\"b\":3}");
  EXPECT_THAT(json.json(), ElementsAre(R"({"b":3})"));
  EXPECT_THAT(json.errors, SizeIs(1));
}

TEST(Yaml, BoundsDepth) {
  for (const auto& [open, close] :
       {std::pair("[", "]"), std::pair("{\"a\":", "}"), std::pair("{a: ", "}")}) {
    const std::string inner = open[0] == '[' ? "" : "1";
    EXPECT_THAT(read(repeat(open, 100) + inner + repeat(close, 100)).errors, IsEmpty());
    for (const std::size_t depth : {101, 999, 100'000}) {
      const Stream stream = read(repeat(open, depth) + inner + repeat(close, depth));
      ASSERT_THAT(stream.errors, Not(IsEmpty()));
      EXPECT_THAT(stream.errors[0].message, HasSubstr("deep")) << depth;
    }
    EXPECT_THAT(read(repeat(open, 200'000)).errors, Not(IsEmpty()));
  }
  std::string blocks;
  for (std::size_t i = 0; i < 500; ++i) blocks += repeat(" ", i) + "a:\n";
  EXPECT_THAT(read(blocks).errors, Not(IsEmpty()));
  EXPECT_THAT(read(repeat("- ", 5000) + "x").errors, Not(IsEmpty()));
  // Merge keys and aliases nest too, without any nesting in the text.
  std::string merges = "a0: &a0 {k: 1}\n";
  std::string aliases = "a0: &a0 [1]\n";
  for (int i = 1; i < 2000; ++i) {
    const std::string name = "a" + std::to_string(i);
    const std::string before = "*a" + std::to_string(i - 1);
    merges += name + ": &" + name + " {<<: " + before + "}\n";
    aliases += name + ": &" + name + " [" + before + " ]\n";
  }
  for (const std::string& text : {merges, aliases}) {
    const Stream stream = read(text);
    ASSERT_THAT(stream.errors, SizeIs(1));
    EXPECT_THAT(stream.errors[0].message, ::testing::ContainsRegex("nested deeper|aliases repeat"));
  }
}

TEST(Yaml, BoundsAliases) {
  std::string laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  std::string merged = "a0: &a0 {k: 1}\n";
  for (int i = 1; i < 30; ++i) {
    const std::string name = "a" + std::to_string(i);
    const std::string before = "*a" + std::to_string(i - 1) + " ";
    laughs += name + ": &" + name + " [" + repeat(before + ",", 8) + before + "]\n";
    merged += name + ": &" + name + " {<<: [" + repeat(before + ",", 8) + before + "]}\n";
  }
  const std::string words =
      "a: &a '" + repeat("word", 100'000) + "'\nb: [" + repeat("*a ,", 20'000) + "]\n";
  for (const std::string& text : {laughs, merged, words}) {
    const Stream stream = read(text);
    ASSERT_THAT(stream.errors, SizeIs(1));
    EXPECT_THAT(stream.errors[0].message, HasSubstr("the aliases repeat more"));
    EXPECT_GT(stream.errors[0].line, 1U);
  }
  const std::string honest = "a: &a {k: [1, 2, 3]}\nb: [" + repeat("*a ,", 5000) + "]\n";
  EXPECT_THAT(read(honest).errors, IsEmpty());
}

TEST(Yaml, BoundsSize) {
  const Stream large = read("a: 1234567890\n", {.max_bytes = 10});
  ASSERT_THAT(large.errors, SizeIs(1));
  EXPECT_THAT(large.errors[0].to_string(),
              HasSubstr("it.yaml: the text has 14 bytes, more than 10"));
  EXPECT_THAT(read("[1, 2, 3]", {.max_values = 3}).errors, SizeIs(1));
  EXPECT_THAT(read("[1, 2, 3, a]", {.max_values = 3}).errors, SizeIs(1));
  EXPECT_THAT(read("[1, 2, a]", {.max_values = 4}).errors, IsEmpty());
}

TEST(Yaml, ManyKeysAreCheckedToo) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(read(text).errors, IsEmpty());
  const Stream stream = read(text + "k4999: 1\nk7: 1\n");
  ASSERT_THAT(stream.errors, SizeIs(1));
  EXPECT_EQ(stream.errors[0].line, 5001U);
  EXPECT_THAT(stream.errors[0].message, HasSubstr("line 5000"));
}

TEST(Yaml, DocumentsOutliveTheirReaderAndMove) {
  auto text = std::make_unique<std::string>("a: &x {k: v}\nb: *x\n");
  auto reader = std::make_unique<YamlReader>(*text, "");
  YamlReader moved = std::move(*reader);
  reader.reset();
  auto next = moved.next();
  ASSERT_TRUE(next);
  const YamlDocument document = *std::move(*next);
  *text = repeat("#", 1000);
  text.reset();
  EXPECT_EQ(document.json(*document.find("/b/k")), "\"v\"");
  EXPECT_EQ(document.key(*document.find("/b/k")), "k");
}

// ---------------------------------------------------------------------------------------------
// What holds for every text, right or wrong

constexpr std::string_view kSamples[] = {
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {\"app\": 'x'}}\nspec:\n  "
    "containers:\n"
    "  - name: app # the one\n    image: \"nginx:1.25\"\n    args: [a, --b=c, 'd e']\n"
    "    securityContext:\n      runAsUser: 1000\n      capabilities:\n        drop:\n        - "
    "ALL\n"
    "  - &side\n    name: side\n    env:\n    - {name: A, value: \"1\"}\n",
    "base: &base\n  a: 1\n  b: [x, y]\nuse:\n  <<: *base\n  c: *base\nlist:\n- <<: [*base , {d: "
    "4}]\n  e: ~\n",
    "text: |\n  one\n    two\n\n  three\nfold: >-\n  one\n  two\nplain: one\n  two\n  three\nq: "
    "'one\n\n  two'\n",
    "---\n# first\na: 0x1F\n...\n---\n? complex\n: value\n? [no]\n---\n- - - 1\n  - 2\n-\n",
    "{\n\t\"kind\": \"List\", \"items\": [{\"a\": 1.5e3, \"b\": \"\\ud83d\\ude00\"}, null, "
    "true]\n}\n{\"second\": []}",
    "\xEF\xBB\xBF"
    "k\xC3\xA9y: \xF0\x9F\x9A\xA2 ship\n'\xE6\xBC\xA2': [\xE5\xAD\x97, \"\\u5b57\"]\r\nend: "
    "!!binary aGVsbG8=\r\n",
};

std::string mutate(std::mt19937_64& random, std::string text) {
  constexpr std::string_view kPieces[] = {" ",
                                          "\t",
                                          "\n",
                                          "\r\n",
                                          "-",
                                          "- ",
                                          ":",
                                          ": ",
                                          "? ",
                                          "'",
                                          "\"",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          "#",
                                          " #",
                                          "&a ",
                                          "*a",
                                          "*base",
                                          "!",
                                          "!!int ",
                                          "|\n",
                                          ">-\n",
                                          "%",
                                          "@",
                                          "\\",
                                          "---\n",
                                          "...\n",
                                          "<<: ",
                                          "~",
                                          "0",
                                          "\xC3",
                                          "\xE2\x80\xA8",
                                          "\xEF\xBB\xBF",
                                          "\xFF",
                                          "\x7F",
                                          "\\u0000",
                                          "\\ud800"};
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (std::size_t changes = below(4); changes > 0 && !text.empty(); --changes) {
    const std::size_t at = below(text.size());
    switch (below(4)) {
      case 0:
        text.erase(at, 1 + below(4));
        break;
      case 1:
        text.insert(at, kPieces[below(std::size(kPieces))]);
        break;
      case 2:
        text[at] = static_cast<char>(below(256));
        break;
      default:
        text.insert(at, text.substr(below(text.size()), below(60)));
        break;
    }
  }
  return text;
}

void check_node(std::string_view text, const YamlDocument& document, const YamlNode& node) {
  ASSERT_LE(node.end.offset, text.size());
  ASSERT_LE(node.properties.offset, node.begin.offset);
  ASSERT_LE(node.begin.offset, node.end.offset);
  ASSERT_LE(node.key_begin.offset, node.key_end.offset);
  if (node.has_key) {
    ASSERT_LE(node.key_end.offset, node.properties.offset);
  }
  for (const Mark& mark : {node.key_begin, node.key_end, node.properties, node.begin, node.end}) {
    const std::string_view before = text.substr(0, mark.offset);
    const std::size_t feed = before.rfind('\n');
    const std::size_t first = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    ASSERT_EQ(mark.column, mark.offset - (feed == before.npos ? first : feed + 1) + 1);
  }
  const std::string pointer = document.pointer(node);
  ASSERT_EQ(document.find(pointer), &node) << pointer;
  const YamlNode* parent = document.parent(node);
  if (parent != nullptr && !parent->is_alias && !node.via_merge) {
    ASSERT_LE(parent->begin.offset, node.begin.offset);
    ASSERT_GE(parent->end.offset, node.end.offset);
  }
  // The slice of a value that needs nothing around it reads as the value; some characters only JSON
  // takes.
  const std::string_view written = slice(text, node.begin, node.end);
  const bool one_line = written.find_first_of("\r\n") == std::string_view::npos;
  const bool quoted = node.style == YamlStyle::kSingle || node.style == YamlStyle::kDouble;
  if (node.kind == YamlKind::kScalar && node.properties == node.begin && !node.is_alias &&
      one_line && (node.style == YamlStyle::kPlain || quoted) &&
      !written.starts_with("\xEF\xBB\xBF") && written != "-" &&
      written.find("\\u") == std::string_view::npos &&
      written.find_first_of("\x7F\xC2") == std::string_view::npos) {
    const Stream again = read("[" + std::string(written) + " ,]");
    const Stream alone = read(written);
    const std::string expected(document.json(node));
    const auto same = [&](const Stream& stream, std::size_t around) {
      if (!stream.errors.empty() || stream.documents.size() != 1) return false;
      const std::string& json = stream.documents[0].json();
      const std::string got = json.substr(around, json.size() - 2 * around);
      // A number of a JSON text stays as it is written.
      const bool number = expected.find_first_not_of("0123456789+-.eE") == std::string::npos;
      return got == expected || (number && std::strtod(got.c_str(), nullptr) ==
                                               std::strtod(expected.c_str(), nullptr));
    };
    const bool in_list = same(again, 1);
    const bool by_itself = same(alone, 0);
    ASSERT_TRUE(in_list || by_itself || (written.empty() && expected == "null"))
        << written << " is not " << expected;
  }
}

void check_text(std::string_view text) {
  YamlReader reader(text, "it.yaml");
  simdjson::dom::parser parser;
  std::size_t index = 0;
  for (std::size_t rounds = 0; rounds < 10'000; ++rounds) {
    const auto next = reader.next();
    if (!next) {
      ASSERT_THAT(next.error().message, Not(IsEmpty()));
      continue;
    }
    if (!*next) return;
    const YamlDocument& document = **next;
    ASSERT_GE(document.index, index);
    index = document.index + 1;
    ASSERT_LE(document.begin.offset, document.end.offset);
    simdjson::dom::element element;
    ASSERT_EQ(parser.parse(simdjson::padded_string(document.json())).get(element),
              simdjson::SUCCESS)
        << document.json();
    std::vector<const YamlNode*> open = {&document.root()};
    while (!open.empty()) {
      const YamlNode& node = *open.back();
      open.pop_back();
      ASSERT_NO_FATAL_FAILURE(check_node(reader.text(), document, node));
      for (std::size_t i = 0; i < document.size(node); ++i)
        open.push_back(&document.child(node, i));
    }
  }
  FAIL() << "the stream has no end";
}

TEST(Yaml, HoldsForTheSamples) {
  for (const std::string_view sample : kSamples) {
    SCOPED_TRACE(sample);
    ASSERT_NO_FATAL_FAILURE(check_text(sample));
    for (std::size_t i = 0; i < sample.size(); ++i)
      ASSERT_NO_FATAL_FAILURE(check_text(sample.substr(0, i))) << i;
  }
}

TEST(Yaml, HoldsForMutants) {
  constexpr std::uint64_t kSeed = 20'260'101;
  constexpr int kMutants = 6000;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < kMutants; ++i) {
    const std::string text = mutate(random, std::string(kSamples[random() % std::size(kSamples)]));
    SCOPED_TRACE(text);
    ASSERT_NO_FATAL_FAILURE(check_text(text)) << i;
  }
}

}  // namespace
}  // namespace plimsoll::text
