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

class Proxy : public service::Program, private Shared::Listing {
 public:
  [[nodiscard]] service::Traits traits() const override;
  void before_jail(service::Worker& worker) override;
  void after_jail(service::Worker& worker) override;
  async::Task<> serve(service::Worker& worker, service::Connection connection) override;
  void retiring(service::Worker& worker) override;

 private:
  void load_keys(const service::Worker& worker);
  void full(bool full) override { worker_->set_full(full); }
  service::SessionNote begin(const std::string& peer) override { return worker_->begin_note(peer); }
  void end(service::SessionNote note) override { worker_->end_note(note); }
  async::Task<> warn_of_expiry();
  void report_files(service::Worker& worker) const;
  async::Task<> refresh_tickets();
  async::Task<> seed_generator(std::int64_t bytes);
  async::Task<> trim_heap();

  service::Worker* worker_ = nullptr;
  Params params_;
  std::unique_ptr<Defaults> defaults_;
  KeyStore keys_;
  std::shared_ptr<openssl::TicketKeys> tickets_;
  std::unique_ptr<Contexts> contexts_;
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<async::TaskGroup> tasks_;
  std::set<Control*> controls_;
};

}  // namespace postern::tlsproxy
