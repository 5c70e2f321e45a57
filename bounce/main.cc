// SPDX-License-Identifier: Apache-2.0
// bounce(8), also as defer and trace: keeps per-message logs of what happened to recipients, and turns them into
// notices.
//
// SECURITY: it is asked by delivery agents and qmgr only; texts in its logs come from remote servers and are cleaned
// when they are written. It opens files by queue id, which is checked. It runs as mail_owner and may be chrooted.
// Opens: bounce/, defer/, trace/, and queue files to copy. Serves: private/bounce, private/defer, private/trace.
// Calls: public/cleanup.
#include <memory>

#include "bounce/notifier.h"
#include "lib/base/text.h"
#include "lib/mail/queue_id.h"
#include "lib/service/queue.h"
#include "lib/service/worker.h"

namespace postern::bounce {

namespace {

constexpr std::size_t kDiskThreads = 16;
constexpr std::size_t kDiskQueue = 10000;

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "bounce"}; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    templates_ = load_templates(params_.bounce_template_file);
    const auto format = mail::parse_from_format(params_.header_from_format);
    if (!format) log::fatal("{}", format.error().text);
    set_from_format(templates_, *format);
  }

  void after_jail(service::Worker& worker) override {
    queue_ = std::make_unique<mail::QueueDir>(service::queue_layout(worker.config()));
    disk_ = std::make_unique<async::ThreadPool>(worker.loop(), kDiskThreads, kDiskQueue);
    logs_ = std::make_unique<StatusLogs>(*queue_, *disk_, params_.backwards_bounce_logfile_compatibility);
    cleanup_ = std::make_unique<service::CleanupPool>(worker.loop(), "public/" + params_.cleanup_service_name);
    notifier_ = std::make_unique<Notifier>(params_, worker.config(), std::move(templates_), *queue_, *logs_, *cleanup_);
    log_ = log_name(worker.service_name());
    dispatcher_.on<service::BounceAppend>([this](service::BounceAppend r) { return append(std::move(r)); });
    dispatcher_.on<service::BounceNotice>([this](service::BounceNotice r) { return notice(std::move(r)); });
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    ipc::CallServerOptions options;
    options.protocol = service::kBounceProtocol;
    options.retiring = [&worker] { return worker.retiring(); };
    return ipc::serve_calls(worker.loop(), std::move(connection.fd), &dispatcher_, std::move(options));
  }

 private:
  [[nodiscard]] std::string log_name(const std::string& service) const {
    if (service == params_.defer_service_name) return "defer";
    if (service == params_.trace_service_name) return "trace";
    return "bounce";
  }

  async::Task<Result<service::BounceReply>> append(service::BounceAppend request) {
    if (!mail::valid_queue_id(request.queue_id)) co_return fail("bad queue id");
    const Deadline deadline = deadline_in(params_.ipc_timeout);
    Result<> done = co_await logs_->append(log_, std::move(request.queue_id), std::move(request.status.s), deadline);
    if (!done) log::warning("{}", done.error().text);
    co_return service::BounceReply{done.has_value()};
  }

  async::Task<Result<service::BounceReply>> notice(service::BounceNotice request) {
    if (!mail::valid_queue_id(request.queue_id)) co_return fail("bad queue id");
    const bool made = co_await notifier_->notify(std::move(request));
    co_return service::BounceReply{made};
  }

  Params params_;
  mail::BounceTemplates templates_;
  std::string log_;
  std::unique_ptr<mail::QueueDir> queue_;
  std::unique_ptr<async::ThreadPool> disk_;
  std::unique_ptr<StatusLogs> logs_;
  std::unique_ptr<service::CleanupPool> cleanup_;
  std::unique_ptr<Notifier> notifier_;
  ipc::Dispatcher dispatcher_;
};

}  // namespace

}  // namespace postern::bounce

int main(int argc, char** argv) {
  postern::bounce::Server server;
  return postern::service::run(argc, argv, server);
}
