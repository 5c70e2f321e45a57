// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/destination.h"

#include <fmt/core.h>

#include "lib/base/text.h"
#include "lib/parse/domain.h"
#include "lib/parse/ip.h"

namespace postern::posttls_finger {

namespace {

constexpr int kSmtpPort = 25;
constexpr int kLmtpPort = 24;

Result<int> port_of(const std::string& service, std::string_view destination, bool lmtp,
                    const config::TcpPorts& ports) {
  if (service.empty()) {
    if (lmtp) return kLmtpPort;
    const int port = ports.find("smtp");
    return port == 0 ? kSmtpPort : port;
  }
  const int port = ports.find(service);
  if (port != 0) return port;
  if (text::to_u64(service)) return fail(fmt::format("bad network port: {} for destination: {}", service, destination));
  return fail(fmt::format("unknown service: {}/tcp", service));
}

// Host and service; brackets are taken off.
Result<> split(std::string_view text, Destination& out) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return fail(fmt::format("missing \"]\" in server description: {}", text));
    out.host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) {
      return fail(fmt::format("garbage after \"]\" in server description: {}", text));
    }
    out.service = rest.substr(rest.empty() ? 0 : 1);
    out.exchangers = false;
    if (text::istarts_with(out.host, "ipv6:")) out.host.erase(0, 5);
    return {};
  }
  const auto colon = text.find(':');
  out.host = text.substr(0, colon);
  if (out.host.empty()) return fail(fmt::format("missing host information in server description: {}", text));
  if (colon != std::string_view::npos) out.service = text.substr(colon + 1);
  // An IPv6 address without brackets: which colon would stand before the port?
  if (out.service.find(':') != std::string::npos) out.host.clear();
  return {};
}

}  // namespace

Result<Destination> parse_destination(std::string_view text, bool lmtp, const config::TcpPorts& ports) {
  Destination out;
  out.text = text;
  std::string_view rest = text;
  if (lmtp && rest.starts_with("unix:")) {
    out.unix_path = rest.substr(5);
    out.is_unix = true;
    return out;
  }
  if (lmtp && rest.starts_with("inet:")) rest.remove_prefix(5);
  out.text = rest;
  const auto done = split(rest, out);
  if (!done) return std::unexpected(done.error());
  const bool address = parse::parse_ip(out.host).has_value();
  // Names in a local script become A-labels later.
  const bool named = text::is_ascii(out.host) ? parse::is_hostname(out.host) : text::is_utf8(out.host);
  if (!address && !named) {
    return fail(fmt::format("valid hostname or network address required in server description: {}", rest));
  }
  const auto port = port_of(out.service, rest, lmtp, ports);
  if (!port) return std::unexpected(port.error());
  out.port = *port;
  if (address || lmtp) out.exchangers = false;
  return out;
}

}  // namespace postern::posttls_finger
