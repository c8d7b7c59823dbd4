#include "codec/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include "codec/decoder.h"
#include "verdict/words.h"

namespace plimsoll::codec {
namespace {

constexpr std::string_view kApiVersion = "plimsoll.dev/v1alpha1";

template <class T>
using Field = Decoder::Field<T>;

std::size_t line_of(const text::YamlDocument& document, const std::string& pointer) {
  return document.nearest(pointer).begin.line;
}

/// The lines of the node and of all fields below it.
void add_lines(const text::YamlDocument& document, const text::YamlNode& node,
               std::map<std::string, std::size_t>& out) {
  out[verdict::field_of(document.pointer(node))] =
      node.has_key ? node.key_begin.line : node.begin.line;
  for (std::size_t i = 0; i < document.size(node); ++i)
    add_lines(document, document.child(node, i), out);
}

/// Reads `name` or another text that `parse` understands; `what` is what it must be.
template <class T, class Parse>
void read_parsed(Decoder& d, Json value, T& out, Parse parse, std::string_view what) {
  if (std::string_view text; value.get(text) == simdjson::SUCCESS) {
    if (auto parsed = parse(text)) {
      out = *parsed;
      return;
    }
  }
  d.fault(fmt::format("must be {}, is {}", what, simdjson::minify(value)));
}

struct TypeMeta {
  std::string api_version, kind;
};

/// Whether the document is of the kind; else why not.
void expect_kind(Decoder& d, const TypeMeta& meta, std::string_view kind) {
  if (meta.api_version != kApiVersion || meta.kind != kind)
    d.fault(fmt::format("must be a {} of {}, is \"{}\" of \"{}\"", kind, kApiVersion, meta.kind,
                        meta.api_version));
}

/// Reads every document of the text by the table, and hands each that is of the kind to
/// `take(decoder, document, raw)`, which may find faults of its own. None is an error too.
template <class Raw, std::size_t N, class Take>
Status read_documents(std::string_view text, const std::string& file, std::string_view kind,
                      const Field<Raw> (&fields)[N], Take take) {
  text::YamlReader reader(text, file);
  simdjson::dom::parser parser;
  bool any = false;
  for (;;) {
    auto next = reader.next();
    if (!next) return next.error();
    if (!*next) break;
    const text::YamlDocument& document = **next;
    if (document.empty()) continue;
    any = true;
    std::vector<Fault> faults;
    Decoder decoder("", faults, Unknown::Fault);
    Raw raw;
    decoder.object(parser.parse(document.json()).value(), fields, raw);
    if (faults.empty()) expect_kind(decoder, raw, kind);
    if (faults.empty()) take(decoder, document, raw);
    if (!faults.empty()) return error_at(document, file, faults.front());
  }
  if (any) return {};
  Error error;
  error.message = fmt::format("holds no {}", kind);
  error.file = file;
  error.remedy = fmt::format("write one of {}", kApiVersion);
  return error;
}

// --- templates -----------------------------------------------------------------------------------

constexpr auto parse_since = [](std::string_view text) -> std::optional<MinorVersion> {
  std::optional<MinorVersion> version;
  return parse_version(text, version) ? version : std::nullopt;
};

struct RawRange {
  std::optional<std::int64_t> min, max;
};
constexpr Field<RawRange> kRange[] = {{"min", plain<&RawRange::min>::read},
                                      {"max", plain<&RawRange::max>::read}};

void read_range(Decoder& d, Json value, IdRange& out) {
  RawRange raw;
  d.object(value, kRange, raw);
  if (!raw.min || !raw.max) d.fault("must have both min and max");
  out = {raw.min.value_or(0), raw.max.value_or(0)};
}

void read_param(Decoder& d, std::string_view check, std::string_view name, Json value,
                ParamValue& out) {
  // What the check declares decides how an empty list is read, and what is wrong with a text.
  std::optional<ParamType> declared;
  if (const Check* const known = find_check(check))
    for (const ParamSpec& spec : known->params)
      if (spec.name == name) declared = spec.type;
  if (value.is_bool() || (declared == ParamType::Flag && !value.is_array()))
    d.read(value, out.emplace<bool>());
  else if (declared == ParamType::Ranges)
    d.array(value, sizeof(IdRange),
            [&, &list = out.emplace<std::vector<IdRange>>()](Json element, std::size_t) {
              read_range(d, element, list.emplace_back());
            });
  else
    d.read(value, out.emplace<std::vector<std::string>>());
}

/// A rule, and its parameters until it is known which check they are for.
struct RawRule : RuleSpec {
  std::optional<Json> raw_params;
};

constexpr Field<RawRule> kRule[] = {
    {"check", plain<&RuleSpec::check>::read},
    {"since",
     [](Decoder& d, Json v, RawRule& out) {
       read_parsed(d, v, out.since, parse_since, "a version such as v1.25");
     }},
    {"before",
     [](Decoder& d, Json v, RawRule& out) {
       read_parsed(d, v, out.before, parse_since, "a version such as v1.25");
     }},
    {"enabled", plain<&RuleSpec::enabled>::read},
    {"params", [](Decoder& d, Json v, RawRule& out) {
       // Whether it is an object is said here, where the path is known to stand.
       d.members(v, [](std::string_view, Json) {});
       out.raw_params = v;
     }}};

void read_rule(Decoder& d, Json value, RuleSpec& out) {
  RawRule raw;
  d.object(value, kRule, raw);
  if (raw.raw_params)
    d.below("params", [&] {
      d.members(*raw.raw_params, [&](std::string_view name, Json param) {
        auto& [key, decoded] = raw.params.emplace_back(std::string(name), ParamValue{});
        read_param(d, raw.check, name, param, decoded);
      });
    });
  out = std::move(static_cast<RuleSpec&>(raw));
}

struct RawTemplate : TypeMeta, TemplateSpec {
  bool has_rules = false;
};

constexpr Field<RawTemplate> kTemplateSpec[] = {
    {"description", plain<&TemplateSpec::description>::read},
    {"extends", plain<&TemplateSpec::extends>::read},
    {"newest",
     [](Decoder& d, Json v, RawTemplate& out) {
       read_parsed(d, v, out.newest, parse_since, "a version such as v1.37");
     }},
    {"rules", [](Decoder& d, Json v, RawTemplate& out) {
       out.has_rules = true;
       d.array(v, sizeof(out.rules[0]),
               [&](Json rule, std::size_t) { read_rule(d, rule, out.rules.emplace_back()); });
     }}};

constexpr Field<RawTemplate> kTemplate[] = {
    {"apiVersion", plain<&TypeMeta::api_version>::read},
    {"kind", plain<&TypeMeta::kind>::read},
    {"metadata",
     [](Decoder& d, Json v, RawTemplate& out) {
       // Labels, annotations and what an API server adds
       // are of no concern.
       d.members(v, [&](std::string_view key, Json value) {
         if (key == "name") d.read(value, out.name);
       });
     }},
    {"spec", [](Decoder& d, Json v, RawTemplate& out) { d.object(v, kTemplateSpec, out); }}};

/// A template that asks nothing says so with `rules: []`.
void expect_rules(Decoder& d, const RawTemplate& raw) {
  d.below("spec", [&] {
    if (!raw.has_rules && raw.extends.empty())
      d.fault("has neither extends nor rules, and so asks nothing; write one of them");
  });
}

// --- configuration -------------------------------------------------------------------------------

constexpr std::string_view kModes = "enforce, warn or audit";

struct RawBinding : BindingSpec {
  bool has_version = false;
  std::optional<MinorVersion> version;
};

constexpr auto parse_workloads = [](std::string_view text) -> std::optional<Workloads> {
  if (text == "enforce") return Workloads::Enforce;
  if (text == "warn") return Workloads::Warn;
  return std::nullopt;
};

constexpr std::string_view kUpdates = "upstream or ratchet";
constexpr auto parse_updates = [](std::string_view text) -> std::optional<Updates> {
  if (text == "upstream") return Updates::Upstream;
  if (text == "ratchet") return Updates::Ratchet;
  return std::nullopt;
};

// A namespace is an RFC 1123 label.
constexpr std::size_t kMaxNamespace = 63;

/// Whether there can be a namespace that the glob matches.
bool can_match(std::string_view glob) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '*' || c == '?';
  };
  const auto stars = static_cast<std::size_t>(std::ranges::count(glob, '*'));
  return !glob.empty() && glob.size() - stars <= kMaxNamespace &&
         std::ranges::all_of(glob, legal) && !glob.starts_with('-') && !glob.ends_with('-');
}

