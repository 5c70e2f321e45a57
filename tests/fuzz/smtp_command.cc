// SPDX-License-Identifier: Apache-2.0
// One SMTP command line: everything smtpd does with its text before any policy.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/parse/domain.h"
#include "lib/parse/host_port.h"
#include "lib/parse/smtp_command.h"
#include "lib/parse/xtext.h"

namespace {

using namespace postern;

void require(bool holds) {
  if (!holds) std::abort();
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void value(std::string_view text) {
  (void)parse::parse_size_value(text);
  if (const auto mask = mail::parse_notify(text)) require(mail::parse_notify(mail::format_notify(*mask)) == mask);
  if (const auto ret = mail::parse_ret(text)) require(mail::parse_ret(mail::format_ret(*ret)) == ret);
  const auto reply = mail::split_dsn(text, "5.0.0");
  require(mail::valid_dsn(reply.status) && mail::valid_dsn(mail::with_class(reply.status, '4')));
  if (const auto typed = mail::split_typed_address(text)) (void)parse::unitext_decode(typed->address);
  if (const auto plain = parse::xtext_decode(text, true)) {
    require(parse::xtext_decode(parse::xtext_encode(*plain)) == *plain);
  }
  if (const auto plain = parse::unitext_decode(text)) {
    const auto encoded = parse::unitext_encode(*plain);
    require(encoded && parse::unitext_decode(*encoded) == *plain);
  }
}

// What was read as a network is written so that it reads the same, and holds its own first address.
void network(std::string_view text) {
  const auto network = parse::parse_network(text);
  if (!network) return;
  const auto again = parse::parse_network(network->text());
  require(again && again->address == network->address && again->prefix == network->prefix);
  require(network->contains(network->address));
  const auto host = network->address.unmapped();
  require(host.unmapped() == host && parse::parse_ip(host.text()) == host);
  require(host.is_loopback() == (host.text() == "::1" || host.text().starts_with("127.")));
  auto other = network->address;
  other.bytes[0] ^= 0x80U;
  require(network->contains(other) == (network->prefix == 0));
}

void path_command(std::string_view line, const parse::Parsed<parse::PathCommand>& parsed) {
  if (!parsed) return;
  require(within(parsed->path, line));
  if (const auto address = mail::parse_path(parsed->path)) {
    // An accepted address names the same mailbox after a round through its external form.
    require(mail::unquote_address(mail::quote_address(*address)) == *address);
  }
  for (const auto& parameter : parsed->parameters) {
    require(within(parameter.text, line) && !parameter.text.empty());
    value(parameter.value.value_or(""));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto command = parse::split_command(line);
  require(within(command.argument, line));
  path_command(line, parse::parse_mail_argument(command.argument));
  path_command(line, parse::parse_rcpt_argument(command.argument));
  for (const auto word : parse::split_words(command.argument)) require(!word.empty() && within(word, line));
  (void)parse::parse_bdat_argument(command.argument);
  (void)parse::is_domain_or_literal(command.argument, parse::Utf8::yes);
  network(command.argument);
  (void)parse::parse_host_port(command.argument);
  value(command.argument);
  return 0;
}
