// SPDX-License-Identifier: Apache-2.0
// The log of a command, and of master until its sockets are open. Logging never makes a command fail.
//
// With maillog_file set: postlogd's socket when somebody listens there (master starts postlogd), else the line is
// appended to the file, when its name is allowed by maillog_file_prefixes, the caller may write it and the process is
// not set-id; else syslog; else standard error. Without maillog_file: syslog; else standard error.
// A copy goes to standard error when that is a terminal, or always, for a command whose messages its user waits for.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/log.h"
#include "lib/config/config.h"

namespace postern::config {

enum class Copy { on_terminal, always };

// Tag "SYSLOG_NAME/PROGRAM".
void open_command_log(const Config& config, std::string_view program, Copy copy = Copy::on_terminal);
// A tag of the caller's choice, whole (postlog -t).
void open_command_log_tagged(const Config& config, std::string tag, Copy copy = Copy::on_terminal);
// Logs "fatal: TEXT" and ends the command. Unlike a daemon it does not pause first.
[[noreturn]] void end_command(std::string_view text, int status = 1);
// Before any configuration is known: syslog, and the terminal; tag from $MAIL_LOGTAG.
void open_early_log(std::string_view program);

// "mail" -> 2 << 3. An unknown name is an error: parameter syslog_facility: unrecognized value: TEXT.
[[nodiscard]] Result<int> syslog_facility(std::string_view name);
// "postfix/smtpd" from syslog_name and the program's name.
[[nodiscard]] std::string log_tag(const Config& config, std::string_view program);
// The host field of lines in maillog_file: myhostname up to its first dot.
[[nodiscard]] std::string log_host(const Config& config);
// QUEUE_DIRECTORY/public/POSTLOG_SERVICE.
[[nodiscard]] std::string postlog_socket(const Config& config);
// Error: maillog_file value "X" does not begin with one of maillog_file_prefixes.
[[nodiscard]] Result<> check_maillog_file(const Config& config);

}  // namespace postern::config
