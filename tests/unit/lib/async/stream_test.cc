// SPDX-License-Identifier: Apache-2.0
#include "lib/async/stream.h"

#include <arpa/inet.h>
#include <cppunit/extensions/HelperMacros.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <optional>

namespace postern::async {

using namespace std::chrono_literals;

namespace {

int event_count(const Loop& loop) { return event_base_get_num_events(loop.base(), EVENT_BASE_COUNT_ADDED); }

// A stream, and the other end of its socket as a plain descriptor.
struct Pair {
  explicit Pair(Loop& loop, std::size_t limit = Stream::kInputLimit)
      : Pair(loop, limit, socket_pair(SOCK_STREAM | SOCK_NONBLOCK).value()) {}
  Pair(Loop& loop, std::size_t limit, std::pair<Fd, Fd> ends)
      : stream(loop, std::move(ends.first), limit), peer(std::move(ends.second)) {}

  void send(std::string_view bytes) const {
    CPPUNIT_ASSERT_EQUAL(static_cast<ssize_t>(bytes.size()), ::write(peer.get(), bytes.data(), bytes.size()));
  }
  [[nodiscard]] std::string receive() const {
    std::string out;
    char buffer[65536];
    for (ssize_t n = 0; (n = ::read(peer.get(), buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<std::size_t>(n));
    return out;
  }
  Stream stream;
  Fd peer;
};

Task<> fill_into(Stream* stream, Deadline deadline, std::optional<Io>* result) {
  *result = co_await stream->fill(deadline);
}
Task<> fill_to_into(Stream* stream, std::size_t count, Deadline deadline, std::optional<Io>* result) {
  *result = co_await fill_to(*stream, count, deadline);
}
Task<> flush_into(Stream* stream, Deadline deadline, std::optional<Io>* result) {
  *result = co_await stream->flush(deadline);
}
Task<> connect_unix_into(Loop* loop, std::string path, Deadline deadline, std::optional<Result<Fd>>* result) {
  *result = co_await connect_unix(*loop, std::move(path), deadline);
}
Task<> connect_inet_into(Loop* loop, std::string address, std::string from, Deadline deadline,
                         std::optional<Result<Fd>>* result) {
  *result = co_await connect_inet(*loop, std::move(address), std::move(from), deadline);
}

std::string inet(const char* address, unsigned port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &in.sin_addr);
  return {reinterpret_cast<const char*>(&in), sizeof in};
}

// A listening TCP socket on 127.0.0.1 and its port.
std::pair<Fd, unsigned> listener() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::string any = inet("127.0.0.1", 0);
  ::bind(fd.get(), reinterpret_cast<const sockaddr*>(any.data()), static_cast<socklen_t>(any.size()));
  ::listen(fd.get(), 5);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  return {std::move(fd), ntohs(bound.sin_port)};
}

}  // namespace

class StreamTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(StreamTest);
  CPPUNIT_TEST(input_waits_until_it_is_consumed);
  CPPUNIT_TEST(fill_waits_for_the_peer);
  CPPUNIT_TEST(fill_ends_at_its_deadline);
  CPPUNIT_TEST(end_of_input);
  CPPUNIT_TEST(input_is_bounded);
  CPPUNIT_TEST(waits_for_a_number_of_bytes);
  CPPUNIT_TEST(output_leaves_in_one_piece);
  CPPUNIT_TEST(flush_waits_for_a_slow_peer);
  CPPUNIT_TEST(flush_ends_at_its_deadline);
  CPPUNIT_TEST(writing_to_a_closed_peer);
  CPPUNIT_TEST(both_directions_at_once);
  CPPUNIT_TEST(a_released_descriptor_has_no_events);
  CPPUNIT_TEST(a_cancelled_wait_can_be_repeated);
  CPPUNIT_TEST(unread_data_does_not_spin);
  CPPUNIT_TEST(works_with_pipes);
  CPPUNIT_TEST(connects_to_a_path);
  CPPUNIT_TEST(path_errors);
  CPPUNIT_TEST(full_backlog_is_waited_for);
  CPPUNIT_TEST(connects_over_tcp);
  CPPUNIT_TEST(tcp_errors);
  CPPUNIT_TEST_SUITE_END();

  Loop loop_;

