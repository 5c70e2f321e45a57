// SPDX-License-Identifier: Apache-2.0
#include "lib/mail/mailbox.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/queue_file.h"

namespace postern::mail {

namespace {

constexpr std::size_t kWriteSize = 64UL << 10;
constexpr std::string_view kMailerDaemon = "MAILER-DAEMON";
// What reports say of a message that could not be written, whatever the system said.
constexpr std::string_view kWriteFailed = "input/output error";

std::string_view status_of(int code) {
  switch (code) {
    case EFBIG: return "5.2.2";
    case EDQUOT: return "4.2.2";
    case ENOSPC: return "4.3.0";
    default: return "4.2.0";
  }
}

std::unexpected<MailboxError> failure(int code, std::string text, std::string diagnostic = {}) {
  return std::unexpected(MailboxError{std::string(status_of(code)), std::move(text), std::move(diagnostic)});
}

// Readers take such a line for the start of a new message.
bool needs_escape(std::string_view line) { return line.starts_with("From "); }

std::string copy_head(const MessageCopy& copy, CopyForm form) {
  std::string out;
  if (form != CopyForm::maildir) {
    const std::string from = copy.sender.empty() ? std::string(kMailerDaemon) : quote_address(copy.sender);
    out += "From " + from + "  " + ctime_stamp(wall_now().seconds) + "\n";
  }
  if (copy.return_path) out += "Return-Path: <" + quote_address(copy.sender) + ">\n";
  if (!copy.original_to.empty()) out += "X-Original-To: " + quote_address(copy.original_to) + "\n";
  if (!copy.delivered_to.empty()) out += "Delivered-To: " + quote_address(copy.delivered_to) + "\n";
  return out;
}

Result<> lock_file(int fd, const MboxOptions& options) {
  for (int attempt = 0; attempt < options.lock_attempts; ++attempt) {
    bool locked = true;
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (options.fcntl && ::fcntl(fd, F_SETLK, &whole) < 0) locked = false;
    if (locked && options.flock && ::flock(fd, LOCK_EX | LOCK_NB) < 0) locked = false;
    if (locked) return {};
    std::this_thread::sleep_for(options.lock_delay);
  }
  return fail_errno("unable to lock for exclusive access", EWOULDBLOCK);
}

// PATH.lock, made with O_EXCL; removed when the object goes.
class DotLock {
 public:
  static Result<DotLock> acquire(const std::string& path, const MboxOptions& options) {
    DotLock lock;
    const std::string name = path + ".lock";
    for (int attempt = 0; attempt < options.lock_attempts; ++attempt) {
      const Fd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
      if (fd) {
        lock.name_ = name;
        return lock;
      }
      if (errno != EEXIST) return fail_errno("unable to create lock file " + name);
      struct stat st{};
      const auto age = options.stale_lock;
      if (::stat(name.c_str(), &st) == 0 && std::chrono::seconds(wall_now().seconds - st.st_ctime) > age) {
        ::unlink(name.c_str());
        continue;
      }
      std::this_thread::sleep_for(options.lock_delay);
    }
    return fail_errno("unable to create lock file " + name, EEXIST);
  }
  DotLock(DotLock&& other) noexcept : name_(std::exchange(other.name_, "")) {}
  DotLock& operator=(DotLock&&) = delete;
  ~DotLock() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

