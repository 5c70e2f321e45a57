// SPDX-License-Identifier: Apache-2.0
// postdrop: puts one message into the maildrop queue, for sendmail and for programs that speak its record protocol.
//
//   postdrop [-c config_dir] [-r] [-v]
//
// Standard input is a stream of queue-file records (envelope, content, extracted recipients, end). Standard output gets
// two attribute lists: protocol and queue id at the start, status and reason when the message is safe or refused. The
// exit status is that status: 0 ok, 1 malformed, 2 write error, 3 sender not allowed, 4 too big. End of input before
// the end record means that the sender thought better of it: nothing is kept, status 0.
//
// SECURITY. Set-gid setgid_group, the only thing between local users and the maildrop directory. It cleans its
// environment and checks the configuration directory first, reads only tables that need no library
// (lib/table/user_tables.h), and believes nothing of its input: record
// types, attribute names and values are checked one by one, length and file size are limited. The arrival time is its
// own. The file belongs to the user who ran it, which is how pickup knows who that was.
//
// A file is mode 0644 while it is written; 0744 and fsync make it a message. SIGINT, SIGTERM, SIGQUIT and SIGHUP remove
// it; what a kill -9 leaves is never picked up, and postsuper removes it after a week.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "commands/postdrop/login_senders.h"
#include "commands/postdrop/params.h"
#include "lib/base/clock.h"
#include "lib/base/crash_point.h"
#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/config/authorized_users.h"
#include "lib/config/command_log.h"
#include "lib/config/config.h"
#include "lib/config/set_id_command.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/local.h"
#include "lib/mail/maildrop.h"
#include "lib/mail/queue_dir.h"
#include "lib/mail/record.h"
#include "lib/table/user_tables.h"

namespace postern::postdrop {

namespace {

constexpr int kMalformed = 1;
constexpr int kWriteError = 2;
constexpr int kNotAllowed = 3;
constexpr int kTooBig = 4;
constexpr std::size_t kBufferSize = std::size_t{64} << 10;

void reply(const std::vector<std::pair<std::string_view, std::string>>& attributes) {
  ipc::AttrWriter writer;
  for (const auto& [name, value] : attributes) writer.raw(name, value);
  writer.end();
  // A caller that is gone cannot be told.
  [[maybe_unused]] const auto told = files::write_all(STDOUT_FILENO, writer.take());
}

// The message file. Unless it is committed, it does not outlive this object.
class Drop {
 public:
  explicit Drop(const mail::QueueDir& queue) : queue_(queue) {}
  Drop(const Drop&) = delete;
  Drop& operator=(const Drop&) = delete;
  ~Drop() {
    if (file_.fd) ::unlink(file_.path.c_str());
  }

  [[nodiscard]] Result<> create() {
    auto file = queue_.enter("maildrop", mail::kModeDropWriting);
    if (!file) return std::unexpected(file.error());
    file_ = std::move(*file);
    crash_point("postdrop.after_rename");
    mail::append_record(buffer_, mail::record::kTime,
                        fmt::format("{} {}", file_.created.seconds, file_.created.micros));
    return {};
  }
  [[nodiscard]] const std::string& id() const { return file_.id; }

  [[nodiscard]] Result<> record(char type, std::string_view payload) {
    mail::append_record(buffer_, type, payload);
    return buffer_.size() < kBufferSize ? Result<>{} : write_out();
  }

  [[nodiscard]] Result<> commit() {
    if (const auto written = write_out(); !written) return written;
    crash_point("postdrop.after_write");
    if (::fchmod(file_.fd.get(), mail::kModeDropReady) < 0) return fail_errno("fchmod");
    crash_point("postdrop.after_chmod");
    // A failed fsync is not repeated: the kernel may have dropped what it could not write.
    if (::fsync(file_.fd.get()) < 0) return fail_errno("fsync");
    crash_point("postdrop.after_fsync");
    file_.fd.reset();
    return {};
  }

 private:
  Result<> write_out() {
    const auto written = files::write_all(file_.fd.get(), buffer_);
    buffer_.clear();
    return written;
  }
  const mail::QueueDir& queue_;
  mail::NewQueueFile file_;
  std::string buffer_;
};

// Standard input, as long as no signal asks us to end.
class Input {
 public:
  Input() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) {
      struct sigaction old{};
      ::sigaction(signal, nullptr, &old);
      if (old.sa_handler != SIG_IGN) ::sigaddset(&set, signal);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC));
  }
  // "" at the end of input; an Error with code EINTR when a signal came.
  [[nodiscard]] Result<std::string_view> read() {
    std::array<pollfd, 2> wait{
        {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}, {.fd = signals_.get(), .events = POLLIN, .revents = 0}}};
    while (::poll(wait.data(), wait.size(), -1) < 0) {
      if (errno != EINTR) return fail_errno("poll");
    }
    if (wait[1].revents != 0) return fail("interrupted", EINTR);
    ssize_t n = 0;
    do {
      n = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
    } while (n < 0 && errno == EINTR);
    if (n < 0) return fail_errno("read standard input");
    return std::string_view(buffer_.data(), static_cast<std::size_t>(n));
  }

 private:
  Fd signals_;
  std::array<char, kBufferSize> buffer_{};
};

enum class End { complete, cancelled, malformed, not_allowed, write_error, interrupted };

struct Outcome {
  End end = End::complete;
  Error error;
};

// Copies the records of standard input into the file.
class Copier {
 public:
  Copier(Drop& drop, std::size_t line_limit, LoginSenderRules rules)
      : drop_(drop), decoder_(line_limit), senders_(std::move(rules)) {}

