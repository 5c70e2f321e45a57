// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/packet.h"

#include <arpa/nameser.h>

#include <algorithm>
#include <array>
#include <optional>

#include "lib/base/text.h"

namespace postern::dns {

namespace {

// The rdata with names written out, as the decoders want them. `skip` bytes stand before the name.
std::optional<std::string> with_plain_name(const ns_msg& message, const ns_rr& record, std::size_t skip) {
  if (ns_rr_rdlen(record) < skip) return std::nullopt;
  std::array<unsigned char, NS_MAXCDNAME> name{};
  const unsigned char* const rdata = ns_rr_rdata(record);
  const int used = ::ns_name_unpack(ns_msg_base(message), ns_msg_end(message), rdata + skip, name.data(), name.size());
  if (used < 0 || skip + static_cast<std::size_t>(used) != ns_rr_rdlen(record)) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(rdata), skip);
  for (std::size_t at = 0;;) {
    const std::size_t length = name.at(at);
    out.append(reinterpret_cast<const char*>(name.data() + at), length + 1);
    if (length == 0) return out;
    at += length + 1;
  }
}

std::optional<std::string> plain_rdata(const ns_msg& message, const ns_rr& record) {
  switch (ns_rr_type(record)) {
    case ns_t_mx: return with_plain_name(message, record, 2);
    case ns_t_srv: return with_plain_name(message, record, 6);
    case ns_t_ptr:
    case ns_t_cname:
    case ns_t_ns: return with_plain_name(message, record, 0);
    default: return std::string(reinterpret_cast<const char*>(ns_rr_rdata(record)), ns_rr_rdlen(record));
  }
}

}  // namespace

void read_reply(Answer& answer, std::string_view packet) {
  answer.status = Status::malformed;
  ns_msg message;
  const auto* bytes = reinterpret_cast<const unsigned char*>(packet.data());
  if (packet.size() > NS_MAXMSG || ::ns_initparse(bytes, static_cast<int>(packet.size()), &message) < 0) return;
  bool any = false;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, i, &record) < 0) return;
    if (ns_rr_type(record) != static_cast<unsigned>(answer.type) || ns_rr_class(record) != ns_c_in) continue;
    answer.ttl = any ? std::min(answer.ttl, ns_rr_ttl(record)) : ns_rr_ttl(record);
    if (!any) answer.canonical = text::trim_right(ns_rr_name(record), ".");
    any = true;
    add_record(answer, plain_rdata(message, record).value_or(""));
  }
  if (!any) answer.status = Status::no_data;
  answer.secure = ns_msg_getflag(message, ns_f_ad) != 0;
}

}  // namespace postern::dns
