// SPDX-License-Identifier: Apache-2.0
#include "smtpd/journal.h"

#include "lib/mail/address.h"

namespace postern::smtpd {

namespace {

std::string count(const Counter& counter) {
  std::string out = std::to_string(counter.good);
  if (counter.good != counter.total) out += "/" + std::to_string(counter.total);
  return out;
}

}  // namespace

std::string log_address(std::string_view address, AddressFormat format) {
  return format == AddressFormat::internal ? std::string(address) : mail::quote_address(address);
}

std::string action_line(const State& state, std::string_view action, std::string_view text, AddressFormat format) {
  std::string fields;
  if (state.mail) fields += fmt::format("from=<{}> ", log_address(state.mail->sender, format));
  if (state.recipient) {
    fields += fmt::format("to=<{}> ", log_address(*state.recipient, format));
  } else if (state.mail && state.mail->recipients == 1) {
    fields += fmt::format("to=<{}> ", log_address(state.mail->recipient, format));
  }
  fields += fmt::format("proto={}", state.protocol());
  if (!state.helo.empty()) fields += fmt::format(" helo=<{}>", state.helo);
  return fmt::format("{}: {}: {} from {}: {}; {}", state.queue_id(), action, state.where, state.client.label, text,
                     fields);
}

std::string reply_text(const smtp::Reply& reply) {
  const std::string_view line = reply.lines.empty() ? std::string_view() : std::string_view(reply.lines.front());
  return fmt::format("{} {}{}{}", reply.code, reply.enhanced, reply.enhanced.empty() ? "" : " ", line);
}

std::string client_line(const State& state) {
  return fmt::format("{}: client={}", state.queue_id(), state.client.label);
}

std::string disconnect_line(const State& state, bool note_bare_newline) {
  std::string out = "disconnect from " + state.client.label;
  Counter all;
  for (std::size_t i = 0; i < kVerbCount; ++i) {
    const Counter& counter = state.counters[i];
    all.good += counter.good;
    all.total += counter.total;
    if (counter.total > 0) out += fmt::format(" {}={}", text::lower(kVerbs[i].name), count(counter));
  }
  out += all.total == 0 ? " commands=0/0" : " commands=" + count(all);
  if (note_bare_newline && state.bare_newline_seen) out += " notes=bare_lf";
  return out;
}

}  // namespace postern::smtpd
