// SPDX-License-Identifier: Apache-2.0
#include "smtpd/received.h"

#include "lib/mail/address.h"

namespace postern::smtpd {

std::string received_protocol(const State& state) {
  std::string out(state.mail && state.mail->smtputf8 ? "UTF8SMTP" : state.protocol());
  // There is no registered name for SMTP without EHLO over TLS but "SMTPS" of wrapper mode; it is what MTAs write.
  if (state.tls) out += 'S';
  return out;
}

std::vector<std::string> received_header(const State& state, const ReceivedBy& by) {
  const Client& client = state.client;
  const Transaction& mail = *state.mail;
  std::vector<std::string> lines;
  std::string line;
  if (by.hide_client) {
    line = fmt::format("Received: by {} ({}) id {}", by.host, by.product, mail.queue_id);
  } else {
    lines.push_back(fmt::format("Received: from {} ({} [{}])", state.helo.empty() ? client.name : state.helo,
                                client.name, client.tagged_address()));
    line = fmt::format("\tby {} ({}) with {} id {}", by.host, by.product, received_protocol(state), mail.queue_id);
  }
  if (state.tls && by.show_tls && !by.hide_client) {
    for (const auto& tls_line : tls::received_lines(*state.tls)) lines.push_back("\t" + tls_line);
  }
  const std::string date = rfc5322_date(mail.arrival.seconds);
  if (mail.recipients == 1) {
    lines.push_back(std::move(line));
    lines.push_back(fmt::format("\tfor <{}>; {}", mail::quote_address(mail.recipient), date));
  } else {
    lines.push_back(line + ";");
    lines.push_back("\t" + date);
  }
  return lines;
}

}  // namespace postern::smtpd
