// SPDX-License-Identifier: Apache-2.0
// Address lists as they stand in headers, and single addresses.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lib/mail/address.h"
#include "lib/mail/address_list.h"
#include "lib/parse/local_part.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::mail;
  const std::string_view value(reinterpret_cast<const char*>(data), size);

  const auto tokens = tokenize(value, 50);
  std::string joined;
  for (const auto& token : tokens.list) joined += token.text;
  require(joined + std::string(tokens.rest) == value);

  const auto list = parse_address_list(value);
  std::vector<std::string> same;
  std::vector<std::string> others;
  std::size_t at = 0;
  for (const auto& entry : list.addresses) {
    require(entry.begin >= at && entry.end >= entry.begin && entry.end <= size);
    at = entry.end;
    same.push_back(entry.address);
    others.push_back(entry.address + "@x.test");
    (void)postern::parse::split_extension(split_address(entry.address).local, "+-");
    (void)quote_phrase(entry.phrase);
  }
  const std::string header = "To:" + std::string(value);
  require(rewrite_address_header(header, list, same) == header);
  (void)rewrite_address_header(header, list, others);
  for (const bool strict : {false, true}) {
    if (const auto address = parse_path(value, strict)) require(unquote_address(quote_address(*address)) == *address);
  }
  return 0;
}
