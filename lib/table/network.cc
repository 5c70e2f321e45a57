// SPDX-License-Identifier: Apache-2.0
#include "lib/table/network.h"

#include "lib/base/text.h"

namespace postern::table {

namespace {

parse::IpAddress masked(const parse::IpAddress& address, unsigned prefix) {
  parse::IpAddress result = address;
  for (unsigned bit = prefix; bit < address.size() * 8; ++bit) {
    result.bytes[bit / 8] = static_cast<std::uint8_t>(result.bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  return result;
}

std::string_view without_brackets(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') return text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

Result<parse::Network> read_network(std::string_view text) {
  const std::string shown(text);
  const std::string_view plain = without_brackets(text);
  const auto cut = text::cut(plain, '/');
  const auto address = parse::parse_ip(without_brackets(cut ? cut->first : plain));
  if (!cut) {
    if (!address) return fail("bad address pattern: \"" + shown + "\"");
    return parse::Network{*address, static_cast<unsigned>(address->size() * 8)};
  }
  const auto prefix = text::to_u64(cut->second);
  if (!prefix) return fail("bad mask value in \"" + shown + "\"");
  if (!address) return fail("bad network value in \"" + shown + "\"");
  if (*prefix > address->size() * 8) return fail("bad mask length in \"" + shown + "\"");
  const auto length = static_cast<unsigned>(*prefix);
  const parse::Network network{masked(*address, length), length};
  if (network.address == *address) return network;
  return fail("non-null host address bits in \"" + shown + "\", perhaps you should use \"" + network.text() +
              "\" instead");
}

}  // namespace postern::table
