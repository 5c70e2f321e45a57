// SPDX-License-Identifier: Apache-2.0
// verify: knows which addresses can be delivered to, and finds out about others by sending probes.
//
// A probe is an empty message with the attribute trace_flags 256: it goes through the queue like any other, a delivery
// agent decides about its recipient without delivering, and reports here.
//
// SECURITY. Talks only to other daemons, on a socket below private/. Addresses come from strangers by way of smtpd:
// each new one costs a probe and an entry of the cache; smtpd's limits on clients and qmgr's limit on probes bound
// both. It runs as mail_owner and may be jailed. What the cache says is believed; it is in data_directory, which only
// mail_owner can write.
//
// Opens before the jail, as mail_owner: address_verify_map. Connects to: public/cleanup.
#include <memory>

#include "lib/base/log.h"
#include "lib/ipc/call.h"
#include "lib/mail/address.h"
#include "lib/mail/record.h"
#include "lib/mail/verify_sender.h"
#include "lib/service/cache_table.h"
#include "lib/service/cleanup_client.h"
#include "lib/service/owner.h"
#include "lib/service/worker.h"
#include "lib/table/table.h"
#include "verify/cache.h"
#include "verify/params.h"

namespace postern::verify {

namespace {

constexpr std::size_t kSweepStep = 100;
constexpr Duration kSweepPause{10};
constexpr std::string_view kInternal = "internal:verify";
constexpr std::string_view kProbeFlags = "256";

std::int64_t seconds(Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); }

class Server : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "verify", .single = true}; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    table::register_builtin_tables(registry_);
    context_ = service::cache_context(registry_);
    const auto owner = service::AsOwner::become(params_.mail_owner);
    if (!owner) log::fatal("{}", owner.error().text);
    open_cache();
  }

  void after_jail(service::Worker& worker) override {
    loop_ = &worker.loop();
    cleanup_ = std::make_unique<service::CleanupPool>(worker.loop(), "public/" + params_.cleanup_service_name);
    probes_ = std::make_unique<async::TaskGroup>(worker.loop());
    dispatcher_.on<service::VerifyQuery>([this](service::VerifyQuery r) { return on_query(std::move(r)); });
    dispatcher_.on<service::VerifyUpdate>([this](service::VerifyUpdate r) { return on_update(std::move(r)); });
    if (params_.address_verify_cache_cleanup_interval > Duration(0)) probes_->spawn(sweep_for_ever());
  }

  // The database is complete before the next process opens it.
  void retiring(service::Worker&) override {
    const Result<> closed = cache_->close(open_table(std::string(kInternal)));
    if (!closed) log::warning("{}: {}", cache_name_, closed.error().text);
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    ipc::CallServerOptions options;
    options.protocol = service::kVerifyProtocol;
    options.retiring = [&worker] { return worker.retiring(); };
    co_await ipc::serve_calls(worker.loop(), std::move(connection.fd), &dispatcher_, std::move(options));
  }

 private:
  [[nodiscard]] table::TablePtr open_table(const std::string& spec) const {
    auto table = service::open_cache_table(spec, table::Mode::update_create, context_);
    if (table) return std::move(*table);
    if (spec == kInternal) log::fatal("{}", table.error().text);
    log::warning("{}; what is found out about addresses is kept in memory", table.error().text);
    return nullptr;
  }

  void open_cache() {
    const Params& p = params_;
    cache_name_ = p.address_verify_map.empty() ? std::string(kInternal) : p.address_verify_map;
    table::TablePtr table = open_table(cache_name_);
    if (!table) {
      cache_name_ = kInternal;
      table = open_table(cache_name_);
    }
    const Lifetimes lifetimes{seconds(p.address_verify_positive_refresh_time),
                              seconds(p.address_verify_positive_expire_time),
                              seconds(p.address_verify_negative_refresh_time),
                              seconds(p.address_verify_negative_expire_time), p.address_verify_negative_cache};
    cache_ = std::make_unique<Cache>(std::move(table), lifetimes);
  }

  async::Task<Result<service::VerifyReply>> on_query(service::VerifyQuery request) {
    auto answer = cache_->query(request.address, wall_now().seconds);
    if (!answer) {
      log::warning("{}: {}", cache_name_, answer.error().text);
      co_return std::unexpected(answer.error());
    }
    if (answer->probe) probes_->spawn(probe(std::move(request.address)));
    co_return std::move(answer->reply);
  }

  async::Task<Result<service::VerifyDone>> on_update(service::VerifyUpdate request) {
    const Result<> updated = cache_->update(request.address, request.state, request.text, wall_now().seconds);
    if (!updated) log::warning("{}: {}", cache_name_, updated.error().text);
    co_return service::VerifyDone{updated.has_value()};
  }

  [[nodiscard]] std::string probe_sender() const {
    const std::string& sender = params_.address_verify_sender;
    if (sender == "<>") return {};
    return mail::timed_verify_sender(mail::unquote_address(sender), seconds(params_.address_verify_sender_ttl),
                                     wall_now().seconds);
  }

  async::Task<> probe(std::string address) {
    const Result<> sent = co_await send_probe(address);
    if (sent) co_return;
    log::warning("probe of {} was not sent: {}", address, sent.error().text);
    cache_->forget_probe(address);
  }

  async::Task<Result<>> send_probe(std::string address) {
    namespace record = mail::record;
    const Deadline deadline = deadline_in(params_.ipc_timeout);
    const std::int64_t detects =
        service::utf8_detection(params_.smtputf8_autodetect_classes, service::MailSource::verify);
    Result<std::unique_ptr<service::CleanupStream>> opened =
        co_await cleanup_->open({service::cleanup_flag::kInternal | detects}, deadline);
    if (!opened) co_return std::unexpected(opened.error());
    service::CleanupStream& out = **opened;
    const WallTime now = wall_now();
    out.record(record::kTime, fmt::format("{} {}", now.seconds, now.micros));
    out.attribute("trace_flags", kProbeFlags);
    out.attribute("rewrite_context", "local");
    out.record(record::kSender, probe_sender());
    out.record(record::kOriginal, address);
    out.record(record::kRecipient, address);
    out.record(record::kContent, "");
    out.record(record::kExtracted, "");
    out.record(record::kEnd, "");
    Result<service::CleanupResult> result = co_await out.finish(deadline);
    if (!result) co_return std::unexpected(result.error());
    if (result->status != service::CleanupStatus::ok) co_return fail("not queued: " + result->reason);
    co_return Result<>{};
  }

  async::Task<> sweep_for_ever() {
    const Duration interval = params_.address_verify_cache_cleanup_interval;
    const std::int64_t due = cache_->last_sweep() + seconds(interval) - wall_now().seconds;
    Duration pause = std::min(interval, Duration(due > 0 ? due * 1000 : 0));
    for (;;) {
      if (pause > Duration(0)) co_await async::sleep(*loop_, pause);
      pause = interval;
      co_await sweep();
    }
  }

  async::Task<> sweep() {
    for (bool first = true;; first = false) {
      const Result<bool> done = cache_->sweep(first, kSweepStep, wall_now().seconds);
      if (!done) {
        log::warning("{}: {}", cache_name_, done.error().text);
        co_return;
      }
      if (*done) break;
      co_await async::sleep(*loop_, kSweepPause);
    }
    log::info("cache {} full cleanup: retained={} dropped={} entries", cache_name_, cache_->retained(),
              cache_->dropped());
  }

  Params params_;
  table::Registry registry_;
  table::Context context_;
  std::string cache_name_;
  std::unique_ptr<Cache> cache_;
  async::Loop* loop_ = nullptr;
  std::unique_ptr<service::CleanupPool> cleanup_;
  ipc::Dispatcher dispatcher_;
  std::unique_ptr<async::TaskGroup> probes_;
};

}  // namespace

}  // namespace postern::verify

int main(int argc, char** argv) {
  postern::verify::Server server;
  return postern::service::run(argc, argv, server);
}