std::string no_match(std::string_view glob) {
  return fmt::format("\"{}\" can match no namespace; use small letters, digits, dashes, * and ?",
                     glob);
}

template <auto Member>
void read_globs(Decoder& d, Json value, RawBinding& out) {
  d.array(value, sizeof(std::string), [&](Json element, std::size_t) {
    std::string& glob = (out.*Member).emplace_back();
    d.read(element, glob);
    if ((element.is_string() || element.is_null()) && !can_match(glob)) d.fault(no_match(glob));
  });
}

// --- selectors -----------------------------------------------------------------------------------

constexpr auto parse_operator = [](std::string_view text) -> std::optional<Selector::Operator> {
  using enum Selector::Operator;
  if (text == "In") return In;
  if (text == "NotIn") return NotIn;
  if (text == "Exists") return Exists;
  if (text == "DoesNotExist") return DoesNotExist;
  return std::nullopt;
};

constexpr Field<Selector::Requirement> kRequirement[] = {
    {"key", plain<&Selector::Requirement::key>::read},
    {"operator",
     [](Decoder& d, Json v, Selector::Requirement& out) {
       read_parsed(d, v, out.op, parse_operator, "In, NotIn, Exists or DoesNotExist");
     }},
    {"values", plain<&Selector::Requirement::values>::read}};