  Outcome run() {
    while (!rules_.ended()) {
      const auto bytes = input_.read();
      if (!bytes && bytes.error().code == EINTR) return {End::interrupted, bytes.error()};
      if (!bytes) return {End::malformed, bytes.error()};
      if (bytes->empty()) return {End::cancelled, {}};
      decoder_.feed(*bytes);
      const auto outcome = take_records();
      if (outcome.end != End::complete) return outcome;
    }
    return {};
  }
  [[nodiscard]] bool deliverable() const { return rules_.deliverable(); }

 private:
  Outcome take_records() {
    while (!rules_.ended()) {
      const auto next = decoder_.next();
      if (!next) {
        log::warning("stdin: {}", next.error().text);
        return {End::malformed, {"malformed input", 0}};
      }
      if (!*next) return {};
      const auto [type, payload] = **next;
      const auto judgement = rules_.judge(type, payload);
      if (judgement.verdict == mail::DropInput::Verdict::malformed) return {End::malformed, {judgement.text, 0}};
      if (judgement.verdict == mail::DropInput::Verdict::skip) {
        log::warning("uid={}: {}", ::getuid(), judgement.text);
        continue;
      }
      if (type == mail::record::kSender) {
        const auto allowed = check_login_sender(::getuid(), payload, senders_);
        if (!allowed) return {End::not_allowed, allowed.error()};
      }
      const auto stored = drop_.record(type, payload);
      if (!stored) return {End::write_error, stored.error()};
    }
    return {};
  }

  Drop& drop_;
  mail::RecordDecoder decoder_;
  LoginSenderRules senders_;
  mail::DropInput rules_;
  Input input_;
};

int refuse_write(const Error& error) {
  log::warning("uid={}: {}", ::getuid(), error.code != 0 ? errno_text(error.code) : error.text);
  const int status = error.code == EFBIG ? kTooBig : kWriteError;
  reply({{"status", std::to_string(status)}, {"reason", ""}});
  return status;
}

int receive(const Params& params, const mail::QueueDir& queue) {
  Drop drop(queue);
  if (const auto created = drop.create(); !created) {
    log::warning("uid={}: {}", ::getuid(), created.error().text);
    return kWriteError;
  }
  reply({{"protocol", "postdrop_protocol"}, {"queue_id", drop.id()}});
  Copier copier(drop, static_cast<std::size_t>(params.line_length_limit),
                {params.local_login_sender_maps, params.empty_address_local_login_sender_maps_lookup_key,
                 params.recipient_delimiter});
  const auto outcome = copier.run();
  switch (outcome.end) {
    case End::cancelled: return 0;
    case End::interrupted: return kMalformed;
    case End::write_error: return refuse_write(outcome.error);
    case End::not_allowed:
      reply({{"status", std::to_string(kNotAllowed)}, {"reason", outcome.error.text}});
      return kNotAllowed;
    case End::malformed:
      log::write(log::Level::fatal, fmt::format("uid={}: {}", ::getuid(), outcome.error.text));
      return kMalformed;
    case End::complete: break;
  }
  if (!copier.deliverable()) {
    reply({{"status", std::to_string(kMalformed)}, {"reason", ""}});
    return kMalformed;
  }
  if (const auto committed = drop.commit(); !committed) return refuse_write(committed.error());
  // pickup looks by itself, too: a wake-up that is lost costs a minute, no mail.
  const auto woken = ipc::wake_service("public/" + params.pickup_service_name, "W", params.trigger_timeout);
  if (!woken) log::debug("{}", woken.error().text);
  reply({{"status", "0"}, {"reason", ""}});
  return 0;
}

void limit_file_size(std::int64_t bytes) {
  if (bytes <= 0) return;
  // Without the signal a write beyond the limit is an ordinary error.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) < 0) return;
  limit.rlim_cur = std::min(limit.rlim_max, static_cast<rlim_t>(bytes));
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

// Descriptors 0 to 2 must be ours before any file is opened.
void fill_standard_descriptors() {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) ::_exit(kMalformed);
  }
}

int main_program(int argc, char** argv) {
  fill_standard_descriptors();
  config::clean_set_id_environment();
  log::open("postdrop", {});
  // getopt(3) complains under this name.
  if (argc > 0) argv[0] = ::basename(argv[0]);
  std::signal(SIGPIPE, SIG_IGN);
  std::string directory;
  for (int c = ::getopt(argc, argv, "c:rv"); c != -1; c = ::getopt(argc, argv, "c:rv")) {
    switch (c) {
      case 'c': directory = optarg; break;
      case 'r': break;
      case 'v': log::set_debug(true); break;
      default: config::end_command("usage: postdrop [-c config_dir] [-v]");
    }
  }
  const auto checked = config::authorized_directory(directory);
  if (!checked) config::end_command(checked.error().text);
  const auto config = config::Config::load(*checked, {.process_name = "postdrop", .service_name = {}, .overrides = {}});
  if (!config) config::end_command(config.error().text);
  config::open_command_log(*config, "postdrop", config::Copy::always);
  const auto params = Params::load(*config);
  if (!params) config::end_command(params.error().text);
  const auto authorized =
      config::authorize_user(*config, "authorized_submit_users", "submit mail", table::user_table_has);
  if (!authorized) config::end_command(authorized.error().text);
  if (::chdir(params->queue_directory.c_str()) < 0) {
    config::end_command(fmt::format("chdir {}: {}", params->queue_directory, errno_text(errno)));
  }
  limit_file_size(params->message_size_limit);
  mail::QueueLayout layout;
  layout.root = ".";
  layout.long_ids = params->enable_long_queue_ids;
  const int status = receive(*params, mail::QueueDir(layout));
  log::finish();
  return status;
}

}  // namespace

}  // namespace postern::postdrop

int main(int argc, char** argv) { return postern::postdrop::main_program(argc, argv); }
