// SPDX-License-Identifier: Apache-2.0
#include "lib/service/worker.h"

#include "lib/base/require.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <limits>

#include "lib/async/stream.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/command_log.h"
#include "lib/service/build_id.h"
#include "lib/service/options.h"
#include "lib/service/stand_alone.h"

namespace postern::service {

namespace {

// Session numbers lie above every pid: SHIFT + pid * SPAN + counter.
constexpr std::uint64_t kSessionBase = 10'000'000;
constexpr std::uint64_t kSessionSpan = 1'000'000;
// A session of an event worker needs its socket and up to three connections to other services.
constexpr std::size_t kDescriptorsPerSession = 4;
constexpr std::size_t kReservedDescriptors = 64;
constexpr int kAcceptBatch = 64;
constexpr std::size_t kRush = 64;
constexpr Duration kTriggerLimit{1000};
constexpr Duration kLogRetry{5};
constexpr Duration kAcceptPause{1000};
// A master that is so busy would have told us by now if we were not wanted.
constexpr Duration kWelcomeLimit{10000};
constexpr std::size_t kRequestLimit = 64UL << 20;

// Sessions for which this process has descriptors.
std::size_t descriptor_room() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 100;
  const std::size_t usable = limit.rlim_cur > kReservedDescriptors ? limit.rlim_cur - kReservedDescriptors : 16;
  return std::max<std::size_t>(1, usable / kDescriptorsPerSession);
}

// What the worker that gave a session away had read from it.
std::string read_request(int fd) {
  std::string out;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(out.size()));
    if (n <= 0 || out.size() > kRequestLimit) return out;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

struct Endpoint {
  std::string address;
  std::string port;
  bool ipv6 = false;
};

// `name_of` is getpeername or getsockname.
Endpoint endpoint(int fd, int (*name_of)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (name_of(fd, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return {};
  Endpoint out;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    out.address = ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
    out.port = std::to_string(ntohs(in.sin_port));
  } else if (storage.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
    out.port = std::to_string(ntohs(in6.sin6_port));
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
      out.address = ::inet_ntop(AF_INET, in6.sin6_addr.s6_addr + 12, text.data(), text.size());
    } else {
      out.address = ::inet_ntop(AF_INET6, &in6.sin6_addr, text.data(), text.size());
      out.ipv6 = true;
    }
  }
  return out;
}

void on_watchdog(int) {
  // Only async-signal-safe calls: the loop is stuck somewhere.
  static constexpr std::string_view kText = "fatal: watchdog timeout\n";
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(1);
}

}  // namespace

Worker::Worker(async::Loop& loop, config::Config config, Program& program)
    : loop_(loop), config_(std::move(config)), program_(program) {}

std::uint64_t Worker::next_session_number() {
  if (session_limit_ == 1 || !session_numbers_) return 0;
  return kSessionBase + static_cast<std::uint64_t>(::getpid()) * kSessionSpan + session_counter_++ % kSessionSpan;
}

void Worker::open_log() {
  const std::string name = require(config_.get("syslog_name"));
  log::Destination destination;
  destination.kind = log::Destination::Kind::syslog;
  if (const char* socket = std::getenv("POSTLOG_SERVICE"); socket != nullptr) {
    destination.kind = log::Destination::Kind::datagram;
    destination.path = socket;
    // Relative to the queue directory the path holds inside a jail, too.
    const std::string queue = require(config_.get("queue_directory")) + "/";
    if (destination.path.starts_with(queue)) destination.path.erase(0, queue.size());
    const char* host = std::getenv("POSTLOG_HOSTNAME");
    destination.host = host != nullptr ? host : "localhost";
  }
  log::open(name + "/" + std::string(program_.traits().name), destination);
}

