// Reads YAML and JSON manifests: each document as JSON bytes, and where in the text its values
// stand.
//
// The JSON is what kubectl makes of the same text (sigs.k8s.io/yaml: YAML 1.1 scalars, merge keys,
// aliases written out), so one decoder serves manifests and admission reviews. Stricter in this: a
// key that stands in a mapping twice is an error, because which of the two counts is anybody's
// guess.
//
// Ownership: a reader borrows the text and must not outlive it; a document owns all that it hands
// out. Thread-safety: one reader a thread; a document is a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/result.h"

namespace plimsoll::text {

/// A place in `YamlReader::text()`. Lines end at a line feed.
struct Mark {
  std::uint32_t offset = 0;  ///< in bytes, from the start of the text
  std::uint32_t line = 0;    ///< 1-based
  std::uint32_t column = 0;  ///< 1-based, in bytes; a byte order mark counts for none

  bool operator==(const Mark&) const = default;
};

enum class YamlKind : std::uint8_t { kMapping, kSequence, kScalar };

/// How a value is written. Collections are block or flow, scalars any of the others.
enum class YamlStyle : std::uint8_t { kBlock, kFlow, kPlain, kSingle, kDouble, kLiteral, kFolded };

/// One value of a document, as its JSON has it: aliases followed, merge keys applied.
///
/// A value's text is [begin, end): from its first character, after any anchor or tag, to behind its
/// last, never with white space or a line break at the end. A value that is not written at all
/// (`key:`) has begin == end, right behind what introduces it. `*name` is its own text.
struct YamlNode {
  YamlKind kind = YamlKind::kScalar;
  YamlStyle style = YamlStyle::kPlain;
  bool has_key = false;    ///< an entry of a mapping
  bool is_alias = false;   ///< written as `*name`; kind, style and children are those of the anchor
  bool via_merge = false;  ///< it, or what holds it, came through a merge key (`<<`)
  Mark key_begin;          ///< without a key: where the value begins
  Mark key_end;
  Mark properties;  ///< where the value's anchor and tag begin; `begin` where it has neither
  Mark begin;
  Mark end;

 private:
  friend class YamlDocument;
  friend class YamlComposer;
  struct Slice {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  Slice key_;       // of strings_
  Slice json_;      // of json_
  Slice children_;  // of children_
  std::uint32_t parent_ = 0;
};

/// One document of a stream.
class YamlDocument {
 public:
  std::size_t index = 0;  ///< 0-based place in the stream; empty documents count
  Mark begin;             ///< the `---`, or the first value
  Mark end;  ///< behind the `...`, or where the next document or the end of the text is

  /// The document as compact JSON, keys in the order of the text.
  [[nodiscard]] const std::string& json() const { return json_; }

  /// Whether there is nothing but comments, or null.
  [[nodiscard]] bool empty() const { return json_ == "null"; }

  [[nodiscard]] const YamlNode& root() const { return nodes_.front(); }

  /// The value at a JSON pointer (RFC 6901); null if there is none.
  [[nodiscard]] const YamlNode* find(std::string_view json_pointer) const;

  /// The value at a JSON pointer or else the nearest thing that would hold it; at worst the root.
  [[nodiscard]] const YamlNode& nearest(std::string_view json_pointer) const;

  /// What holds the node; null for the root. Here and below, `node` is one of this document's.
  [[nodiscard]] const YamlNode* parent(const YamlNode& node) const;

  /// A collection's entries, in the order of the JSON.
  [[nodiscard]] std::size_t size(const YamlNode& node) const { return node.children_.size; }
  [[nodiscard]] const YamlNode& child(const YamlNode& node, std::size_t i) const {
    return nodes_[children_[node.children_.begin + i]];
  }

  /// The entry's key as in the JSON (`on:` is `true`); empty without one.
  [[nodiscard]] std::string_view key(const YamlNode& node) const { return view(node.key_); }

  /// The value's own slice of `json()`.
  [[nodiscard]] std::string_view json(const YamlNode& node) const {
    return std::string_view(json_).substr(node.json_.begin, node.json_.size);
  }

  /// The value's JSON pointer.
  [[nodiscard]] std::string pointer(const YamlNode& node) const;

 private:
  friend class YamlComposer;

  [[nodiscard]] std::string_view view(YamlNode::Slice slice) const {
    return std::string_view(strings_).substr(slice.begin, slice.size);
  }

  /// Follows the pointer as far as there are values; `all`: whether to its end.
  const YamlNode& follow(std::string_view json_pointer, bool& all) const;

  std::vector<YamlNode> nodes_;  // the root first; never empty
  std::vector<std::uint32_t> children_;
  std::string strings_;
  std::string json_;
};

/// What a reader refuses to go beyond.
struct YamlLimits {
  std::size_t max_bytes = std::size_t{32} << 20;
  std::size_t max_depth = 100;
  std::size_t max_values = 1'000'000;  ///< in one document, aliases written out
};

/// Reads a stream of YAML documents or of JSON values, one by one.
class YamlReader {
 public:
  /// `file` names the text in errors.
  YamlReader(std::string_view text, std::string file, YamlLimits limits = {});
  ~YamlReader();
  YamlReader(YamlReader&&) noexcept;
  YamlReader& operator=(YamlReader&&) noexcept;

  /// The next document, or nothing after the last. A stream can be read on after an error: what
  /// cannot be read at all ends it, a fault inside one document does not.
  Result<std::optional<YamlDocument>> next();

  /// The text that marks refer to: the one that was given, or, where that is UTF-16, its UTF-8
  /// form.
  [[nodiscard]] std::string_view text() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::text
