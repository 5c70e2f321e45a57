// SPDX-License-Identifier: Apache-2.0
// qmgr(8): takes mail from incoming/ and deferred/, has it delivered, removes it or puts it off.
//
// SECURITY: it talks to no network and to no user; queue files come from cleanup, and a damaged one is set aside, not
// believed. It runs as mail_owner, which owns the queue, and may be chrooted.
// Opens: incoming/, active/, deferred/, corrupt/, bounce/, defer/, trace/ below queue_directory.
// Serves: public/qmgr (trigger bytes). Calls: private/rewrite, private/bounce|defer|trace, private/TRANSPORT.
#include <memory>

#include "lib/service/worker.h"
#include "qmgr/manager.h"

namespace postern::qmgr {

namespace {

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override {
    return {.name = "qmgr", .single = true, .watchdog_parameter = "qmgr_daemon_timeout"};
  }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
  }

  void after_jail(service::Worker& worker) override {
    manager_ = std::make_unique<Manager>(worker, std::move(params_));
    manager_->start();
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    const std::string requests = co_await service::read_trigger(worker.loop(), std::move(connection.fd));
    manager_->trigger(requests);
  }

  void retiring(service::Worker&) override { manager_->retire(); }
  [[nodiscard]] bool idle() const override { return manager_->idle(); }

 private:
  Params params_;
  std::unique_ptr<Manager> manager_;
};

}  // namespace

}  // namespace postern::qmgr

int main(int argc, char** argv) {
  postern::qmgr::Server server;
  return postern::service::run(argc, argv, server);
}
