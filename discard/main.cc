// SPDX-License-Identifier: Apache-2.0
// discard(8): the delivery agent that throws mail away and says that it was sent. The next hop is the reason.
//
// SECURITY: talks to qmgr and trace only; opens queue files to mark recipients; runs as mail_owner and may be chrooted.
// Serves: private/discard.
#include "lib/service/agent.h"

namespace postern::discard {

namespace {

class Server final : public service::Agent {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "discard"}; }

  async::Task<> deliver(service::Delivery& delivery) override {
    service::Outcome outcome;
    outcome.status = "2.0.0";
    outcome.text = delivery.request().nexthop;
    for (std::size_t i = 0; i < delivery.size(); ++i) {
      if (!delivery.settled(i)) co_await delivery.sent(i, outcome);
    }
  }
};

}  // namespace

}  // namespace postern::discard

int main(int argc, char** argv) {
  postern::discard::Server server;
  return postern::service::run(argc, argv, server);
}
