// SPDX-License-Identifier: Apache-2.0
#include "smtp/connections.h"

#include "lib/base/text.h"

namespace postern::smtp_client {

namespace {

// What travels with a connection.
struct KeptSession {
  std::string host;
  std::string address;
  ipc::Bytes sockaddr;
  int port = 0;
  bool ipv6 = false;
  std::int64_t uses = 0;
  std::int64_t born = 0;  // wall-clock seconds
  std::uint32_t keywords = 0;
  std::int64_t size_limit = 0;
  std::string server_name;
  std::vector<std::string> mechanisms;
  std::vector<std::string> xforward;
  void visit(this auto& self, auto& v) {
    v("host", self.host);
    v("address", self.address);
    v("sockaddr", self.sockaddr);
    v("port", self.port);
    v("ipv6", self.ipv6);
    v("uses", self.uses);
    v("born", self.born);
    v("keywords", self.keywords);
    v("size_limit", self.size_limit);
    v("server_name", self.server_name);
    v("mechanisms", self.mechanisms);
    v("xforward", self.xforward);
  }
};

std::string describe_session(const Session& session) {
  const Target& target = session.target();
  const smtp::Features& features = session.features();
  KeptSession out;
  out.host = target.host;
  out.address = target.address;
  out.sockaddr.data = target.sockaddr;
  out.port = target.port;
  out.ipv6 = target.ipv6;
  out.uses = session.uses();
  out.born = session.born();
  out.keywords = features.mask;
  out.size_limit = static_cast<std::int64_t>(features.size_limit);
  out.server_name = features.server_name;
  out.mechanisms = features.mechanisms;
  out.xforward = features.xforward;
  return ipc::encode(out);
}

std::int64_t whole_seconds(Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); }

}  // namespace

Connections::Connections(async::Loop& loop, const Params& params, std::string service, Dialect dialect)
    : loop_(loop),
      params_(params),
      service_(std::move(service)),
      dialect_(dialect),
      scache_(loop, "private/" + params.connection_cache_service_name, params.connection_cache_protocol_timeout) {}

std::string Connections::nexthop_key(const std::string& nexthop, tls::Level level) const {
  return text::join({service_, text::lower(nexthop), std::string(tls::level_name(level))}, "\n");
}

std::string Connections::address_key(const Target& target, tls::Level level) const {
  return text::join({service_, target.relay(), std::string(tls::level_name(level))}, "\n");
}

async::Task<std::unique_ptr<Session>> Connections::find_by_nexthop(std::string nexthop, tls::Level level,
                                                                   Purpose purpose, log::Session log) {
  return find(service::ScacheKey::destination, nexthop_key(nexthop, level), std::move(purpose), log);
}

async::Task<std::unique_ptr<Session>> Connections::find_by_address(Target target, tls::Level level, Purpose purpose,
                                                                   log::Session log) {
  return find(service::ScacheKey::endpoint, address_key(target, level), std::move(purpose), log);
}

async::Task<std::unique_ptr<Session>> Connections::find(service::ScacheKey by, std::string key, Purpose purpose,
                                                        log::Session log) {
  for (;;) {
    std::optional<service::CachedConnection> found = co_await scache_.find(by, key);
    if (!found) co_return nullptr;
    Result<KeptSession> kept = ipc::decode<KeptSession>(found->state);
    if (!kept) {
      log.warning("connection cache: {}", kept.error().text);
      continue;
    }
    Target target;
    target.host = std::move(kept->host);
    target.address = std::move(kept->address);
    target.sockaddr = std::move(kept->sockaddr.data);
    target.port = kept->port;
    target.ipv6 = kept->ipv6;
    smtp::Features features;
    features.mask = kept->keywords;
    features.size_limit = static_cast<std::uint64_t>(kept->size_limit);
    features.server_name = std::move(kept->server_name);
    features.mechanisms = std::move(kept->mechanisms);
    features.xforward = std::move(kept->xforward);
    auto session = std::make_unique<Session>(loop_, params_, std::move(target), dialect_, log);
    session->set_purpose(purpose);
    session->resume(std::move(found->fd), std::move(features), static_cast<int>(kept->uses) + 1, kept->born);
    const bool ready = co_await session->probe();
    if (ready) co_return std::move(session);
    session->drop();
  }
}

bool Connections::may_be_kept(const Session& session) const {
  const int most = params_.smtp_connection_reuse_count_limit;
  const std::int64_t age = wall_now().seconds - session.born();
  return session.usable() && !session.tls_active() && (most <= 0 || session.uses() < most) && age >= 0 &&
         age < whole_seconds(params_.smtp_connection_reuse_time_limit);
}

async::Task<> Connections::leave(Session* session, std::string nexthop, tls::Level level) {
  if (!may_be_kept(*session)) {
    co_await session->quit();
    co_return;
  }
  service::ScacheStore request;
  request.destination = nexthop_key(nexthop, level);
  request.endpoint = address_key(session->target(), level);
  request.keep_ms = params_.smtp_connection_cache_time_limit.count();
  request.state.data = describe_session(*session);
  const bool stored = co_await scache_.store(std::move(request), session->stream().fd());
  if (stored) {
    session->drop();
  } else {
    co_await session->quit();
  }
}

}  // namespace postern::smtp_client