  Io fill(Stream& stream, Duration patience = 5s) {
    std::optional<Io> result;
    run_to_end(loop_, fill_into(&stream, deadline_in(patience), &result));
    return *result;
  }
  Io flush(Stream& stream, Duration patience = 5s) {
    std::optional<Io> result;
    run_to_end(loop_, flush_into(&stream, deadline_in(patience), &result));
    return *result;
  }

 public:
  void input_waits_until_it_is_consumed() {
    Pair pair(loop_);
    pair.send("hello world");
    CPPUNIT_ASSERT(pair.stream.input_waiting());
    CPPUNIT_ASSERT(fill(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("hello world"), pair.stream.input());
    pair.stream.consume(6);
    CPPUNIT_ASSERT_EQUAL(std::string_view("world"), pair.stream.input());
    pair.send("!");
    CPPUNIT_ASSERT(fill(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("world!"), pair.stream.input());
    pair.stream.discard_input();
    CPPUNIT_ASSERT(pair.stream.input().empty());
    CPPUNIT_ASSERT(!pair.stream.input_waiting());
  }

  void fill_waits_for_the_peer() {
    Pair pair(loop_);
    std::optional<Io> result;
    const TaskId id = loop_.spawn(fill_into(&pair.stream, deadline_in(5s), &result));
    CPPUNIT_ASSERT(!result);
    pair.send("x");
    while (loop_.running(id)) loop_.run_once();
    CPPUNIT_ASSERT(result == Io::ok);
  }

  void fill_ends_at_its_deadline() {
    Pair pair(loop_);
    const auto start = Clock::now();
    CPPUNIT_ASSERT(fill(pair.stream, 30ms) == Io::timeout);
    CPPUNIT_ASSERT(Clock::now() - start >= 30ms);
    CPPUNIT_ASSERT_EQUAL(std::string("timed out"), describe(Io::timeout, 0));
    pair.send("late");
    CPPUNIT_ASSERT(fill(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("late"), pair.stream.input());
  }

  void end_of_input() {
    Pair pair(loop_);
    pair.send("bye");
    pair.peer.reset();
    CPPUNIT_ASSERT(fill(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("bye"), pair.stream.input());
    CPPUNIT_ASSERT(fill(pair.stream) == Io::eof);
    CPPUNIT_ASSERT(fill(pair.stream) == Io::eof);
    pair.stream.close();
    CPPUNIT_ASSERT(fill(pair.stream) == Io::eof);
    CPPUNIT_ASSERT_EQUAL(std::string("lost connection"), describe(Io::eof, 0));
  }

  void input_is_bounded() {
    Pair pair(loop_, 10);
    pair.send("0123456789abc");
    CPPUNIT_ASSERT(fill(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::size_t{10}, pair.stream.input().size());
    CPPUNIT_ASSERT(fill(pair.stream) == Io::error);
    pair.stream.consume(10);
    CPPUNIT_ASSERT(fill(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("abc"), pair.stream.input());
  }

  void waits_for_a_number_of_bytes() {
    Pair pair(loop_);
    std::optional<Io> result;
    pair.send("ab");
    const TaskId id = loop_.spawn(fill_to_into(&pair.stream, 4, deadline_in(5s), &result));
    CPPUNIT_ASSERT(!result);
    pair.send("cd");
    while (loop_.running(id)) loop_.run_once();
    CPPUNIT_ASSERT(result == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("abcd"), pair.stream.input());
  }

  void output_leaves_in_one_piece() {
    auto ends = socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK).value();
    Pair pair(loop_, 100, std::move(ends));
    pair.stream.put("250-a\r\n");
    pair.stream.put("250 b\r\n");
    CPPUNIT_ASSERT_EQUAL(std::size_t{14}, pair.stream.pending_output());
    CPPUNIT_ASSERT(flush(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, pair.stream.pending_output());
    char buffer[100];
    CPPUNIT_ASSERT_EQUAL(ssize_t{14}, ::recv(pair.peer.get(), buffer, sizeof buffer, 0));
  }

  void flush_waits_for_a_slow_peer() {
    Pair pair(loop_);
    const std::string big(3UL << 20, 'x');
    pair.stream.put(big);
    std::optional<Io> result;
    const TaskId id = loop_.spawn(flush_into(&pair.stream, deadline_in(20s), &result));
    CPPUNIT_ASSERT(!result);
    CPPUNIT_ASSERT(pair.stream.pending_output() > 0);
    std::size_t received = 0;
    while (loop_.running(id)) {
      received += pair.receive().size();
      loop_.run_once();
    }
    received += pair.receive().size();
    CPPUNIT_ASSERT(result == Io::ok);
    CPPUNIT_ASSERT_EQUAL(big.size(), received);
    CPPUNIT_ASSERT_EQUAL(0, event_count(loop_));
  }

  void flush_ends_at_its_deadline() {
    Pair pair(loop_);
    pair.stream.put(std::string(3UL << 20, 'x'));
    CPPUNIT_ASSERT(flush(pair.stream, 20ms) == Io::timeout);
    CPPUNIT_ASSERT(pair.stream.pending_output() > 0);
    CPPUNIT_ASSERT_EQUAL(0, event_count(loop_));
  }

  void writing_to_a_closed_peer() {
    Pair pair(loop_);
    pair.peer.reset();
    pair.stream.put("anybody?");
    CPPUNIT_ASSERT(flush(pair.stream) == Io::eof);
  }

  void both_directions_at_once() {
    Pair pair(loop_);
    std::optional<Io> filled;
    std::optional<Io> flushed;
    pair.stream.put(std::string(3UL << 20, 'x'));
    const TaskId reader = loop_.spawn(fill_into(&pair.stream, deadline_in(20s), &filled));
    const TaskId writer = loop_.spawn(flush_into(&pair.stream, deadline_in(20s), &flushed));
    pair.send("input");
    while (loop_.running(reader)) loop_.run_once();
    CPPUNIT_ASSERT(filled == Io::ok && !flushed);
    while (loop_.running(writer)) {
      [[maybe_unused]] const auto part = pair.receive();
      loop_.run_once();
    }
    CPPUNIT_ASSERT(flushed == Io::ok);
  }

  void a_released_descriptor_has_no_events() {
    Pair pair(loop_);
    CPPUNIT_ASSERT(fill(pair.stream, 1ms) == Io::timeout);
    pair.stream.put("never sent");
    const Fd fd = pair.stream.release();
    CPPUNIT_ASSERT(fd.get() >= 0);
    CPPUNIT_ASSERT_EQUAL(-1, pair.stream.fd());
    CPPUNIT_ASSERT_EQUAL(0, event_count(loop_));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, pair.stream.pending_output());
    // It is still open and works.
    CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::write(fd.get(), "x", 1));
    CPPUNIT_ASSERT_EQUAL(std::string("x"), pair.receive());
  }

  void a_cancelled_wait_can_be_repeated() {
    Pair pair(loop_);
    std::optional<Io> never;
    loop_.cancel(loop_.spawn(fill_into(&pair.stream, deadline_in(5s), &never)));
    pair.send("x");
    loop_.run_once();
    CPPUNIT_ASSERT(!never);
    CPPUNIT_ASSERT(fill(pair.stream) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("x"), pair.stream.input());
  }

  void unread_data_does_not_spin() {
    Pair pair(loop_);
    CPPUNIT_ASSERT(fill(pair.stream, 1ms) == Io::timeout);
    pair.send("x");
    loop_.run_once();
    CPPUNIT_ASSERT_EQUAL(0, event_count(loop_));
  }

  void works_with_pipes() {
    int fds[2];
    CPPUNIT_ASSERT_EQUAL(0, ::pipe2(fds, O_NONBLOCK | O_CLOEXEC));
    Stream in(loop_, Fd(fds[0]));
    Stream out(loop_, Fd(fds[1]));
    out.put("through");
    CPPUNIT_ASSERT(flush(out) == Io::ok);
    CPPUNIT_ASSERT(fill(in) == Io::ok);
    CPPUNIT_ASSERT_EQUAL(std::string_view("through"), in.input());
  }

  void connects_to_a_path() {
    const Directory directory;
    const Fd server = unix_listener(directory.path + "/s", 5);
    auto connected = connect_path(directory.path + "/s");
    CPPUNIT_ASSERT(connected.has_value());
    CPPUNIT_ASSERT((::fcntl(connected->get(), F_GETFL) & O_NONBLOCK) != 0);
    CPPUNIT_ASSERT((::fcntl(connected->get(), F_GETFD) & FD_CLOEXEC) != 0);
  }

  void path_errors() {
    const Directory directory;
    const auto missing = connect_path(directory.path + "/none");
    CPPUNIT_ASSERT(!missing);
    CPPUNIT_ASSERT_EQUAL(ENOENT, missing.error().code);
    {
      const Fd gone = unix_listener(directory.path + "/dead", 5);
    }
    const auto refused = connect_path(directory.path + "/dead");
    CPPUNIT_ASSERT(!refused);
    CPPUNIT_ASSERT_EQUAL(ECONNREFUSED, refused.error().code);
    const auto longer = connect_path("/" + std::string(200, 'x'));
    CPPUNIT_ASSERT(!longer);
    CPPUNIT_ASSERT_EQUAL(ENAMETOOLONG, longer.error().code);
  }

  void full_backlog_is_waited_for() {
    const Directory directory;
    const Fd server = unix_listener(directory.path + "/s", 0);
    std::vector<Fd> waiting;
    for (;;) {
      auto next = connect_path(directory.path + "/s", 20ms);
      if (!next) {
        CPPUNIT_ASSERT_EQUAL(ETIMEDOUT, next.error().code);
        break;
      }
      waiting.push_back(std::move(*next));
      CPPUNIT_ASSERT(waiting.size() < 100);
    }
    std::optional<Result<Fd>> late;
    const TaskId id = loop_.spawn(connect_unix_into(&loop_, directory.path + "/s", deadline_in(10s), &late));
    while (waiting.size() > 0) {
      const Fd accepted(::accept(server.get(), nullptr, nullptr));
      waiting.pop_back();
    }
    while (loop_.running(id)) loop_.run_once();
    CPPUNIT_ASSERT(late->has_value());
  }

  void connects_over_tcp() {
    const auto [server, port] = listener();
    const auto connected = connect_tcp(inet("127.0.0.1", port), inet("127.0.0.9", 0));
    CPPUNIT_ASSERT(connected.has_value());
    int no_delay = 0;
    socklen_t size = sizeof no_delay;
    ::getsockopt(connected->get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
    CPPUNIT_ASSERT(no_delay != 0);
    sockaddr_in from{};
    size = sizeof from;
    const Fd accepted(::accept(server.get(), reinterpret_cast<sockaddr*>(&from), &size));
    CPPUNIT_ASSERT_EQUAL(std::uint32_t{0x7f000009}, ntohl(from.sin_addr.s_addr));
  }

  void tcp_errors() {
    unsigned port = 0;
    {
      auto [server, bound] = listener();
      port = bound;
    }
    const auto refused = connect_tcp(inet("127.0.0.1", port), {});
    CPPUNIT_ASSERT(!refused);
    CPPUNIT_ASSERT_EQUAL(ECONNREFUSED, refused.error().code);
    CPPUNIT_ASSERT_EQUAL(std::string("Connection refused"), refused.error().text);
    const auto foreign = connect_tcp(inet("127.0.0.1", port), inet("192.0.2.200", 0));
    CPPUNIT_ASSERT(!foreign);
    CPPUNIT_ASSERT_EQUAL(EADDRNOTAVAIL, foreign.error().code);
  }

 private:
  struct Directory {
    Directory() { CPPUNIT_ASSERT(::mkdtemp(path.data()) != nullptr); }
    ~Directory() { std::filesystem::remove_all(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    std::string path = "/tmp/stream-test-XXXXXX";
  };

  static Fd unix_listener(const std::string& path, int backlog) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CPPUNIT_ASSERT_EQUAL(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
    CPPUNIT_ASSERT_EQUAL(0, ::listen(fd.get(), backlog));
    return fd;
  }
  Result<Fd> connect_path(std::string path, Duration patience = 5s) {
    std::optional<Result<Fd>> result;
    run_to_end(loop_, connect_unix_into(&loop_, std::move(path), deadline_in(patience), &result));
    return std::move(*result);
  }
  Result<Fd> connect_tcp(std::string to, std::string from) {
    std::optional<Result<Fd>> result;
    run_to_end(loop_, connect_inet_into(&loop_, std::move(to), std::move(from), deadline_in(5s), &result));
    return std::move(*result);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(StreamTest);

}  // namespace postern::async