// Source: k8s.io/apimachinery/pkg/apis/meta/v1/validation, ValidateLabelSelectorRequirement.
void read_requirement(Decoder& d, Json value, Selector& out) {
  Selector::Requirement& one = out.requirements.emplace_back();
  d.object(value, kRequirement, one);
  simdjson::dom::element named;
  if (value["operator"].get(named) != simdjson::SUCCESS)
    d.fault("has no operator; use In, NotIn, Exists or DoesNotExist");
  if (one.key.empty()) d.fault("names no label; write `key: environment`, say");
  using enum Selector::Operator;
  const bool wants_values = one.op == In || one.op == NotIn;
  if (wants_values && one.values.empty())
    d.fault("needs values; write `values: [production]`, say");
  if (!wants_values && !one.values.empty())
    d.fault("has values, which Exists and DoesNotExist do not take; leave them out");
}

constexpr Field<Selector> kSelector[] = {
    {"matchLabels",
     [](Decoder& d, Json v, Selector& out) {
       d.members(v, [&](std::string_view key, Json text) {
         std::string label;
         d.read(text, label);
         out.requirements.push_back({std::string(key), Selector::Operator::In, {std::move(label)}});
       });
     }},
    {"matchExpressions", [](Decoder& d, Json v, Selector& out) {
       d.array(v, sizeof(out.requirements[0]),
               [&](Json element, std::size_t) { read_requirement(d, element, out); });
     }}};

constexpr Field<RawBinding> kBinding[] = {
    {"name", plain<&BindingSpec::name>::read},
    {"mode",
     [](Decoder& d, Json v, RawBinding& out) { read_parsed(d, v, out.mode, parse_mode, kModes); }},
    {"template",
     [](Decoder& d, Json v, RawBinding& out) {
       read_parsed(d, v, out.policy, TemplateRef::parse,
                   "a template such as restricted or restricted@v1.31");
     }},
    {"version",
     [](Decoder& d, Json v, RawBinding& out) {
       std::string text;
       d.read(v, text);
       out.has_version = true;
       if (!parse_version(text, out.version))
         d.fault(fmt::format("must be `latest` or a version such as v1.31, is \"{}\"", text));
     }},
    {"namespaces", read_globs<&BindingSpec::namespaces>},
    {"excludeNamespaces", read_globs<&BindingSpec::exclude_namespaces>},
    {"selector", [](Decoder& d, Json v, RawBinding& out) { d.object(v, kSelector, out.selector); }},
    {"workloads",
     [](Decoder& d, Json v, RawBinding& out) {
       read_parsed(d, v, out.workloads, parse_workloads, "enforce or warn");
     }},
    {"updates", [](Decoder& d, Json v, RawBinding& out) {
       read_parsed(d, v, out.updates, parse_updates, kUpdates);
     }}};

template <auto Member, class T>
void read_duration(Decoder& d, Json value, T& out) {
  read_parsed(d, value, out.*Member, parse_duration, "a duration such as 250ms, 5s, 2m or 24h");
}

/// A duration that may not be zero.
template <auto Member>
void read_timeout(Decoder& d, Json value, Configuration& out) {
  read_duration<Member>(d, value, out);
  if (out.*Member == std::chrono::milliseconds(0)) d.fault("must be more than zero; use 5s, say");
}

template <auto Member, std::int64_t Min, std::int64_t Max>
void read_number(Decoder& d, Json value, Configuration& out) {
  d.read(value, out.*Member);
  if (out.*Member < Min || out.*Member > Max)
    d.fault(fmt::format("{} is out of range; use {} to {}", simdjson::minify(value), Min, Max));
}

