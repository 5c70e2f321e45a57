// SPDX-License-Identifier: Apache-2.0
#include "smtpd/channel.h"

#include <sys/socket.h>

#include <algorithm>

namespace postern::smtpd {

namespace {

// Replies beyond this leave although more commands wait: a client may pipeline without end.
constexpr std::size_t kOutputLimit = 32UL << 10;
constexpr std::size_t kIdleLine = 256;
constexpr int kFarewellReads = 16;
// Commands of one client, or reads of its content, before other sessions have their turn.
constexpr unsigned kTurn = 100;

}  // namespace

Channel::Channel(async::Loop& loop, Fd fd, Pace pace, std::size_t line_limit, smtp::BareNewline bare_newline)
    : loop_(loop),
      stream_(std::make_unique<async::Stream>(loop, std::move(fd))),
      pace_(pace),
      line_limit_(line_limit),
      reader_(line_limit, bare_newline),
      request_ends_(deadline_in(pace.limit)) {}

Deadline Channel::deadline() const { return pace_.per_request ? request_ends_ : deadline_in(pace_.limit); }

void Channel::put(const smtp::Reply& reply) { stream_->put(smtp::wire(reply)); }

async::Task<async::Io> Channel::flush() {
  if (stream_->pending_output() == 0) co_return async::Io::ok;
  co_return co_await stream_->flush(deadline());
}

// Neither a buffer with commands nor a socket with content makes a session wait by itself.
async::Task<> Channel::breathe() {
  if (++without_pause_ < kTurn) co_return;
  without_pause_ = 0;
  co_await async::sleep(loop_, Duration(0));
}

async::Task<async::Io> Channel::fill() {
  co_await breathe();
  const async::Io sent = co_await flush();
  if (sent != async::Io::ok) co_return sent;
  co_return co_await stream_->fill(deadline());
}

void Channel::consume(std::size_t count) {
  stream_->consume(count);
  if (!pace_.per_request || pace_.min_rate <= 0) return;
  const Duration earned(static_cast<std::int64_t>(count) * 1000 / pace_.min_rate);
  request_ends_ = std::min(request_ends_ + earned, deadline_in(pace_.limit));
}

void Channel::forget_line() {
  line_.text.clear();
  if (line_.text.capacity() > kIdleLine) line_.text.shrink_to_fit();
}

async::Task<async::Io> Channel::read_line() {
  co_await breathe();
  request_ends_ = deadline_in(pace_.limit);
  for (;;) {
    const smtp::LineReader::Line found = reader_.next(stream_->input());
    if (found.got != smtp::LineReader::Got::more) {
      line_.text.assign(found.text);
      line_.too_long = found.got == smtp::LineReader::Got::too_long;
      line_.bare_lf = found.bare_lf;
      stream_->consume(found.consumed);
      if (stream_->pending_output() < kOutputLimit) co_return async::Io::ok;
      co_return co_await flush();
    }
    stream_->consume(found.consumed);
    const async::Io io = co_await fill();
    if (io != async::Io::ok) co_return io;
  }
}

async::Task<> Channel::part(Duration limit) {
  if (!open()) co_return;
  if (stream_->pending_output() > 0) {
    [[maybe_unused]] const async::Io io = co_await stream_->flush(deadline_in(limit));
  }
  // Closing on unread input resets the connection, and the client may never see the last reply.
  ::shutdown(stream_->fd(), SHUT_WR);
  stream_->discard_input();
  for (int i = 0; i < kFarewellReads && stream_->input_waiting(); ++i) {
    const async::Io io = co_await stream_->fill(deadline_in(limit));
    if (io != async::Io::ok) break;
    stream_->discard_input();
  }
  stream_->close();
}

async::Task<std::string_view> Channel::early_input() {
  if (stream_->input().empty() && stream_->input_waiting()) {
    // It is there: this does not wait, and an end of file is found again by whoever reads next.
    [[maybe_unused]] const async::Io io = co_await stream_->fill(deadline());
  }
  co_return stream_->input();
}

}  // namespace postern::smtpd
