// SPDX-License-Identifier: Apache-2.0
// anvil: counts the connections of SMTP clients and the rates at which they do things.
//
// SECURITY. Talks only to other daemons, on a socket below private/, over which it receives service names, addresses
// and numbers and answers numbers. It reads no file but main.cf, runs as mail_owner, may be jailed. A client that
// comes from very many addresses costs memory: entries live for one anvil_rate_time_unit after the last event.
//
// Opens nothing. What it knows is lost when it ends; then limits start counting again.
#include <memory>

#include "anvil/counters.h"
#include "anvil/params.h"
#include "lib/base/log.h"
#include "lib/ipc/call.h"
#include "lib/service/anvil_client.h"
#include "lib/service/worker.h"

namespace postern::anvil {

namespace {

using service::AnvilConnect;
using service::AnvilCount;
using service::AnvilCounts;
using service::AnvilDisconnect;
using service::AnvilLookup;
using service::AnvilState;

std::string client_key(const std::string& service, const std::string& client) { return service + ":" + client; }

class Server : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "anvil", .single = true}; }

  void after_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    counters_ = std::make_unique<Counters>(params_.anvil_rate_time_unit);
    sweep_ = std::make_unique<async::Timer>(worker.loop(), [this] {
      counters_->sweep(Clock::now());
      sweep_->start(params_.anvil_rate_time_unit);
    });
    sweep_->start(params_.anvil_rate_time_unit);
    report_ = std::make_unique<async::Timer>(worker.loop(), [this] {
      report();
      report_->start(params_.anvil_status_update_time);
    });
    report_->start(params_.anvil_status_update_time);
  }

  void retiring(service::Worker&) override { report(); }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    // The caller's connections end with it, also when this task is cancelled.
    struct Forget {
      Counters& counters;
      Caller caller;
      ~Forget() { counters.forget(caller); }
    } peer{*counters_, {}};
    ipc::Dispatcher dispatcher;
    register_calls(dispatcher, peer.caller);
    ipc::CallServerOptions options;
    options.protocol = service::kAnvilProtocol;
    options.idle_limit = service::kAnvilIdleLimit;
    options.retiring = [&worker] { return worker.retiring(); };
    co_await ipc::serve_calls(worker.loop(), std::move(connection.fd), &dispatcher, std::move(options));
  }

 private:
  void register_calls(ipc::Dispatcher& dispatcher, Caller& caller) {
    dispatcher.on<AnvilConnect>([this, &caller](AnvilConnect r) { return on_connect(&caller, std::move(r)); });
    dispatcher.on<AnvilDisconnect>([this, &caller](AnvilDisconnect r) { return on_disconnect(&caller, r); });
    dispatcher.on<AnvilCount>([this](AnvilCount r) { return on_count(std::move(r)); });
    dispatcher.on<AnvilLookup>([this](AnvilLookup r) { return on_lookup(std::move(r)); });
  }

  async::Task<Result<AnvilCounts>> on_connect(Caller* caller, AnvilConnect request) {
    co_return counters_->connect(*caller, request.connection, client_key(request.service, request.client),
                                 Clock::now());
  }
  async::Task<Result<AnvilCounts>> on_disconnect(Caller* caller, AnvilDisconnect request) {
    co_return counters_->disconnect(*caller, request.connection);
  }
  async::Task<Result<AnvilCounts>> on_count(AnvilCount request) {
    if (request.event <= AnvilEvent::connection || request.event > AnvilEvent::auth) co_return fail("unknown event");
    const auto key = client_key(request.service, request.client);
    const int rate = counters_->count(request.event, key, Clock::now());
    co_return AnvilCounts{.count = counters_->lookup(key, Clock::now()).count, .rate = rate};
  }
  async::Task<Result<AnvilState>> on_lookup(AnvilLookup request) {
    co_return counters_->lookup(client_key(request.service, request.client), Clock::now());
  }

  void report() {
    for (const auto& line : counters_->take_statistics()) log::info("statistics: {}", line);
  }

  Params params_;
  std::unique_ptr<Counters> counters_;
  std::unique_ptr<async::Timer> sweep_;
  std::unique_ptr<async::Timer> report_;
};

}  // namespace

}  // namespace postern::anvil

int main(int argc, char** argv) {
  postern::anvil::Server server;
  return postern::service::run(argc, argv, server);
}
