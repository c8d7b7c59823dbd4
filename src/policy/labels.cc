#include "policy/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "policy/nearest.h"

namespace plimsoll::policy {
namespace {

constexpr std::string_view kVersion = "-version";
constexpr std::array kModes = {Mode::Enforce, Mode::Warn, Mode::Audit};

/// The templates that a label of the family may name.
std::vector<std::string_view> names_for(std::string_view family,
                                        const templates::Library& library) {
  if (family == kPodSecurityLabels) return {"baseline", "privileged", "restricted"};
  return library.names();
}

class Reader {
 public:
  Reader(const Labels& labels, std::string_view family, const templates::Library& library,
         std::vector<LabelProblem>& problems)
      : labels_(labels), family_(family), library_(library), problems_(problems) {}

  LabelPolicy read() {
    LabelPolicy policy;
    bool enforce_is_valid = false;
    for (const Mode mode : kModes) {
      const std::string label = std::string(family_) + std::string(name_of(mode));
      const auto version = read_version(label + std::string(kVersion));
      const auto at = labels_.find(label);
      if (at == labels_.end()) continue;
      if (mode == Mode::Warn) policy.warn_is_explicit = true;
      const bool known = is_known(at->second, label);
      if (mode == Mode::Enforce) enforce_is_valid = known;
      if (!known && mode != Mode::Enforce) continue;
      policy.in(mode) = {library_.find({known ? at->second : "restricted", version}), label};
    }
    warn_as_enforced(policy, enforce_is_valid);
    return policy;
  }

 private:
  std::optional<MinorVersion> read_version(const std::string& label) {
    std::optional<MinorVersion> version;
    const auto at = labels_.find(label);
    if (at != labels_.end() && !parse_version(at->second, version))
      problem(label, at->second, "is not a version; write latest or a version such as v1.31");
    return version;
  }

  bool is_known(const std::string& name, const std::string& label) {
    const auto names = names_for(family_, library_);
    if (std::ranges::find(names, name) != names.end()) return true;
    problem(label, name,
            fmt::format("is no template; write {} (there are {})", nearest(name, names),
                        fmt::join(names, ", ")));
    return false;
  }

  void problem(const std::string& label, const std::string& value, std::string_view what) {
    problems_.push_back({label, value, fmt::format("label {}: \"{}\" {}", label, value, what)});
  }

  // A workload that could not make its pods is worth a word, unless `warn` says something else.
  void warn_as_enforced(LabelPolicy& policy, bool enforce_is_valid) {
    if (policy.warn_is_explicit || !enforce_is_valid) return;
    policy.in(Mode::Warn) = policy.in(Mode::Enforce);
    const std::string label = std::string(family_) + std::string(name_of(Mode::Warn));
    std::optional<MinorVersion> version;
    if (const auto at = labels_.find(label + std::string(kVersion)); at != labels_.end()) {
      parse_version(at->second, version);
      policy.in(Mode::Warn).policy =
          library_.find({policy.in(Mode::Enforce).policy->name, version});
    }
  }

  const Labels& labels_;
  const std::string_view family_;
  const templates::Library& library_;
  std::vector<LabelProblem>& problems_;
};

}  // namespace

LabelPolicy read_labels(const Labels& labels, std::string_view family,
                        const templates::Library& library, std::vector<LabelProblem>& problems) {
  return Reader(labels, family, library, problems).read();
}

std::vector<std::string_view> families_of(const Policy& policy) {
  std::vector<std::string_view> families = {kPlimsollLabels};
  if (policy.pod_security_labels) families.push_back(kPodSecurityLabels);
  return families;
}

}  // namespace plimsoll::policy
