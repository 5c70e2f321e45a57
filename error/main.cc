// SPDX-License-Identifier: Apache-2.0
// error(8): the delivery agent that fails mail. The next hop is the reason, with or without a status in front
// ("5.1.1 User unknown"). As service "retry" it puts mail off instead of returning it.
//
// SECURITY: talks to qmgr, bounce, defer and trace only; opens queue files to mark recipients; runs as mail_owner and
// may be chrooted.
// Serves: private/error, private/retry.
#include "lib/mail/dsn.h"
#include "lib/service/agent.h"

namespace postern::error {

namespace {

constexpr std::string_view kRetry = "retry";

class Server final : public service::Agent {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "error"}; }

  void after_jail(service::Worker& worker) override {
    Agent::after_jail(worker);
    defers_ = worker.service_name() == kRetry;
  }

  async::Task<> deliver(service::Delivery& delivery) override {
    const std::string& nexthop = delivery.request().nexthop;
    auto why = mail::split_dsn(nexthop, defers_ ? "4.0.0" : "5.0.0");
    service::Outcome outcome;
    outcome.status = mail::with_class(why.status, defers_ ? '4' : '5');
    outcome.text = why.text.empty() ? std::string("delivery failed") : why.text;
    for (std::size_t i = 0; i < delivery.size(); ++i) {
      if (!delivery.settled(i)) co_await delivery.settle(i, outcome);
    }
  }

 private:
  bool defers_ = false;
};

}  // namespace

}  // namespace postern::error

int main(int argc, char** argv) {
  postern::error::Server server;
  return postern::service::run(argc, argv, server);
}
