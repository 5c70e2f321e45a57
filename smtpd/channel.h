// SPDX-License-Identifier: Apache-2.0
// The client's end of a session: command lines in, replies out, within the time a client may take.
//
// Replies are collected and leave in one write when there is nothing left to read. Each wait is bounded by
// smtpd_timeout; with a deadline per request the limit is for the whole command, and content must arrive at a
// minimum rate. Input that nobody asked for yet stays in the kernel beyond one read.
// A client that always has the next command ready gives way to others once in a while.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/async/stream.h"
#include "lib/smtp/line_reader.h"
#include "lib/smtp/reply.h"

namespace postern::smtpd {

struct Pace {
  Duration limit{300000};
  bool per_request = false;
  int min_rate = 500;  // octets of content per second, with per_request
};

class Channel {
 public:
  Channel(async::Loop& loop, Fd fd, Pace pace, std::size_t line_limit, smtp::BareNewline bare_newline);

  void put(const smtp::Reply& reply);
  async::Task<async::Io> flush();
  // Waits for input after the replies have left.
  async::Task<async::Io> fill();

  struct Line {
    std::string text;  // too_long: only its beginning
    bool too_long = false;
    bool bare_lf = false;
  };
  // The next command line, without its line end. A request begins with it.
  async::Task<async::Io> read_line();
  [[nodiscard]] const Line& line() const { return line_; }
  void set_line(std::string text) { line_.text = std::move(text); }
  // Frees what the last command needed.
  void forget_line();

  [[nodiscard]] std::string_view input() const { return stream_->input(); }
  void consume(std::size_t count);
  // What the client has sent already, without waiting; at most one read.
  async::Task<std::string_view> early_input();

  // Sends what there is to send and closes.
  async::Task<> part(Duration limit);

  // For TLS: the bare socket, its events deleted and its input thrown away; and what takes its place.
  [[nodiscard]] Fd release() { return stream_->release(); }
  void adopt(std::unique_ptr<async::Stream> stream) { stream_ = std::move(stream); }
  [[nodiscard]] async::Loop& loop() const { return loop_; }
  [[nodiscard]] const Pace& pace() const { return pace_; }
  void set_bare_newline(smtp::BareNewline mode) { reader_ = smtp::LineReader(line_limit_, mode); }
  [[nodiscard]] bool open() const { return stream_->fd() >= 0; }

 private:
  [[nodiscard]] Deadline deadline() const;
  async::Task<> breathe();

  async::Loop& loop_;
  std::unique_ptr<async::Stream> stream_;
  Pace pace_;
  std::size_t line_limit_;
  smtp::LineReader reader_;
  Deadline request_ends_;
  unsigned without_pause_ = 0;
  Line line_;
};

}  // namespace postern::smtpd
