// SPDX-License-Identifier: Apache-2.0
#include "smtpd/footer.h"

#include "lib/base/text.h"
#include "lib/config/expand.h"
#include "lib/parse/cursor.h"

namespace postern::smtpd {

namespace {

constexpr std::string_view kContinue = "\\c";
constexpr std::string_view kBreak = "\\n";

std::string censored(std::string value, std::string_view allowed) {
  for (char& c : value) {
    if (allowed.find(c) == std::string_view::npos) c = '_';
  }
  return value;
}

std::optional<std::string> value_of(std::string_view name, const State& state, std::string_view server_name) {
  if (name == "client") return state.client.label;
  if (name == "client_address") return state.client.address;
  if (name == "client_port") return state.client.port;
  if (name == "localtime") return syslog_stamp(wall_now().seconds);
  if (name == "server_name") return std::string(server_name);
  return std::nullopt;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

}  // namespace

std::string unescape_filter(std::string_view text) {
  std::string out;
  parse::Cursor in(text);
  while (const auto c = in.take()) {
    if (*c != '\\' || in.done()) {
      out += *c;
    } else if (in.take('t')) {
      out += '\t';
    } else if (in.take('n')) {
      out += '\n';
    } else if (is_octal(in.peek())) {
      unsigned value = 0;
      for (int i = 0; i < 3 && is_octal(in.peek()); ++i) value = value * 8 + static_cast<unsigned>(*in.take() - '0');
      out += static_cast<char>(value);
    } else {
      out += *in.take();
    }
  }
  return out;
}

Result<> add_footer(smtp::Reply& reply, std::string_view footer, const State& state, std::string_view server_name,
                    std::string_view allowed) {
  auto expanded = config::expand_once(footer, [&](std::string_view name) -> std::optional<std::string> {
    auto value = value_of(name, state, server_name);
    return value ? std::optional(censored(std::move(*value), allowed)) : std::nullopt;
  });
  if (!expanded) return std::unexpected(expanded.error());
  std::string_view rest = *expanded;
  if (rest.empty()) return {};
  if (reply.lines.empty()) reply.lines.emplace_back();
  const bool continues = rest.starts_with(kContinue);
  if (continues) {
    rest.remove_prefix(kContinue.size());
  } else {
    reply.lines.emplace_back();
  }
  for (;;) {
    const std::size_t end = rest.find(kBreak);
    reply.lines.back() += rest.substr(0, end);
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + kBreak.size());
    reply.lines.emplace_back();
  }
}

}  // namespace postern::smtpd
