// SPDX-License-Identifier: Apache-2.0
#include "lib/service/proxymap_client.h"

#include "lib/base/log.h"

namespace postern::service {

ProxymapClient::ProxymapClient(async::Loop& loop, std::string path, Duration limit)
    : client_(loop, {std::move(path), std::string(kProxymapProtocol)}), limit_(limit) {}

async::Task<table::Answer> ProxymapClient::lookup(std::string spec, std::string key, table::LookupFlags flags) {
  ProxyLookup request{spec, std::move(key), flags.fold, flags.utf8};
  Result<ProxyLookupReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  switch (reply->status) {
    case ProxyStatus::ok: co_return std::optional<std::string>(std::move(reply->value));
    case ProxyStatus::no_key: co_return std::optional<std::string>();
    case ProxyStatus::deny:
      log::warning("proxymap service is not configured for table \"{}\"", spec);
      co_return fail("table " + spec + ": request denied by the proxymap service");
    default: co_return fail("table " + spec + ": lookup failure of the proxymap service");
  }
}

ProxyWriter::ProxyWriter(async::Loop& loop, std::string spec, std::string path, Duration limit)
    : client_(loop, {std::move(path), std::string(kProxymapProtocol)}), spec_(std::move(spec)), limit_(limit) {}

std::unexpected<Error> ProxyWriter::refused(ProxyStatus status) const {
  if (status == ProxyStatus::deny) log::warning("proxywrite service is not configured for table \"{}\"", spec_);
  return fail("table " + spec_ + ": " + (status == ProxyStatus::deny ? "request denied by" : "failure of") +
              " the proxywrite service");
}

async::Task<table::Answer> ProxyWriter::lookup(std::string key) {
  ProxyLookup request{spec_, std::move(key), false, false};
  Result<ProxyLookupReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->status == ProxyStatus::no_key) co_return std::optional<std::string>();
  if (reply->status != ProxyStatus::ok) co_return refused(reply->status);
  co_return std::optional<std::string>(std::move(reply->value));
}

async::Task<Result<>> ProxyWriter::update(std::string key, std::string value) {
  ProxyUpdate request{spec_, std::move(key), std::move(value)};
  Result<ProxyChangeReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->status != ProxyStatus::ok) co_return refused(reply->status);
  co_return Result<>{};
}

async::Task<Result<bool>> ProxyWriter::erase(std::string key) {
  ProxyDelete request{spec_, std::move(key)};
  Result<ProxyChangeReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->status == ProxyStatus::no_key) co_return false;
  if (reply->status != ProxyStatus::ok) co_return refused(reply->status);
  co_return true;
}

async::Task<Result<std::optional<table::Entry>>> ProxyWriter::sequence(bool first) {
  ProxySequence request{spec_, first};
  Result<ProxySequenceReply> reply = co_await client_.call(std::move(request), deadline_in(limit_));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->status == ProxyStatus::no_key) co_return std::optional<table::Entry>();
  if (reply->status != ProxyStatus::ok) co_return refused(reply->status);
  co_return std::optional<table::Entry>(std::in_place, std::move(reply->key), std::move(reply->value));
}

}  // namespace postern::service