template <auto Member, const auto& Words>
void read_word(Decoder& d, Json value, Configuration& out) {
  d.read(value, out.*Member);
  if (out.*Member && std::ranges::find(Words, *(out.*Member)) == Words.end())
    d.fault(fmt::format("\"{}\" is not known; use {}", *(out.*Member), fmt::join(Words, ", ")));
}

using C = Configuration;
constexpr Field<C> kServer[] = {
    {"listen", plain<&C::listen>::read},
    {"management", plain<&C::management>::read},
    {"tlsCert", plain<&C::tls_cert>::read},
    {"tlsKey", plain<&C::tls_key>::read},
    {"clientCA", plain<&C::client_ca>::read},
    {"maxBodyBytes", read_number<&C::max_body_bytes, kMinBodyBytes, kMaxBodyBytes>},
    {"maxConnections", read_number<&C::max_connections, 1, kMaxConnections>},
    {"handshakeTimeout", read_timeout<&C::handshake_timeout>},
    {"idleTimeout", read_timeout<&C::idle_timeout>},
    {"requestTimeout", read_timeout<&C::request_timeout>},
    {"drainDelay", read_duration<&C::drain_delay>},
    {"drainTimeout", read_duration<&C::drain_timeout>}};

constexpr Field<C> kLog[] = {{"level", read_word<&C::log_level, kLogLevels>},
                             {"decisions", read_word<&C::log_decisions, kLogDecisions>}};

/// Names of namespaces or globs.
void read_namespaces(Decoder& d, Json value, std::vector<std::string>& out) {
  d.array(value, sizeof(std::string), [&](Json element, std::size_t) {
    d.read(element, out.emplace_back());
    if (element.is_string() && !can_match(out.back())) d.fault(no_match(out.back()));
  });
}

/// `namespace/name`.
void read_accounts(Decoder& d, Json value, std::vector<std::string>& out) {
  d.array(value, sizeof(std::string), [&](Json element, std::size_t) {
    std::string& name = out.emplace_back();
    d.read(element, name);
    const auto slash = name.find('/');
    const bool pair = slash != std::string::npos && slash > 0 && slash + 1 < name.size() &&
                      name.find('/', slash + 1) == std::string::npos;
    if (element.is_string() && !pair)
      d.fault(fmt::format("\"{}\" is not NAMESPACE/NAME, as in ci/deployer", name));
  });
}

constexpr Field<C> kExemptions[] = {
    {"usernames", plain<&C::exempt_users>::read},
    {"groups", plain<&C::exempt_groups>::read},
    {"namespaces",
     [](Decoder& d, Json v, C& out) { read_namespaces(d, v, out.exempt_namespaces); }},
    {"runtimeClasses", plain<&C::exempt_runtime_classes>::read}};

constexpr Field<C> kEditors[] = {{"users", plain<&C::editor_users>::read},
                                 {"groups", plain<&C::editor_groups>::read},
                                 {"serviceAccounts", [](Decoder& d, Json v, C& out) {
                                    read_accounts(d, v, out.editor_service_accounts);
                                  }}};

/// A name that can stand in a path. Source: RFC 1123, which Kubernetes holds names to.
template <auto Member, class T>
void read_name(Decoder& d, Json value, T& out) {
  constexpr std::size_t kMaxName = 253;
  std::string name;
  d.read(value, name);
  out.*Member = name;
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  if (value.is_string() &&
      (name.empty() || name.size() > kMaxName || !std::ranges::all_of(name, legal) ||
       !std::isalnum(name.front()) || !std::isalnum(name.back())))
    d.fault(fmt::format("\"{}\" is no name; use small letters, digits, dashes and dots", name));
}

using S = SelfManagedSpec;
constexpr Field<S> kSecret[] = {{"namespace", read_name<&S::secret_namespace>},
                                {"name", read_name<&S::secret_name>}};

constexpr Field<S> kSelfManaged[] = {
    {"secret", [](Decoder& d, Json v, S& out) { d.object(v, kSecret, out); }},
    {"hosts", plain<&S::hosts>::read},
    {"webhookConfiguration", read_name<&S::webhook_configuration>},
    {"caValidity", read_duration<&S::ca_validity>},
    {"servingValidity", read_duration<&S::serving_validity>}};

