// SPDX-License-Identifier: Apache-2.0
#include "smtpd/server.h"

#include "lib/table/fold.h"
#include "smtpd/session.h"
#include "smtpd/switch.h"

namespace postern::smtpd {

namespace {

std::unique_ptr<Settings> load_settings(const config::Config& config, const table::Context& context) {
  auto settings = Settings::load(config, context);
  if (!settings) log::fatal("{}", settings.error().text);
  return std::move(*settings);
}

}  // namespace

void Server::before_jail(service::Worker& worker) {
  tables_ = std::make_unique<service::Tables>(worker, table::fold_utf8);
  config::Config config = worker.config();
  config.set("stress", "");
  calm_ = load_settings(config, tables_->context());
  config.set("stress", "yes");
  stressed_ = load_settings(config, tables_->context());
  auto options = dns::Options::load(dns::Trust::plain);
  if (!options) log::fatal("{}", options.error().text);
  dns_options_ = std::move(*options);
  dns::NativeLookup::prepare();
}

void Server::after_jail(service::Worker& worker) {
  async::Loop& loop = worker.loop();
  const Params& p = calm_->p;
  names_ = std::make_unique<dns::NativeLookup>(loop);
  dns_ = std::make_unique<dns::Resolver>(loop, dns_options_);
  cleanup_ = std::make_unique<service::CleanupPool>(loop, "public/" + p.cleanup_service_name);
  if (worker.stand_alone()) {
    intake_ = std::make_unique<MaildropIntake>(loop, p.command_directory);
  } else {
    intake_ = std::make_unique<CleanupIntake>(*cleanup_);
  }
  rewrite_ = std::make_unique<service::RewriteClient>(loop, "private/" + p.rewrite_service_name, p.ipc_timeout);
  tls_ = std::make_unique<service::TlsClient>(loop, "private/" + p.tlsproxy_service_name);
  limits_ = std::make_unique<Limits>(loop);
  flush_ = std::make_unique<service::FlushClient>(loop, "public/" + p.flush_service_name);
  verify_ = std::make_unique<service::VerifyClient>(loop, "private/" + p.address_verify_service_name, p.ipc_timeout);
  services_ = std::make_unique<Services>(Services{loop, *intake_, *cleanup_, *rewrite_, *tls_, *names_, *dns_, *limits_,
                                                  *flush_, *verify_, p.ipc_timeout});
}

async::Task<> Server::serve(service::Worker& worker, service::Connection connection) {
  if (worker.is_suspect(connection.peer_address) &&
      worker.give_away(connection.peer_address, connection.fd.get(), "")) {
    co_return;
  }
  // What the service is when the session begins holds for the whole of it.
  const Settings& settings = worker.stress() ? *stressed_ : *calm_;
  if (is_switch_connection(connection.fd.get())) {
    co_await serve_switched(&worker, services_.get(), &settings, std::move(connection));
    co_return;
  }
  Session session(*services_, settings, std::move(connection), worker.stand_alone());
  co_await session.run();
}

}  // namespace postern::smtpd
