// SPDX-License-Identifier: Apache-2.0
// Calls: many outstanding requests on one connection, each with an id.
//
// A request is a message type with   static constexpr std::string_view kName   and   using Reply = ...;
// Client:   Result<Reply> r = co_await client.call(request, deadline);
// Server:   Dispatcher d; d.on<Request>([this](Request r) { return handle(std::move(r)); });   // Task<Result<Reply>>
//           co_await serve_calls(stream, d, ...);
//
// The client connects when it is first used, keeps the connection, and when it is lost sends the outstanding requests
// again on a new one until their deadlines: requests must be safe to repeat. A server that retires closes
// its connections once nothing is outstanding.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/async/stream.h"
#include "lib/ipc/frame.h"

namespace postern::ipc {

struct ServiceAddress {
  std::string path;      // UNIX-domain socket, relative to the queue directory
  std::string protocol;  // checked by the server
  std::int64_t version = 1;
};

class CallClient {
 public:
  CallClient(async::Loop& loop, ServiceAddress address, Duration idle_limit = Duration(5000));
  ~CallClient();
  CallClient(const CallClient&) = delete;
  CallClient& operator=(const CallClient&) = delete;

  template <class M>
  async::Task<Result<typename M::Reply>> call(M message, Deadline deadline) {
    AttrWriter writer;
    writer.raw("request", M::kName);
    message.visit(writer);
    writer.end();
    Result<std::string> reply = co_await exchange(writer.take(), deadline);
    if (!reply) co_return std::unexpected(reply.error());
    co_return decode<typename M::Reply>(*reply);
  }

  // The encoded request and reply. An error reply of the server comes back as Error with code EREMOTEIO.
  async::Task<Result<std::string>> exchange(std::string request, Deadline deadline);
  [[nodiscard]] const ServiceAddress& address() const { return address_; }

 private:
  struct Pending;
  async::Task<> run();
  async::Task<> write_loop(std::shared_ptr<async::Stream> stream, std::shared_ptr<async::Signal> more);
  void lost();

  async::Loop& loop_;
  ServiceAddress address_;
  Duration idle_limit_;
  std::uint32_t next_id_ = 1;
  std::map<std::uint32_t, Pending*> pending_;
  std::shared_ptr<async::Stream> stream_;
  std::shared_ptr<async::Signal> more_;
  async::TaskGroup tasks_;
  bool running_ = false;
};

class Dispatcher {
 public:
  using Handler = std::function<async::Task<Result<std::string>>(std::string payload)>;

  // `handle` takes a Request by value and returns Task<Result<Request::Reply>>.
  template <class M>
  void on(std::function<async::Task<Result<typename M::Reply>>(M)> handle) {
    handlers_[std::string(M::kName)] = [handle](std::string payload) { return run<M>(handle, std::move(payload)); };
  }
  [[nodiscard]] const Handler* find(std::string_view name) const {
    const auto it = handlers_.find(name);
    return it == handlers_.end() ? nullptr : &it->second;
  }

 private:
  template <class M>
  static async::Task<Result<std::string>> run(std::function<async::Task<Result<typename M::Reply>>(M)> handle,
                                              std::string payload) {
    Result<M> message = decode<M>(payload);
    if (!message) co_return std::unexpected(message.error());
    Result<typename M::Reply> reply = co_await handle(std::move(*message));
    if (!reply) co_return std::unexpected(reply.error());
    co_return encode(*reply);
  }
  std::map<std::string, Handler, std::less<>> handlers_;
};

struct CallServerOptions {
  std::string protocol;
  std::int64_t version = 1;
  Duration idle_limit{100000};
  // Asked between requests; true = close when nothing is outstanding.
  std::function<bool()> retiring;
};

// Serves one connection until the client closes it, it idles, or the server retires.
async::Task<> serve_calls(async::Loop& loop, Fd fd, const Dispatcher* dispatcher, CallServerOptions options);

}  // namespace postern::ipc
