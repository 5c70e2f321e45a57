// SPDX-License-Identifier: Apache-2.0
// What all sessions of one smtpd process share, made before and after the jail.
#pragma once

#include <memory>

#include "lib/service/tables.h"
#include "lib/service/worker.h"
#include "smtpd/services.h"
#include "smtpd/settings.h"

namespace postern::smtpd {

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "smtpd"}; }
  void before_jail(service::Worker& worker) override;
  void after_jail(service::Worker& worker) override;
  async::Task<> serve(service::Worker& worker, service::Connection connection) override;
  [[nodiscard]] service::SuspectKind suspects() const override { return service::SuspectKind::client; }

 private:
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<Settings> calm_;
  std::unique_ptr<Settings> stressed_;
  dns::Options dns_options_;
  std::unique_ptr<dns::Resolver> dns_;
  std::unique_ptr<dns::NativeLookup> names_;
  std::unique_ptr<service::CleanupPool> cleanup_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<service::RewriteClient> rewrite_;
  std::unique_ptr<service::TlsClient> tls_;
  std::unique_ptr<Limits> limits_;
  std::unique_ptr<service::FlushClient> flush_;
  std::unique_ptr<service::VerifyClient> verify_;
  std::unique_ptr<Services> services_;
};

}  // namespace postern::smtpd