void Worker::enter_jail() {
  const std::string owner = require(config_.get("mail_owner"));
  rootful_ = ::geteuid() == 0;
  if (!rootful_) return;
  const passwd* pw = ::getpwnam(owner.c_str());
  if (pw == nullptr)
    log::fatal("file {}/main.cf: parameter mail_owner: unknown user name value: {}", config_.directory(), owner);
  const uid_t uid = pw->pw_uid;
  const gid_t gid = pw->pw_gid;
  if (program_.traits().privileged && unprivileged_)
    log::fatal("service {} requires privileged operation", service_name_);
  if (chroot_ && ::chroot(".") < 0)
    log::fatal("chroot({}): {}", require(config_.get("queue_directory")), errno_text(errno));
  if (chroot_ && ::chdir("/") < 0) log::fatal("chdir(/): {}", errno_text(errno));
  if (!unprivileged_) return;
  if (::setgroups(1, &gid) < 0 || ::setgid(gid) < 0 || ::setuid(uid) < 0) {
    log::fatal("cannot become user {}: {}", owner, errno_text(errno));
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) log::warning("cannot set NoNewPrivs: {}", errno_text(errno));
  // setuid() cleared it; crash dumps of the mail system are for its administrator to allow.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

void Worker::start_watchdog() {
  const auto limit =
      std::chrono::duration_cast<std::chrono::seconds>(require(config_.get_time(program_.traits().watchdog_parameter)));
  std::signal(SIGALRM, on_watchdog);
  const auto seconds = static_cast<unsigned>(limit.count());
  ::alarm(seconds);
  watchdog_ = std::make_unique<async::Timer>(loop_, [this, seconds] {
    ::alarm(seconds);
    watchdog_->start(std::chrono::seconds(seconds) / 3);
  });
  watchdog_->start(limit / 3);
}

void Worker::prepare_to_serve(int status_fd) {
  master_ = std::make_unique<MasterLink>(loop_, status_fd, [this](std::string_view message) { on_master(message); });
  loop_.set_slow_turn_handler(
      [](Duration took) { log::warning("event loop was late: {} ms in one turn", took.count()); });
  // A logger that is slow to take lines gets them in a turn of their own: the next event may be far away.
  log_timer_ = std::make_unique<async::Timer>(loop_, [] {});
  loop_.at_turn_end([this] {
    log::flush();
    if (log::pending() && !log_timer_->pending()) log_timer_->start(kLogRetry);
  });
  max_idle_ = require(config_.get_time("max_idle"));
  max_use_ = session_limit_ == 1 ? static_cast<std::uint64_t>(require(config_.get_int("max_use"))) : 0;
  session_numbers_ = require(config_.get_bool("log_session_numbers"));
  idle_timer_ = std::make_unique<async::Timer>(loop_, [this] {
    if (sessions_ == 0 && program_.idle()) return retire();
    idle_timer_->start(max_idle_);
  });
  accept_pause_ = std::make_unique<async::Timer>(loop_, [this] { update_watches(); });
  const std::size_t descriptors = descriptor_room();
  room_ = session_limit_ == 0 ? descriptors : std::min(session_limit_, descriptors);
  const auto slots = static_cast<std::uint32_t>(std::min<std::size_t>(room_, std::numeric_limits<std::int32_t>::max()));
  auto board = SessionBoard::make(slots, program_.suspects());
  if (board) {
    board_.emplace(std::move(*board));
  } else {
    log::warning("no list of sessions: {}", board.error().text);
  }
}

void Worker::serve_stand_alone() {
  // A master that says nothing and hears nothing.
  const auto link = require(socket_pair(SOCK_SEQPACKET));
  session_limit_ = 1;
  prepare_to_serve(link.first.get());
  program_.after_jail(*this);
  StandAlone terminal;
  Connection connection;
  connection.fd = require(terminal.start());
  ++sessions_;
  loop_.spawn(only_session(std::move(connection)));
  loop_.run();
  terminal.finish();
}

async::Task<> Worker::only_session(Connection connection) {
  // It must not end, and stop the loop, before the loop runs.
  co_await async::sleep(loop_, Duration(0));
  co_await session(std::move(connection));
  loop_.stop();
}

void Worker::start_serving() {
  prepare_to_serve(kStatusFd);
  for (int i = 0; i < listener_count_ && !alone_; ++i) {
    const int fd = kListenFd + i;
    if (auto ok = set_nonblocking(fd); !ok) log::fatal("listening socket: {}", ok.error().text);
    listeners_.push_back(fd);
  }
  program_.after_jail(*this);
  if (!program_.traits().datagrams) {
    for (const int fd : listeners_) accept_from(fd);
  }
  start_watchdog();
  if (board_) master_->send("board", {board_->fd()});
  for (const auto& file : std::exchange(files_, {})) master_->send(file);
  master_->send("ready");
  await_welcome();
  // A loop that does not run yet cannot be stopped: a worker that is to retire before it has begun leaves in its first
  // turn.
  first_turn_ = std::make_unique<async::Timer>(loop_, [this] {
    if (alone_) begin_alone();
    maybe_leave();
  });
  first_turn_->start(Duration(0));
  if (alone_) return;
  if (!program_.traits().single && !retiring_) idle_timer_->start(max_idle_);
  update_watches();
}

// Nothing is accepted by a worker that master may not want. What else it has to say holds for the first session
// already.
void Worker::await_welcome() {
  const Deadline limit = deadline_in(kWelcomeLimit);
  for (master_->read(); !welcome_ && !retiring_ && Clock::now() < limit; master_->read()) {
    pollfd wait{.fd = kStatusFd, .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, static_cast<int>(kWelcomeLimit.count()));
  }
}

void Worker::on_master(std::string_view message) {
  const auto words = text::words(message, " ");
  if (words.empty()) return;
  const std::string_view verb = words.front();
  if (verb == "welcome") welcome_ = true;
  if (verb == "retire") retire();
  if (verb == "stress") stress_ = message.ends_with("yes");
  if (verb == "end" && words.size() == 2) end_session(text::to_u64(words[1]).value_or(0));
  if (verb == "isolate") suspects_.insert(words.begin() + 1, words.end());
  if (verb == "absolve") {
    for (const auto word : words) {
      if (const auto known = suspects_.find(word); known != suspects_.end()) suspects_.erase(known);
    }
  }
}

void Worker::report_file(const std::string& path) {
  std::string report = file_report(path);
  if (report.empty()) return;
  if (master_) {
    master_->send(report);
  } else {
    files_.push_back(std::move(report));
  }
}

bool Worker::is_suspect(const std::string& key) const { return session_limit_ != 1 && suspects_.contains(key); }

bool Worker::give_away(const std::string& key, int fd, const std::string& request) {
  std::vector<int> fds{fd};
  Fd memory;
  if (!request.empty()) {
    memory.reset(::memfd_create("request", MFD_CLOEXEC));
    if (!memory || !files::write_all(memory.get(), request)) return false;
    fds.push_back(memory.get());
  }
  return master_->send("alone " + key, fds);
}

// Cut as by a lost connection: what the peer has not been told to be safe stays its own.
void Worker::end_session(std::uint64_t number) {
  const auto found = tasks_.find(number);
  if (found == tasks_.end()) return;
  log::Session(number > kSessionBase ? number : 0).info("session {} is ended by the administrator", number);
  loop_.cancel(found->second);
}

void Worker::accept_from(int listener) {
  watches_.push_back(std::make_unique<async::IoWatch>(loop_, listener, async::IoWatch::What::read,
                                                      [this, listener] { accept_all(listener); }));
}

void Worker::accept_all(int listener) {
  // A worker that has enough to do leaves the others their share of a crowd.
  const int batch = meter_->load() == Load::calm ? kAcceptBatch : 1;
  for (int i = 0; i < batch && !retiring_ && !full_ && sessions_ < room_; ++i) {
    Fd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log::warning("accept: {}", errno_text(errno));
        // The connection stays in the backlog, so the socket stays readable: look again in a moment only.
        for (const auto& watch : watches_) watch->disable();
        accept_pause_->start(kAcceptPause);
        return;
      }
      break;
    }
    begin_session(std::move(fd));
  }
  update_watches();
}