/// Whether the parts are all there and go together.
void expect_self_managed(Decoder& d, const S& spec) {
  if (spec.secret_namespace.empty() || spec.secret_name.empty())
    d.fault("names no Secret; write `secret: {namespace: plimsoll, name: plimsoll-certificates}`");
  if (spec.hosts.empty())
    d.fault("names no host; write `hosts: [plimsoll.plimsoll.svc]`, as the API server calls it");
  if (spec.webhook_configuration.empty())
    d.fault("names no ValidatingWebhookConfiguration; write `webhookConfiguration: plimsoll`");
  if (spec.serving_validity < kMinServingValidity)
    d.below("servingValidity", [&] { d.fault("is too short; use 10s or more, 2160h say"); });
  if (spec.ca_validity < kMinCaRatio * spec.serving_validity)
    d.below("caValidity",
            [&] { d.fault("is too short; use three times servingValidity or more, 8760h say"); });
}

struct RawConfiguration : TypeMeta, Configuration {};

/// The certificate comes from one place.
void expect_one_certificate(Decoder& d, const Configuration& raw) {
  if (raw.self_managed && (raw.tls_cert || raw.tls_key))
    d.below("selfManaged", [&] {
      d.fault("makes the certificate that server.tlsCert and server.tlsKey name; keep one of them");
    });
}

/// There is one registration to look after.
void expect_one_registration(Decoder& d, const Configuration& raw) {
  if (raw.self_managed && raw.webhook_configuration &&
      raw.self_managed->webhook_configuration != *raw.webhook_configuration)
    d.below("webhookConfiguration", [&] {
      d.fault(fmt::format("\"{}\" is not the \"{}\" of selfManaged.webhookConfiguration; name the "
                          "same, or leave this one out",
                          *raw.webhook_configuration, raw.self_managed->webhook_configuration));
    });
}

constexpr Field<RawConfiguration> kConfiguration[] = {
    {"apiVersion", plain<&TypeMeta::api_version>::read},
    {"kind", plain<&TypeMeta::kind>::read},
    {"metadata", [](Decoder&, Json, RawConfiguration&) {}},
    {"server",
     [](Decoder& d, Json v, RawConfiguration& out) { d.object(v, kServer, static_cast<C&>(out)); }},
    {"log",
     [](Decoder& d, Json v, RawConfiguration& out) { d.object(v, kLog, static_cast<C&>(out)); }},
    {"dryRun", plain<&C::dry_run>::read},
    {"namespaceLabels", plain<&C::namespace_labels>::read},
    {"honourPodSecurityLabels", plain<&C::pod_security_labels>::read},
    {"kubeconfig", plain<&C::kubeconfig>::read},
    {"updates",
     [](Decoder& d, Json v, RawConfiguration& out) {
       read_parsed(d, v, out.updates, parse_updates, kUpdates);
     }},
    {"selfManaged",
     [](Decoder& d, Json v, RawConfiguration& out) {
       d.object(v, kSelfManaged, out.self_managed.emplace());
       expect_self_managed(d, *out.self_managed);
     }},
    {"webhookConfiguration", read_name<&C::webhook_configuration>},
    {"exemptions", [](Decoder& d, Json v,
                      RawConfiguration& out) { d.object(v, kExemptions, static_cast<C&>(out)); }},
    {"labelEditors", [](Decoder& d, Json v,
                        RawConfiguration& out) { d.object(v, kEditors, static_cast<C&>(out)); }},
    {"templates", plain<&C::templates>::read},
    {"podTemplates", [](Decoder& d, Json v,
                        RawConfiguration& out) { read_pod_templates(d, v, out.pod_templates); }},
    {"bindings", [](Decoder& d, Json v, RawConfiguration& out) {
       d.array(v, sizeof(out.bindings[0]), [&](Json element, std::size_t) {
         RawBinding binding;
         d.object(element, kBinding, binding);
         if (binding.policy.name.empty())
           d.fault("names no template; write `template: restricted`, say");
         if (binding.has_version && binding.policy.version)
           d.fault("gives the version twice: in template and in version; keep one");
         else if (binding.has_version)
           binding.policy.version = binding.version;
         out.bindings.push_back(std::move(static_cast<BindingSpec&>(binding)));
       });
     }}};

constexpr const char* kBindFlag = "--bind";

Error flag_error(std::string message) {
  Error error;
  error.message = std::move(message);
  error.field = kBindFlag;
  error.remedy = "write MODE=TEMPLATE[@VERSION][,namespaces=GLOB|GLOB][,excludeNamespaces=GLOB]"
                 "[,workloads=enforce][,updates=ratchet]";
  return error;
}

}  // namespace

