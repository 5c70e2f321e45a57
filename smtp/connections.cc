// SPDX-License-Identifier: Apache-2.0
#include "smtp/connections.h"

#include <algorithm>
#include <chrono>

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
  ipc::Bytes tls;        // the encoded TlsReport; empty: no TLS
  std::string tls_keys;  // of what key files
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
    v("tls", self.tls);
    v("tls_keys", self.tls_keys);
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
  if (const tls::TlsReport* report = session.tls_report()) {
    out.tls.data = ipc::encode(*report);
    out.tls_keys = session.tls_keys();
  }
  return ipc::encode(out);
}

Target target_of(KeptSession& kept) {
  Target target;
  target.host = std::move(kept.host);
  target.address = std::move(kept.address);
  target.sockaddr = std::move(kept.sockaddr.data);
  target.port = kept.port;
  target.ipv6 = kept.ipv6;
  return target;
}

smtp::Features features_of(KeptSession& kept) {
  smtp::Features features;
  features.mask = kept.keywords;
  features.size_limit = static_cast<std::uint64_t>(kept.size_limit);
  features.server_name = std::move(kept.server_name);
  features.mechanisms = std::move(kept.mechanisms);
  features.xforward = std::move(kept.xforward);
  return features;
}

constexpr Duration kKeysLimit{2000};

}  // namespace

Connections::Connections(async::Loop& loop, const Params& params, std::string service, Dialect dialect,
                         const config::Config* config, service::TlsClient* tls)
    : loop_(loop),
      params_(params),
      dialect_(dialect),
      keys_(config, std::move(service), dialect),
      tls_(tls),
      scache_(loop, "private/" + params.connection_cache_service_name, params.connection_cache_protocol_timeout) {}

async::Task<std::unique_ptr<Session>> Connections::find_by_nexthop(Wanted wanted, Purpose purpose, log::Session log) {
  return find(service::ScacheKey::destination, keys_.nexthop_key(wanted), std::move(purpose), log);
}

async::Task<std::unique_ptr<Session>> Connections::find_by_address(Target target, Wanted wanted, Purpose purpose,
                                                                   log::Session log) {
  return find(service::ScacheKey::endpoint, keys_.address_key(wanted, target), std::move(purpose), log);
}

async::Task<std::unique_ptr<Session>> Connections::find(service::ScacheKey by, std::optional<std::string> key,
                                                        Purpose purpose, log::Session log) {
  if (!key) co_return nullptr;
  for (;;) {
    std::optional<service::CachedConnection> found = co_await scache_.find(by, *key);
    if (!found) co_return nullptr;
    std::unique_ptr<Session> session = co_await revive(std::move(*found), purpose, log);
    if (session) co_return std::move(session);
  }
}

async::Task<std::unique_ptr<Session>> Connections::revive(service::CachedConnection found, Purpose purpose,
                                                          log::Session log) {
  Result<KeptSession> kept = ipc::decode<KeptSession>(found.state);
  if (!kept) {
    log.warning("connection cache: {}", kept.error().text);
    co_return nullptr;
  }
  auto session = std::make_unique<Session>(loop_, params_, target_of(*kept), dialect_, log);
  session->set_purpose(std::move(purpose));
  session->resume(std::move(found.fd), features_of(*kept), static_cast<int>(kept->uses) + 1, kept->born);
  if (!kept->tls.data.empty()) {
    Result<tls::TlsReport> report = ipc::decode<tls::TlsReport>(kept->tls.data);
    std::string keys;
    if (tls_ != nullptr) keys = co_await tls_->keys(deadline_in(kKeysLimit));
    // With other keys or CAs by now the server would be shown, or would have to show, something else.
    if (!report || keys.empty() || keys != kept->tls_keys) {
      co_await session->quit();
      co_return nullptr;
    }
    session->resume_tls(std::move(*report), std::move(keys));
  }
  const bool ready = co_await session->probe();
  if (ready) co_return std::move(session);
  session->drop();
  co_return nullptr;
}

Duration Connections::time_left(const Session& session) const {
  const std::int64_t age = wall_now().seconds - session.born();
  // A clock that was set back says nothing about the age.
  if (age < 0) return Duration(0);
  return params_.smtp_connection_reuse_time_limit - std::chrono::seconds(age);
}

bool Connections::may_be_kept(const Session& session, const tls::Policy& policy) const {
  const int most = params_.smtp_connection_reuse_count_limit;
  if (!session.usable() || (most > 0 && session.uses() >= most) || time_left(session) <= Duration(0)) return false;
  if (!session.tls_active()) return true;
  return policy.connection_reuse.value_or(params_.smtp_tls_connection_reuse) && session.tls_report() != nullptr &&
         !session.tls_keys().empty();
}

async::Task<> Connections::leave(Session* session, Wanted wanted) {
  const std::optional<std::string> address = keys_.address_key(wanted, session->target());
  if (!address || !may_be_kept(*session, wanted.policy)) {
    co_await session->quit();
    co_return;
  }
  service::ScacheStore request;
  // Where there is no key of the next hop, that of the address stands in: nobody asks for it there.
  request.destination = keys_.nexthop_key(wanted).value_or(*address);
  request.endpoint = *address;
  request.keep_ms = std::min(params_.smtp_connection_cache_time_limit, time_left(*session)).count();
  request.state.data = describe_session(*session);
  const bool stored = co_await scache_.store(std::move(request), session->stream().fd());
  if (stored) {
    session->drop();
  } else {
    co_await session->quit();
  }
}

}  // namespace postern::smtp_client
