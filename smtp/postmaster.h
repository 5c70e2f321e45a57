// SPDX-License-Identifier: Apache-2.0
// Mail to the postmaster about a server whose replies make no sense (notify_classes with "protocol"): what was said in
// the session.
#pragma once

#include <string>

#include "lib/service/cleanup_client.h"
#include "lib/service/error_notice.h"
#include "smtp/session.h"

namespace postern::smtp_client {

class Postmaster {
 public:
  // Error: parameters that make no sense.
  [[nodiscard]] static Result<Postmaster> make(const Params& params, Dialect dialect);
  // The classes that sessions keep a transcript for.
  [[nodiscard]] unsigned classes() const { return classes_; }
  void use(service::CleanupPool* pool) { pool_ = pool; }
  // Sends a notice if the session gave cause for one. Delivery does not depend on it: what goes wrong is logged.
  async::Task<> tell(const Session* session) const;

 private:
  Postmaster(const Params& params, Dialect dialect) : params_(params), dialect_(dialect) {}
  const Params& params_;
  Dialect dialect_;
  unsigned classes_ = 0;
  mail::FromFormat from_format_ = mail::FromFormat::standard;
  service::CleanupPool* pool_ = nullptr;
};

}  // namespace postern::smtp_client
