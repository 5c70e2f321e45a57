// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/proxy.h"

#include <fmt/core.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

#include "lib/base/log.h"
#include "lib/config/service_view.h"
#include "lib/openssl/library.h"

namespace postern::tlsproxy {

namespace {

constexpr std::size_t kDescriptorsPerSession = 2;
// For the log, listening sockets, tlsmgr, and control connections.
constexpr std::size_t kOtherDescriptors = 256;
constexpr std::size_t kFewestSlots = 16;
constexpr Duration kTlsMgrLimit{30000};
constexpr Duration kRetryTickets{5000};
// The first sessions of a process wait as long for the keys of their tickets.
constexpr Duration kTicketsWait{1000};
constexpr Duration kLeastRefresh{1000};
constexpr Duration kTrimInterval{5000};
constexpr std::size_t kTrimAbove = 64;
constexpr Duration kExpiryInterval{3600 * 1000};

// A session for which there are no descriptors must be refused before the program sends 220.
std::size_t slot_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return kFewestSlots;
  const std::size_t usable = limit.rlim_cur > kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors : 0;
  return std::max(usable / kDescriptorsPerSession, kFewestSlots);
}

}  // namespace

service::Traits Proxy::traits() const {
  return {.name = "tlsproxy", .packets = true, .watchdog_parameter = "tlsproxy_watchdog_timeout"};
}

void Proxy::before_jail(service::Worker& worker) {
  auto params = Params::load(worker.config());
  if (!params) log::fatal("{}", params.error().text);
  params_ = std::move(*params);
  worker_ = &worker;
  const auto begun = openssl::begin_library(params_.tls_config_file, params_.tls_config_name);
  if (!begun) log::fatal("{}", begun.error().text);
  keys_.set_library_config(params_.tls_config_file + " " + params_.tls_config_name);
  if (!params_.tls_session_ticket_cipher.empty()) {
    auto tickets = openssl::TicketKeys::make(params_.tls_session_ticket_cipher);
    if (!tickets) log::fatal("{}", tickets.error().text);
    tickets_ = std::make_shared<openssl::TicketKeys>(std::move(*tickets));
  }
  load_keys(worker);
  auto defaults = Defaults::make(worker);
  if (!defaults) log::fatal("{}", defaults.error().text);
  defaults_ = std::move(*defaults);
  for (const std::string& failure : keys_.failures()) log::warning("{}", failure);
  for (const std::string& remark : keys_.remarks()) log::warning("{}", remark);
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
  shared_->keys = keys_.state();
  shared_->defaults = defaults_.get();
  shared_->listing = this;
  report_files(worker);
  tasks_ = std::make_unique<async::TaskGroup>(worker.loop());
  if (tickets_) {
    shared_->tickets_awaited = deadline_in(kTicketsWait);
    tasks_->spawn(refresh_tickets());
  }
  if (params_.tls_expiry_warning_time > Duration(0)) tasks_->spawn(warn_of_expiry());
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
  connection.note.wait("control");
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
    shared_->tickets_awaited = {};
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
  for (;;) {
    co_await async::sleep(shared_->loop, kTrimInterval);
    if (shared_->busiest < kTrimAbove || shared_->slots > shared_->busiest / 2) continue;
    ::malloc_trim(0);
    shared_->busiest = shared_->slots;
  }
}

// Once a day for each certificate, whichever process it is that looks: tlsmgr knows who has said so.
async::Task<> Proxy::warn_of_expiry() {
  for (;;) {
    const std::int64_t now = wall_now().seconds;
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(params_.tls_expiry_warning_time).count();
    for (const openssl::Expiring& found : keys_.expiring_at(now + limit)) {
      service::ExpiryNotice notice{found.file + " " + found.name};
      Result<service::ExpiryReply> reply = co_await shared_->tlsmgr.call(notice, deadline_in(kTlsMgrLimit));
      if (reply && !reply->first) continue;
      const std::string date = rfc5322_date(found.when);
      if (found.when <= now) {
        log::warning("certificate {} in {} has expired on {}", found.name, found.file, date);
      } else {
        log::warning("certificate {} in {} expires on {}", found.name, found.file, date);
      }
    }
    co_await async::sleep(shared_->loop, kExpiryInterval);
  }
}

async::Task<> Proxy::seed_generator(std::int64_t bytes) {
  service::SeedRequest request{std::clamp<std::int64_t>(bytes, 1, service::kSeedLimit)};
  Result<service::SeedReply> reply = co_await shared_->tlsmgr.call(request, deadline_in(kTlsMgrLimit));
  if (reply) openssl::add_randomness(reply->seed.data);
}

}  // namespace postern::tlsproxy
