// SPDX-License-Identifier: Apache-2.0
// What the delivery agents' main programs share: the reporter to bounce(8), the options common to all of them, and
// the loop that serves qmgr.
//
//   class Server final : public service::Agent { ... async::Task<> deliver(service::Delivery& delivery) override; };
#pragma once

#include <memory>
#include <string>

#include "lib/service/delivery.h"
#include "lib/service/tables.h"
#include "lib/service/worker.h"

namespace postern::service {

class Agent : public Program {
 public:
  // Programs with a before_jail() of their own call this one from it.
  void before_jail(Worker& worker) override;
  void after_jail(Worker& worker) override;
  async::Task<> serve(Worker& worker, Connection connection) override;
  [[nodiscard]] SuspectKind suspects() const override { return SuspectKind::message; }
  // Settles every recipient of the delivery; what it leaves is deferred.
  virtual async::Task<> deliver(Delivery& delivery) = 0;

 protected:
  AgentOptions options_;  // a program may change it in its own after_jail()

 private:
  std::unique_ptr<Tables> filter_tables_;
  std::unique_ptr<Reporter> reporter_;
};

}  // namespace postern::service
