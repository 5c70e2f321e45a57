// SPDX-License-Identifier: Apache-2.0
// What an access(5) table says about a client or address, and what follows from it.
#pragma once

#include <string>

#include "smtpd/evaluation.h"

namespace postern::smtpd {

struct AccessEntry {
  std::string table;  // "type:name", for log lines
  std::string key;
  std::string value;
};

// OK and numbers permit; DUNNO says nothing; REJECT, DEFER, 4NN, 5NN refuse `about`; HOLD, DISCARD, REDIRECT, FILTER,
// PREPEND and BCC are remembered in the transaction; WARN and INFO are logged; anything else is a restriction list.
async::Task<Verdict> apply_access_action(Evaluation& evaluation, AccessEntry entry, Subject about);

}  // namespace postern::smtpd
