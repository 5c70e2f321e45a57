// SPDX-License-Identifier: Apache-2.0
// The environment of a worker: exactly what import_environment lists, in its order, then GENERATION.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::master {

// Items: NAME=value and { NAME = value } set; NAME alone copies when it is there. Pure.
[[nodiscard]] Result<std::vector<std::string>> worker_environment(
    std::string_view import_environment,
    const std::function<std::optional<std::string>(const std::string& name)>& environment);

// "GENERATION=N", N in octal: which start of a worker this is since master began.
[[nodiscard]] std::string generation_setting(unsigned number);

}  // namespace postern::master
