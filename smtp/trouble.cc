// SPDX-License-Identifier: Apache-2.0
#include "smtp/trouble.h"

#include <fmt/core.h>

#include "lib/base/text.h"

namespace postern::smtp_client {

namespace {

// Consent, or a request to go on, where it makes no sense: whatever its own status says, this is no success.
std::string status_of(const smtp::ServerReply& reply) {
  return reply.kind() == 4 || reply.kind() == 5 ? reply.status() : "5.5.0";
}

}  // namespace

Trouble refused(const std::string& peer, const std::string& host, const smtp::ServerReply& reply,
                std::string_view command) {
  return {status_of(reply), fmt::format("host {} said: {} (in reply to {})", peer, reply.text(), command), reply.text(),
          host};
}

Trouble unfriendly(const std::string& peer, const std::string& host, const smtp::ServerReply& reply) {
  return {status_of(reply), fmt::format("host {} refused to talk to me: {}", peer, reply.text()), reply.text(), host,
          true};
}

service::Outcome outcome_of(const Trouble& trouble, const std::string& relay) {
  service::Outcome out;
  out.relay = relay;
  out.status = trouble.status;
  out.text = trouble.text;
  if (!trouble.reply.empty()) {
    out.diag_type = "smtp";
    out.diag_text = text::trim(trouble.reply);
    out.mta_type = "dns";
    out.mta_name = trouble.host;
  } else if (!trouble.requirement.empty() && !trouble.host.empty()) {
    out.diag_type = "x-tls";
    out.diag_text = trouble.requirement;
    out.mta_type = "dns";
    out.mta_name = trouble.host;
  }
  return out;
}

}  // namespace postern::smtp_client
