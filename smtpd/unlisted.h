// SPDX-License-Identifier: Apache-2.0
// Whether an address of our own domains exists, by the tables of its domain's class.
//
// An address that a virtual alias or canonical table has is known, whatever its class. A class whose list of recipients
// is empty knows everybody.
#pragma once

#include "smtpd/evaluation.h"

namespace postern::smtpd {

// Refuses `about` (a sender or a recipient) when it is unknown.
async::Task<Verdict> check_listed(Evaluation& evaluation, Subject about);

}  // namespace postern::smtpd