Error error_at(const text::YamlDocument& document, const std::string& file, const Fault& fault) {
  const text::YamlNode& node = document.nearest(fault.path);
  Error error;
  error.message = fault.message;
  error.file = file;
  error.line = node.has_key ? node.key_begin.line : node.begin.line;
  error.column = node.has_key ? node.key_begin.column : node.begin.column;
  error.field = verdict::field_of(fault.path);
  return error;
}

Result<std::vector<TemplateSpec>> read_templates(std::string_view text, const std::string& file) {
  std::vector<TemplateSpec> specs;
  const auto take = [&](Decoder& d, const text::YamlDocument& document, RawTemplate& raw) {
    expect_rules(d, raw);
    TemplateSpec& spec = specs.emplace_back(std::move(static_cast<TemplateSpec&>(raw)));
    spec.file = file;
    add_lines(document, document.root(), spec.lines);
  };
  if (auto error = read_documents(text, file, "SecurityTemplate", kTemplate, take))
    return *std::move(error);
  return specs;
}

Result<Configuration> read_configuration(std::string_view text, const std::string& file) {
  std::optional<Configuration> found;
  const auto take = [&](Decoder& d, const text::YamlDocument& document, RawConfiguration& raw) {
    if (found) d.fault("is a second document; a configuration is one");
    expect_one_certificate(d, raw);
    expect_one_registration(d, raw);
    found = std::move(static_cast<Configuration&>(raw));
    if (found->self_managed) {
      found->self_managed->file = file;
      found->self_managed->line = document.nearest("/selfManaged").key_begin.line;
    }
    for (std::size_t i = 0; i < found->bindings.size(); ++i) {
      found->bindings[i].field = fmt::format("bindings[{}].template", i);
      found->bindings[i].file = file;
      found->bindings[i].line = line_of(document, fmt::format("/bindings/{}/template", i));
    }
    for (std::size_t i = 0; i < found->templates.size(); ++i)
      found->template_lines.push_back(line_of(document, fmt::format("/templates/{}", i)));
  };
  if (auto error = read_documents(text, file, "Configuration", kConfiguration, take))
    return *std::move(error);
  return *std::move(found);
}

Result<BindingSpec> parse_binding(std::string_view text) {
  BindingSpec spec;
  spec.field = kBindFlag;
  bool first = true;
  while (!text.empty() || first) {
    const auto comma = std::min(text.find(','), text.size());
    const auto part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const auto equals = part.find('=');
    if (equals == std::string_view::npos)
      return flag_error(fmt::format("\"{}\" is not KEY=VALUE", part));
    const auto key = part.substr(0, equals);
    const auto value = part.substr(equals + 1);
    if (first) {
      const auto mode = parse_mode(key);
      const auto ref = TemplateRef::parse(value);
      if (!mode) return flag_error(fmt::format("\"{}\" is not a mode: {}", key, kModes));
      if (!ref) return flag_error(fmt::format("\"{}\" is not a template reference", value));
      spec.mode = *mode;
      spec.policy = *ref;
    } else if (key == "namespaces" || key == "excludeNamespaces") {
      auto& globs = key == "namespaces" ? spec.namespaces : spec.exclude_namespaces;
      for (std::size_t at = 0; at <= value.size();) {
        const auto bar = std::min(value.find('|', at), value.size());
        globs.emplace_back(value.substr(at, bar - at));
        if (!can_match(globs.back()))
          return flag_error(fmt::format("{}: {}", key, no_match(globs.back())));
        at = bar + 1;
      }
    } else if (const auto workloads = parse_workloads(value); key == "workloads" && workloads) {
      spec.workloads = *workloads;
    } else if (const auto updates = parse_updates(value); key == "updates" && updates) {
      spec.updates = *updates;
    } else {
      return flag_error(fmt::format("\"{}\" is not known", part));
    }
    first = false;
  }
  return spec;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  constexpr std::int64_t kMost = 24 * 3600;  // in any unit: far beyond use, far below overflow
  if (error != std::errc{} || count < 0) return std::nullopt;
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  if (unit == "ms" && count <= kMost * 1000) return std::chrono::milliseconds(count);
  if (count > kMost) return std::nullopt;
  if (unit == "s") return std::chrono::seconds(count);
  if (unit == "m") return std::chrono::minutes(count);
  if (unit == "h") return std::chrono::hours(count);
  return std::nullopt;
}

}  // namespace plimsoll::codec
