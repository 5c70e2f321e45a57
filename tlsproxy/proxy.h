// SPDX-License-Identifier: Apache-2.0
// The worker: loads keys before its jail, keeps ticket keys fresh, and serves control connections.
#pragma once

#include <memory>
#include <set>

#include "lib/service/worker.h"
#include "tlsproxy/contexts.h"
#include "tlsproxy/control.h"
#include "tlsproxy/key_store.h"
#include "tlsproxy/params.h"

namespace postern::tlsproxy {

class Proxy : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override;
  void before_jail(service::Worker& worker) override;
  void after_jail(service::Worker& worker) override;
  async::Task<> serve(service::Worker& worker, service::Connection connection) override;
  void retiring(service::Worker& worker) override;

 private:
  void load_keys(const service::Worker& worker);
  void report_files(service::Worker& worker) const;
  async::Task<> refresh_tickets();
  async::Task<> seed_generator(std::int64_t bytes);
  async::Task<> trim_heap();

  Params params_;
  KeyStore keys_;
  std::shared_ptr<openssl::TicketKeys> tickets_;
  std::unique_ptr<Contexts> contexts_;
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<async::TaskGroup> tasks_;
  std::set<Control*> controls_;
};

}  // namespace postern::tlsproxy