void Worker::begin_session(Fd fd) {
  Connection connection;
  connection.number = next_session_number();
  const Endpoint local = endpoint(fd.get(), ::getsockname);
  if (!local.address.empty()) {
    const Endpoint remote = endpoint(fd.get(), ::getpeername);
    // It has left already. Without an address it would look like a program of this host.
    if (remote.address.empty()) return;
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection.peer_address = remote.address;
    connection.peer_port = remote.port;
    connection.local_address = local.address;
    connection.local_port = local.port;
    connection.ipv6 = remote.ipv6;
    if (is_suspect(remote.address) && give_away(remote.address, fd.get(), {})) return;
  }
  if (alone_ && listener_count_ > 1) connection.request = read_request(kListenFd + 1);
  connection.fd = std::move(fd);
  if (board_) connection.note = board_->enter(connection.number, wall_now().seconds, connection.peer_address);
  ++sessions_;
  ++served_;
  const std::uint64_t number = connection.number != 0 ? connection.number : static_cast<std::uint64_t>(::getpid());
  const async::TaskId task = loop_.spawn(session(std::move(connection)));
  if (loop_.running(task)) tasks_[number] = task;
}

void Worker::begin_alone() {
  begin_session(Fd(kListenFd));
  update_watches();
  retire();
}

