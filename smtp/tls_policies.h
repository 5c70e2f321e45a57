// SPDX-License-Identifier: Apache-2.0
// Which TLS policy holds for a next hop: smtp_tls_policy_maps, else smtp_tls_security_level (spec: smtp(8), TLS).
//
// The key is the next hop exactly as it was given, brackets and port included. When that is a bare domain, its
// parents are asked too, as ".parent". What a table says of a destination counts alone: nothing of it is merged with
// the general level. A policy that cannot be found out or is malformed is an Error: mail waits.
#pragma once

#include <memory>
#include <string>

#include "lib/async/task.h"
#include "lib/table/maps.h"
#include "lib/tls/policy.h"

namespace postern::smtp_client {

class TlsPolicies {
 public:
  TlsPolicies(tls::Level level, std::string title, std::string_view list, const table::Context& context)
      : level_(level), maps_(std::move(title), list, context) {}
  // `host` is the server, for the log. Error texts are those of the deferral.
  async::Task<Result<tls::Policy>> find(std::string nexthop, std::string host) const;

 private:
  async::Task<table::Answer> lookup(std::string nexthop) const;

  tls::Level level_;
  table::Maps maps_;
};

// This version knows none, may and encrypt.
[[nodiscard]] bool supported(tls::Level level);

}  // namespace postern::smtp_client
