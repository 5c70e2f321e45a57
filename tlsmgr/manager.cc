// SPDX-License-Identifier: Apache-2.0
#include "tlsmgr/manager.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/openssl/tickets.h"
#include "lib/service/cache_table.h"
#include "lib/service/owner.h"

namespace postern::tlsmgr {

namespace {

constexpr std::size_t kSweepStep = 100;
constexpr Duration kSweepStepPause{100};
constexpr Duration kSweepPause{60000};
constexpr std::size_t kKeyLimit = 1024;
constexpr Duration kReseedLimit{10000};
constexpr Duration kExpiryPause{(24 * 60 - 30) * 60 * 1000};
constexpr std::size_t kExpiryLimit = 10000;

}  // namespace

service::Traits Manager::traits() const { return {.name = "tlsmgr", .single = true}; }

void Manager::before_jail(service::Worker& worker) {
  auto params = Params::load(worker.config());
  if (!params) log::fatal("{}", params.error().text);
  params_ = std::move(*params);
  table::register_builtin_tables(registry_);
  context_ = service::cache_context(registry_);
  const auto source =
      entropy_.open_source(params_.tls_random_source, static_cast<std::size_t>(params_.tls_random_bytes));
  if (!source) log::fatal("tls_random_source: {}", source.error().text);
  const auto owner = service::AsOwner::become(params_.mail_owner);
  if (!owner) log::fatal("{}", owner.error().text);
  const auto exchange = entropy_.open_exchange(params_.tls_random_exchange_name);
  if (!exchange) log::warning("{}", exchange.error().text);
  open_cache(worker.config(), "smtpd");
  open_cache(worker.config(), "smtp");
  open_cache(worker.config(), "lmtp");
}

void Manager::open_cache(const config::Config& config, const std::string& name) {
  const auto database = config.get(name + "_tls_session_cache_database");
  const auto lifetime = config.get_time(name + "_tls_session_cache_timeout");
  if (!database) log::fatal("{}", database.error().text);
  if (!lifetime) log::fatal("{}", lifetime.error().text);
  if (database->empty() || *lifetime <= Duration(0)) return;
  auto cache = SessionCache::open(*database, *lifetime, context_);
  if (cache) {
    caches_.emplace(name, std::move(*cache));
  } else {
    log::warning("{}; TLS sessions of {} are not kept", cache.error().text, name);
  }
}

void Manager::after_jail(service::Worker& worker) {
  loop_ = &worker.loop();
  tickets_ = std::make_unique<TicketRing>(params_.smtpd_tls_session_cache_timeout, [](std::size_t count) {
    auto bytes = openssl::random_bytes(count);
    if (!bytes) log::fatal("{}", bytes.error().text);
    return bytes;
  });
  register_calls();
  tasks_ = std::make_unique<async::TaskGroup>(*loop_);
  tasks_->spawn(keep_random());
  tasks_->spawn(keep_exchange());
  if (!caches_.empty()) tasks_->spawn(sweep_caches());
}

async::Task<> Manager::serve(service::Worker& worker, service::Connection connection) {
  ipc::CallServerOptions options;
  options.protocol = std::string(service::kTlsMgrProtocol);
  options.retiring = [&worker] { return worker.retiring(); };
  co_await ipc::serve_calls(worker.loop(), std::move(connection.fd), &dispatcher_, std::move(options));
}

// --- calls -------------------------------------------------------------------------------------------

void Manager::register_calls() {
  dispatcher_.on<service::TicketKeysRequest>([this](service::TicketKeysRequest r) { return ticket_keys(r); });
  dispatcher_.on<service::SessionLookup>([this](service::SessionLookup r) { return lookup(std::move(r)); });
  dispatcher_.on<service::SessionStore>([this](service::SessionStore r) { return store(std::move(r)); });
  dispatcher_.on<service::ExpiryNotice>([this](service::ExpiryNotice r) { return expiry(std::move(r)); });
  dispatcher_.on<service::SeedRequest>([this](service::SeedRequest r) { return seed(r); });
}

async::Task<Result<service::TicketKeysReply>> Manager::ticket_keys(service::TicketKeysRequest request) {
  if (request.size < 0) co_return fail("unusable size of a ticket key");
  co_return tickets_->keys(static_cast<std::size_t>(request.size), Clock::now());
}

async::Task<Result<service::SessionReply>> Manager::lookup(service::SessionLookup request) {
  service::SessionReply reply;
  const auto cache = caches_.find(request.cache);
  if (cache == caches_.end()) co_return reply;
  auto session = cache->second.lookup(request.key, wall_now().seconds);
  reply.found = session.has_value();
  if (session) reply.session.data = std::move(*session);
  co_return reply;
}

async::Task<Result<service::SessionStoreReply>> Manager::store(service::SessionStore request) {
  const auto cache = caches_.find(request.cache);
  if (cache == caches_.end() || request.key.empty() || request.key.size() > kKeyLimit) {
    co_return service::SessionStoreReply{};
  }
  const auto stored = cache->second.store(request.key, request.session.data, wall_now().seconds);
  if (!stored) {
    give_up(request.cache, stored.error());
    co_return service::SessionStoreReply{};
  }
  co_return service::SessionStoreReply{true};
}

async::Task<Result<service::SeedReply>> Manager::seed(service::SeedRequest request) {
  const auto size = static_cast<std::size_t>(std::clamp<std::int64_t>(request.size, 1, service::kSeedLimit));
  auto bytes = openssl::random_bytes(size);
  // Keys of a generator that has failed would be worse than none.
  if (!bytes) log::fatal("{}", bytes.error().text);
  service::SeedReply reply;
  reply.seed.data = std::move(*bytes);
  co_return reply;
}

// Certificates are looked at once an hour: a day, less what one look may come too early.
async::Task<Result<service::ExpiryReply>> Manager::expiry(service::ExpiryNotice request) {
  const Deadline now = Clock::now();
  std::erase_if(expiry_told_, [now](const auto& entry) { return entry.second <= now; });
  if (expiry_told_.size() >= kExpiryLimit) co_return service::ExpiryReply{};
  co_return service::ExpiryReply{expiry_told_.emplace(std::move(request.certificate), now + kExpiryPause).second};
}

// --- upkeep ------------------------------------------------------------------------------------------

async::Task<> Manager::keep_random() {
  for (;;) {
    const Result<> done = co_await entropy_.reseed(*loop_, deadline_in(kReseedLimit));
    if (!done) log::fatal("tls_random_source {}: {}", params_.tls_random_source, done.error().text);
    co_await async::sleep(*loop_, params_.tls_random_reseed_period);
  }
}

async::Task<> Manager::keep_exchange() {
  for (;;) {
    const auto done = entropy_.exchange();
    if (!done) log::warning("{}: {}", params_.tls_random_exchange_name, done.error().text);
    co_await async::sleep(*loop_, params_.tls_random_prng_update_period);
  }
}

// True when the cache has been looked through, or is gone.
bool Manager::sweep_step(const std::string& name) {
  const auto cache = caches_.find(name);
  if (cache == caches_.end()) return true;
  const auto finished = cache->second.sweep(kSweepStep, wall_now().seconds);
  if (finished) return *finished;
  give_up(name, finished.error());
  return true;
}

void Manager::give_up(const std::string& name, const Error& error) {
  log::warning("{}; TLS sessions of {} are no longer kept", error.text, name);
  caches_.erase(name);
}

async::Task<> Manager::sweep_caches() {
  for (;;) {
    co_await async::sleep(*loop_, kSweepPause);
    for (const char* name : {"smtpd", "smtp", "lmtp"}) {
      while (!sweep_step(name)) co_await async::sleep(*loop_, kSweepStepPause);
    }
  }
}

}  // namespace postern::tlsmgr
