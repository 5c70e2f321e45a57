// SPDX-License-Identifier: Apache-2.0
#include "lib/table/tool.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/command_log.h"
#include "lib/config/lines.h"
#include "lib/config/value.h"
#include "lib/table/fold.h"

namespace postern::table {

namespace {

constexpr std::size_t kLargestSource = 4UL << 30;

template <class T>
T or_die(Result<T> result) {
  if (!result) tool_fatal("{}", result.error().text);
  return std::move(*result);
}

std::string read_stdin() {
  std::string all;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) tool_fatal("read stdin: {}", errno_text(errno));
    if (n == 0) return all;
    all.append(buffer, static_cast<std::size_t>(n));
  }
}

// Acts as the owner of a file for as long as it lives. Only root changes identity.
class AsOwner {
 public:
  AsOwner(uid_t uid, gid_t gid) {
    if (::geteuid() != 0 || uid == 0) return;
    if (::setgroups(0, nullptr) != 0 || ::setegid(gid) != 0 || ::seteuid(uid) != 0) {
      tool_fatal("cannot become uid {}: {}", uid, errno_text(errno));
    }
    changed_ = true;
  }
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
  ~AsOwner() {
    if (!changed_) return;
    if (::seteuid(0) != 0 || ::setegid(0) != 0) tool_fatal("cannot become root again: {}", errno_text(errno));
  }

 private:
  bool changed_ = false;
};

std::string with_reason(std::string text, const Error& error) {
  if (error.text.empty()) return text;
  return text + ": " + error.text;
}

