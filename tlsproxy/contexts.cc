// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/contexts.h"

#include "lib/base/log.h"
#include "lib/ipc/attr.h"

namespace postern::tlsproxy {

namespace {

constexpr std::size_t kContextLimit = 512;

}  // namespace

template <class Make>
Result<std::shared_ptr<openssl::Context>> Contexts::find_or_make(std::string key, const std::string& identity,
                                                                 Make make) {
  if (const auto it = made_.find(key); it != made_.end()) return it->second;
  auto keys = keys_.find(identity);
  if (!keys) return std::unexpected(keys.error());
  Result<std::shared_ptr<openssl::Context>> context = make(std::move(*keys));
  if (!context) return context;
  for (const std::string& warning : (*context)->warnings()) log::warning("{}", warning);
  // Sessions under way keep theirs.
  if (made_.size() >= kContextLimit) made_.clear();
  made_.emplace(std::move(key), *context);
  return context;
}

Result<std::shared_ptr<openssl::Context>> Contexts::server(const std::string& identity,
                                                           const tls::ServerSettings& settings) {
  if (identity != settings.identity()) return fail("its keys are named in another way: reload needed");
  return find_or_make("server" + ipc::encode(settings), identity, [&](std::shared_ptr<const openssl::Keys> keys) {
    return openssl::Context::server(std::move(keys), settings, tickets_);
  });
}

Result<std::shared_ptr<openssl::Context>> Contexts::client(const std::string& identity,
                                                           const tls::ClientSettings& settings) {
  if (identity != settings.identity()) return fail("its keys are named in another way: reload needed");
  std::string key = "client" + ipc::encode(settings.files) + ipc::encode(settings.options);
  return find_or_make(std::move(key), identity, [&](std::shared_ptr<const openssl::Keys> keys) {
    return openssl::Context::client(std::move(keys), settings);
  });
}

}  // namespace postern::tlsproxy
