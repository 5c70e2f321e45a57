// SPDX-License-Identifier: Apache-2.0
#include "smtp/destination.h"

#include "lib/base/text.h"
#include "lib/parse/host_port.h"

namespace postern::smtp_client {

namespace {

Result<Destination> parse_one(std::string_view item, Dialect dialect) {
  Destination out;
  out.text = item;
  std::string_view rest = item;
  if (dialect == Dialect::lmtp) {
    out.mx = false;
    if (rest.starts_with("unix:")) {
      out.unix_path = rest.substr(5);
      if (out.unix_path.empty()) return fail("bad destination: " + out.text);
      return out;
    }
  }
  if (rest.starts_with("inet:")) rest.remove_prefix(5);
  const auto parsed = parse::parse_host_port(rest);
  if (!parsed || parsed->host.empty()) return fail("bad destination: " + out.text);
  out.host = parsed->host;
  out.port = parsed->port;
  if (parsed->bracketed) out.mx = false;
  return out;
}

}  // namespace

Result<std::vector<Destination>> parse_destinations(std::string_view nexthop, Dialect dialect) {
  std::vector<Destination> out;
  for (const auto item : text::words(nexthop, ", \t\r\n")) {
    auto one = parse_one(item, dialect);
    if (!one) return std::unexpected(one.error());
    out.push_back(std::move(*one));
  }
  if (out.empty()) return fail("empty destination");
  return out;
}

}  // namespace postern::smtp_client
