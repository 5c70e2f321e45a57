// SPDX-License-Identifier: Apache-2.0
// Why a delivery, or a part of it, did not happen: for the log line, for reports, and for what is tried next.
#pragma once

#include <string>

#include "lib/service/delivery.h"
#include "lib/smtp/reply.h"

namespace postern::smtp_client {

struct Trouble {
  std::string status;  // x.y.z
  std::string text;
  std::string reply;  // what the server said, for Diagnostic-Code
  std::string host;   // of the server that said it
  // The site as a whole is in trouble (connect, greeting, lost connection): qmgr's feedback.
  bool site = false;
  // Of the message or the session, not of one recipient.
  bool common = false;
  // What of its TLS was not as the policy wants it (smtp/requirement.h), for reports; `host` is its server.
  std::string requirement = {};
  [[nodiscard]] bool permanent() const { return status.starts_with('5'); }
};

// "host H[A] said: REPLY (in reply to CMD command)".
[[nodiscard]] Trouble refused(const std::string& peer, const std::string& host, const smtp::ServerReply& reply,
                              std::string_view command);
// "host H[A] refused to talk to me: REPLY".
[[nodiscard]] Trouble unfriendly(const std::string& peer, const std::string& host, const smtp::ServerReply& reply);
[[nodiscard]] service::Outcome outcome_of(const Trouble& trouble, const std::string& relay);

}  // namespace postern::smtp_client
