// SPDX-License-Identifier: Apache-2.0
#include "lib/config/loader.h"

#include "lib/config/config.h"

namespace postern::config {

namespace {

template <class T>
void store(std::optional<Error>& first, T& value, Result<T> loaded) {
  if (loaded) {
    value = std::move(*loaded);
  } else if (!first) {
    first = std::move(loaded.error());
  }
}

}  // namespace

void Loader::operator()(std::string_view name, bool& value) { store(error_, value, config_.get_bool(name)); }
void Loader::operator()(std::string_view name, int& value) { store(error_, value, config_.get_int(name)); }
void Loader::operator()(std::string_view name, std::int64_t& value) { store(error_, value, config_.get_long(name)); }
void Loader::operator()(std::string_view name, Duration& value) { store(error_, value, config_.get_time(name)); }
void Loader::operator()(std::string_view name, std::string& value) { store(error_, value, config_.get_string(name)); }

}  // namespace postern::config
