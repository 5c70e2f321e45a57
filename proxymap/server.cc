// SPDX-License-Identifier: Apache-2.0
#include "proxymap/server.h"

#include "lib/base/log.h"
#include "lib/table/fold.h"
#include "lib/table/maps.h"
#include "proxymap/allowed.h"

namespace postern::proxymap {

using service::ProxyLookup;
using service::ProxyLookupReply;
using service::ProxyStatus;

namespace {

constexpr std::size_t kThreads = 8;
constexpr std::size_t kQueueLimit = 1000;

// Types that belong here and for which this program has no driver.
constexpr std::string_view kNetworked[] = {"ldap", "mysql",     "pgsql",  "memcache", "redis",  "mongodb",
                                           "tcp",  "socketmap", "sqlite", "nis",      "nisplus"};

bool is_networked(std::string_view type) {
  for (const auto name : kNetworked) {
    if (type == name) return true;
  }
  return false;
}

}  // namespace

Lookups::Lookups(async::Loop& loop, TableOptions options, std::function<void()> retire)
    : loop_(loop), options_(std::move(options)), retire_(std::move(retire)), pool_(loop, kThreads, kQueueLimit) {
  table::register_builtin_tables(registry_);
}

const table::Context& Lookups::context(bool fold, bool utf8) {
  const auto [it, fresh] = contexts_.try_emplace({fold, utf8});
  table::Context& out = it->second;
  if (!fresh) return out;
  out.registry = &registry_;
  out.loop = &loop_;
  out.default_type = options_.default_type;
  out.fold = fold;
  out.utf8 = utf8;
  out.fold_key = utf8 ? table::fold_utf8 : nullptr;
  out.read_buffer = options_.read_buffer;
  out.lmdb_map_size = options_.lmdb_map_size;
  out.must_restart = [this](const std::string&) { retire_(); };
  return out;
}

bool Lookups::may_block(const std::string& spec) const {
  table::Registry names;
  names.add_remote("unix");
  return !remote_tables(spec, names).empty();
}

Result<Lookups::Opened*> Lookups::open(const Key& key) {
  if (const auto it = tables_.find(key); it != tables_.end()) return &it->second;
  const auto& [spec, fold, utf8] = key;
  const auto parsed = table::parse_spec(spec, options_.default_type);
  if (parsed && is_networked(parsed->type)) {
    return fail("table type " + parsed->type + " is not supported by this version: " + spec);
  }
  Opened opened;
  const table::Context& rules = context(fold, utf8);
  if (may_block(spec)) {
    auto shared = SharedTable::open(spec, rules, kThreads);
    if (!shared) return std::unexpected(shared.error());
    opened.blocking = std::move(*shared);
  } else {
    opened.local = table::open_live(spec, rules);
  }
  return &tables_.emplace(key, std::move(opened)).first->second;
}

void Lookups::allow(const std::set<std::string>& listed, const std::set<std::string>& implied) {
  table::register_unix_table(registry_);
  for (const auto& spec : listed) {
    allowed_.insert(spec);
    const auto opened = open({spec, true, options_.utf8});
    if (!opened) log::warning("{}", opened.error().text);
  }
  for (const auto& spec : implied) {
    if (open({spec, true, options_.utf8})) allowed_.insert(spec);
  }
}

async::Task<table::Answer> Lookups::ask(Opened* table, std::string key, const table::Context* context) {
  if (table->local) co_return co_await table::lookup(table->local.get(), std::move(key), context);
  SharedTable* shared = table->blocking.get();
  std::optional<table::Answer> answer = co_await pool_.run(
      [shared, key = std::move(key)] { return shared->lookup(key); }, deadline_in(table::kLookupTimeout));
  if (shared->stale()) retire_();
  if (!answer) co_return fail("no answer in time");
  co_return std::move(*answer);
}

async::Task<Result<ProxyLookupReply>> Lookups::lookup(ProxyLookup request) {
  ProxyLookupReply reply;
  if (!allowed_.contains(request.table)) {
    log::warning("request for unapproved table: \"{}\"", request.table);
    log::warning("to approve this table for read-only access, list proxy:{} in main.cf:proxy_read_maps", request.table);
    reply.status = ProxyStatus::deny;
    co_return reply;
  }
  const Result<Opened*> table = open({request.table, request.fold, request.utf8});
  if (!table) {
    log::warning("{}", table.error().text);
    reply.status = ProxyStatus::config;
    co_return reply;
  }
  const table::Context* rules = &context(request.fold, request.utf8);
  table::Answer answer = co_await ask(*table, request.key, rules);
  if (!answer) {
    log::warning("{}: {}", request.table, answer.error().text);
    reply.status = ProxyStatus::retry;
  } else if (!*answer) {
    reply.status = ProxyStatus::no_key;
  } else {
    reply.value = std::move(**answer);
  }
  co_return reply;
}

}  // namespace postern::proxymap
