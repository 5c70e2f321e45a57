// SPDX-License-Identifier: Apache-2.0
// What a DNS lookup says, and the decoders of resource data (RFC 1035, 3596, 6698, 2782).
//
// Resource data come from strangers: names without compression, everything else as the RFC has it; a decoder gives
// a value or nothing. Names are text without the final dot; the root is "". A name that is not a host name (as a
// mail system needs it) is refused by add_record, except where the type allows anything. The host of an MX record may
// be an IP address, which is wrong and common.
// Nothing here does I/O; resolver.h asks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/parse/ip.h"

namespace postern::dns {

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  tlsa = 52
};
[[nodiscard]] std::string type_name(Type type);  // "MX"; "TYPE123" for one without a name here

enum class Status {
  ok,         // at least one usable record
  not_found,  // the name does not exist
  no_data,    // the name exists, without such a record
  temporary,  // no answer in time, a server failure, or (secure lookups) a bogus answer
  malformed,  // the name cannot be asked for, or none of the records was well-formed
};

struct Mx {
  std::uint16_t preference = 0;
  std::string host;  // "" in a null MX (RFC 7505)
  bool operator==(const Mx&) const = default;
};
struct Srv {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string host;
};
struct Tlsa {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data;  // raw bytes
};

struct Answer {
  std::string name;  // as asked
  Type type = Type::a;
  Status status = Status::temporary;
  // By type; only the one asked for is filled, in the order of the reply.
  std::vector<parse::IpAddress> addresses;  // A, AAAA
  std::vector<Mx> mx;
  std::vector<std::string> names;  // PTR, CNAME, NS
  std::vector<std::string> texts;  // TXT, the strings of a record joined
  std::vector<Srv> srv;
  std::vector<Tlsa> tlsa;
  std::string canonical;  // the name at the end of the CNAME chain; = name when there is none
  std::uint32_t ttl = 0;  // seconds
  bool secure = false;    // validated (or believed, see dns_trust); only of a secure resolver
  unsigned dropped = 0;   // records that were not well-formed
  std::string detail;     // of a temporary failure: what happened, for debugging
  // Of host names that are none, for who logs: "malformed domain name in resource data of MX record for N: X".
  std::vector<std::string> complaints;

  [[nodiscard]] bool ok() const { return status == Status::ok; }
};

// "Host or domain name not found. Name service error for name=N type=T: Host not found" and the like (without the first
// sentence for what is malformed), as deferral
// and bounce texts have it. Empty when the lookup was ok.
[[nodiscard]] std::string failure_text(const Answer& answer);

// --- resource data -----------------------------------------------------------------------------------
// An uncompressed name at the beginning of `wire`, which it is taken off. Bytes other than printable ASCII without
// '.', '\\' and blanks are written \DDD. nullopt: too short, a label over 63 or a name over 255 bytes.
[[nodiscard]] std::optional<std::string> take_name(std::string_view& wire);
[[nodiscard]] std::optional<parse::IpAddress> decode_address(Type type, std::string_view rdata);
[[nodiscard]] std::optional<std::string> decode_name(std::string_view rdata);  // the whole rdata is one name
[[nodiscard]] std::optional<Mx> decode_mx(std::string_view rdata);
[[nodiscard]] std::optional<Srv> decode_srv(std::string_view rdata);
[[nodiscard]] std::optional<std::string> decode_txt(std::string_view rdata);
[[nodiscard]] std::optional<Tlsa> decode_tlsa(std::string_view rdata);
// Decodes one record of answer.type into the answer, or counts it as dropped. Sets status to ok with the first good
// one.
void add_record(Answer& answer, std::string_view rdata);

// --- names to ask for --------------------------------------------------------------------------------
// A name that may be asked for: 1-255 bytes, labels of 1-63, no control or 8-bit bytes, blanks or backslashes.
[[nodiscard]] bool is_query_name(std::string_view name);
// "1.2.0.192.in-addr.arpa", or the 32 nibbles below ip6.arpa.
[[nodiscard]] std::string reverse_name(const parse::IpAddress& address);
// The same labels below another zone, as DNS lists are asked: "1.2.0.192.zone".
[[nodiscard]] std::string reverse_labels(const parse::IpAddress& address);

}  // namespace postern::dns
