#include "kube/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "kube/exec_plugin.h"

namespace plimsoll::kube {
namespace {

using nlohmann::json;

Error error_of(std::string file, std::string field, std::string message, std::string remedy = "") {
  Error error;
  error.file = std::move(file);
  error.field = std::move(field);
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

/// An object of a kubeconfig: reads its fields, and keeps the first thing that is wrong.
class Section {
 public:
  Section(const KubeconfigFile& file, std::string field, const json& object)
      : file_(&file), field_(std::move(field)), object_(&object) {}

  std::string text(const char* key) {
    const json* const value = find(key);
    if (value == nullptr) return "";
    if (!value->is_string()) {
      fail(key, "must be a text");
      return "";
    }
    return value->get<std::string>();
  }
  bool flag(const char* key) {
    const json* const value = find(key);
    if (value != nullptr && !value->is_boolean()) fail(key, "must be true or false");
    return value != nullptr && value->is_boolean() && value->get<bool>();
  }
  /// `key` names a file, `key`-data has its content in base64, and wins.
  TextOrFile data(const char* key) {
    TextOrFile out;
    const std::string data_key = std::string(key) + "-data";
    const std::string encoded = text(data_key.c_str());
    if (!encoded.empty()) {
      if (!decode_base64(encoded, out.text)) fail(data_key, "is not base64");
    } else {
      out.file = path(key);
    }
    return out;
  }
  std::string path(const char* key) {
    const std::string value = text(key);
    return value.empty() ? value : absolute(value);
  }
  [[nodiscard]] std::string absolute(const std::string& path) const {
    return (std::filesystem::path(file_->folder) / path).lexically_normal().string();
  }

  /// Null: not there.
  [[nodiscard]] const json* find(const char* key) const {
    const auto at = object_->find(key);
    return at == object_->end() || at->is_null() ? nullptr : &*at;
  }
  void fail(const std::string& key, std::string message, std::string remedy = "") {
    if (!error_)
      error_ = error_of(file_->path, field_ + "." + key, std::move(message), std::move(remedy));
  }
  [[nodiscard]] const Status& error() const { return error_; }
  [[nodiscard]] const KubeconfigFile& file() const { return *file_; }
  [[nodiscard]] const std::string& field() const { return field_; }

 private:
  const KubeconfigFile* file_;
  std::string field_;
  const json* object_;
  Status error_;
};

struct Document {
  const KubeconfigFile* file;
  json root;
};

std::string list_of(std::vector<std::string> names) {
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The entry of that name in `clusters`, `users` or `contexts`: the object below `key`.
Result<Section> entry(const std::vector<Document>& documents, const char* list, const char* key,
                      const std::string& name, const Error& missing) {
  std::vector<std::string> known;
  for (const Document& document : documents) {
    const auto entries = document.root.find(list);
    if (entries == document.root.end() || entries->is_null()) continue;
    if (!entries->is_array()) return error_of(document.file->path, list, "must be a list");
    for (std::size_t i = 0; i < entries->size(); ++i) {
      const json& one = (*entries)[i];
      const std::string field = fmt::format("{}[{}]", list, i);
      const auto its_name = one.is_object() ? one.find("name") : one.end();
      if (its_name == one.end() || !its_name->is_string())
        return error_of(document.file->path, field, "has no name");
      known.push_back(its_name->get<std::string>());
      if (known.back() != name) continue;
      const auto object = one.find(key);
      if (object == one.end() || !object->is_object())
        return error_of(document.file->path, field, fmt::format("has no {}", key));
      return Section(*document.file, fmt::format("{}.{}", field, key), *object);
    }
  }
  Error error = missing;
  error.message = fmt::format("there is no \"{}\" in {}", name, list);
  error.remedy = known.empty() ? fmt::format("add it to {}", list)
                               : fmt::format("there are: {}", list_of(known));
  return error;
}

/// What KUBERNETES_EXEC_INFO says about the cluster.
Result<std::string> cluster_for_plugins(Section& cluster, const ClusterConfig& config) {
  json out = {{"server", config.server}};
  if (!config.tls_server_name.empty()) out["tls-server-name"] = config.tls_server_name;
  if (config.insecure_skip_tls_verify) out["insecure-skip-tls-verify"] = true;
  std::string ca = config.ca_pem;
  if (!config.ca_file.empty()) {
    auto text = read_text(config.ca_file);
    if (!text) return text.error();
    ca = std::move(*text);
  }
  if (!ca.empty()) out["certificate-authority-data"] = encode_base64(ca);
  if (!config.proxy_url.empty()) out["proxy-url"] = config.proxy_url;
  if (const json* const extensions = cluster.find("extensions");
      extensions != nullptr && extensions->is_array())
    for (const json& one : *extensions)
      if (one.is_object() && one.value("name", json()) == "client.authentication.k8s.io/exec" &&
          one.contains("extension"))
        out["config"] = one["extension"];
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::shared_ptr<CredentialSource>> exec_source(Section& user, Section& cluster,
                                                      const ClusterConfig& config) {
  const json* const object = user.find("exec");
  Section exec(user.file(), user.field() + ".exec", *object);
  if (!object->is_object()) return error_of(user.file().path, exec.field(), "must be an object");
  ExecSpec spec;
  spec.origin = user.file().path;
  spec.api_version = exec.text("apiVersion");
  spec.command = exec.text("command");
  spec.install_hint = exec.text("installHint");
  const std::string mode = exec.text("interactiveMode");
  const bool v1 = spec.api_version == "client.authentication.k8s.io/v1";
  if (!v1 && spec.api_version != "client.authentication.k8s.io/v1beta1")
    exec.fail("apiVersion", fmt::format("\"{}\" is not supported", spec.api_version),
              "set client.authentication.k8s.io/v1, and update the plugin");
  if (spec.command.empty()) exec.fail("command", "is missing");
  if (mode == "Always")
    exec.fail("interactiveMode", "a plugin that must have a terminal cannot be used here",
              "use a token or a client certificate");
  else if (mode.empty() ? v1 : mode != "Never" && mode != "IfAvailable")
    exec.fail("interactiveMode", "must be Never, IfAvailable or Always");
  // A name alone is looked for in PATH, a relative path counts from the kubeconfig.
  if (spec.command.find('/') != std::string::npos) spec.command = exec.absolute(spec.command);
  if (const json* const args = exec.find("args")) {
    if (!args->is_array() ||
        !std::ranges::all_of(*args, [](const json& one) { return one.is_string(); }))
      exec.fail("args", "must be a list of texts");
    else
      spec.args = args->get<std::vector<std::string>>();
  }
  if (const json* const env = exec.find("env")) {
    const auto whole = [](const json& one) {
      return one.is_object() && one.value("name", json()).is_string() &&
             one.value("value", json()).is_string();
    };
    if (!env->is_array() || !std::ranges::all_of(*env, whole))
      exec.fail("env", "must be a list of names and values");
    else
      for (const json& one : *env)
        spec.env.emplace_back(one["name"].get<std::string>(), one["value"].get<std::string>());
  }
  if (exec.flag("provideClusterInfo")) {
    auto info = cluster_for_plugins(cluster, config);
    if (!info) return info.error();
    spec.cluster_json = std::move(*info);
  }
  if (exec.error()) return *exec.error();
  return {std::make_shared<ExecCredentials>(std::move(spec))};
}

Result<std::shared_ptr<CredentialSource>> source_of(Section& user, Section& cluster,
                                                    const ClusterConfig& config,
                                                    const Clock& clock) {
  if (const json* const provider = user.find("auth-provider")) {
    const json name = provider->is_object() ? provider->value("name", json()) : json();
    user.fail("auth-provider",
              fmt::format("\"{}\" is not supported, as kubectl no longer does",
                          name.is_string() ? name.get<std::string>() : ""),
              "use the provider's exec plugin, a token or a client certificate");
  }
  FileCredentialsSpec spec;
  spec.client_certificate = user.data("client-certificate");
  spec.client_key = user.data("client-key");
  if (spec.client_certificate.empty() != spec.client_key.empty())
    user.fail(spec.client_key.empty() ? "client-key" : "client-certificate", "is missing",
              "give both the certificate and its key");
  spec.token.text = user.text("token");
  // As with client-go, of the two the file counts, for it may be kept up to date.
  spec.token.file = user.path("tokenFile");
  const std::string name = user.text("username"), password = user.text("password");
  if (!name.empty() || !password.empty()) {
    if (!spec.token.empty())
      user.fail("username", "there is a token as well", "remove one of the two");
    spec.authorization = "Basic " + encode_base64(name + ":" + password);
  }
  for (const char* const key : {"as", "as-uid"})
    if (!user.text(key).empty()) user.fail(key, "acting as another user is not supported");
  if (user.error()) return *user.error();
  const bool known = !spec.token.empty() || !spec.authorization.empty();
  if (!known && user.find("exec") != nullptr) return exec_source(user, cluster, config);
  if (!known && spec.client_certificate.empty()) return {std::shared_ptr<CredentialSource>()};
  auto source = std::make_shared<FileCredentials>(std::move(spec), clock);
  // Files that cannot be read are known at once.
  if (auto read = source->current(); !read) {
    Error error = read.error();
    error.remedy = fmt::format("{} names it: correct {}", user.file().path, user.field());
    return error;
  }
  return {std::shared_ptr<CredentialSource>(std::move(source))};
}

}  // namespace

Result<ClusterConfig> in_cluster(const Environment& environment, const std::string& folder,
                                 const Clock& clock) {
  constexpr auto kRemedy = "outside a pod give a kubeconfig";
  const std::string host = environment("KUBERNETES_SERVICE_HOST"),
                    port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty())
    return error_of(
        "", "",
        fmt::format("this is not a pod: {} is not set",
                    host.empty() ? "KUBERNETES_SERVICE_HOST" : "KUBERNETES_SERVICE_PORT"),
        kRemedy);
  ClusterConfig config;
  config.origin = "the pod's service account";
  config.server = host.find(':') == std::string::npos ? fmt::format("https://{}:{}", host, port)
                                                      : fmt::format("https://[{}]:{}", host, port);
  config.ca_file = folder + "/ca.crt";
  FileCredentialsSpec spec;
  spec.token.file = folder + "/token";
  auto source = std::make_shared<FileCredentials>(std::move(spec), clock);
  const auto not_mounted = [](Error error) {
    error.remedy =
        "let the pod mount its service account's token (automountServiceAccountToken), or give a "
        "kubeconfig";
    return error;
  };
  if (auto read = source->current(); !read) return not_mounted(read.error());
  if (auto read = read_text(config.ca_file); !read) return not_mounted(read.error());
  config.credentials = std::move(source);
  if (auto text = read_text(folder + "/namespace")) {
    const auto end = text->find_last_not_of(" \t\r\n");
    if (end != std::string::npos) config.default_namespace = text->substr(0, end + 1);
  }
  return config;
}

Result<ClusterConfig> from_kubeconfig(std::span<const KubeconfigFile> files,
                                      std::string_view context, const Clock& clock) {
  if (files.empty()) return error_of("", "", "no kubeconfig is given");
  std::vector<Document> documents;
  std::string name(context);
  const KubeconfigFile* named_by = &files.front();
  for (const KubeconfigFile& file : files) {
    json root = json::parse(file.json, nullptr, false);
    if (root.is_null()) root = json::object();  // an empty file
    if (!root.is_object()) return error_of(file.path, "", "this is not a kubeconfig");
    Section section(file, "", root);
    if (name.empty()) {
      name = section.text("current-context");
      named_by = &file;
    }
    if (section.error()) return error_of(file.path, "current-context", section.error()->message);
    documents.push_back({&file, std::move(root)});
  }
  if (name.empty())
    return error_of(files.front().path, "current-context", "is not set",
                    "kubectl config use-context NAME sets it");

  auto chosen = entry(documents, "contexts", "context", name,
                      error_of(named_by->path, context.empty() ? "current-context" : "", ""));
  if (!chosen) return chosen.error();
  const std::string cluster_name = chosen->text("cluster"), user_name = chosen->text("user");
  ClusterConfig config;
  if (const std::string space = chosen->text("namespace"); !space.empty())
    config.default_namespace = space;
  if (cluster_name.empty()) chosen->fail("cluster", "is missing");
  if (chosen->error()) return *chosen->error();

  auto cluster = entry(documents, "clusters", "cluster", cluster_name,
                       error_of(chosen->file().path, chosen->field() + ".cluster", ""));
  if (!cluster) return cluster.error();
  config.origin = cluster->file().path;
  config.server = cluster->text("server");
  if (config.server.empty()) cluster->fail("server", "is missing");
  TextOrFile ca = cluster->data("certificate-authority");
  config.ca_pem = std::move(ca.text);
  config.ca_file = std::move(ca.file);
  config.tls_server_name = cluster->text("tls-server-name");
  config.insecure_skip_tls_verify = cluster->flag("insecure-skip-tls-verify");
  config.proxy_url = cluster->text("proxy-url");
  if (!config.ca_file.empty())
    if (auto text = read_text(config.ca_file); !text)
      cluster->fail("certificate-authority",
                    fmt::format("{}: {}", config.ca_file, text.error().message));
  if (cluster->error()) return *cluster->error();

  if (user_name.empty()) return config;
  auto user = entry(documents, "users", "user", user_name,
                    error_of(chosen->file().path, chosen->field() + ".user", ""));
  if (!user) return user.error();
  auto source = source_of(*user, *cluster, config, clock);
  if (!source) return source.error();
  config.credentials = std::move(*source);
  return config;
}

}  // namespace plimsoll::kube
