// SPDX-License-Identifier: Apache-2.0
// proxymap(8): lookup tables that may block, asked by processes that must not, or that cannot reach them from their
// jail. Serves private/proxymap (proxy_read_maps) and, under the name proxywrite, tables that may be changed
// (proxy_write_maps).
//
// SECURITY: its clients are the mail system's own processes; they may ask for any key of any table that main.cf or
// master.cf names, and for no other table. It opens those tables with the privileges it is started with and then
// becomes mail_owner. Answers may hold passwords: they are never logged. Opens: main.cf, master.cf, the tables they
// name; the system's user database through NSS.
#include <memory>

#include "lib/base/require.h"
#include "lib/config/master_cf.h"
#include "lib/service/owner.h"
#include "proxymap/allowed.h"
#include "proxymap/params.h"
#include "proxymap/server.h"
#include "proxymap/writable.h"

namespace postern::proxymap {

namespace {

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "proxymap"}; }

  void before_jail(service::Worker& worker) override {
    const auto params = require(Params::load(worker.config()));
    TableOptions options;
    options.default_type = params.default_database_type;
    options.utf8 = params.smtputf8_enable;
    options.read_buffer = static_cast<std::size_t>(params.berkeley_db_read_buffer_size);
    options.lmdb_map_size = static_cast<std::size_t>(params.lmdb_map_size);
    if (worker.service_name() == params.proxywrite_service_name) {
      open_writable(params);
      return;
    }
    lookups_ = std::make_unique<Lookups>(worker.loop(), std::move(options), [&worker] { worker.retire(); });
    const auto master_cf = require(config::load_master_cf(worker.config().directory()));
    const auto views = require(config::service_view(master_cf, worker.config()));
    const auto implied = require(remote_tables_of(worker.config(), views, lookups_->registry()));
    lookups_->allow(require(proxied_tables(params.proxy_read_maps)), implied);
    dispatcher_.on<service::ProxyLookup>([this](service::ProxyLookup r) { return lookups_->lookup(std::move(r)); });
    // Its processes are many: changes would get in each other's way.
    dispatcher_.on<service::ProxyUpdate>(
        [](service::ProxyUpdate r) { return refuse<service::ProxyChangeReply>(r.table); });
    dispatcher_.on<service::ProxyDelete>(
        [](service::ProxyDelete r) { return refuse<service::ProxyChangeReply>(r.table); });
    dispatcher_.on<service::ProxySequence>(
        [](service::ProxySequence r) { return refuse<service::ProxySequenceReply>(r.table); });
  }

  // The databases are complete before the next process opens them.
  void retiring(service::Worker&) override {
    if (writable_) writable_->close();
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    ipc::CallServerOptions options;
    options.protocol = service::kProxymapProtocol;
    options.retiring = [&worker] { return worker.retiring(); };
    return ipc::serve_calls(worker.loop(), std::move(connection.fd), &dispatcher_, std::move(options));
  }

 private:
  template <class Reply>
  static async::Task<Result<Reply>> refuse(std::string table) {
    log::warning("request to change table \"{}\": this is a read-only service", table);
    Reply reply;
    reply.status = service::ProxyStatus::deny;
    co_return reply;
  }

  template <class Reply>
  static async::Task<Result<Reply>> answer(Reply reply) {
    co_return reply;
  }

  void open_writable(const Params& params) {
    writable_ = std::make_unique<WritableTables>(static_cast<std::size_t>(params.lmdb_map_size));
    const auto specs = require(proxied_tables(params.proxy_write_maps));
    {
      const auto owner = require(service::AsOwner::become(params.mail_owner));
      writable_->allow(specs);
    }
    dispatcher_.on<service::ProxyLookup>([this](service::ProxyLookup r) { return answer(writable_->lookup(r)); });
    dispatcher_.on<service::ProxyUpdate>([this](service::ProxyUpdate r) { return answer(writable_->update(r)); });
    dispatcher_.on<service::ProxyDelete>([this](service::ProxyDelete r) { return answer(writable_->erase(r)); });
    dispatcher_.on<service::ProxySequence>([this](service::ProxySequence r) { return answer(writable_->sequence(r)); });
  }

  std::unique_ptr<Lookups> lookups_;
  std::unique_ptr<WritableTables> writable_;
  ipc::Dispatcher dispatcher_;
};

}  // namespace

}  // namespace postern::proxymap

int main(int argc, char** argv) {
  postern::proxymap::Server server;
  return postern::service::run(argc, argv, server);
}
