// SPDX-License-Identifier: Apache-2.0
// `postfix sessions`: one line per session of all workers, from the lists that they share with master:
//
//   NUMBER PID SERVICE PEER STATE AGE QUEUE-ID
//
// NUMBER is what stands in the brackets of the session's log lines; STATE is works:WHAT or waits:WHAT (for its peer,
// after WHAT); AGE is [HH:]MM:SS; "-" where there is nothing to say. `postfix sessions -k NUMBER` cuts that session, as
// a lost connection would: a message that was not acknowledged stays with its sender.
#pragma once

#include "commands/postfix/context.h"

namespace postern::postfix {

int sessions(const Context& context);

}  // namespace postern::postfix
