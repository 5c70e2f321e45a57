// SPDX-License-Identifier: Apache-2.0
// For start-up code: a value without which the process cannot go on.
#pragma once

#include <utility>

#include "lib/base/error.h"
#include "lib/base/log.h"

namespace postern {

// The value, or log::fatal with the error's text.
template <class T>
T require(Result<T> value) {
  if (!value) log::fatal("{}", value.error().text);
  return std::move(*value);
}

}  // namespace postern