async::Task<> Worker::session(Connection connection) {
  // The count goes down however the session ends.
  struct Leave {
    Worker& worker;
    std::uint64_t number;
    SessionNote note;
    ~Leave() {
      if (worker.board_) worker.board_->leave(note);
      worker.tasks_.erase(number != 0 ? number : static_cast<std::uint64_t>(::getpid()));
      --worker.sessions_;
      worker.update_watches();
    }
  } leave{*this, connection.number, connection.note};
  co_await program_.serve(*this, std::move(connection));
}

void Worker::measure_load() {
  // One session at a time cannot be late for another; one process that sees everything has nobody to help it.
  if (session_limit_ == 1 || program_.traits().single) return;
  if (sessions_ > 0) {
    meter_->start();
  } else {
    meter_->stop();
  }
}

void Worker::update_watches() {
  const bool used_up = max_use_ > 0 && served_ >= max_use_;
  const bool open = !retiring_ && !used_up && !full_ && sessions_ < room_ && !accept_pause_->pending();
  for (const auto& watch : watches_) {
    if (open) {
      watch->enable();
    } else {
      watch->disable();
    }
  }
  report_room();
  measure_load();
  give_memory_back();
  if (used_up && sessions_ == 0) retire();
  if (sessions_ > 0) {
    idle_timer_->stop();
  } else if (!program_.traits().single && !retiring_ && !idle_timer_->pending()) {
    idle_timer_->start(max_idle_);
  }
  maybe_leave();
}

// What a rush of sessions needed is the kernel's again once it is over.
void Worker::give_memory_back() {
  busiest_ = std::max(busiest_, sessions_);
  if (sessions_ > 0 || busiest_ < kRush) return;
  busiest_ = 0;
  ::malloc_trim(0);
}

void Worker::set_full(bool full) {
  if (full == full_) return;
  full_ = full;
  update_watches();
}

SessionNote Worker::begin_note(std::string_view peer) {
  if (!board_) return {};
  return board_->enter(next_session_number(), wall_now().seconds, peer);
}

void Worker::end_note(SessionNote note) {
  if (board_) board_->leave(note);
}

void Worker::report_room() {
  const bool full = !retiring_ && (full_ || sessions_ >= room_);
  const bool empty = sessions_ == 0;
  // Of a worker that retires master counts the sessions that are left, roughly.
  const bool fewer = retiring_ && sessions_ < reported_sessions_ / 2;
  if (full == reported_full_ && empty == reported_empty_ && !fewer) return;
  reported_full_ = full;
  reported_empty_ = empty;
  reported_sessions_ = sessions_;
  master_->send((full ? "full " : "free ") + std::to_string(sessions_));
}

