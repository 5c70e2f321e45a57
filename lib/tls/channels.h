// SPDX-License-Identifier: Apache-2.0
// The channel_keywords of services: what main.cf and the -o settings of a line say, made one with its
// *_tls_security_level, and the mistakes that `postfix check` reports.
//
// A service has the keywords of NAME_channel_keywords, which are those of channel_keywords unless main.cf has such a
// line. Two services of one name (the smtp listener and the smtp transport) are one channel with its two halves.
//
// The target of tlsswitchchannel is the one smtpd(8) service of that name, of whatever type. master(8) opens a socket
// for sessions that are switched to it, beside the service's own: switch_socket().
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/config/config.h"
#include "lib/config/master_cf.h"
#include "lib/tls/keywords.h"

namespace postern::tls {

// `config` is the service's own view. Error: what is wrong, beginning with the parameter's name.
[[nodiscard]] Result<ChannelKeywords> channel_keywords(const config::Config& config);

// The level of an smtpd service: its keywords and smtpd_tls_security_level (or its older names), which must agree when
// both are set.
[[nodiscard]] Result<Level> service_server_level(const config::Config& config);
// The same of a transport, where `level` is what smtp_tls_security_level says. `prefix` is "smtp_" or "lmtp_".
[[nodiscard]] Result<Level> service_client_level(const config::Config& config, const std::string& prefix, Level level);

// Every mistake in the keywords of all services, each text with its SERVICE/TYPE (or main.cf).
[[nodiscard]] Result<std::vector<std::string>> channel_problems(const config::MasterCf& master_cf,
                                                                const config::Config& main_cf);

// The names of services that sessions are switched to. Of a configuration without problems.
[[nodiscard]] std::set<std::string> switch_targets(const config::MasterCf& master_cf, const config::Config& main_cf);
// Below queue_directory.
[[nodiscard]] std::string switch_socket(std::string_view service);

}  // namespace postern::tls
