// SPDX-License-Identifier: Apache-2.0
// Settings for a program that names none of its own: it says server or client, and gets what tlsproxy_tls_* or
// tlsproxy_client_* say, which by default is what smtpd and smtp would use.
//
// The client's level comes from tlsproxy_client_policy_maps by next hop, or (obsolete) from tlsproxy_client_per_site
// by next hop and host, or from tlsproxy_client_security_level. DANE needs records that only the program can have
// found, so its levels are an error here.
#pragma once

#include <memory>
#include <string>

#include "lib/async/task.h"
#include "lib/service/tables.h"
#include "lib/table/maps.h"
#include "lib/tls/settings.h"

namespace postern::tlsproxy {

class Defaults {
 public:
  // Opens the policy tables, so call it before the jail.
  [[nodiscard]] static Result<std::unique_ptr<Defaults>> make(service::Worker& worker);
  // For tests: tables of the types in `context`, which must live longer.
  [[nodiscard]] static Result<std::unique_ptr<Defaults>> make(config::Config config, const table::Context& context);

  // Error: no TLS is wanted, or a setting is unusable.
  [[nodiscard]] Result<tls::ServerSettings> server() const;
  // `nexthop` as in a transport ("[host]:25", "example.test"), `host` the server's name.
  [[nodiscard]] async::Task<Result<tls::ClientSettings>> client(std::string nexthop, std::string host) const;

 private:
  explicit Defaults(config::Config config) : config_(std::move(config)) {}
  Result<> read_levels();
  void open_maps(const table::Context& context);
  async::Task<Result<tls::Policy>> policy(std::string nexthop, std::string host) const;

  config::Config config_;
  tls::Level server_level_ = tls::Level::none;
  tls::Level client_level_ = tls::Level::none;
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<table::Maps> policies_;
  std::unique_ptr<table::Maps> sites_;
};

}  // namespace postern::tlsproxy
