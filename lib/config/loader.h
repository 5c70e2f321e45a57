// SPDX-License-Identifier: Apache-2.0
// What the generated params.h files call: fills typed members one by one and keeps the first error.
// With the dialect "lmtp" a parameter that has a mirror is looked up under the mirror's name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/error.h"

namespace postern::config {

class Config;

class Loader {
 public:
  explicit Loader(const Config& config) : config_(config) {}
  Loader(const Config& config, bool mirrored) : config_(config), mirrored_(mirrored) {}

  void operator()(std::string_view name, bool& value);
  void operator()(std::string_view name, int& value);
  void operator()(std::string_view name, std::int64_t& value);
  void operator()(std::string_view name, Duration& value);
  void operator()(std::string_view name, std::string& value);
  template <class T>
  void operator()(std::string_view name, std::string_view mirror, T& value) {
    (*this)(mirrored_ ? mirror : name, value);
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const Config& config_;
  bool mirrored_ = false;
  std::optional<Error> error_;
};

}  // namespace postern::config
