// SPDX-License-Identifier: Apache-2.0
// flush(8): remembers which mail waits for which destination, so that ETRN and "postqueue -s" need not search the
// queue.
//
// SECURITY: local users may connect (through postqueue); what they can do is to have deferred mail tried now. Names of
// destinations and queue ids are checked before they become file names. Runs as mail_owner and may be chrooted.
// Opens: flush/, deferred/, incoming/ below queue_directory. Serves: public/flush. Triggers: public/qmgr.
//
// Requests are attribute lists: add (site, queue_id), send_site (site), send_file (queue_id), rfrsh, purge; the reply
// holds a status. One or two bytes alone are master's wake-up call, which means rfrsh.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "flush/params.h"
#include "flush/site_log.h"
#include "lib/async/stream.h"
#include "lib/base/text.h"
#include "lib/ipc/attr.h"
#include "lib/mail/queue_id.h"
#include "lib/service/flush_client.h"
#include "lib/service/tables.h"
#include "lib/service/trigger.h"
#include "lib/service/worker.h"
#include "lib/table/match_list.h"

namespace postern::flush {

namespace {

using service::FlushStatus;

constexpr std::size_t kRequestLimit = 8192;
constexpr std::size_t kWakeupMax = 2;
constexpr Duration kClientLimit{30000};

using Request = std::map<std::string, std::string, std::less<>>;

// A whole request at the beginning of `input`; nullopt when more is needed.
std::optional<Request> request_in(std::string_view input) {
  ipc::AttrReader reader(input);
  Request out;
  std::string_view name;
  std::string_view value;
  while (reader.next(name, value)) out.emplace(name, value);
  if (reader.failed() || !reader.end()) return std::nullopt;
  return out;
}

std::string_view field(const Request& request, std::string_view name) {
  const auto found = request.find(name);
  return found != request.end() ? std::string_view(found->second) : std::string_view();
}

std::int64_t seconds(Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); }

class Server final : public service::Program {
 public:
  [[nodiscard]] service::Traits traits() const override { return {.name = "flush"}; }

  void before_jail(service::Worker& worker) override {
    auto params = Params::load(worker.config());
    if (!params) log::fatal("{}", params.error().text);
    params_ = std::move(*params);
    tables_ = std::make_unique<service::Tables>(worker);
    const auto lists = text::words(params_.parent_domain_matches_subdomains, ", \t\r\n");
    const bool parents = std::ranges::find(lists, "fast_flush_domains") != lists.end();
    eligible_ = std::make_unique<table::MatchList>("fast_flush_domains", table::MatchKind::domain,
                                                   params_.fast_flush_domains, parents, tables_->context());
  }

  void after_jail(service::Worker& worker) override {
    mail::QueueLayout layout;
    layout.root = ".";
    for (const auto name : text::words(params_.hash_queue_names, ", \t\r\n")) layout.hash_names.emplace_back(name);
    layout.hash_depth = static_cast<unsigned>(params_.hash_queue_depth);
    logs_ = std::make_unique<SiteLogs>(std::move(layout));
    trigger_ = std::make_unique<service::Trigger>(worker.loop(), "public/" + params_.queue_service_name, "I");
  }

  async::Task<> serve(service::Worker& worker, service::Connection connection) override {
    async::Stream stream(worker.loop(), std::move(connection.fd), kRequestLimit);
    ipc::AttrWriter greeting;
    greeting.raw("protocol", service::kFlushProtocol);
    greeting.end();
    stream.put(greeting.take());
    const Deadline deadline = deadline_in(kClientLimit);
    [[maybe_unused]] const async::Io greeted = co_await stream.flush(deadline);
    std::optional<Request> request = request_in(stream.input());
    while (!request) {
      const async::Io io = co_await stream.fill(deadline);
      const std::string_view input = stream.input();
      const bool wakeup = !input.empty() && input.size() <= kWakeupMax && input[0] == 'W';
      if (io != async::Io::ok && wakeup) refresh();
      if (io != async::Io::ok) co_return;
      request = request_in(input);
      if (!request && input.size() >= kRequestLimit) co_return;
    }
    const std::string_view kind = field(*request, "request");
    // The work of these two may take its time; the client does not wait for it.
    const bool later = kind == "rfrsh" || kind == "purge";
    const FlushStatus status = later ? FlushStatus::done : co_await answer(*request);
    ipc::AttrWriter reply;
    reply("status", static_cast<std::int64_t>(static_cast<std::uint32_t>(status)));
    reply.end();
    stream.put(reply.take());
    [[maybe_unused]] const async::Io sent = co_await stream.flush(deadline);
    if (kind == "rfrsh") refresh();
    if (kind == "purge") work(logs_->refresh(0, 0));
  }

 private:
  async::Task<FlushStatus> answer(Request request) {
    const std::string kind(field(request, "request"));
    const std::string id(field(request, "queue_id"));
    if (kind == "send_file") {
      if (!mail::valid_queue_id(id)) co_return FlushStatus::bad_site;
      co_return work(logs_->release_message(id));
    }
    if (kind != "add" && kind != "send_site") {
      log::warning("unexpected request on the flush socket: {}", text::printable(kind.substr(0, 100)));
      co_return FlushStatus::bad_site;
    }
    const std::string site(field(request, "site"));
    const auto name = log_name(site);
    if (!name || (kind == "add" && !mail::valid_queue_id(id))) co_return FlushStatus::bad_site;
    const Result<bool> eligible = co_await eligible_->match(site);
    if (!eligible) co_return FlushStatus::failed;
    if (!*eligible) co_return FlushStatus::denied;
    if (kind == "send_site") co_return work(logs_->release(*name));
    const Result<> added = logs_->add(*name, id);
    if (added) co_return FlushStatus::done;
    log::warning("{}", added.error().text);
    co_return FlushStatus::failed;
  }

  // Tells qmgr when there is something for it.
  FlushStatus work(const Result<bool>& released) {
    if (!released) {
      log::warning("{}", released.error().text);
      return FlushStatus::failed;
    }
    if (*released) trigger_->fire();
    return FlushStatus::done;
  }

  void refresh() {
    (void)work(logs_->refresh(seconds(params_.fast_flush_refresh_time), seconds(params_.fast_flush_purge_time)));
  }

  Params params_;
  std::unique_ptr<service::Tables> tables_;
  std::unique_ptr<table::MatchList> eligible_;
  std::unique_ptr<SiteLogs> logs_;
  std::unique_ptr<service::Trigger> trigger_;
};

}  // namespace

}  // namespace postern::flush

int main(int argc, char** argv) {
  postern::flush::Server server;
  return postern::service::run(argc, argv, server);
}
