// SPDX-License-Identifier: Apache-2.0
// cleanup(8): completes each message that comes in and writes it into the queue.
//
// SECURITY: what it gets may be anything; it parses addresses, headers and MIME structure in bounded memory, runs no
// command and opens no file that a message names. It runs as mail_owner, which owns the queue, and may be chrooted.
// Opens: incoming/, hold/ and the logs of a message below queue_directory; the tables of the address and content
// parameters.
// Serves: public/cleanup (streams of lib/service/cleanup_client.h). Calls: private/rewrite, private/proxymap,
// private/bounce; triggers public/qmgr.
#include <algorithm>
#include <memory>

#include "cleanup/intake.h"
#include "lib/base/text.h"
#include "lib/config/interfaces.h"
#include "lib/mail/record.h"
#include "lib/service/flow.h"
#include "lib/service/queue.h"
#include "lib/service/tables.h"
#include "lib/service/trigger.h"
#include "lib/service/worker.h"

namespace postern::cleanup {

namespace {

constexpr std::size_t kDiskThreads = 16;
constexpr std::size_t kDiskQueue = 10000;
constexpr Duration kIdlePoll{1000};
// No client's record is longer; pickup and bounce cut lines as queue files have them.
constexpr std::size_t kRecordLimit = 16UL << 20;

// A message that never gets to incoming/ must not use up a token: the queue manager would not replace it.
class FlowToken {
 public:
  FlowToken() = default;
  FlowToken(const FlowToken&) = delete;
  FlowToken& operator=(const FlowToken&) = delete;
  ~FlowToken() {
    if (held_) service::put_flow_token();
  }
  [[nodiscard]] bool take() { return held_ = service::take_flow_token(); }
  void spent() { held_ = false; }

