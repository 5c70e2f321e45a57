// SPDX-License-Identifier: Apache-2.0
#include "cleanup/check_actions.h"

#include <fmt/core.h>

#include "lib/mail/address.h"

namespace postern::cleanup {

namespace {

constexpr std::size_t kShownLine = 200;

}  // namespace

std::string origin_text(const MessageOrigin& origin) {
  std::string out = origin.client.empty() ? "local" : origin.client;
  out += fmt::format("; from=<{}>", mail::quote_address(origin.sender));
  if (!origin.recipient.empty()) out += fmt::format(" to=<{}>", mail::quote_address(origin.recipient));
  if (!origin.protocol.empty()) out += " proto=" + origin.protocol;
  if (!origin.helo.empty()) out += fmt::format(" helo=<{}>", origin.helo);
  return out;
}

std::string check_line(std::string_view word, std::string_view part, std::string_view line, const MessageOrigin& origin,
                       std::string_view text) {
  std::string out = fmt::format("{}: {} {} from {}", word, part, line.substr(0, kShownLine), origin_text(origin));
  if (!text.empty()) out += fmt::format(": {}", text);
  return out;
}

}  // namespace postern::cleanup
