// SPDX-License-Identifier: Apache-2.0
// The subcommands that start, stop and steer a mail system. Each returns the exit status of the command; what it has
// to say goes to the log under the tag postfix-script.
#pragma once

#include "commands/postfix/context.h"

namespace postern::postfix {

// Errors of main.cf and master.cf, and settings that have no effect in this version, by name. They are written to
// standard error whatever it is, because nothing is started and the log may be far away.
[[nodiscard]] bool configuration_is_sound(const Context& context);

int start(const Context& context);
// In the foreground, as a container runs it; returns when the system has been stopped.
int start_foreground(const Context& context);
int stop(const Context& context);
int abort(const Context& context);
// SIGKILL to master alone: workers finish what they have.
int drain(const Context& context);
int reload(const Context& context);
int flush(const Context& context);
int status(const Context& context);
int check(const Context& context);
int fix_permissions(const Context& context);
int upgrade_configuration(const Context& context);
// maillog_file becomes maillog_file.SUFFIX, compressed; a new, empty one takes its place.
int rotate_log(const Context& context);

}  // namespace postern::postfix
