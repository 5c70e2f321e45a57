// SPDX-License-Identifier: Apache-2.0
// Which restriction lists are evaluated at which command (smtpd_delay_reject and its relatives).
//
// Each function returns the reply that refuses the command, or nothing; refusals have been logged.
// State::recipient is set by the caller for RCPT and VRFY.
#pragma once

#include "smtpd/evaluation.h"

namespace postern::smtpd {

using Refusal = std::optional<smtp::Reply>;

async::Task<Refusal> check_connect(State& state, const Settings& settings, Services& services);
async::Task<Refusal> check_helo(State& state, const Settings& settings, Services& services);
async::Task<Refusal> check_mail(State& state, const Settings& settings, Services& services);
async::Task<Refusal> check_rcpt(State& state, const Settings& settings, Services& services);
async::Task<Refusal> check_data(State& state, const Settings& settings, Services& services);
async::Task<Refusal> check_end_of_data(State& state, const Settings& settings, Services& services);
async::Task<Refusal> check_etrn(State& state, const Settings& settings, Services& services, std::string domain);

}  // namespace postern::smtpd
