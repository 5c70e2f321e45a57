// SPDX-License-Identifier: Apache-2.0
// The one tlsmgr process: answers the calls of lib/service/tlsmgr_client.h, and keeps its house in order.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/ipc/call.h"
#include "lib/service/tlsmgr_client.h"
#include "lib/service/worker.h"
#include "lib/table/table.h"
#include "tlsmgr/entropy.h"
#include "tlsmgr/params.h"
#include "tlsmgr/session_cache.h"
#include "tlsmgr/ticket_ring.h"

namespace postern::tlsmgr {

class Manager : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override;
  void before_jail(service::Worker& worker) override;
  void after_jail(service::Worker& worker) override;
  async::Task<> serve(service::Worker& worker, service::Connection connection) override;
  [[nodiscard]] const ipc::Dispatcher& dispatcher() const { return dispatcher_; }

 private:
  void open_cache(const config::Config& config, const std::string& name);
  void register_calls();
  async::Task<Result<service::TicketKeysReply>> ticket_keys(service::TicketKeysRequest request);
  async::Task<Result<service::SessionReply>> lookup(service::SessionLookup request);
  async::Task<Result<service::SessionStoreReply>> store(service::SessionStore request);
  async::Task<Result<service::SeedReply>> seed(service::SeedRequest request);
  async::Task<Result<service::ExpiryReply>> expiry(service::ExpiryNotice request);
  async::Task<> keep_random();
  async::Task<> keep_exchange();
  async::Task<> sweep_caches();
  bool sweep_step(const std::string& name);
  void give_up(const std::string& name, const Error& error);

  Params params_;
  table::Registry registry_;
  table::Context context_;
  Entropy entropy_;
  std::unique_ptr<TicketRing> tickets_;
  std::map<std::string, SessionCache, std::less<>> caches_;
  std::map<std::string, Deadline> expiry_told_;
  ipc::Dispatcher dispatcher_;
  async::Loop* loop_ = nullptr;
  std::unique_ptr<async::TaskGroup> tasks_;
};

}  // namespace postern::tlsmgr
