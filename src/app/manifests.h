// The documents of a manifest file, and what a template finds in each.
//
// Ownership: a reader borrows its text and template; what it hands out owns all it has, but for the
// checks. Thread-safety: one reader a thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/ignores.h"
#include "codec/manifest.h"
#include "plimsoll/report.h"
#include "plimsoll/template.h"
#include "plimsoll/verdict.h"
#include "text/yaml.h"

namespace plimsoll::app {

/// Whether its kind is none of Kubernetes' own that hold pods.
bool is_custom(const codec::Manifest& manifest);

/// A violation that an ignore comment accepts.
struct AcceptedViolation {
  Violation violation;
  Acceptance acceptance;
};

/// An object of a document, and what was found in it.
struct JudgedObject {
  codec::Manifest manifest;
  std::vector<Violation> violations;  ///< those that count
  std::vector<AcceptedViolation> accepted;
};

struct JudgedDocument {
  text::YamlDocument document;
  std::vector<JudgedObject> objects;
  std::vector<Ignore> ignores;
  std::vector<Error> errors;  ///< ignore comments that cannot be followed
};

class ManifestReader {
 public:
  /// `file`: the text's name in errors. `places`: where custom resources hold pods.
  ManifestReader(std::string_view text, std::string file, const Template& policy,
                 const PodPlaces& places)
      : file_(std::move(file)), policy_(policy), places_(places), reader_(text, file_) {}

  /// The next document that is not empty, or why it cannot be read; nothing after the last.
  std::optional<Result<JudgedDocument>> next();

  /// The text that places refer to.
  [[nodiscard]] std::string_view text() const { return reader_.text(); }

 private:
  std::string file_;
  const Template& policy_;
  const PodPlaces& places_;
  text::YamlReader reader_;
  std::size_t behind_ = 0;  ///< where the last document ends
};

}  // namespace plimsoll::app
