// SPDX-License-Identifier: Apache-2.0
// showq(8): tells postqueue what is in the queue. No request: a greeting, one attribute list per message, an empty
// list.
//
// SECURITY: any local user may connect; it takes no input. It opens queue files and defer logs for reading, runs as
// mail_owner and may be chrooted. With -S the superuser runs it by hand while the mail system is down.
// Serves: public/showq.
#include <array>
#include <memory>

#include "lib/async/stream.h"
#include "lib/base/text.h"
#include "lib/ipc/attr.h"
#include "lib/service/worker.h"
#include "showq/listing.h"
#include "showq/params.h"

namespace postern::showq {

namespace {

constexpr std::array<std::string_view, 5> kQueues{"maildrop", "active", "incoming", "deferred", "hold"};
constexpr std::size_t kFlushSize = std::size_t{32} << 10;
// Other sessions of the process get a turn after so many messages.
constexpr std::size_t kBatch = 32;

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "showq"}; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
  }

  void after_jail(service::Worker&) override {
    mail::QueueLayout layout;
    layout.root = ".";
    for (const auto name : text::words(params_.hash_queue_names, ", \t\r\n")) layout.hash_names.emplace_back(name);
    layout.hash_depth = static_cast<unsigned>(params_.hash_queue_depth);
    queues_ = std::make_unique<mail::QueueDir>(std::move(layout));
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    async::Stream stream(worker.loop(), std::move(connection.fd), 4096);
    ipc::AttrWriter greeting;
    greeting.raw("protocol", "mail_queue_list_protocol");
    greeting.end();
    stream.put(greeting.take());
    for (const auto queue : kQueues) {
      const bool alive = co_await list(&stream, std::string(queue));
      if (!alive) co_return;
    }
    stream.put(std::string_view("\0", 1));
    [[maybe_unused]] const async::Io io = co_await stream.flush(deadline_in(params_.ipc_timeout));
  }

 private:
  // False: the client is gone.
  async::Task<bool> list(async::Stream* stream, std::string queue) {
    auto scan = queues_->scan(queue);
    for (std::size_t count = 1;; ++count) {
      auto entry = scan.next();
      if (!entry) {
        log::warning("{}", entry.error().text);
        break;
      }
      if (!*entry) break;
      if (mail::is_ready((*entry)->st)) {
        const auto message = read_message(*queues_, queue, **entry, params_.empty_address_recipient);
        if (message) stream->put(encode_message(*message));
      }
      if (count % kBatch == 0) co_await async::sleep(stream->loop(), Duration(0));
      if (stream->pending_output() < kFlushSize) continue;
      const async::Io io = co_await stream->flush(deadline_in(params_.ipc_timeout));
      if (io != async::Io::ok) co_return false;
    }
    co_return true;
  }

  Params params_;
  std::unique_ptr<mail::QueueDir> queues_;
};

}  // namespace

}  // namespace postern::showq

int main(int argc, char** argv) {
  postern::showq::Server server;
  return postern::service::run(argc, argv, server);
}
