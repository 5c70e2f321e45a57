// SPDX-License-Identifier: Apache-2.0
// A buffered, non-blocking stream socket or pipe for coroutines.
//
// Input waits in a bounded buffer: fill() adds what the peer sends (at least one byte), input() shows it,
// consume() takes it. Output is collected by put() and leaves by flush(), in one write where possible.
// Every wait has a deadline. One task may wait for input while another flushes.
// After release() the descriptor has no event left and may be passed to another process.
#pragma once

#include <string>
#include <string_view>

#include "lib/async/loop.h"
#include "lib/base/fd.h"

namespace postern::async {

enum class Io { ok, eof, timeout, error };

// "lost connection", "timed out", or the text of errno.
std::string describe(Io io, int code);

class Stream {
 public:
  static constexpr std::size_t kInputLimit = 256UL << 10;

  Stream(Loop& loop, Fd fd, std::size_t input_limit = kInputLimit);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] std::string_view input() const { return std::string_view(in_).substr(in_start_); }
  void consume(std::size_t count);
  // What a former owner of the descriptor has read from it comes first.
  void unread(std::string_view bytes) { in_.insert(in_start_, bytes); }
  void discard_input() { consume(input().size()); }

  void put(std::string_view bytes) { out_ += bytes; }
  [[nodiscard]] std::size_t pending_output() const { return out_.size() - out_start_; }

  [[nodiscard]] Loop& loop() const { return loop_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // errno of the last Io::error.
  [[nodiscard]] int error_code() const { return error_; }
  // True when input can be read at once (bytes in the buffer or in the kernel).
  [[nodiscard]] bool input_waiting();
  // Forgets the buffers and gives the descriptor away.
  [[nodiscard]] Fd release();
  void close() { release().reset(); }

  class Fill : public TimedWaiter {
   public:
    Fill(Stream& stream, Deadline deadline) : TimedWaiter(stream.loop_, deadline), stream_(stream) {}
    ~Fill();
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> h);
    [[nodiscard]] Io await_resume();

   private:
    friend class Stream;
    Stream& stream_;
    Io result_ = Io::ok;
    bool done_ = false;
  };
  [[nodiscard]] Fill fill(Deadline deadline) { return {*this, deadline}; }

  class Flush : public TimedWaiter {
   public:
    Flush(Stream& stream, Deadline deadline) : TimedWaiter(stream.loop_, deadline), stream_(stream) {}
    ~Flush();
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> h);
    [[nodiscard]] Io await_resume();

   private:
    friend class Stream;
    Stream& stream_;
    Io result_ = Io::ok;
    bool done_ = false;
  };
  [[nodiscard]] Flush flush(Deadline deadline) { return {*this, deadline}; }

 private:
  Io read_some();
  Io write_some();  // ok when all is written, timeout when the kernel takes no more
  void on_readable();
  void on_writable();

  Loop& loop_;
  Fd fd_;
  std::size_t input_limit_;
  std::string in_;
  std::size_t in_start_ = 0;
  std::string out_;
  std::size_t out_start_ = 0;
  int error_ = 0;
  // The last read took all there was: only an event can bring more.
  bool drained_ = false;
  event* readable_ = nullptr;
  event* writable_ = nullptr;
  bool reading_ = false;
  Fill* filling_ = nullptr;
  Flush* flushing_ = nullptr;
};

// Waits until the buffer holds at least `count` bytes.
Task<Io> fill_to(Stream& stream, std::size_t count, Deadline deadline);

// Connections to a UNIX-domain or Internet address; the descriptor is non-blocking, TCP has TCP_NODELAY.
Task<Result<Fd>> connect_unix(Loop& loop, std::string path, Deadline deadline);
// `address`, `bind_address` are raw sockaddr bytes; an empty bind address means any.
Task<Result<Fd>> connect_inet(Loop& loop, std::string address, std::string bind_address, Deadline deadline);

}  // namespace postern::async
