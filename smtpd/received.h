// SPDX-License-Identifier: Apache-2.0
// The Received: header of a message that came by SMTP (RFC 5321 4.4), in lines without line ends. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "smtpd/state.h"

namespace postern::smtpd {

struct ReceivedBy {
  std::string_view host;     // myhostname
  std::string_view product;  // mail_name
  bool show_tls = false;     // smtpd_tls_received_header
  bool hide_client = false;  // smtpd_hide_client_session: nothing of whom the message came from, and how
};

[[nodiscard]] std::vector<std::string> received_header(const State& state, const ReceivedBy& by);
// RFC 3848 and 6531: SMTP, ESMTP, ESMTPS, UTF8SMTP, UTF8SMTPS.
[[nodiscard]] std::string received_protocol(const State& state);

}  // namespace postern::smtpd
