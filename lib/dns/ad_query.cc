// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/ad_query.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "lib/base/text.h"
#include "lib/dns/packet.h"

namespace postern::dns {

namespace {

struct StateCloser {
  void operator()(struct __res_state* state) const {
    ::res_nclose(state);
    delete state;
  }
};
using StatePtr = std::unique_ptr<struct __res_state, StateCloser>;

// RFC 1035 4.1.1 and RFC 6840 5.8: bits in the third and fourth byte of a packet.
constexpr unsigned char kReply = 0x80;
constexpr unsigned char kAuthentic = 0x20;

std::optional<sockaddr_in> to_ipv4(const std::string& server) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(NS_DEFAULTPORT);
  std::string host = server;
  if (const auto parts = text::cut(server, '@')) {
    const auto port = text::to_u64(parts->second);
    if (!port || *port > 65535) return std::nullopt;
    address.sin_port = htons(static_cast<std::uint16_t>(*port));
    host = parts->first;
  }
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  return address;
}

void use_servers(struct __res_state& state, const std::vector<std::string>& servers) {
  std::array<sockaddr_in, MAXNS> list{};
  std::size_t count = 0;
  for (const auto& server : servers) {
    const auto address = to_ipv4(server);
    if (!address || count == list.size()) return;
    list[count++] = *address;
  }
  if (count == 0) return;
  std::ranges::copy(list, std::begin(state.nsaddr_list));
  state.nscount = static_cast<int>(count);
}

Status status_of_error(int error) {
  switch (error) {
    case HOST_NOT_FOUND: return Status::not_found;
    case NO_DATA: return Status::no_data;
    default: return Status::temporary;
  }
}

}  // namespace

Answer ad_query(Answer question, const std::vector<std::string>& servers) {
  StatePtr state(new struct __res_state{});
  question.status = Status::temporary;
  if (::res_ninit(state.get()) != 0) {
    question.detail = "cannot initialise the resolver";
    return question;
  }
  use_servers(*state, servers);
  state->options &= ~static_cast<unsigned long>(RES_DNSRCH | RES_DEFNAMES);
  state->options |= RES_USE_DNSSEC | RES_USE_EDNS0 | RES_TRUSTAD;
  std::string packet(NS_MAXMSG, '\0');
  const int size = ::res_nquery(state.get(), question.name.c_str(), ns_c_in, static_cast<int>(question.type),
                                reinterpret_cast<unsigned char*>(packet.data()), static_cast<int>(packet.size()));
  if (size < 0) {
    question.status = status_of_error(state->res_h_errno);
    question.detail = ::hstrerror(state->res_h_errno);
    // A reply without records is left where it was read; that there are none may be as certain as a record.
    const bool replied = question.status == Status::not_found || question.status == Status::no_data;
    question.secure = replied && (packet[2] & kReply) != 0 && (packet[3] & kAuthentic) != 0;
    return question;
  }
  read_reply(question, std::string_view(packet).substr(0, static_cast<std::size_t>(size)));
  return question;
}

}  // namespace postern::dns