void Worker::retire() {
  if (retiring_) return;
  retiring_ = true;
  reported_full_ = false;
  reported_sessions_ = sessions_;
  master_->send("free " + std::to_string(sessions_));
  program_.retiring(*this);
  update_watches();
  // A port is free for the next master as soon as the last worker of a dead one has let go, sessions or not. The
  // watches are off; this may be the callback of one of them.
  for (const int fd : std::exchange(listeners_, {})) ::close(fd);
}

void Worker::maybe_leave() {
  if (retiring_ && sessions_ == 0 && program_.idle()) loop_.stop();
}

int run(int argc, char** argv, Program& program) {
  const std::string name(program.traits().name);
  log::Destination destination;
  destination.kind = log::Destination::Kind::syslog;
  const char* early_tag = std::getenv("MAIL_LOGTAG");
  log::open(std::string(early_tag != nullptr ? early_tag : "postfix") + "/" + name, destination);
  std::signal(SIGPIPE, SIG_IGN);
  auto options = parse_worker_options(argc, argv, name);
  if (!options) log::fatal("{}", options.error().text);
  if (!options->stand_alone) {
    if (::fcntl(kStatusFd, F_GETFD) < 0) log::fatal("do not run this command by hand");
    // First of all: a master of another build ends this process before it can take a session.
    send_status(kStatusFd, "build " + std::string(build_id()));
  }
  config::Options config_options{name, options->service_name, options->overrides};
  auto config = config::Config::load(config::Config::default_directory(), std::move(config_options));
  if (!config) log::fatal("{}", config.error().text);
  async::Loop loop;
  Worker worker(loop, std::move(*config), program);
  worker.service_name_ = options->service_name;
  worker.transport_ = options->transport;
  worker.arguments_ = options->arguments;
  worker.unprivileged_ = options->unprivileged;
  worker.chroot_ = options->chroot;
  worker.session_limit_ = options->session_limit;
  worker.listener_count_ = options->sockets;
  worker.alone_ = options->alone;
  worker.stand_alone_ = options->stand_alone;
  log::set_debug(options->verbosity > 0);
  if (options->stand_alone) {
    config::open_command_log(worker.config_, name);
  } else {
    worker.open_log();
  }
  for (const auto& warning : worker.config_.warnings()) log::warning("{}", warning);
  for (int fd = kFlowRead; fd < kListenFd + worker.listener_count_ && !options->stand_alone; ++fd) {
    [[maybe_unused]] const auto ok = set_cloexec(fd);
  }
  const std::string stress = require(worker.config_.get("stress"));
  worker.stress_ = !stress.empty();
  if (::chdir(require(worker.config_.get("queue_directory")).c_str()) < 0) {
    log::fatal("chdir({}): {}", require(worker.config_.get("queue_directory")), errno_text(errno));
  }
  worker.meter_ =
      std::make_unique<LoadMeter>(loop, [&worker](Load load) { worker.master_->send(std::string(load_name(load))); });
  program.before_jail(worker);
  worker.enter_jail();
  if (options->stand_alone) {
    worker.serve_stand_alone();
  } else {
    worker.start_serving();
    loop.run();
  }
  log::finish();
  // No unwinding: what the program still holds (timers, streams) belongs to a loop that would be gone before it.
  std::exit(0);
}

async::Task<std::string> read_trigger(async::Loop& loop, Fd fd) {
  async::Stream stream(loop, std::move(fd), 4096);
  const Deadline deadline = deadline_in(kTriggerLimit);
  const async::Io io = co_await stream.fill(deadline);
  co_return io == async::Io::ok ? std::string(stream.input()) : std::string();
}

}  // namespace postern::service
