// SPDX-License-Identifier: Apache-2.0
// trivial-rewrite(8): completes addresses and says where they go.
//
// SECURITY: it trusts neither addresses nor who asks, talks to no network peer itself (remote tables are
// asked through proxymap) and needs no privilege; it runs as mail_owner and may be chrooted. The worst a broken
// trivial-rewrite does is to misroute mail.
// Opens: main.cf, and the local tables named by transport_maps, relay_domains, virtual_*_domains and friends.
// Serves: private/rewrite (calls of lib/service/rewrite_client.h).
#include <memory>

#include "lib/config/interfaces.h"
#include "lib/ipc/call.h"
#include "lib/service/proxymap_client.h"
#include "lib/service/tables.h"
#include "lib/service/worker.h"
#include "trivial-rewrite/resolver.h"
#include "trivial-rewrite/rewriter.h"

namespace postern::trivial_rewrite {

namespace {

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "trivial-rewrite"}; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    tables_ = std::make_unique<service::Tables>(worker);
    rules_ = {params_.myorigin,
              params_.mydomain,
              params_.remote_header_rewrite_domain,
              params_.append_at_myorigin,
              params_.append_dot_mydomain,
              params_.allow_percent_hack,
              params_.swap_bangpath};
    auto own = config::own_addresses(worker.config());
    if (!own) log::fatal("{}", own.error().text);
    const RouteParameters routes{params_.local_transport,
                                 params_.virtual_transport,
                                 params_.relay_transport,
                                 params_.default_transport,
                                 params_.relayhost,
                                 params_.transport_maps,
                                 params_.sender_dependent_relayhost_maps,
                                 params_.sender_dependent_default_transport_maps};
    const RouteParameters probes{params_.address_verify_local_transport,
                                 params_.address_verify_virtual_transport,
                                 params_.address_verify_relay_transport,
                                 params_.address_verify_default_transport,
                                 params_.address_verify_relayhost,
                                 params_.address_verify_transport_maps,
                                 params_.address_verify_sender_dependent_relayhost_maps,
                                 params_.address_verify_sender_dependent_default_transport_maps};
    resolver_ = std::make_unique<Resolver>(params_, routes, tables_->context(), *own);
    probe_resolver_ = std::make_unique<Resolver>(params_, probes, tables_->context(), *own);
    dispatcher_.on<service::RewriteRequest>([this](service::RewriteRequest r) { return answer_rewrite(std::move(r)); });
    dispatcher_.on<service::ResolveRequest>([this](service::ResolveRequest r) { return answer_resolve(std::move(r)); });
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    ipc::CallServerOptions options;
    options.protocol = service::kRewriteProtocol;
    options.retiring = [&worker] { return worker.retiring(); };
    return ipc::serve_calls(worker.loop(), std::move(connection.fd), &dispatcher_, std::move(options));
  }

 private:
  async::Task<Result<service::RewriteReply>> answer_rewrite(service::RewriteRequest request) {
    if (request.context != "local" && request.context != "remote") co_return fail("unknown rewriting context");
    const Context context = request.context == "local" ? Context::local : Context::remote;
    co_return service::RewriteReply{rewrite(rules_, context, request.address)};
  }

  async::Task<Result<service::ResolveReply>> answer_resolve(service::ResolveRequest request) {
    const Resolver& resolver = request.verify ? *probe_resolver_ : *resolver_;
    co_return co_await resolver.resolve(std::move(request.sender), std::move(request.address));
  }

  Params params_;
  RewriteRules rules_;
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<Resolver> probe_resolver_;
  ipc::Dispatcher dispatcher_;
};

}  // namespace

}  // namespace postern::trivial_rewrite

int main(int argc, char** argv) {
  postern::trivial_rewrite::Server server;
  return postern::service::run(argc, argv, server);
}
