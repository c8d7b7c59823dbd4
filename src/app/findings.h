// What was found in a manifest, as reports have it.
//
// Thread-safety: pure.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/manifests.h"
#include "plimsoll/pod.h"
#include "plimsoll/report.h"
#include "text/lines.h"

namespace plimsoll::app {

/// A file's document or the file itself that could not be read.
Resource error_resource(const std::string& file, const Error& error);

/// `spec.containers["app"].securityContext`: elements of lists by their names, so that it stays the
/// same when others come before them.
std::string place_of(const text::YamlDocument& document, std::string_view path);

/// The name of the container that the JSON pointer is in; empty: it is in none.
std::string container_of(std::span<const Pod> pods, std::string_view path);

/// The containers that a finding of the pod's level is about; none: it is about the pod itself, or
/// of a container's level.
std::vector<std::string_view> containers_named(const ReportedFinding& finding);

/// A short text that stands for these.
std::string fingerprint_of(std::initializer_list<std::string_view> texts);

/// Names a text's places for reports.
class Reporter {
 public:
  /// `file`: as the user gave it; `text`: what the documents' marks refer to. `changes`: whether
  /// the findings say how the text changes.
  Reporter(std::string file, std::string_view text, bool changes)
      : file_(std::move(file)), text_(text), lines_(text), changes_(changes) {}

  /// A resource for each object of the document, and for each comment that cannot be followed.
  [[nodiscard]] std::vector<Resource> resources_of(const JudgedDocument& judged) const;

 private:
  class Document;

  std::string file_;
  std::string_view text_;
  text::Lines lines_;
  bool changes_;
};

}  // namespace plimsoll::app
