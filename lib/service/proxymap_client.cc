// SPDX-License-Identifier: Apache-2.0
#include "lib/service/proxymap_client.h"

#include "lib/base/log.h"

namespace postern::service {

ProxymapClient::ProxymapClient(async::Loop& loop, std::string path, Duration limit)
    : client_(loop, {std::move(path), std::string(kProxymapProtocol)}), limit_(limit) {}

async::Task<table::Answer> ProxymapClient::lookup(std::string spec, std::string key, table::LookupFlags flags) {
  ProxyLookup request{spec, std::move(key), flags.fold, flags.utf8};
  Result<ProxyLookupReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  switch (reply->status) {
    case ProxyStatus::ok: co_return std::optional<std::string>(std::move(reply->value));
    case ProxyStatus::no_key: co_return std::optional<std::string>();
    case ProxyStatus::deny:
      log::warning("proxymap service is not configured for table \"{}\"", spec);
      co_return fail("table " + spec + ": request denied by the proxymap service");
    default: co_return fail("table " + spec + ": lookup failure of the proxymap service");
  }
}

}  // namespace postern::service