 private:
  DotLock() = default;
  std::string name_;
};

}  // namespace

Result<MboxOptions> parse_lock_methods(std::string_view list) {
  MboxOptions out;
  out.flock = out.fcntl = out.dotlock = false;
  for (const auto word : text::words(list, ", \t\r\n")) {
    if (word == "flock") {
      out.flock = true;
    } else if (word == "fcntl") {
      out.fcntl = true;
    } else if (word == "dotlock") {
      out.dotlock = true;
    } else {
      return fail("unknown mailbox lock method: " + std::string(word));
    }
  }
  return out;
}

CopyReader::CopyReader(const MessageCopy& copy, CopyForm form)
    : form_(form),
      file_(copy.queue_file, static_cast<std::uint64_t>(copy.data_offset), Segment::content),
      head_(copy_head(copy, form)) {}

Result<bool> CopyReader::next(std::string& out) {
  if (ended_) return false;
  out += std::exchange(head_, {});
  const std::size_t enough = out.size() + kWriteSize;
  while (out.size() < enough) {
    const auto record = file_.next();
    if (!record) return std::unexpected(record.error());
    if (!*record || ((*record)->type != record::kLine && (*record)->type != record::kChunk)) {
      ended_ = true;
      if (!at_start_) out += '\n';
      if (form_ == CopyForm::mbox) out += '\n';
      return true;
    }
    const std::string& line = (*record)->payload;
    if (form_ == CopyForm::mbox && at_start_ && needs_escape(line)) out += '>';
    out += line;
    at_start_ = (*record)->type == record::kLine;
    if (at_start_) out += '\n';
  }
  return true;
}

Result<> write_copy(int fd, const MessageCopy& copy, CopyForm form) {
  const auto refuse = [](int code) { return fail("error writing message: " + errno_text(code), code); };
  CopyReader reader(copy, form);
  std::string out;
  for (;;) {
    const auto more = reader.next(out);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    const auto written = files::write_all(fd, out);
    if (!written) return refuse(written.error().code);
    out.clear();
  }
  if (::fsync(fd) < 0 && errno != EINVAL && errno != EROFS) return refuse(errno);
  return {};
}

FileSizeLimit::FileSizeLimit(std::int64_t bytes) {
  rlimit limit{};
  if (bytes <= 0 || ::getrlimit(RLIMIT_FSIZE, &limit) < 0) return;
  const auto wanted = static_cast<rlim_t>(bytes);
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur <= wanted) return;
  // Without this the process would be killed instead of being told.
  std::signal(SIGXFSZ, SIG_IGN);
  former_ = limit.rlim_cur;
  limit.rlim_cur = wanted;
  changed_ = ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

FileSizeLimit::~FileSizeLimit() {
  rlimit limit{};
  if (!changed_ || ::getrlimit(RLIMIT_FSIZE, &limit) < 0) return;
  limit.rlim_cur = former_;
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

namespace {

// A file that an alias or .forward file names: what it is, as far as it is there.
struct NamedFile {
  bool device = false;
  bool executable = false;
};

NamedFile look_at(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) < 0) return {};
  const bool regular = S_ISREG(st.st_mode);
  return {!regular, regular && (st.st_mode & 0111) != 0};
}

// Trouble that goes away by itself, or that is not the mailbox's.
bool is_passing(int code) {
  constexpr std::array kPassing = {EAGAIN, EEXIST, EINTR,  EIO,   EMFILE, ENFILE,
                                   ENOMEM, ENOSPC, EDQUOT, EROFS, ESTALE, ETXTBSY};
  return std::ranges::find(kPassing, code) != kPassing.end();
}

// Opens the file, or makes it. Nobody may hold up deliveries with a FIFO that nobody reads, and nobody may have mail
// put elsewhere by a link.
Result<Fd> open_mailbox(const std::string& path) {
  constexpr int kHow = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  Fd fd(::open(path.c_str(), kHow));
  if (!fd && errno == ENOENT) {
    fd = Fd(::open(path.c_str(), kHow | O_CREAT | O_EXCL, 0600));
    if (!fd && errno != EEXIST) return fail_errno("cannot create file exclusively");
    // Somebody else has just made it, or it is a link to nowhere.
    if (!fd) fd = Fd(::open(path.c_str(), kHow));
  }
  if (!fd) return fail_errno("cannot open file");
  struct stat opened{};
  struct stat named{};
  if (::fstat(fd.get(), &opened) < 0 || ::lstat(path.c_str(), &named) < 0) return fail_errno("cannot open file");
  if (S_ISLNK(named.st_mode)) return fail("file is a symbolic link", EINVAL);
  if (S_ISREG(opened.st_mode) && opened.st_nlink != 1) {
    return fail("file has " + std::to_string(opened.st_nlink) + " hard links", EINVAL);
  }
  if (auto blocking = set_nonblocking(fd.get(), false); !blocking) return std::unexpected(blocking.error());
  return fd;
}

// Nobody's lock is in the way, but there is no place for one: a mailbox must not be touched then, a file that somebody
// named may.
bool can_do_without(const Error& lock, const MboxOptions& options) {
  if (!options.any_file || lock.code == EEXIST) return false;
  log::warning("{}", lock.text);
  return true;
}

// The mailbox is open and locked: append, or leave it as it was.
Result<> append_copy(int fd, const MessageCopy& copy) {
  struct stat st{};
  // The size is only certain under the lock.
  if (::fstat(fd, &st) < 0) return fail(errno_text(errno), errno);
  auto written = write_copy(fd, copy, CopyForm::mbox);
  if (!written && ::ftruncate(fd, st.st_size) < 0) written.error().text += " (and the file could not be cut back)";
  return written;
}

}  // namespace

MailboxResult deliver_mbox(const std::string& path, const MessageCopy& copy, const MboxOptions& options) {
  const std::string what = !options.user.empty() ? "cannot update mailbox " + path + " for user " + options.user + ". "
                           : options.any_file    ? "cannot append message to file " + path + ": "
                                                 : "delivery failed to mailbox " + path + ": ";
  const auto refuse = [&](const Error& error, std::string_view diagnostic = {}) {
    return failure(error.code, what + error.text, std::string(diagnostic));
  };
  const auto unusable = [&](const Error& error) {
    if (!options.lasting || is_passing(error.code)) return refuse(error);
    return std::unexpected(MailboxError{"5.2.0", what + error.text, {}});
  };
  const NamedFile file = look_at(path);
  if (options.any_file && file.executable) {
    return std::unexpected(MailboxError{"5.7.1", what + "file is executable", {}});
  }
  const bool device = options.any_file && file.device;
  std::optional<DotLock> dot;
  if (options.dotlock && !device) {
    auto lock = DotLock::acquire(path, options);
    if (lock) {
      dot.emplace(std::move(*lock));
    } else if (!can_do_without(lock.error(), options)) {
      return unusable(lock.error());
    }
  }
  const auto opened = open_mailbox(path);
  if (!opened) return unusable(opened.error());
  const Fd& fd = *opened;
  struct stat st{};
  if (::fstat(fd.get(), &st) < 0) return refuse({errno_text(errno), errno});
  if (device && !S_ISREG(st.st_mode)) {
    const auto written = write_copy(fd.get(), copy, CopyForm::mbox);
    if (!written) return refuse(written.error(), kWriteFailed);
    return {};
  }
  if (!S_ISREG(st.st_mode)) {
    return std::unexpected(MailboxError{"5.2.0", "destination " + path + " is not a regular file", {}});
  }
  if (options.check_owner && st.st_uid != ::geteuid()) {
    log::warning("specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership mismatch");
    return refuse({"destination " + path + " is not owned by recipient", EPERM});
  }
  if (const auto locked = lock_file(fd.get(), options); !locked) return refuse(locked.error());
  const auto written = append_copy(fd.get(), copy);
  if (!written) return refuse(written.error(), kWriteFailed);
  return {};
}