 private:
  bool held_ = false;
};

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "cleanup"}; }
  [[nodiscard]] service::SuspectKind suspects() const override { return service::SuspectKind::client; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    const auto format = mail::parse_from_format(params_.header_from_format);
    if (!format) log::fatal("{}", format.error().text);
    from_format_ = *format;
    const std::string& end = params_.non_empty_end_of_header_action;
    if (end != "fix_quietly" && end != "add_header" && end != "reject") {
      log::fatal("bad parameter value: non_empty_end_of_header_action = {}", end);
    }
    rewrite_ = std::make_unique<service::RewriteClient>(worker.loop(), "private/" + params_.rewrite_service_name,
                                                        params_.ipc_timeout);
    tables_ = std::make_unique<service::Tables>(worker);
    auto own = config::own_addresses(worker.config());
    if (!own) log::fatal("{}", own.error().text);
    mapping_ = std::make_unique<Mapping>(params_, std::move(*own), tables_->context(), *rewrite_);
    checks_ = std::make_unique<Checks>(params_, tables_->context());
  }

  void after_jail(service::Worker& worker) override {
    queue_ = std::make_unique<mail::QueueDir>(service::queue_layout(worker.config()));
    service::ReporterNames reporters;
    reporters.bounce = "private/" + params_.bounce_service_name;
    reporters.trace = "private/" + params_.trace_service_name;
    reporter_ = std::make_unique<service::Reporter>(worker.loop(), std::move(reporters), params_.ipc_timeout);
    disk_ = std::make_unique<async::ThreadPool>(worker.loop(), kDiskThreads, kDiskQueue);
    trigger_ = std::make_unique<service::Trigger>(worker.loop(), "public/" + params_.queue_service_name, "I");
    HeaderPolicy headers;
    for (const auto name : text::words(params_.message_drop_headers, ", \t\r\n")) {
      headers.dropped.insert(text::lower(name));
    }
    headers.hop_limit = params_.hopcount_limit;
    headers.always_add = params_.always_add_missing_headers;
    headers.undisclosed = params_.undisclosed_recipients_header;
    headers.myhostname = params_.myhostname;
    headers.long_ids = params_.enable_long_queue_ids;
    headers.from_format = from_format_;
    headers.charset = params_.full_name_encoding_charset;
    shared_ = std::make_unique<Shared>(Shared{params_, *queue_, *rewrite_, *disk_, std::move(headers), mapping_.get(),
                                              checks_->any() ? checks_.get() : nullptr, reporter_.get()});
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    async::Stream stream(worker.loop(), std::move(connection.fd), ipc::kFrameLimit + ipc::kFrameHeader);
    if (connection.request.empty()) {
      const Result<> hello = co_await ipc::expect_hello(stream, std::string(service::kCleanupProtocol),
                                                        service::kCleanupVersion, deadline_in(params_.ipc_timeout));
      if (!hello) co_return;
    }
    for (;;) {
      connection.note.wait("idle");
      Result<ipc::Frame> frame = co_await next_request(&stream, &connection.request);
      if (!frame && frame.error().code == ETIMEDOUT && !worker.retiring()) continue;
      if (!frame) co_return;
      Result<service::CleanupOpen> open = ipc::decode<service::CleanupOpen>(frame->payload);
      if (frame->id != service::kOpen || !open) {
        log::warning("unexpected request on the cleanup socket");
        co_return;
      }
      // Its messages were under way when workers crashed: this one gets a process of its own.
      const bool suspect = worker.is_suspect(open->client);
      if (suspect && worker.give_away(open->client, stream.fd(), frame->payload)) co_return;
      connection.note.peer(open->client);
      connection.note.begin("receiving");
      FlowToken token;
      if (params_.in_flow_delay > Duration(0) && !token.take()) {
        co_await async::sleep(worker.loop(), params_.in_flow_delay);
      }
      const bool usable = co_await one_message(&stream, *open, &token);
      if (!usable || worker.retiring()) co_return;
    }
  }

 private:
  // `given`: what the worker that gave this connection away has read.
  static async::Task<Result<ipc::Frame>> next_request(async::Stream* stream, std::string* given) {
    if (!given->empty()) co_return ipc::Frame{service::kOpen, std::exchange(*given, {})};
    co_return co_await ipc::read_frame(*stream, deadline_in(kIdlePoll));
  }

  // False: the connection is of no further use.
  async::Task<bool> one_message(async::Stream* stream, service::CleanupOpen request, FlowToken* token) {
    Intake intake(*shared_, request);
    Result<service::CleanupOpened> opened = intake.open();
    if (!opened) {
      log::warning("create queue file: {}", opened.error().text);
      co_return false;
    }
    ipc::put_message(*stream, service::kOpened, *opened);
    const async::Io io = co_await stream->flush(deadline_in(params_.ipc_timeout));
    if (io != async::Io::ok) co_return false;
    mail::RecordDecoder decoder(kRecordLimit);
    for (;;) {
      Result<ipc::Frame> frame = co_await ipc::read_frame(*stream, deadline_in(params_.ipc_timeout));
      // A client that goes away before the end wants nothing of the message kept.
      if (!frame) {
        intake.cancelled();
        co_return false;
      }
      if (frame->id == service::kEnd) break;
      if (frame->id != service::kRecords) co_return false;
      decoder.feed(frame->payload);
      for (;;) {
        auto record = decoder.next();
        if (!record) {
          log::warning("malformed record from a client of the cleanup service: {}", record.error().text);
          co_return false;
        }
        if (!*record) break;
        co_await intake.record((*record)->type, std::string((*record)->payload));
      }
    }
    service::CleanupResult result = co_await intake.finish(deadline_in(params_.ipc_timeout));
    log::flush();
    ipc::put_message(*stream, service::kResult, result);
    if (result.status == service::CleanupStatus::ok) {
      if (intake.incoming()) token->spent();
      trigger_->fire();
    }
    const async::Io sent = co_await stream->flush(deadline_in(params_.ipc_timeout));
    co_return sent == async::Io::ok;
  }

  Params params_;
  mail::FromFormat from_format_ = mail::FromFormat::standard;
  std::unique_ptr<mail::QueueDir> queue_;
  std::unique_ptr<service::RewriteClient> rewrite_;
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<Mapping> mapping_;
  std::unique_ptr<Checks> checks_;
  std::unique_ptr<service::Reporter> reporter_;
  std::unique_ptr<async::ThreadPool> disk_;
  std::unique_ptr<service::Trigger> trigger_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace

}  // namespace postern::cleanup

int main(int argc, char** argv) {
  postern::cleanup::Server server;
  return postern::service::run(argc, argv, server);
}
