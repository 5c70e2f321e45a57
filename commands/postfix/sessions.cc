// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/sessions.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

#include "lib/base/clock.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/ipc/packet.h"
#include "lib/service/master_link.h"
#include "lib/service/session_board.h"

namespace postern::postfix {

namespace {

using namespace std::chrono_literals;

constexpr Duration kAnswerLimit = 10s;
constexpr Duration kEndLimit = 10s;
constexpr Duration kLook = 20ms;

struct Worker {
  std::uint64_t pid = 0;
  std::string service;
  Fd board;
};

Result<Fd> connect(const Context& context) {
  // A long queue_directory does not fit into a socket's name.
  if (::chdir(context.main.queue_directory.c_str()) < 0) return fail_errno("chdir " + context.main.queue_directory);
  return ipc::connect_packet(context.main.process_id_directory + "/control");
}

Result<service::StatusPacket> receive(int fd, Deadline deadline) {
  for (;;) {
    auto packet = service::receive_status(fd);
    if (packet && packet->text.empty()) return fail("master has closed the connection", ECONNRESET);
    if (packet) return std::move(*packet);
    const auto left = std::chrono::duration_cast<Duration>(deadline - Clock::now()).count();
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) return fail("master does not answer", ETIMEDOUT);
  }
}

Result<std::vector<Worker>> ask(int fd) {
  if (!service::send_status(fd, "sessions")) return fail_errno("send to master");
  const Deadline deadline = deadline_in(kAnswerLimit);
  std::vector<Worker> workers;
  for (;;) {
    auto packet = receive(fd, deadline);
    if (!packet) return std::unexpected(packet.error());
    if (packet->text == "end") return workers;
    const auto words = text::words(packet->text, " ");
    const auto pid = words.size() == 3 && words[0] == "worker" ? text::to_u64(words[1]) : std::nullopt;
    if (!pid || packet->fds.size() != 1) return fail("master's answer is malformed", EPROTO);
    workers.push_back({*pid, std::string(words[2]), std::move(packet->fds.front())});
  }
}

std::uint64_t number_of(const Worker& worker, const service::SessionRow& row) {
  return row.number != 0 ? row.number : worker.pid;
}

std::string age(std::int64_t seconds) {
  seconds = std::max<std::int64_t>(seconds, 0);
  const std::int64_t minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{:02}:{:02}", minutes, seconds % 60);
  return fmt::format("{:02}:{:02}:{:02}", minutes / 60, minutes % 60, seconds % 60);
}

std::string line(const Worker& worker, const service::SessionRow& row, std::int64_t now) {
  const std::string state = (row.under_way ? "works:" : "waits:") + row.state;
  return fmt::format("{:<15} {:>7} {:<15} {:<24} {:<20} {:>8} {}\n", number_of(worker, row), worker.pid, worker.service,
                     row.peer, state, age(now - row.since), row.queue_id.empty() ? "-" : row.queue_id);
}

int list(const std::vector<Worker>& workers) {
  std::string out = fmt::format("{:<15} {:>7} {:<15} {:<24} {:<20} {:>8} {}\n", "NUMBER", "PID", "SERVICE", "PEER",
                                "STATE", "AGE", "QUEUE-ID");
  const std::int64_t now = wall_now().seconds;
  for (const Worker& worker : workers) {
    const auto rows = service::read_board(worker.board.get());
    if (!rows) return fatal(rows.error().text);
    for (const auto& row : *rows) out += line(worker, row, now);
  }
  if (const auto written = files::write_all(STDOUT_FILENO, out); !written) return fatal(written.error().text);
  return 0;
}

bool has(const Worker& worker, std::uint64_t number) {
  const auto rows = service::read_board(worker.board.get());
  return rows && std::ranges::any_of(*rows, [&](const auto& row) { return number_of(worker, row) == number; });
}

int end(int fd, const std::vector<Worker>& workers, std::string_view word) {
  const auto number = text::to_u64(word);
  if (!number) return fatal("not a session number: " + std::string(word));
  const auto worker = std::ranges::find_if(workers, [&](const Worker& w) { return has(w, *number); });
  if (worker == workers.end()) return fatal("there is no session " + std::string(word));
  if (!service::send_status(fd, fmt::format("end {} {}", worker->pid, *number))) {
    return fatal(fail_errno("send to master").error().text);
  }
  for (const auto limit = deadline_in(kEndLimit); Clock::now() < limit; std::this_thread::sleep_for(kLook)) {
    const bool gone = ::kill(static_cast<pid_t>(worker->pid), 0) < 0 && errno == ESRCH;
    if (gone || !has(*worker, *number)) return 0;
  }
  return fatal(fmt::format("process {} does not end session {}", worker->pid, *number));
}

}  // namespace

int sessions(const Context& context) {
  const auto& words = context.words;
  const bool ends = words.size() == 2 && words[0] == "-k";
  if (!words.empty() && !ends) return fatal("usage: postfix sessions [-k number]");
  if (!is_running(context)) return fatal("the Postfix mail system is not running");
  const auto master = connect(context);
  if (!master) return fatal(master.error().text);
  const auto workers = ask(master->get());
  if (!workers) return fatal(workers.error().text);
  return ends ? end(master->get(), *workers, words[1]) : list(*workers);
}

}  // namespace postern::postfix
