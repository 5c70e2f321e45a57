// SPDX-License-Identifier: Apache-2.0
// The manual's share of the parameter blocks, in mdoc(7): the page postconf(5), and for each program the part of its
// page that lists what it reads from main.cf. Input lines are one sentence or less and at most 80 bytes, as mandoc
// wants them.
#pragma once

#include <map>
#include <string>

#include "lib/config/gen/block.h"

namespace postern::params {

// postconf(5): every parameter that has an effect, and the names of those that have none.
[[nodiscard]] std::string postconf_page(const Blocks& blocks);
// Program name (the last part of a folder in `users`) -> list items and the paragraph about common parameters.
[[nodiscard]] std::map<std::string, std::string> program_parts(const Blocks& blocks);

}  // namespace postern::params
