// SPDX-License-Identifier: Apache-2.0
// smtp(8) and lmtp(8): the client that sends mail to other hosts. One program, two dialects, by the name it is
// started under.
//
// SECURITY: it talks to any host of the Internet and believes none: replies are parsed in bounded memory, cut and
// cleaned before they are logged or reported. It has no keys and does no cryptography: TLS is tlsproxy's, which
// gets the connection as a descriptor. It runs as mail_owner and may be chrooted.
// Opens: queue files in active/. Serves: private/smtp, private/relay, private/lmtp.
// Calls: private/tlsproxy, private/scache, private/bounce|defer|trace, public/cleanup; DNS.
#include <cstring>
#include <memory>

#include "lib/base/require.h"
#include "lib/config/interfaces.h"
#include "lib/service/agent.h"
#include "lib/service/tables.h"
#include "lib/tls/channels.h"
#include "smtp/client.h"

namespace postern::smtp_client {

namespace {

constexpr std::size_t kThreads = 8;
// Where a resolver's AD bit counts, each lookup of DNS takes a thread while it lasts. They start when they are needed.
constexpr std::size_t kAdThreads = 64;

class Server final : public service::Agent {
 public:
  explicit Server(Dialect dialect) : dialect_(dialect) {}

  [[nodiscard]] service::Traits traits() const override {
    return {.name = dialect_ == Dialect::lmtp ? "lmtp" : "smtp"};
  }

  void before_jail(service::Worker& worker) override {
    Agent::before_jail(worker);
    auto params = Params::load(worker.config(), dialect_ == Dialect::lmtp);
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    auto own = config::own_addresses(worker.config());
    if (!own) log::fatal("{}", own.error().text);
    own_addresses_ = std::move(*own);
    load_dns_options(worker.config());
    auto level = tls::client_level(params_.smtp_tls_security_level, params_.smtp_use_tls, params_.smtp_enforce_tls,
                                   params_.smtp_tls_enforce_peername);
    if (!level) log::fatal("{}: {}", this->own("tls_security_level"), level.error().text);
    level_ = *level;
    apply_keywords(worker);
    auto arguments = parse_arguments(worker.arguments());
    if (!arguments) log::fatal("{}", arguments.error().text);
    transaction_ = *arguments;
    const std::string& target = params_.smtp_address_verify_target;
    if (target != kVerifyAtRcpt && target != kVerifyAtData) {
      log::fatal("bad parameter value: {} = {}", this->own("address_verify_target"), target);
    }
    auto postmaster = Postmaster::make(params_, dialect_);
    if (!postmaster) log::fatal("{}", postmaster.error().text);
    postmaster_.emplace(std::move(*postmaster));
    if (dialect_ == Dialect::lmtp && params_.lmtp_assume_final) {
      log::warning("lmtp_assume_final is obsolete; instead, specify \"flags=X\" in master.cf");
    }
    load_tables(worker);
  }

  void after_jail(service::Worker& worker) override {
    Agent::after_jail(worker);
    async::Loop& loop = worker.loop();
    native_ = std::make_unique<dns::NativeLookup>(loop, dns_options_.believes_ad() ? kAdThreads : kThreads);
    resolver_ = std::make_unique<dns::Resolver>(loop, std::move(dns_options_), &native_->pool());
    if (params_.smtp_dns_support_level == "dnssec") {
      auto probe = DnssecProbe::make(params_.dnssec_probe, dns::lookup_with(*resolver_));
      if (!probe) log::fatal("{}", probe.error().text);
      probe_ = std::make_unique<DnssecProbe>(std::move(*probe));
    }
    finder_ = std::make_unique<TargetFinder>(params_, *resolver_, *native_, std::move(own_addresses_),
                                             dns_filter_->empty() ? nullptr : dns_filter_.get(), probe_.get());
    tls_ = std::make_unique<service::TlsClient>(loop);
    cleanup_ = std::make_unique<service::CleanupPool>(loop, "public/" + params_.cleanup_service_name);
    postmaster_->use(cleanup_.get());
    make_dane();
    connections_ =
        std::make_unique<Connections>(loop, params_, worker.service_name(), dialect_, &worker.config(), tls_.get());
    const auto table = [](const table::Maps& maps) { return maps.empty() ? nullptr : &maps; };
    TransactionOptions options = transaction_;
    if (!generic_map_->empty()) options.generic = generic_.get();
    if (checks_->any()) options.checks = checks_.get();
    const Tools tools{.finder = *finder_,
                      .tls = *tls_,
                      .policies = *policies_,
                      .dane = *dane_,
                      .connections = *connections_,
                      .cached_destinations = *cached_destinations_,
                      .postmaster = *postmaster_,
                      .tables = {table(*reply_filter_), table(*discard_keywords_), table(*pix_)},
                      .transaction = options,
                      .tls_log_levels = *tls_log_levels_,
                      .service = worker.service_name(),
                      .keywords = keywords_};
    client_ = std::make_unique<Client>(loop, params_, worker.config(), tools, dialect_);
  }

  async::Task<> deliver(service::Delivery& delivery) override { return client_->deliver(delivery); }

 private:
  [[nodiscard]] std::string own(std::string_view name) const {
    return (dialect_ == Dialect::lmtp ? "lmtp_" : "smtp_") + std::string(name);
  }

