// SPDX-License-Identifier: Apache-2.0
// DATA (RFC 5321 4.1.1.4).
#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/content.h"
#include "smtpd/envelope.h"

namespace postern::smtpd {

namespace {

std::optional<Outcome> wrong_moment(const State& state, std::string_view argument) {
  if (state.after_bdat) return reject(503, "5.5.1", "Error: DATA after BDAT");
  if (!state.mail) return reject(503, "5.5.1", "Error: need RCPT command");
  if (state.mail->recipients == 0) return reject(554, "5.5.1", "Error: no valid recipients");
  if (!argument.empty()) return reject(501, "5.5.4", "Syntax: DATA");
  return std::nullopt;
}

}  // namespace

async::Task<Outcome> cmd_data(Session& s, std::string argument) {
  if (auto wrong = wrong_moment(s.state, argument)) co_return std::move(*wrong);
  Refusal refusal = co_await check_data(s.state, s.settings, s.services);
  if (refusal) co_return reject(std::move(*refusal));
  begin_content(s.state, s.settings);
  const async::Io invited = co_await s.send({354, "", "End data with <CR><LF>.<CR><LF>"});
  if (invited != async::Io::ok) co_return s.lost(invited);

  s.state.content_octets = 0;
  smtp::ContentDecoder decoder({.bare_newline = s.bare_newline(),
                                .limit = static_cast<std::size_t>(s.settings.p.line_length_limit),
                                .after_bare_newline = s.channel.line().bare_lf});
  for (;;) {
    const std::size_t used = decoder.feed(s.channel.input(), [&s](std::string_view piece, bool ends_line) {
      put_content(s.state, s.settings, piece, ends_line);
    });
    s.channel.consume(used);
    s.state.content_octets = s.state.mail->content.size;
    if (decoder.done()) break;
    co_await relieve(s);
    const async::Io io = co_await s.channel.fill();
    if (io != async::Io::ok) co_return s.lost(io);
  }
  co_return co_await finish_message(s, decoder.bare_newline_seen(), false);
}

}  // namespace postern::smtpd
