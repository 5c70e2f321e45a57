// SPDX-License-Identifier: Apache-2.0
// pickup(8): takes mail that local users left in maildrop/ and passes it to cleanup.
//
// SECURITY: reads files of users, who may be hostile: it opens regular files only, checks every record (the rules are
// lib/mail/maildrop.h), and tells by owner and mode who wrote a file. What a client of its socket sends means nothing
// but "look". It runs as mail_owner, which owns the directory, and may be chrooted.
// Opens: maildrop/, corrupt/ below queue_directory. Serves: public/pickup (trigger bytes). Calls: public/cleanup.
#include <memory>

#include "lib/service/receive_overrides.h"
#include "lib/service/worker.h"
#include "pickup/courier.h"
#include "pickup/params.h"

namespace postern::pickup {

namespace {

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "pickup", .single = true}; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    const auto overrides = service::parse_receive_overrides(params_.receive_override_options);
    if (!overrides) log::fatal("{}", overrides.error().text);
    without_ = overrides->cleanup_without;
  }

  void after_jail(service::Worker& worker) override {
    courier_ = std::make_unique<Courier>(worker.loop(), params_, without_);
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    const std::string request = co_await service::read_trigger(worker.loop(), std::move(connection.fd));
    if (request.empty()) co_return;
    co_await courier_->look();
  }

  void retiring(service::Worker&) override {
    if (courier_) courier_->finish_up();
  }

 private:
  Params params_;
  std::int64_t without_ = 0;
  std::unique_ptr<Courier> courier_;
};

}  // namespace

}  // namespace postern::pickup

int main(int argc, char** argv) {
  postern::pickup::Server server;
  return postern::service::run(argc, argv, server);
}