  void load_dns_options(const config::Config& config) {
    const std::string& support = params_.smtp_dns_support_level;
    if (!support.empty() && support != "disabled" && support != "enabled" && support != "dnssec") {
      log::fatal("bad parameter value: {} = {}", own("dns_support_level"), support);
    }
    const std::string& search = params_.smtp_dns_resolver_options;
    if (!dns::parse_name_search(search)) {
      log::fatal("bad parameter value: {} = {}", own("dns_resolver_options"), search);
    }
    const auto source = dns::parse_dns_trust(require(config.get("dns_trust")));
    if (!source) log::fatal("{}", source.error().text);
    auto dns = dns::Options::load(support == "dnssec" ? dns::Trust::secure : dns::Trust::plain, *source,
                                  "/etc/resolv.conf", require(config.get("dns_trust_anchor_file")));
    if (!dns) log::fatal("{}", dns.error().text);
    dns_options_ = std::move(*dns);
    dns::NativeLookup::prepare();
  }

  void apply_keywords(service::Worker& worker) {
    const auto keywords = tls::channel_keywords(worker.config());
    if (!keywords) log::fatal("service {}: {}", worker.service_name(), keywords.error().text);
    keywords_ = *keywords;
    const auto level = tls::service_client_level(worker.config(), own(""), level_);
    if (!level) log::fatal("service {}: {}", worker.service_name(), level.error().text);
    level_ = *level;
  }

  void make_dane() {
    const auto insecure_mx = insecure_mx_level(params_.smtp_tls_dane_insecure_mx_policy);
    if (!insecure_mx) log::fatal("smtp_tls_dane_insecure_mx_policy: {}", insecure_mx.error().text);
    dns::TlsaFinder tlsa(dns::lookup_with(*resolver_), params_.smtp_tls_force_insecure_host_tlsa_lookup);
    const bool dnssec = params_.smtp_dns_support_level == "dnssec" && finder_->uses_dns();
    dane_ = std::make_unique<Dane>(std::move(tlsa), dnssec, *insecure_mx);
  }

  void load_tables(service::Worker& worker) {
    tables_ = std::make_unique<service::Tables>(worker);
    const table::Context& context = tables_->context();
    const auto maps = [&](std::string_view name, const std::string& list) {
      return std::make_unique<table::Maps>(own(name), list, context);
    };
    reply_filter_ = maps("reply_filter", params_.smtp_reply_filter);
    tls_log_levels_ = std::make_unique<service::TlsLogLevels>(params_.smtp_tls_loglevel, own("tls_loglevel_maps"),
                                                              params_.smtp_tls_loglevel_maps, context);
    pix_ = maps("pix_workaround_maps", params_.smtp_pix_workaround_maps);
    discard_keywords_ = std::make_unique<table::Maps>(
        dialect_ == Dialect::lmtp ? "lmtp_discard_lhlo_keyword_address_maps" : "smtp_discard_ehlo_keyword_address_maps",
        params_.smtp_discard_ehlo_keyword_address_maps, context);
    dns_filter_ = std::make_unique<service::DnsFilter>(own("dns_reply_filter"), params_.smtp_dns_reply_filter, context);
    cached_destinations_ =
        std::make_unique<table::MatchList>(own("connection_cache_destinations"), table::MatchKind::string,
                                           params_.smtp_connection_cache_destinations, false, context);
    rewrite_ = std::make_unique<service::RewriteClient>(worker.loop(), "private/" + params_.rewrite_service_name,
                                                        params_.ipc_timeout);
    own_domains_ =
        std::make_unique<service::OwnDomains>(params_.myorigin, params_.mydestination, own_addresses_, context);
    map_settings_.emplace(service::AddressMapSettings{*own_domains_, *rewrite_, params_.recipient_delimiter});
    generic_map_ =
        std::make_unique<service::AddressMap>(own("generic_maps"), params_.smtp_generic_maps, context, *map_settings_,
                                              service::propagates(params_.propagate_unmatched_extensions, "generic"));
    generic_ = std::make_unique<Generic>(*generic_map_);
    checks_ = std::make_unique<Checks>(own(""), params_, context);
    policies_ = std::make_unique<TlsPolicies>(level_, own(""), params_, context);
  }

  Dialect dialect_;
  Params params_;
  std::vector<std::string> own_addresses_;
  dns::Options dns_options_;
  tls::Level level_ = tls::Level::none;
  tls::ChannelKeywords keywords_;
  TransactionOptions transaction_;
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<service::TlsLogLevels> tls_log_levels_;
  std::unique_ptr<table::Maps> reply_filter_;
  std::unique_ptr<table::Maps> discard_keywords_;
  std::unique_ptr<table::Maps> pix_;
  std::unique_ptr<service::DnsFilter> dns_filter_;
  std::unique_ptr<table::MatchList> cached_destinations_;
  std::unique_ptr<service::RewriteClient> rewrite_;
  std::unique_ptr<service::OwnDomains> own_domains_;
  std::optional<service::AddressMapSettings> map_settings_;
  std::unique_ptr<service::AddressMap> generic_map_;
  std::unique_ptr<Generic> generic_;
  std::unique_ptr<Checks> checks_;
  std::unique_ptr<TlsPolicies> policies_;
  std::unique_ptr<dns::NativeLookup> native_;
  std::unique_ptr<dns::Resolver> resolver_;
  std::unique_ptr<DnssecProbe> probe_;
  std::unique_ptr<TargetFinder> finder_;
  std::unique_ptr<Dane> dane_;
  std::unique_ptr<service::TlsClient> tls_;
  std::optional<Postmaster> postmaster_;
  std::unique_ptr<service::CleanupPool> cleanup_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<Client> client_;
};

}  // namespace

}  // namespace postern::smtp_client

int main(int argc, char** argv) {
  const char* slash = std::strrchr(argv[0], '/');
  const bool lmtp = std::strcmp(slash != nullptr ? slash + 1 : argv[0], "lmtp") == 0;
  postern::smtp_client::Server server(lmtp ? postern::smtp_client::Dialect::lmtp : postern::smtp_client::Dialect::smtp);
  return postern::service::run(argc, argv, server);
}
