// SPDX-License-Identifier: Apache-2.0
#include "lib/service/tls_log_level.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/parse/ip.h"

namespace postern::service {

namespace {

constexpr std::uint64_t kMostDetail = 4;

}  // namespace

TlsLogLevels::TlsLogLevels(std::string_view general, std::string title, std::string_view list,
                           const table::Context& context)
    : general_(static_cast<int>(text::to_u64(general).value_or(0))), maps_(std::move(title), list, context) {}

async::Task<table::Answer> TlsLogLevels::look_up(std::string name) const {
  table::Answer answer = co_await maps_.find(name);
  if (!answer || *answer || parse::parse_ip(name)) co_return answer;
  for (auto dot = name.find('.', 1); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    answer = co_await maps_.find(name.substr(dot), false);
    if (!answer || *answer) break;
  }
  co_return answer;
}

async::Task<int> TlsLogLevels::find(std::vector<std::string> peer) const {
  if (maps_.empty()) co_return general_;
  for (const std::string& name : peer) {
    if (name.empty()) continue;
    const table::Answer answer = co_await look_up(name);
    if (!answer) break;
    if (!*answer) continue;
    const auto level = text::to_u64(**answer);
    if (level && *level <= kMostDetail) co_return static_cast<int>(*level);
    log::warning("{}: \"{}\" for {} is no TLS log level (0 to 4)", maps_.title(), **answer, name);
    break;
  }
  co_return general_;
}

}  // namespace postern::service
