// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/answer.h"

#include <fmt/core.h>

#include <algorithm>

#include "lib/base/text.h"
#include "lib/parse/domain.h"

namespace postern::dns {

namespace {

constexpr std::size_t kMaxName = 255;  // RFC 1035 2.3.4, length bytes included
constexpr std::size_t kMaxLabel = 63;

std::uint8_t take_u8(std::string_view& wire) {
  const auto value = static_cast<std::uint8_t>(wire.front());
  wire.remove_prefix(1);
  return value;
}

std::uint16_t take_u16(std::string_view& wire) {
  const unsigned high = take_u8(wire);
  return static_cast<std::uint16_t>(high << 8 | take_u8(wire));
}

// "." between labels must not be mistaken for one inside a label.
void append_label(std::string& out, std::string_view label) {
  if (!out.empty()) out += '.';
  for (const char c : label) {
    if (text::is_print(c) && c != '.' && c != '\\' && c != ' ') {
      out += c;
    } else {
      out += fmt::format("\\{:03}", static_cast<unsigned char>(c));
    }
  }
}

std::string_view failure_reason(Status status) {
  switch (status) {
    case Status::ok: return {};
    case Status::not_found: return "Host not found";
    case Status::no_data: return "Host found but no data record of requested type";
    case Status::temporary: return "Host not found, try again";
    case Status::malformed: return "Malformed or unexpected name server reply";
  }
  return {};
}

}  // namespace

std::string type_name(Type type) {
  switch (type) {
    case Type::a: return "A";
    case Type::ns: return "NS";
    case Type::cname: return "CNAME";
    case Type::soa: return "SOA";
    case Type::ptr: return "PTR";
    case Type::mx: return "MX";
    case Type::txt: return "TXT";
    case Type::aaaa: return "AAAA";
    case Type::srv: return "SRV";
    case Type::tlsa: return "TLSA";
  }
  return fmt::format("TYPE{}", static_cast<unsigned>(type));
}

std::string failure_text(const Answer& answer) {
  if (answer.ok()) return {};
  const std::string_view prefix = answer.status == Status::malformed ? "" : "Host or domain name not found. ";
  return fmt::format("{}Name service error for name={} type={}: {}", prefix, answer.name, type_name(answer.type),
                     failure_reason(answer.status));
}

// --- resource data -----------------------------------------------------------------------------------

std::optional<std::string> take_name(std::string_view& wire) {
  std::string name;
  auto rest = wire;
  std::size_t size = 0;
  while (!rest.empty()) {
    const std::size_t length = take_u8(rest);
    size += 1 + length;
    if (size > kMaxName) return std::nullopt;
    if (length == 0) {
      wire = rest;
      return name;
    }
    // A pointer (two high bits) cannot be followed here.
    if (length > kMaxLabel || length > rest.size()) return std::nullopt;
    append_label(name, rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return std::nullopt;
}

std::optional<parse::IpAddress> decode_address(Type type, std::string_view rdata) {
  parse::IpAddress address;
  address.family = type == Type::a ? parse::IpAddress::Family::v4 : parse::IpAddress::Family::v6;
  if (rdata.size() != address.size()) return std::nullopt;
  std::ranges::copy(rdata, address.bytes.begin());
  return address;
}

std::optional<std::string> decode_name(std::string_view rdata) {
  auto name = take_name(rdata);
  if (!rdata.empty()) return std::nullopt;
  return name;
}

std::optional<Mx> decode_mx(std::string_view rdata) {
  if (rdata.size() < 2) return std::nullopt;
  Mx mx{.preference = take_u16(rdata), .host = {}};
  auto host = decode_name(rdata);
  if (!host) return std::nullopt;
  mx.host = std::move(*host);
  return mx;
}

std::optional<Srv> decode_srv(std::string_view rdata) {
  if (rdata.size() < 6) return std::nullopt;
  Srv srv;
  srv.priority = take_u16(rdata);
  srv.weight = take_u16(rdata);
  srv.port = take_u16(rdata);
  auto host = decode_name(rdata);
  if (!host) return std::nullopt;
  srv.host = std::move(*host);
  return srv;
}

std::optional<std::string> decode_txt(std::string_view rdata) {
  std::string joined;
  if (rdata.empty()) return std::nullopt;
  while (!rdata.empty()) {
    const std::size_t length = take_u8(rdata);
    if (length > rdata.size()) return std::nullopt;
    joined += rdata.substr(0, length);
    rdata.remove_prefix(length);
  }
  return joined;
}

std::optional<Tlsa> decode_tlsa(std::string_view rdata) {
  if (rdata.size() < 4) return std::nullopt;
  Tlsa tlsa;
  tlsa.usage = take_u8(rdata);
  tlsa.selector = take_u8(rdata);
  tlsa.matching = take_u8(rdata);
  tlsa.data = rdata;
  return tlsa;
}

namespace {

template <class T, class U>
bool keep(std::vector<T>& list, std::optional<U> value) {
  if (!value) return false;
  list.push_back(std::move(*value));
  return true;
}

template <class T>
std::optional<T> with_host(std::optional<T> value) {
  if (value && !value->host.empty() && !parse::is_hostname(value->host)) value.reset();
  return value;
}

std::optional<Mx> checked_mx(Answer& answer, std::optional<Mx> mx) {
  if (!mx || mx->host.empty()) return mx;
  const bool numeric = parse::parse_ip(mx->host).has_value();
  if (!numeric && parse::is_hostname(mx->host)) return mx;
  answer.complaints.push_back(fmt::format("{} domain name in resource data of MX record for {}: {}",
                                          numeric ? "numeric" : "malformed", answer.name, mx->host));
  if (!numeric) mx.reset();
  return mx;
}

std::optional<std::string> host_only(std::optional<std::string> name) {
  if (name && !parse::is_hostname(*name)) name.reset();
  return name;
}

bool keep_record(Answer& answer, std::string_view rdata) {
  switch (answer.type) {
    case Type::a:
    case Type::aaaa: return keep(answer.addresses, decode_address(answer.type, rdata));
    case Type::mx: return keep(answer.mx, checked_mx(answer, decode_mx(rdata)));
    case Type::srv: return keep(answer.srv, with_host(decode_srv(rdata)));
    case Type::ptr:
    case Type::ns: return keep(answer.names, host_only(decode_name(rdata)));
    case Type::cname: return keep(answer.names, decode_name(rdata));
    case Type::txt: return keep(answer.texts, decode_txt(rdata));
    case Type::tlsa: return keep(answer.tlsa, decode_tlsa(rdata));
    case Type::soa: return true;  // that it is there is all one asks
  }
  return false;
}

}  // namespace

void add_record(Answer& answer, std::string_view rdata) {
  if (keep_record(answer, rdata)) {
    answer.status = Status::ok;
  } else {
    ++answer.dropped;
    if (!answer.ok()) answer.status = Status::malformed;
  }
}

// --- names to ask for --------------------------------------------------------------------------------

bool is_query_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  // Two more bytes on the wire: the first length and the root.
  if (name.empty() || name.size() + 2 > kMaxName) return false;
  if (!std::ranges::all_of(name, [](char c) { return text::is_print(c) && c != ' ' && c != '\\'; })) return false;
  return std::ranges::all_of(text::fields(name, '.'),
                             [](std::string_view label) { return !label.empty() && label.size() <= kMaxLabel; });
}

std::string reverse_labels(const parse::IpAddress& address) {
  std::string out;
  for (std::size_t i = address.size(); i-- > 0;) {
    if (!out.empty()) out += '.';
    const unsigned byte = address.bytes[i];
    if (address.family == parse::IpAddress::Family::v4) {
      out += std::to_string(byte);
    } else {
      out += fmt::format("{:x}.{:x}", byte & 15, byte >> 4);
    }
  }
  return out;
}

std::string reverse_name(const parse::IpAddress& address) {
  return reverse_labels(address) + (address.family == parse::IpAddress::Family::v4 ? ".in-addr.arpa" : ".ip6.arpa");
}

}  // namespace postern::dns
