// SPDX-License-Identifier: Apache-2.0
// BDAT (RFC 3030): content in counted chunks. What comes after a failed chunk is read and thrown away until the last
// one, since a pipelining client sends on before it sees the failure.
#include <algorithm>

#include "lib/parse/smtp_command.h"
#include "smtpd/checks.h"
#include "smtpd/commands.h"
#include "smtpd/content.h"
#include "smtpd/envelope.h"

namespace postern::smtpd {

namespace {

constexpr std::size_t kShownLine = 100;

// Reads the chunk's octets; with `keep` they are content.
async::Task<async::Io> read_chunk(Session& s, std::uint64_t size, bool keep) {
  const auto sink = [&s](std::string_view piece, bool ends_line) {
    put_content(s.state, s.settings, piece, ends_line);
  };
  while (size > 0) {
    if (s.channel.input().empty()) {
      const async::Io io = co_await s.channel.fill();
      if (io != async::Io::ok) co_return io;
    }
    const std::size_t count = std::min<std::uint64_t>(size, s.channel.input().size());
    if (keep) {
      s.state.chunks->decoder.feed(s.channel.input().substr(0, count), sink);
      s.state.content_octets = *s.state.content_octets + count;
      co_await relieve(s);
    }
    s.channel.consume(count);
    size -= count;
  }
  co_return async::Io::ok;
}

// The rest of this message is not wanted; with the last chunk it is over.
void fail_chunks(State& state, bool last) {
  state.end_transaction();
  state.after_bdat = state.bdat_failed = !last;
}

async::Task<Outcome> discard(Session& s, parse::ChunkArgument chunk, Outcome outcome) {
  const async::Io io = co_await read_chunk(s, chunk.size, false);
  if (io != async::Io::ok) co_return s.lost(io);
  fail_chunks(s.state, chunk.last);
  co_return std::move(outcome);
}

std::optional<Outcome> wrong_moment(Session& s, const parse::ChunkArgument& chunk) {
  const State& state = s.state;
  if (state.bdat_failed) {
    return reject(551, "5.0.0", fmt::format("Discarded {} bytes after earlier error", chunk.size));
  }
  if (chunk.size == 0 && !chunk.last) {
    state.log.warning("{}: null BDAT request from {}", state.queue_id(), state.client.label);
    return reject(551, "5.7.1", "Null BDAT request");
  }
  if (!state.mail) return reject(503, "5.5.1", "Error: need RCPT command");
  if (state.mail->recipients == 0) return reject(554, "5.5.1", "Error: no valid recipients");
  const auto limit = static_cast<std::uint64_t>(s.settings.p.message_size_limit);
  const std::uint64_t so_far = state.chunks ? state.chunks->total : 0;
  if (limit > 0 && chunk.size > limit - std::min(limit, so_far)) {
    state.log.warning("{}: BDAT request from {} exceeds message size limit", state.queue_id(), state.client.label);
    return reject(552, "5.3.4", "Chunk exceeds message size limit");
  }
  return std::nullopt;
}

// The first chunk is what DATA is for other messages.
async::Task<Refusal> begin_chunks(Session& s) {
  if (s.state.chunks) co_return std::nullopt;
  Refusal refusal = co_await check_data(s.state, s.settings, s.services);
  if (refusal) co_return refusal;
  begin_content(s.state, s.settings);
  s.state.after_bdat = true;
  s.state.content_octets = 0;
  s.state.chunks = std::make_unique<Chunks>(
      smtp::ContentDecoder::Options{.dots = false,
                                    .bare_newline = s.bare_newline(),
                                    .limit = static_cast<std::size_t>(s.settings.p.line_length_limit)});
  co_return std::nullopt;
}

// The chunk that has the bare LF is answered for, and not the last one: so it is with all that fails a chunk.
Outcome refuse_bare_newline(Session& s) {
  s.state.where = "BDAT content";
  smtp::Reply reply = bare_newline_reply(s);
  s.state.where = traits(Verb::bdat).name;
  fail_chunks(s.state, false);
  s.state.content_octets = 0;
  return reject(std::move(reply));
}

Outcome not_bdat(std::string_view enhanced, std::string_view text) {
  // What follows may be content that must not be taken for commands.
  return reject(521, enhanced, text);
}

}  // namespace

async::Task<Outcome> cmd_bdat(Session& s, std::string argument) {
  if ((s.state.discarded & smtp::keyword::kChunking) != 0)
    co_return not_bdat("5.5.1", "Error: command not implemented");
  const auto chunk = parse::parse_bdat_argument(argument);
  if (!chunk) {
    s.state.log.warning("{}: malformed BDAT command syntax from {}: {}", s.state.queue_id(), s.state.client.label,
                        s.channel.line().text.substr(0, kShownLine));
    co_return not_bdat("5.5.4", "Syntax: BDAT count [LAST]");
  }
  if (auto wrong = wrong_moment(s, *chunk)) co_return co_await discard(s, *chunk, std::move(*wrong));
  Refusal refusal = co_await begin_chunks(s);
  if (refusal) co_return co_await discard(s, *chunk, reject(std::move(*refusal)));
  s.state.chunks->total += chunk->size;
  const async::Io io = co_await read_chunk(s, chunk->size, true);
  if (io != async::Io::ok) co_return s.lost(io);
  const bool bare_newline = s.state.chunks->decoder.bare_newline_seen();
  if (!chunk->last && bare_newline && s.bare_lf_refused()) co_return refuse_bare_newline(s);
  if (!chunk->last) co_return accept(250, "2.0.0", fmt::format("Ok: {} bytes", chunk->size));
  s.state.chunks->decoder.finish(
      [&s](std::string_view piece, bool ends_line) { put_content(s.state, s.settings, piece, ends_line); });
  co_return co_await finish_message(s, s.state.chunks->decoder.bare_newline_seen(), true);
}

}  // namespace postern::smtpd
