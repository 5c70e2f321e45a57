// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/proxy.h"

#include <fmt/core.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

#include "lib/base/log.h"
#include "lib/config/service_view.h"

namespace postern::tlsproxy {

namespace {

constexpr std::size_t kDescriptorsPerSession = 2;
// For the log, listening sockets, tlsmgr, and control connections.
constexpr std::size_t kOtherDescriptors = 256;
constexpr std::size_t kFewestSlots = 16;
constexpr Duration kTlsMgrLimit{30000};
constexpr Duration kRetryTickets{5000};
constexpr Duration kLeastRefresh{1000};
constexpr Duration kTrimInterval{5000};
constexpr std::size_t kTrimAbove = 64;

// A session for which there are no descriptors must be refused before the program sends 220.
std::size_t slot_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return kFewestSlots;
  const std::size_t usable = limit.rlim_cur > kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors : 0;
  return std::max(usable / kDescriptorsPerSession, kFewestSlots);
}

}  // namespace

service::Traits Proxy::traits() const { return {.name = "tlsproxy", .packets = true}; }

void Proxy::before_jail(service::Worker& worker) {
  auto params = Params::load(worker.config());
  if (!params) log::fatal("{}", params.error().text);
  params_ = std::move(*params);
  auto tickets = openssl::TicketKeys::make(params_.tls_session_ticket_cipher);
  if (!tickets) log::fatal("{}", tickets.error().text);
  tickets_ = std::make_shared<openssl::TicketKeys>(std::move(*tickets));
  load_keys(worker);
  for (const std::string& failure : keys_.failures()) log::warning("{}", failure);
}

void Proxy::load_keys(const service::Worker& worker) {
  // What other services see, not what this line's own -o settings say.
  const std::string& directory = worker.config().directory();
  const auto config = config::Config::load(directory, {});
  if (!config) log::fatal("{}", config.error().text);
  const auto master = config::load_master_cf(directory);
  if (!master) log::fatal("{}", master.error().text);
  const auto views = config::service_view(*master, *config);
  if (!views) log::fatal("{}", views.error().text);
  for (const config::ServiceView& view : *views) keys_.add_service(view);
}

void Proxy::after_jail(service::Worker& worker) {
  // Private keys are in this memory: no core file, and no debugger of another process of the same user.
  if (worker.rootful()) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  contexts_ = std::make_unique<Contexts>(keys_, tickets_);
  shared_ = std::make_unique<Shared>(worker.loop(), *contexts_, slot_limit(), "private/" + params_.tlsmgr_service_name);
  report_files(worker);
  tasks_ = std::make_unique<async::TaskGroup>(worker.loop());
  tasks_->spawn(refresh_tickets());
  tasks_->spawn(seed_generator(params_.tls_daemon_random_bytes));
  tasks_->spawn(trim_heap());
}

void Proxy::report_files(service::Worker& worker) const {
  for (const openssl::LoadedFile& file : keys_.files()) {
    worker.master().send(
        fmt::format("file {} {} {} {} {}", file.device, file.inode, file.size, file.changed_nanoseconds, file.name));
  }
  if (!keys_.failures().empty()) worker.master().send("failed " + keys_.failures().front());
}

async::Task<> Proxy::serve(service::Worker&, service::Connection connection) {
  Control control(*shared_, std::move(connection.fd));
  struct Entry {
    std::set<Control*>& controls;
    Control* control;
    ~Entry() { controls.erase(control); }
  } entry{controls_, &control};
  controls_.insert(&control);
  co_await control.serve();
}

void Proxy::retiring(service::Worker&) {
  shared_->retiring = true;
  for (Control* control : controls_) control->retire();
}

// All tlsproxy processes seal tickets with the same keys. While there are none, sessions go on without tickets.
async::Task<> Proxy::refresh_tickets() {
  for (;;) {
    service::TicketKeysRequest request{openssl::kTicketKeySize};
    Result<service::TicketKeysReply> reply = co_await shared_->tlsmgr.call(request, deadline_in(kTlsMgrLimit));
    Duration pause = kRetryTickets;
    if (reply) {
      const Deadline now = Clock::now();
      std::vector<openssl::TicketKey> keys;
      for (service::SharedTicketKey& key : reply->keys) {
        keys.push_back({Secret(std::move(key.key.data)), now + Duration(key.seals_from),
                        now + Duration(key.seals_until), now + Duration(key.opens_until)});
      }
      tickets_->replace(std::move(keys));
      pause = std::max(Duration(reply->ask_again), kLeastRefresh);
    }
    co_await async::sleep(shared_->loop, pause);
  }
}

// The allocator keeps what a crowd of sessions needed, tens of megabytes, after they have left.
async::Task<> Proxy::trim_heap() {
  std::size_t peak = 0;
  for (;;) {
    co_await async::sleep(shared_->loop, kTrimInterval);
    peak = std::max(peak, shared_->slots);
    if (peak < kTrimAbove || shared_->slots > peak / 2) continue;
    ::malloc_trim(0);
    peak = shared_->slots;
  }
}

async::Task<> Proxy::seed_generator(std::int64_t bytes) {
  service::SeedRequest request{std::clamp<std::int64_t>(bytes, 1, service::kSeedLimit)};
  Result<service::SeedReply> reply = co_await shared_->tlsmgr.call(request, deadline_in(kTlsMgrLimit));
  if (reply) openssl::add_randomness(reply->seed.data);
}

}  // namespace postern::tlsproxy
