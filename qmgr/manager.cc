// SPDX-License-Identifier: Apache-2.0
#include "qmgr/manager.h"

#include "lib/base/text.h"
#include "lib/service/flow.h"
#include "lib/service/queue.h"

namespace postern::qmgr {

namespace {

// How many messages input may be ahead of the queue manager before it slows down.
constexpr int kFlowTokens = 2000;

// An agent may work long on one delivery: many recipients, slow hosts. Its own watchdog ends it in the end.
Duration delivery_limit(const config::Config& config) {
  const auto limit = config.get_time("daemon_timeout");
  if (!limit) log::fatal("{}", limit.error().text);
  return *limit;
}

}  // namespace

Manager::Manager(service::Worker& worker, Params params)
    : worker_(worker),
      loop_(worker.loop()),
      params_(std::move(params)),
      queue_(service::queue_layout(worker.config())),
      scheduler_(params_.transport_retry_time, params_.minimal_backoff_time),
      agents_(loop_, params_.qmgr_ipc_timeout, delivery_limit(worker.config())),
      rewrite_(loop_, "private/" + params_.rewrite_service_name, params_.qmgr_ipc_timeout),
      reporter_(loop_,
                {"private/" + params_.bounce_service_name, "private/" + params_.defer_service_name,
                 "private/" + params_.trace_service_name},
                params_.qmgr_ipc_timeout),
      work_(loop_),
      run_timer_(loop_,
                 [this] {
                   trigger("ID");
                   run_timer_.start(params_.queue_run_delay);
                 }),
      wake_timer_(loop_, [this] { pump(); }),
      refill_timer_(loop_, [this] { refill_all(); }),
      left_behind_timer_(loop_, [this] { recover_left_behind(); }),
      take_over_timer_(loop_, [this] { take_over(); }),
      tasks_(loop_) {}

void Manager::start() {
  prepare_directories();
  take_over();
}

void Manager::begin() {
  recover_active();
  service::reset_flow_tokens(kFlowTokens);
  tasks_.spawn(intake());
  trigger("ID");
  run_timer_.start(params_.queue_run_delay);
}

void Manager::trigger(std::string_view requests) {
  if (retiring_) {
    const auto passed_on = service::send_trigger("public/" + params_.queue_service_name, requests);
    if (!passed_on) log::warning("{}", passed_on.error().text);
    return;
  }
  for (const char request : requests) {
    switch (request) {
      case 'F': scheduler_.forget_trouble(); break;
      case 'A': ignore_times_ = true; break;
      case 'D': want_deferred_ = true; break;
      case 'I':
      case 'W': want_incoming_ = true; break;
      default: log::warning("request ignored: '{}'", text::printable(std::string_view(&request, 1)));
    }
  }
  work_.set();
  pump();
}

}  // namespace postern::qmgr
