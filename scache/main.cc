// SPDX-License-Identifier: Apache-2.0
// scache(8): keeps connections to servers open between deliveries, so that any smtp worker can go on with them.
//
// SECURITY: it talks to delivery agents only. It never reads or writes the connections that it holds, and does not
// look into what their owners say about them. It runs as mail_owner and may be chrooted.
// Opens: nothing. Serves: private/scache (SOCK_SEQPACKET), with descriptors.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>

#include "lib/service/tls_client.h"
#include "lib/service/worker.h"
#include "scache/cache.h"
#include "scache/params.h"

namespace postern::scache {

namespace {

constexpr Duration kPoll{1000};
constexpr Duration kReplyLimit{10000};

std::string short_time(std::int64_t seconds) {
  const std::time_t t = seconds;
  std::tm parts{};
  ::localtime_r(&t, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%b %e %H:%M:%S", &parts);
  return {text.data(), size};
}

std::uint64_t percent(std::uint64_t hits, std::uint64_t misses) {
  return hits * 100 / std::max<std::uint64_t>(1, hits + misses);
}

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "scache", .single = true, .packets = true}; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
  }

  void after_jail(service::Worker& worker) override {
    expiry_ = std::make_unique<async::Timer>(worker.loop(), [this] { expire(); });
    report_ = std::make_unique<async::Timer>(worker.loop(), [this] {
      report();
      report_->start(params_.connection_cache_status_update_time);
    });
    report_->start(params_.connection_cache_status_update_time);
    interval_start_ = wall_now().seconds;
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    Fd fd = std::move(connection.fd);
    bool greeted = false;
    for (;;) {
      Result<ipc::Packet> packet = co_await ipc::receive_packet_async(worker.loop(), fd.get(), deadline_in(kPoll));
      if (!packet && packet.error().code == ETIMEDOUT && !worker.retiring()) continue;
      if (!packet) co_return;
      std::string_view rest;
      const std::string name(service::packet_name(packet->payload, rest));
      if (!greeted) {
        if (!welcome(name, rest)) co_return;
        greeted = true;
        continue;
      }
      std::vector<Fd> found;
      const std::optional<service::ScacheAnswer> answer = answer_to(name, rest, packet->fds, found);
      if (!answer) co_return;
      std::vector<int> passed;
      passed.reserve(found.size());
      for (const auto& one : found) passed.push_back(one.get());
      Result<> sent = co_await ipc::send_packet_async(worker.loop(), fd.get(), service::encode_packet(*answer),
                                                      std::move(passed), deadline_in(kReplyLimit));
      if (!sent) co_return;
    }
  }

  void retiring(service::Worker& /*worker*/) override { report(); }

 private:
  static bool welcome(std::string_view name, std::string_view rest) {
    const auto hello = ipc::decode<service::ScacheHello>(rest);
    const bool ok = name == service::ScacheHello::kName && hello && hello->protocol == service::kScacheProtocol &&
                    hello->version == service::kScacheVersion;
    if (!ok) log::warning("client of another version");
    return ok;
  }

  // nullopt: the packet is none that a client sends.
  std::optional<service::ScacheAnswer> answer_to(std::string_view name, std::string_view rest, std::vector<Fd>& fds,
                                                 std::vector<Fd>& found) {
    if (name == service::ScacheStore::kName) {
      const auto request = ipc::decode<service::ScacheStore>(rest);
      if (!request || fds.size() != 1) return std::nullopt;
      return store(*request, std::move(fds.front()));
    }
    const auto request = ipc::decode<service::ScacheFind>(rest);
    if (name != service::ScacheFind::kName || !request || !fds.empty()) return std::nullopt;
    std::optional<Held> held = cache_.take(request->by, request->key, Clock::now());
    service::ScacheAnswer out;
    if (!held) return out;
    out.done = true;
    out.state.data = std::move(held->state);
    found.push_back(std::move(held->fd));
    return out;
  }

  service::ScacheAnswer store(const service::ScacheStore& request, Fd fd) {
    const Duration limit = params_.connection_cache_ttl_limit;
    const Duration keep = std::min(limit, Duration(std::clamp<std::int64_t>(request.keep_ms, 1, limit.count())));
    cache_.put({request.destination, request.endpoint, request.state.data, deadline_in(keep), std::move(fd)});
    expire();
    service::ScacheAnswer out;
    out.done = true;
    return out;
  }

  void expire() {
    const Deadline now = Clock::now();
    const auto next = cache_.expire(now);
    if (next) expiry_->start(std::chrono::ceil<Duration>(*next - now));
  }

  void report() {
    const Statistics s = cache_.statistics();
    const bool by_destination = s.destination_hits + s.destination_misses > 0;
    const bool by_endpoint = s.endpoint_hits + s.endpoint_misses > 0;
    const std::int64_t start = std::exchange(interval_start_, wall_now().seconds);
    if (!by_destination && !by_endpoint && s.most_connections == 0) return;
    log::info("statistics: start interval {}", short_time(start));
    if (by_destination) {
      log::info("statistics: domain lookup hits={} miss={} success={}%", s.destination_hits, s.destination_misses,
                percent(s.destination_hits, s.destination_misses));
    }
    if (by_endpoint) {
      log::info("statistics: address lookup hits={} miss={} success={}%", s.endpoint_hits, s.endpoint_misses,
                percent(s.endpoint_hits, s.endpoint_misses));
    }
    log::info("statistics: max simultaneous domains={} addresses={} connection={}", s.most_destinations,
              s.most_endpoints, s.most_connections);
  }

  Params params_;
  Cache cache_;
  std::unique_ptr<async::Timer> expiry_;
  std::unique_ptr<async::Timer> report_;
  std::int64_t interval_start_ = 0;
};

}  // namespace

}  // namespace postern::scache

int main(int argc, char** argv) {
  postern::scache::Server server;
  return postern::service::run(argc, argv, server);
}
