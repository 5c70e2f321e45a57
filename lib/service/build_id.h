// SPDX-License-Identifier: Apache-2.0
// Which build this program is of: the same text in all programs that one `make` linked, another one after an upgrade.
// master compares its own with what a worker says, because programs of two builds may not understand each other.
// The text is in a generated object ($(BUILD)/gen/build_id.cc).
#pragma once

#include <string_view>

namespace postern {

[[nodiscard]] std::string_view build_id();

}  // namespace postern
