// SPDX-License-Identifier: Apache-2.0
// Mail flow control: tokens in the pipe that all workers inherit (descriptors 3 and 4).
//
// qmgr puts one token in for each new message it takes; cleanup takes one for each message it begins, and pauses for
// in_flow_delay when there is none, so that input does not run away from a queue manager that is behind. A message that
// does not get as far as incoming/ gives its token back: qmgr will never see it.
#pragma once

namespace postern::service {

// Takes one token; false: there was none.
[[nodiscard]] bool take_flow_token();
// Empties the pipe and puts `count` tokens in: how far input may be ahead.
void reset_flow_tokens(int count);
void put_flow_token();

}  // namespace postern::service
