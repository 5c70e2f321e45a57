// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/tls.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "commands/postfix/openssl.h"
#include "commands/postfix/tls_keys.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/command_log.h"
#include "lib/config/registry.h"
#include "lib/parse/domain.h"

namespace postern::postfix {

namespace {

constexpr const char* kTag = "postfix-tls-script";
constexpr std::size_t kCommonNameLimit = 64;  // RFC 5280, ub-common-name
constexpr mode_t kForOthers = 077;

constexpr const char* kKeyUsage = "[-a algorithm] [-b bits] [hostname...]";

// Options of one letter with a value each, then the rest.
struct Words {
  std::vector<std::pair<char, std::string>> options;
  std::vector<std::string> rest;
  [[nodiscard]] std::optional<std::string> option(char letter) const {
    std::optional<std::string> value;
    for (const auto& [name, text] : options) {
      if (name == letter) value = text;
    }
    return value;
  }
};

std::optional<Words> parse_words(const std::vector<std::string>& words, std::string_view letters) {
  Words out;
  std::size_t i = 1;
  for (; i < words.size() && words[i].size() > 1 && words[i][0] == '-'; ++i) {
    if (words[i] == "--") {
      ++i;
      break;
    }
    const char letter = words[i][1];
    if (letters.find(letter) == std::string_view::npos) return std::nullopt;
    if (words[i].size() > 2) {
      out.options.emplace_back(letter, words[i].substr(2));
    } else if (++i < words.size()) {
      out.options.emplace_back(letter, words[i]);
    } else {
      return std::nullopt;
    }
  }
  for (; i < words.size(); ++i) out.rest.push_back(words[i]);
  return out;
}

int usage(std::string_view text) { return fatal(fmt::format("usage: postfix tls {}", text)); }

OpenSsl openssl_of(const Context& context) { return OpenSsl(context.main.openssl_path); }

// A value that has the default's meaning counts as the default.
bool is_default(const config::Config& config, std::string_view name) {
  if (!config.is_set(name)) return true;
  const auto value = config.get(name);
  const auto fallback = config.expand(config.default_of(name).value_or(""));
  return value && fallback && text::trim(*value) == text::trim(*fallback);
}

std::vector<std::string> changed_settings(const config::Config& config, std::string_view prefix) {
  std::vector<std::string> out;
  for (const auto& parameter : config::parameters()) {
    const std::string_view name = parameter.name;
    const bool old = name == fmt::format("{}_use_tls", prefix) || name == fmt::format("{}_enforce_tls", prefix);
    if (!old && !name.starts_with(fmt::format("{}_tls_", prefix))) continue;
    if (!is_default(config, name)) out.emplace_back(name);
  }
  return out;
}

// One call: main.cf is replaced once, with all of it.
bool set_parameters(const Context& context, const std::vector<std::string>& settings) {
  std::vector<std::string> arguments{"-c", context.config.directory(), "-e"};
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  return run(context.command("postconf"), arguments) == 0;
}

void say_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log::info("{}", line);
}

// A problem with -r, or nothing.
std::string random_source_problem(const std::string& source) {
  struct stat st{};
  const auto colon = source.find(':');
  const std::string kind = colon == std::string::npos ? "" : source.substr(0, colon);
  const std::string path = source.substr(colon == std::string::npos ? 0 : colon + 1);
  if (!path.starts_with('/') || (kind != "dev" && kind != "egd" && !kind.empty())) {
    return "not dev:/PATH, egd:/PATH or /PATH";
  }
  if (::stat(path.c_str(), &st) < 0) return fail_errno(path).error().text;
  if (kind == "dev" && !S_ISCHR(st.st_mode)) return "not a device";
  if (kind == "egd" && !S_ISSOCK(st.st_mode)) return "not a socket";
  if (kind.empty() && !S_ISREG(st.st_mode)) return S_ISCHR(st.st_mode) ? "write dev: before a device" : "not a file";
  return {};
}

// --- enabling ----------------------------------------------------------------------------------------------

std::vector<std::string> client_settings() {
  return {"smtp_tls_security_level = may", "smtp_tls_loglevel = 1",
          "smtp_tls_session_cache_database = ${default_cache_db_type}:${data_directory}/smtp_scache"};
}

std::vector<std::string> server_settings() {
  return {"smtpd_tls_security_level = may", "smtpd_tls_loglevel = 1", "smtpd_tls_received_header = yes"};
}

int already_configured(const std::vector<std::string>& names, std::string_view who,
                       const std::vector<std::string>& typical) {
  say_lines({fmt::format("The TLS settings of the SMTP {} are not the defaults; nothing was changed. Set: {}", who,
                         text::join(names, " ")),
             "What is usual for opportunistic TLS:"});
  for (const std::string& setting : typical) log::info("  {}", setting);
  return 0;
}

void say_reload(const Context& context) {
  if (is_running(context)) log::info("It takes effect with: {}", command_line(context, "reload"));
}

int all_default(const Context& context, std::string_view prefix) {
  if (context.words.size() > 1) return usage(context.words[0]);
  return changed_settings(context.config, prefix).empty() ? 0 : 1;
}

int all_default_client(const Context& context) { return all_default(context, "smtp"); }
int all_default_server(const Context& context) { return all_default(context, "smtpd"); }

int enable_client(const Context& context) {
  const auto words = parse_words(context.words, "r");
  if (!words || !words->rest.empty()) return usage("enable-client [-r randsource]");
  auto settings = client_settings();
  if (const auto names = changed_settings(context.config, "smtp"); !names.empty()) {
    return already_configured(names, "client", settings);
  }
  if (const auto source = words->option('r')) {
    if (const auto problem = random_source_problem(*source); !problem.empty()) {
      return fatal(fmt::format("bad random source \"{}\": {}", *source, problem));
    }
    settings.push_back("tls_random_source = " + *source);
  }
  if (!set_parameters(context, settings)) return fatal("main.cf was not changed");
  log::info("Opportunistic TLS is enabled in the SMTP client.");
  say_reload(context);
  return 0;
}

// --- keys and certificates ---------------------------------------------------------------------------------

// Hosts for a certificate: those given, or this one. Error: a name that cannot stand in one.
Result<std::vector<std::string>> host_names(const Context& context, const std::vector<std::string>& given) {
  std::vector<std::string> hosts = given.empty() ? std::vector{context.main.myhostname} : given;
  for (const std::string& host : hosts) {
    if (!parse::is_hostname(host)) return fail(fmt::format("not a host name: \"{}\"", text::printable(host)));
  }
  return hosts;
}

Result<KeyOptions> key_options(const Context& context, const Words& words) {
  KeyOptions options;
  options.algorithm = text::lower(words.option('a').value_or("rsa"));
  if (options.algorithm != "rsa" && options.algorithm != "ecdsa") {
    return fail(fmt::format("Unsupported public key algorithm: {}", options.algorithm));
  }
  options.bits = words.option('b').value_or("");
  auto hosts = host_names(context, words.rest);
  if (!hosts) return std::unexpected(hosts.error());
  if (hosts->front().size() > kCommonNameLimit) {
    return fail(fmt::format("the first host name is longer than {} bytes: {}", kCommonNameLimit, hosts->front()));
  }
  options.hosts = std::move(*hosts);
  return options;
}

void say_staged(const Context& context, const KeyPair& pair) {
  const std::string tls = "  " + command_line(context, "tls");
  say_lines({"A private key and a self-signed certificate are ready:", "  " + pair.key_file, "  " + pair.cert_file,
             "To use them:", fmt::format("{} deploy-server-cert {} {}", tls, pair.cert_file, pair.key_file),
             "For a certificate from an authority:",
             fmt::format("{} output-server-csr -k {} [hostname...]", tls, pair.key_file),
             fmt::format("and write its answer, the server's certificate first, to {} before.", pair.cert_file),
             "For TLSA records, which must be in the DNS (and old ones have expired) before:",
             fmt::format("{} output-server-tlsa [-h hostname] {}", tls, pair.key_file)});
}

int stage(const Context& context, bool keep_key) {
  const auto words = parse_words(context.words, "ab");
  if (!words) return usage(fmt::format("{} {}", context.words[0], kKeyUsage));
  const auto options = key_options(context, *words);
  if (!options) return fatal(options.error().text);
  const std::string old_key = keep_key ? deployed_key(context, options->algorithm) : std::string();
  const auto pair = make_pair(context, openssl_of(context), *options, old_key);
  if (!pair) return fatal(pair.error().text);
  say_staged(context, *pair);
  return 0;
}

int new_server_key(const Context& context) { return stage(context, false); }
int new_server_cert(const Context& context) { return stage(context, true); }

int enable_server(const Context& context) {
  const auto words = parse_words(context.words, "rab");
  if (!words) return usage(fmt::format("enable-server [-r randsource] {}", kKeyUsage));
  const auto options = key_options(context, *words);
  if (!options) return fatal(options.error().text);
  auto settings = server_settings();
  if (const auto names = changed_settings(context.config, "smtpd"); !names.empty()) {
    const int result = already_configured(names, "server", settings);
    log::info("A new certificate: {}; with a new key: {}", command_line(context, "tls new-server-cert"),
              command_line(context, "tls new-server-key"));
    return result;
  }
  if (const auto source = words->option('r')) {
    if (const auto problem = random_source_problem(*source); !problem.empty()) {
      return fatal(fmt::format("bad random source \"{}\": {}", *source, problem));
    }
    settings.push_back("tls_random_source = " + *source);
  }
  const auto pair = make_pair(context, openssl_of(context), *options, {});
  if (!pair) return fatal(pair.error().text);
  const PairParameters names = pair_parameters(options->algorithm);
  settings.push_back(names.cert + " = " + pair->cert_file);
  settings.push_back(names.key + " = " + pair->key_file);
  if (!set_parameters(context, settings)) return fatal("main.cf was not changed");
  say_lines({"Opportunistic TLS is enabled in the SMTP server, with a new key and a self-signed certificate:",
             "  " + pair->key_file, "  " + pair->cert_file, "For a certificate from an authority:",
             fmt::format("  {} -k {} [hostname...]", command_line(context, "tls output-server-csr"), pair->key_file),
             "For TLSA records:", fmt::format("  {} [-h hostname]", command_line(context, "tls output-server-tlsa"))});
  say_reload(context);
  return 0;
}

// --- deploying ---------------------------------------------------------------------------------------------

int deploy_server_cert(const Context& context) {
  const auto words = parse_words(context.words, "");
  if (!words || words->rest.size() != 2) return usage("deploy-server-cert certfile keyfile");
  const std::string cert_file = files::resolve(context.config.directory(), words->rest[0]);
  const std::string key_file = files::resolve(context.config.directory(), words->rest[1]);
  const OpenSsl openssl = openssl_of(context);
  const auto key = openssl.public_key(key_file);
  if (!key) return fatal(fmt::format("no private key found in file: {} ({})", key_file, key.error().text));
  const auto certified = openssl.certificate_key(cert_file);
  if (!certified) return fatal(fmt::format("no certificate found in file: {} ({})", cert_file, certified.error().text));
  if (*key != *certified) {
    return fatal(
        fmt::format("the first certificate in {} does not belong to the private key in {}", cert_file, key_file));
  }
  const std::string_view algorithm = algorithm_of(*key);
  if (algorithm.empty()) return fatal(fmt::format("the key in {} is neither an RSA nor an ECDSA key", key_file));
  if (!context.config.get("smtpd_tls_chain_files").value_or("").empty()) {
    return fatal(
        "smtpd_tls_chain_files is set: then no other key or certificate is used. Remove it, or replace the file");
  }
  struct stat st{};
  if (::stat(key_file.c_str(), &st) == 0 && (st.st_mode & kForOthers) != 0) {
    log::warning("{} can be opened by others than its owner", key_file);
  }
  const PairParameters names = pair_parameters(algorithm);
  if (!set_parameters(context, {names.cert + " = " + cert_file, names.key + " = " + key_file})) {
    return fatal("main.cf was not changed");
  }
  log::info("The SMTP server's {} key and certificate are {} and {}", algorithm, key_file, cert_file);
  if (!is_running(context)) return 0;
  // A process of its own: it reads the new configuration.
  return run(context.command("postfix"), {"-c", context.config.directory(), "reload"});
}

// --- output ------------------------------------------------------------------------------------------------

// The file that a word means: an algorithm's name stands for what the server uses. Empty: nothing configured.
std::string key_file_of(const Context& context, const std::string& word) {
  if (word == "rsa" || word == "ecdsa") return deployed_key(context, word);
  return files::resolve(context.config.directory(), word);
}

// Why there is no file to work with.
int no_key(const Context& context, std::string_view what) {
  const bool chains = !context.config.get("smtpd_tls_chain_files").value_or("").empty();
  return fatal(fmt::format("No usable {} specified or configured{}", what,
                           chains ? ": name a file of smtpd_tls_chain_files" : ""));
}

int print(const std::string& text) {
  const auto written = files::write_all(STDOUT_FILENO, text);
  return written ? 0 : fatal(written.error().text);
}

int output_server_csr(const Context& context) {
  const auto words = parse_words(context.words, "k");
  if (!words) return usage("output-server-csr [-k keyfile] [hostname...]");
  const auto hosts = host_names(context, words->rest);
  if (!hosts) return fatal(hosts.error().text);
  const std::string key_file = key_file_of(context, words->option('k').value_or("rsa"));
  if (key_file.empty()) return no_key(context, "keyfile");
  const OpenSsl openssl = openssl_of(context);
  if (const auto key = openssl.public_key(key_file); !key) {
    return fatal(fmt::format("no private key found in file: {} ({})", key_file, key.error().text));
  }
  const auto request = make_request(openssl, key_file, *hosts);
  return request ? print(*request) : fatal(request.error().text);
}

int output_server_tlsa(const Context& context) {
  const auto words = parse_words(context.words, "h");
  if (!words) return usage("output-server-tlsa [-h hostname] [keyfile...]");
  const std::string host = words->option('h').value_or(context.main.myhostname);
  if (!parse::is_hostname(host)) return fatal(fmt::format("not a host name: \"{}\"", text::printable(host)));
  const std::vector<std::string> given = words->rest.empty() ? std::vector<std::string>{"rsa", "ecdsa"} : words->rest;
  const OpenSsl openssl = openssl_of(context);
  std::string out;
  for (const std::string& word : given) {
    const std::string key_file = key_file_of(context, word);
    if (key_file.empty()) continue;
    const auto record = make_tlsa(openssl, key_file);
    if (!record) return fatal(fmt::format("no private key found in file: {} ({})", key_file, record.error().text));
    out += fmt::format("; {}\n_25._tcp.{}. IN TLSA {}\n", key_file, host, *record);
  }
  return out.empty() ? no_key(context, "keyfiles") : print(out);
}

struct Subcommand {
  std::string_view name;
  int (*run)(const Context&);
};

constexpr std::array kSubcommands{
    Subcommand{"enable-client", enable_client},           Subcommand{"enable-server", enable_server},
    Subcommand{"new-server-key", new_server_key},         Subcommand{"new-server-cert", new_server_cert},
    Subcommand{"deploy-server-cert", deploy_server_cert}, Subcommand{"output-server-csr", output_server_csr},
    Subcommand{"output-server-tlsa", output_server_tlsa}, Subcommand{"all-default-client", all_default_client},
    Subcommand{"all-default-server", all_default_server},
};

}  // namespace

int tls(const Context& context) {
  // Who runs it waits for what it has to say, whether or not on a terminal.
  config::open_command_log(context.config, kTag, config::Copy::always);
  std::string names;
  for (const Subcommand& subcommand : kSubcommands) {
    if (!context.words.empty() && subcommand.name == context.words[0]) return subcommand.run(context);
    names += names.empty() ? "" : ", ";
    names += subcommand.name;
  }
  log::error("unknown tls command: '{}'", context.words.empty() ? "" : text::printable(context.words[0]));
  return usage("SUBCOMMAND, which is one of " + names);
}

}  // namespace postern::postfix
