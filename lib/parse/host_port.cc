// SPDX-License-Identifier: Apache-2.0
#include "lib/parse/host_port.h"

#include <algorithm>

#include "lib/base/text.h"

namespace postern::parse {

namespace {

constexpr std::string_view kLiteralTag = "ipv6:";

// The port, or nothing, up to the end.
Parsed<std::string_view> optional_port(Cursor& in) {
  if (in.done()) return std::string_view{};
  if (!in.take(':')) return in.fault("colon expected");
  const auto port = in.take_while([](char c) { return text::is_alnum(c) || c == '-' || c == '_'; });
  if (port.empty() || !in.done()) return in.fault("port expected");
  return port;
}

}  // namespace

Parsed<HostPort> parse_host_port(std::string_view text) {
  HostPort out;
  Cursor in(text);
  if (in.take('[')) {
    out.bracketed = true;
    in.take_word(kLiteralTag);
    out.host = in.take_until("]");
    if (!in.take(']')) return in.fault("] expected");
  } else if (std::ranges::count(text, ':') > 1) {
    out.host = text;
    return out;
  } else {
    out.host = in.take_until(":");
  }
  if (out.host.empty()) return std::unexpected(Fault{.what = "host expected", .offset = 0});
  const auto port = optional_port(in);
  if (!port) return std::unexpected(port.error());
  out.port = *port;
  return out;
}

}  // namespace postern::parse