std::string json_string(std::string_view s) {
  std::string out = "\"";
  for (const char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string without_proxy(const std::string& spec) {
  constexpr std::string_view kProxy = "proxy:";
  return spec.starts_with(kProxy) ? spec.substr(kProxy.size()) : spec;
}

}  // namespace

void end_tool(std::string_view text) {
  std::cout.flush();
  log::write(log::Level::fatal, text);
  log::flush();
  std::exit(1);
}

config::Config open_tool(const std::string& program) {
  log::open(program, {});
  auto config = or_die(config::Config::load(config::Config::default_directory(), {program, "", {}}));
  log::Destination destination;
  destination.also_stderr = true;
  const auto maillog = config.get("maillog_file");
  if (!maillog || maillog->empty()) {
    destination.kind = log::Destination::Kind::syslog;
    destination.facility = or_die(config::syslog_facility(or_die(config.get("syslog_facility"))));
  } else if (files::exists(config::postlog_socket(config))) {
    destination.kind = log::Destination::Kind::datagram;
    destination.path = config::postlog_socket(config);
    destination.host = config::log_host(config);
  }
  log::open(config::log_tag(config, program), destination);
  for (const auto& warning : config.warnings()) log::warning("{}", warning);
  return config;
}

Tool::Tool(const config::Config& config, ToolOptions options) : options_(std::move(options)) {
  register_builtin_tables(registry_);
  register_unix_table(registry_);
  context_.registry = &registry_;
  context_.default_type = or_die(config.get_string("default_database_type"));
  context_.fold = options_.fold;
  context_.utf8 = options_.utf8 ? *options_.utf8 : or_die(config.get_bool("smtputf8_enable"));
  context_.fold_key = context_.utf8 ? fold_utf8 : nullptr;
  context_.blocking = true;
  context_.filenames = options_.filenames;
  context_.trailing_nul = options_.trailing_nul;
  context_.duplicates = options_.duplicates;
  context_.create_buffer = static_cast<std::size_t>(or_die(config.get_int("berkeley_db_create_buffer_size")));
  context_.read_buffer = static_cast<std::size_t>(or_die(config.get_int("berkeley_db_read_buffer_size")));
  context_.lmdb_map_size = static_cast<std::size_t>(or_die(config.get_long("lmdb_map_size")));
}

TablePtr Tool::open_or_die(const std::string& spec, Mode mode) const {
  return or_die(open(without_proxy(spec), mode, context_));
}

std::string Tool::content_of(std::string_view name_list, const std::string& where, bool& usable) const {
  std::string content;
  for (const auto name : text::words(name_list, ", \t\r\n")) {
    const auto file = files::read(std::string(name), kLargestSource);
    if (!file) {
      log::warning("{}: {}: skipping this entry", where, file.error().text);
      usable = false;
      return {};
    }
    if (!content.empty()) content += '\n';
    content += *file;
  }
  return text::base64(content);
}

void Tool::add(Table& table, const std::string& where, std::string_view line, const Parser& parser) const {
  if (context_.utf8 && !text::is_utf8(line)) {
    log::warning("{}: non-UTF-8 input \"{}\" -- ignoring this line", where, text::printable(line));
    return;
  }
  auto entry = parser(where, line);
  if (!entry) return;
  bool usable = true;
  if (options_.filenames) entry->second = content_of(entry->second, where, usable);
  if (!usable) return;
  const auto added = table.put(entry->first, entry->second);
  if (!added) tool_fatal("table {}: {}", table.spec(), with_reason("write error", added.error()));
}

void Tool::build(const std::string& spec, const Parser& parser, const std::vector<Entry>& extra) {
  const Spec parsed = or_die(parse_spec(spec, context_.default_type));
  if (parsed.type == "proxy") tool_fatal("can't create maps via the proxy service");
  Fd source;
  struct stat st{};
  if (!options_.incremental) {
    source = or_die(files::open(parsed.name, O_RDONLY));
    if (::fstat(source.get(), &st) != 0) tool_fatal("open {}: {}", parsed.name, errno_text(errno));
    if (!options_.default_mode) context_.create_mode = 0600U | (st.st_mode & 0044U);
  }
  const Registry::Type* type = registry_.find(parsed.type);
  if (!type) tool_fatal("unsupported dictionary type: {}", parsed.type);
  if (!type->creatable) {
    tool_fatal("unsupported dictionary type: {} does not support bulk-mode creation.", parsed.type);
  }
  const std::string content = options_.incremental ? read_stdin() : or_die(files::read(parsed.name, kLargestSource));
  const std::string title = options_.incremental ? "stdin" : parsed.name;
  const AsOwner owner(options_.keep_root ? 0 : st.st_uid, st.st_gid);
  ::umask(022);
  const TablePtr table =
      open_or_die(parsed.type + ":" + parsed.name, options_.incremental ? Mode::update_create : Mode::create);
  const auto lines = config::logical_lines(content, title);
  for (const auto& warning : lines.warnings) log::warning("{}", warning);
  for (const auto& line : lines.lines) {
    add(*table, title + ", line " + std::to_string(line.first), line.text, parser);
  }
  for (const auto& [key, value] : options_.incremental ? std::vector<Entry>{} : extra) {
    const auto added = table->put_exact(key, value);
    if (!added) tool_fatal("table {}: {}", table->spec(), with_reason("write error", added.error()));
  }
  if (const auto finished = table->finish(); !finished) tool_fatal("{}", finished.error().text);
}

void Tool::print(std::optional<std::string_view> key, std::string_view value) const {
  if (options_.json) {
    std::cout << '{' << json_string(key.value_or(options_.query ? *options_.query : "")) << ": " << json_string(value)
              << "}\n";
    return;
  }
  if (key) std::cout << *key << options_.key_end;
  std::cout << value << '\n';
}

void Tool::open_all() {
  if (!opened_.empty()) return;
  for (const auto& spec : options_.tables) opened_.push_back(open_or_die(spec, Mode::read));
}

bool Tool::print_answer(std::string_view key, std::optional<std::string_view> shown_key) {
  open_all();
  for (const auto& table : opened_) {
    const Answer answer = table->lookup(key);
    if (!answer) tool_fatal("table {}: {}", table->spec(), with_reason("query error", answer.error()));
    if (!*answer) continue;
    if ((*answer)->empty()) {
      log::warning("table {}: key {}: empty string result is not allowed", table->spec(), text::printable(key));
      log::warning("table {} should return NO RESULT in case of NOT FOUND", table->spec());
    }
    print(shown_key, **answer);
    return true;
  }
  return false;
}

int Tool::run_query() {
  bool found = false;
  if (*options_.query == "-") {
    open_all();
    for (std::string key; std::getline(std::cin, key);) found = print_answer(key, key) || found;
  } else {
    // One table after the other: a later one that cannot be opened does not matter once there is an answer.
    for (const auto& spec : options_.tables) {
      opened_.clear();
      opened_.push_back(open_or_die(spec, Mode::read));
      found = print_answer(*options_.query, std::nullopt);
      if (found) break;
    }
  }
  std::cout.flush();
  return found ? 0 : 1;
}

int Tool::run_remove() {
  std::vector<std::string> keys{*options_.remove};
  if (*options_.remove == "-") {
    const std::string input = read_stdin();
    keys.clear();
    for (const auto line : text::words(input, "\n")) keys.emplace_back(line);
  }
  bool found = false;
  for (const auto& spec : options_.tables) {
    const TablePtr table = open_or_die(spec, Mode::update);
    for (const auto& key : keys) {
      const auto removed = table->erase(key);
      if (!removed) tool_fatal("table {}: {}", table->spec(), with_reason("delete error", removed.error()));
      found = *removed || found;
    }
    if (const auto finished = table->finish(); !finished) tool_fatal("{}", finished.error().text);
  }
  return found ? 0 : 1;
}

void Tool::run_list() {
  for (const auto& spec : options_.tables) {
    const TablePtr table = open_or_die(spec, Mode::read);
    for (bool first = true;; first = false) {
      auto entry = table->sequence(first);
      if (!entry) {
        const bool unsupported = entry.error().code == ENOTSUP;
        tool_fatal("table {}: {}", table->spec(),
                   unsupported ? entry.error().text : with_reason("sequence error", entry.error()));
      }
      if (!*entry) break;
      auto& [key, value] = **entry;
      if (options_.filenames) {
        auto content = text::from_base64(value);
        if (!content) tool_fatal("table {}: key {}: malformed BASE64 value: {}", table->spec(), key, value);
        value = std::move(*content);
      }
      print(key, value);
    }
  }
  std::cout.flush();
}

}  // namespace postern::table
