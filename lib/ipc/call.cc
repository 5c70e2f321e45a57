// SPDX-License-Identifier: Apache-2.0
#include "lib/ipc/call.h"

#include <sys/socket.h>

#include <cerrno>

#include "lib/base/log.h"

namespace postern::ipc {

namespace {

constexpr Duration kReconnectPause{100};
constexpr Duration kConnectLimit{30000};
constexpr Duration kWriteLimit{60000};
// Per connection, on the server's side: beyond these the client's further requests stay in its socket.
constexpr std::size_t kOutstandingLimit = 1000;
constexpr std::size_t kUnsentLimit = 4UL << 20;
constexpr Duration kPoll{1000};
constexpr std::string_view kOk = "ok";

// The first attribute is taken from the payload; the rest is the message.
Result<std::pair<std::string, std::string>> split_first(std::string_view name, std::string_view payload) {
  AttrReader reader(payload);
  std::string_view value;
  if (!reader.raw(name, value)) return fail("malformed message: " + reader.error());
  return std::pair{std::string(value), std::string(reader.rest())};
}

}  // namespace

// --- client ------------------------------------------------------------------------------------------

struct CallClient::Pending {
  std::string request;
  async::Signal* answered;
  Result<std::string> reply = fail("no reply");
};

CallClient::CallClient(async::Loop& loop, ServiceAddress address, Duration idle_limit)
    : loop_(loop), address_(std::move(address)), idle_limit_(idle_limit), tasks_(loop) {}

CallClient::~CallClient() { tasks_.cancel_all(); }

async::Task<Result<std::string>> CallClient::exchange(std::string request, Deadline deadline) {
  async::Signal answered(loop_);
  Pending pending{std::move(request), &answered};
  const std::uint32_t id = next_id_;
  next_id_ = next_id_ % 0x7FFFFFFF + 1;
  // Takes the entry back however this coroutine ends.
  struct Entry {
    std::map<std::uint32_t, Pending*>& map;
    std::uint32_t id;
    ~Entry() { map.erase(id); }
  } entry{pending_, id};
  pending_[id] = &pending;
  if (stream_) {
    put_frame(*stream_, id, pending.request);
    more_->set();
  } else if (!running_) {
    running_ = true;
    tasks_.spawn(run());
  }
  const bool in_time = co_await answered.wait(deadline);
  if (!in_time) co_return fail(address_.path + ": no reply in time", ETIMEDOUT);
  co_return std::move(pending.reply);
}

// Connects, reads replies, and starts again while requests are outstanding.
async::Task<> CallClient::run() {
  while (!pending_.empty()) {
    Result<Fd> fd = co_await async::connect_unix(loop_, address_.path, deadline_in(kConnectLimit));
    if (!fd) {
      log::debug("connect to {}: {}", address_.path, fd.error().text);
      co_await async::sleep(loop_, kReconnectPause);
      continue;
    }
    auto stream = std::make_shared<async::Stream>(loop_, std::move(*fd), kFrameLimit + kFrameHeader);
    put_hello(*stream, address_.protocol, address_.version);
    for (const auto& [id, pending] : pending_) put_frame(*stream, id, pending->request);
    const Deadline connected = Clock::now();
    stream_ = stream;
    more_ = std::make_shared<async::Signal>(loop_);
    const async::TaskId writer = tasks_.spawn(write_loop(stream, more_));
    more_->set();
    for (;;) {
      Result<Frame> frame = co_await read_frame(*stream, deadline_in(idle_limit_));
      if (!frame && frame.error().code == ETIMEDOUT && !pending_.empty()) continue;
      if (!frame) break;
      const auto it = pending_.find(frame->id);
      if (it == pending_.end()) continue;  // its caller has gone
      auto split = split_first("status", frame->payload);
      if (!split) {
        it->second->reply = std::unexpected(split.error());
      } else if (split->first == kOk) {
        it->second->reply = std::move(split->second);
      } else {
        it->second->reply = fail(split->first, EREMOTEIO);
      }
      it->second->answered->set();
      pending_.erase(it);
    }
    loop_.cancel(writer);
    lost();
    // A server that closes at once must not be hammered; when one retires, the next one is there already.
    const bool at_once = Clock::now() - connected < kReconnectPause;
    if (at_once && !pending_.empty()) co_await async::sleep(loop_, kReconnectPause);
  }
  running_ = false;
}

void CallClient::lost() {
  stream_.reset();
  more_.reset();
}

async::Task<> CallClient::write_loop(std::shared_ptr<async::Stream> stream, std::shared_ptr<async::Signal> more) {
  for (;;) {
    [[maybe_unused]] const bool woken = co_await more->wait(Deadline::max());
    const async::Io io = co_await stream->flush(deadline_in(kWriteLimit));
    if (io == async::Io::ok) continue;
    // The reader sees the end of the connection, and starts another one.
    ::shutdown(stream->fd(), SHUT_RDWR);
    co_return;
  }
}

// --- server ------------------------------------------------------------------------------------------

namespace {

struct ServerConnection {
  ServerConnection(async::Loop& l, Fd fd)
      : loop(l), stream(l, std::move(fd), kFrameLimit + kFrameHeader), more(l), room(l), tasks(l) {}
  async::Loop& loop;
  async::Stream stream;
  async::Signal more;  // there are replies to write
  async::Signal room;  // a request was answered, or replies have left
  std::size_t outstanding = 0;
  bool broken = false;
  async::TaskGroup tasks;
};

async::Task<> write_replies(ServerConnection* c) {
  while (!c->broken) {
    [[maybe_unused]] const bool woken = co_await c->more.wait(Deadline::max());
    const async::Io io = co_await c->stream.flush(deadline_in(kWriteLimit));
    if (io != async::Io::ok) c->broken = true;
    c->room.set();
  }
}

void put_reply(ServerConnection* c, std::uint32_t id, const Result<std::string>& reply) {
  AttrWriter writer;
  writer.raw("status", reply ? kOk : std::string_view(reply.error().text));
  std::string payload = writer.take();
  if (reply) payload += *reply;
  put_frame(c->stream, id, payload);
  c->more.set();
}

async::Task<> answer(ServerConnection* c, const Dispatcher* dispatcher, Frame frame) {
  auto split = split_first("request", frame.payload);
  Result<std::string> reply = fail("malformed request");
  if (split) {
    const auto* handler = dispatcher->find(split->first);
    if (handler == nullptr) {
      reply = fail("unknown request " + text::printable(split->first));
    } else {
      reply = co_await (*handler)(std::move(split->second));
    }
  }
  --c->outstanding;
  put_reply(c, frame.id, reply);
  c->room.set();
}

}  // namespace

async::Task<> serve_calls(async::Loop& loop, Fd fd, const Dispatcher* dispatcher, CallServerOptions options) {
  ServerConnection c(loop, std::move(fd));
  const Result<> hello = co_await expect_hello(c.stream, options.protocol, options.version, deadline_in(kConnectLimit));
  if (!hello) {
    if (hello.error().code != ECONNRESET) log::warning("{}: {}", options.protocol, hello.error().text);
    co_return;
  }
  const async::TaskId writer = c.tasks.spawn(write_replies(&c));
  auto idle_since = Clock::now();
  while (!c.broken) {
    // A connection that is never quiet would keep an old worker for ever: what has not been read yet, the client asks
    // again on its next connection.
    const bool leaving = options.retiring && options.retiring();
    if (leaving && c.outstanding == 0) break;
    if (leaving || c.outstanding >= kOutstandingLimit || c.stream.pending_output() > kUnsentLimit) {
      [[maybe_unused]] const bool signalled = co_await c.room.wait(deadline_in(kPoll));
      continue;
    }
    // Wakes often enough to notice that the process wants to leave.
    Result<Frame> frame = co_await read_frame(c.stream, deadline_in(kPoll));
    if (frame) {
      idle_since = Clock::now();
      ++c.outstanding;
      c.tasks.spawn(answer(&c, dispatcher, std::move(*frame)));
      continue;
    }
    if (frame.error().code != ETIMEDOUT) co_return;
    if (c.outstanding == 0 && Clock::now() - idle_since > options.idle_limit) break;
  }
  // One task at a time may write.
  loop.cancel(writer);
  [[maybe_unused]] const async::Io flushed = co_await c.stream.flush(deadline_in(kWriteLimit));
}

}  // namespace postern::ipc