struct LockedMailbox::State {
  std::optional<DotLock> dot;
  Fd fd;
};

LockedMailbox::LockedMailbox(std::unique_ptr<State> state) : state_(std::move(state)) {}
LockedMailbox::LockedMailbox(LockedMailbox&& other) noexcept = default;
LockedMailbox::~LockedMailbox() = default;

Result<LockedMailbox> LockedMailbox::open(const std::string& path, const MboxOptions& options) {
  auto state = std::make_unique<State>();
  if (options.dotlock) {
    auto lock = DotLock::acquire(path, options);
    if (!lock) return std::unexpected(lock.error());
    state->dot.emplace(std::move(*lock));
  }
  state->fd = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600));
  if (!state->fd) return fail_errno("cannot open file");
  if (const auto locked = lock_file(state->fd.get(), options); !locked) return std::unexpected(locked.error());
  return LockedMailbox(std::move(state));
}

namespace {

// Opens tmp/NAME, making the maildir where it is missing.
Result<Fd> create_in_maildir(const std::string& maildir, const std::string& name) {
  const std::string path = maildir + "tmp/" + name;
  auto fd = files::open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd || fd.error().code != ENOENT) return fd;
  for (std::size_t at = maildir.find('/', 1); at != std::string::npos; at = maildir.find('/', at + 1)) {
    const auto made = files::make_directory(maildir.substr(0, at), 0700);
    if (!made) return std::unexpected(made.error());
  }
  for (const char* part : {"tmp", "new", "cur"}) {
    const auto made = files::make_directory(maildir + part, 0700);
    if (!made) return std::unexpected(made.error());
  }
  return files::open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

std::string hex_number(std::uint64_t n) {
  std::string out;
  do {
    out.insert(out.begin(), "0123456789abcdef"[n & 15]);
    n >>= 4;
  } while (n != 0);
  return out;
}

}  // namespace

MailboxResult deliver_maildir(std::string path, const MessageCopy& copy, const std::string& hostname) {
  if (!path.ends_with('/')) path += '/';
  const auto refuse = [](int code, const std::string& text, std::string_view diagnostic = {}) {
    return failure(code, "maildir delivery failed: " + text, std::string(diagnostic));
  };
  const WallTime now = wall_now();
  const std::string temporary = std::to_string(now.seconds) + ".P" + std::to_string(::getpid()) + "." + hostname;
  auto fd = create_in_maildir(path, temporary);
  if (!fd) {
    const int code = fd.error().code;
    const std::string text = "create maildir file " + path + "tmp/" + temporary + ": " + errno_text(code);
    if (code == EACCES) {
      log::warning("maildir access problem for UID/GID={}/{}: {}", ::geteuid(), ::getegid(), text);
      log::warning("perhaps you need to create the maildirs in advance");
    }
    return refuse(code, text);
  }
  const std::string tmp_path = path + "tmp/" + temporary;
  struct stat st{};
  auto written = write_copy(fd->get(), copy, CopyForm::maildir);
  if (written && ::fstat(fd->get(), &st) < 0) written = fail(errno_text(errno), errno);
  if (!written) {
    ::unlink(tmp_path.c_str());
    return refuse(written.error().code, written.error().text, kWriteFailed);
  }
  const std::string name = std::to_string(now.seconds) + ".V" + hex_number(st.st_dev) + "I" + hex_number(st.st_ino) +
                           "M" + std::to_string(wall_now().micros) + "." + hostname;
  const std::string new_path = path + "new/" + name;
  // link(2) does not overwrite, whatever the name.
  const bool linked =
      ::link(tmp_path.c_str(), new_path.c_str()) == 0 || ::rename(tmp_path.c_str(), new_path.c_str()) == 0;
  const int code = errno;
  ::unlink(tmp_path.c_str());
  if (!linked) return refuse(code, "create maildir file " + new_path + ": " + errno_text(code));
  // The name must be as durable as the content before the queue file may go.
  if (const Fd directory(::open((path + "new").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); directory) {
    ::fsync(directory.get());
  }
  return {};
}

}  // namespace postern::mail
