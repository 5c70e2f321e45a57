// SPDX-License-Identifier: Apache-2.0
#include "lib/service/agent.h"

#include "lib/base/require.h"
#include "lib/service/flush_client.h"

namespace postern::service {

namespace {

constexpr Duration kFlushLimit{10000};

// flush may be slow or absent: a delivery neither waits for it nor fails because of it.
async::Task<> note_waiting(async::Loop* loop, std::string path, std::string site, std::string queue_id) {
  FlushClient flush(*loop, std::move(path));
  const FlushStatus status = co_await flush.add(std::move(site), std::move(queue_id), deadline_in(kFlushLimit));
  if (status == FlushStatus::failed) log::debug("flush service failure");
}

}  // namespace

void Agent::before_jail(Worker& worker) {
  const std::string name = std::string(traits().name) + "_delivery_status_filter";
  const std::string filter = require(worker.config().get(name));
  if (filter.empty()) return;
  filter_tables_ = std::make_unique<Tables>(worker, nullptr, traits().privileged ? Waits::yes : Waits::no);
  options_.status_filter = std::make_shared<const table::Maps>(name, filter, filter_tables_->context());
}

void Agent::after_jail(Worker& worker) {
  const config::Config& config = worker.config();
  options_.delay_resolution = require(config.get_int("delay_logging_resolution_limit"));
  options_.soft_bounce = require(config.get_bool("soft_bounce"));
  if (!require(config.get("fast_flush_domains")).empty()) {
    options_.waits_for = [&loop = worker.loop(), path = "public/" + require(config.get("flush_service_name"))](
                             const std::string& site, const std::string& queue_id) {
      loop.spawn(note_waiting(&loop, path, site, queue_id));
    };
  }
  reporter_ = std::make_unique<Reporter>(worker.loop(),
                                         ReporterNames{"private/" + require(config.get("bounce_service_name")),
                                                       "private/" + require(config.get("defer_service_name")),
                                                       "private/" + require(config.get("trace_service_name")),
                                                       "private/" + require(config.get("address_verify_service_name"))},
                                         require(config.get_time("ipc_timeout")));
}

async::Task<> Agent::serve(Worker& worker, Connection connection) {
  AgentConnection client;
  client.fd = std::move(connection.fd);
  client.log = log::Session(connection.number);
  client.note = connection.note;
  client.request = std::move(connection.request);
  client.retiring = [&worker] { return worker.retiring(); };
  client.give_away = [&worker](const std::string& queue_id, int fd, const std::string& request) {
    return worker.is_suspect(queue_id) && worker.give_away(queue_id, fd, request);
  };
  return serve_deliveries(worker.loop(), std::move(client), *reporter_, options_,
                          [this](Delivery& delivery) { return deliver(delivery); });
}

}  // namespace postern::service
