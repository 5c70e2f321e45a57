// SPDX-License-Identifier: Apache-2.0
// Resource data of DNS answers, and whole reply packets. The first byte chooses the record type. Whatever was
// accepted is something a mail system can use: a name that may be asked for, a sorted list of hosts.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lib/dns/answer.h"
#include "lib/dns/mx.h"
#include "lib/dns/packet.h"

namespace {

using namespace postern::dns;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Answer& answer) {
  for (const auto& mx : answer.mx) require(mx.host.empty() || is_query_name(mx.host));
  for (const auto& srv : answer.srv) require(srv.host.empty() || is_query_name(srv.host));
  if (answer.type != Type::cname) {
    for (const auto& name : answer.names) require(is_query_name(name));
  }
  const auto sorted = sort_mx(answer.mx, [](std::uint32_t n) { return n / 2; });
  require(std::ranges::is_sorted(sorted, {}, &Mx::preference));
  require(sorted.size() <= answer.mx.size());
  require(answer.ok() || !failure_text(answer).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  constexpr Type kTypes[] = {Type::a,   Type::aaaa, Type::mx,   Type::ptr, Type::cname,
                             Type::txt, Type::srv,  Type::tlsa, Type::ns,  Type::soa};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Answer answer;
  answer.name = "example.test";
  answer.type = kTypes[data[0] % std::size(kTypes)];
  add_record(answer, bytes);
  add_record(answer, bytes.substr(bytes.size() / 2));
  check(answer);

  auto rest = bytes;
  if (take_name(rest)) require(rest.size() < bytes.size());

  Answer packet;
  packet.type = answer.type;
  read_reply(packet, bytes);
  check(packet);
  return 0;
}
