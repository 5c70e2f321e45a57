// SPDX-License-Identifier: Apache-2.0
#include "local/destinations.h"

#include "lib/base/text.h"
#include "lib/mail/address_list.h"
#include "lib/mail/address_spec.h"

namespace postern::local {

namespace {

using Kind = Destination::Kind;
constexpr std::string_view kInclude = ":include:";

// One item: as written, and without quotes and comments.
struct Item {
  std::string raw;
  std::string plain;
};

void add_addresses(std::string_view raw, bool direct, std::vector<Destination>& out) {
  for (auto& address : mail::parse_address_list(raw).addresses) {
    if (!address.address.empty()) out.push_back({Kind::address, std::move(address.address), direct});
  }
}

void add_item(const Item& item, std::vector<Destination>& out) {
  const std::string_view plain = text::trim(item.plain);
  if (plain.empty()) return;
  if (plain.starts_with('|')) {
    out.push_back({Kind::command, std::string(text::trim(plain.substr(1))), false});
  } else if (plain.starts_with('/') || plain.starts_with("~/")) {
    out.push_back({Kind::file, std::string(plain), false});
  } else if (text::istarts_with(plain, kInclude)) {
    out.push_back({Kind::include, std::string(text::trim(plain.substr(kInclude.size()))), false});
  } else {
    const std::string_view raw = text::trim(item.raw);
    const bool direct = raw.starts_with('\\');
    add_addresses(direct ? raw.substr(1) : raw, direct, out);
  }
}

}  // namespace

std::vector<Destination> parse_destinations(std::string_view text) {
  std::vector<Destination> out;
  Item item;
  int angles = 0;
  for (const auto& token : mail::tokenize(text, SIZE_MAX).list) {
    if (token.kind == mail::Token::Kind::special) {
      if (token.text == "<") ++angles;
      if (token.text == ">") --angles;
      if (token.text == "," && angles <= 0) {
        add_item(item, out);
        item = {};
        continue;
      }
    }
    item.raw += token.text;
    if (token.kind == mail::Token::Kind::comment) continue;
    item.plain += token.kind == mail::Token::Kind::quoted ? mail::token_value(token) : std::string(token.text);
  }
  add_item(item, out);
  return out;
}

std::vector<Destination> parse_destination_file(std::string_view content) {
  std::vector<Destination> out;
  std::string logical;
  const auto finish = [&] {
    for (auto& d : parse_destinations(logical)) out.push_back(std::move(d));
    logical.clear();
  };
  for (const auto line : text::fields(content, '\n')) {
    if (line.starts_with('#') || text::trim(line).empty()) continue;
    if (!text::is_blank(line[0])) finish();
    logical += line;
  }
  finish();
  return out;
}

}  // namespace postern::local
