// SPDX-License-Identifier: Apache-2.0
#include "commands/sendmail/submit.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "commands/sendmail/message.h"
#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/ipc/local.h"
#include "lib/mail/record.h"

namespace postern::sendmail {

namespace {

constexpr std::size_t kBufferSize = std::size_t{64} << 10;
constexpr int kTooBig = 4;
constexpr int kCannotRun = 69;
constexpr int kTraceVerify = 512;
constexpr int kTraceRecord = 1024;
constexpr std::string_view kNoRecipientArguments =
    "Recipient addresses must be specified on the command line or via the -t option";

struct Envelope {
  std::string sender;
  std::string full_name;
  std::vector<std::string> recipients;
};

Result<Envelope> make_envelope(const Options& options) {
  Envelope out;
  const passwd* pw = ::getpwuid(::getuid());
  if (pw == nullptr && !options.has_sender) {
    return fail("unable to find the login name of user id " + std::to_string(::getuid()));
  }
  out.sender = options.has_sender ? sender_of(options.sender) : pw->pw_name;
  if (options.has_sender && addresses_of(options.sender).size() > 1) {
    log::warning("-f option specified malformed sender: {}", options.sender);
  }
  const char* name = std::getenv("NAME");
  if (options.has_full_name) {
    out.full_name = options.full_name;
  } else if (name != nullptr) {
    out.full_name = name;
  } else if (pw != nullptr) {
    out.full_name = full_name_of(pw->pw_gecos, pw->pw_name);
  }
  // Records of the envelope hold one line.
  out.full_name = text::printable(out.full_name, ' ', true);
  for (const auto& argument : options.arguments) {
    for (auto& address : addresses_of(argument)) out.recipients.push_back(std::move(address));
  }
  return out;
}

Result<std::string> verp_delimiters(const Params& params, const Options& options) {
  auto out = options.verp_delimiters.empty() ? params.default_verp_delimiters : options.verp_delimiters;
  if (out.size() != 2 || out.find_first_not_of(params.verp_delimiter_filter) != std::string::npos) {
    return fail("-V requires two characters from " + params.verp_delimiter_filter, EINVAL);
  }
  return out;
}

Result<> send_recipients(Postdrop& drop, const Options& options, const std::vector<std::string>& recipients) {
  for (const auto& recipient : recipients) {
    if (options.notify != 0) {
      if (auto sent = drop.attribute("notify_flags", std::to_string(options.notify)); !sent) return sent;
    }
    if (auto sent = drop.record(mail::record::kRecipient, recipient); !sent) return sent;
  }
  return {};
}

Result<> send_envelope(Postdrop& drop, const Params& params, const Options& options, const Envelope& envelope) {
  std::string trace;
  if (options.verbose > 0) trace = std::to_string(kTraceRecord);
  if (options.mode == Mode::verify) trace = std::to_string(kTraceVerify);
  const std::pair<std::string_view, std::string> before[] = {
      {"envelope_id", options.envelope_id},
      {"ret_flags", options.ret != 0 ? std::to_string(options.ret) : ""},
      {"rewrite_context", options.remote ? "remote" : "local"},
  };
  for (const auto& [name, value] : before) {
    if (value.empty()) continue;
    if (auto sent = drop.attribute(name, value); !sent) return sent;
  }
  if (!envelope.full_name.empty()) {
    if (auto sent = drop.record(mail::record::kFullName, envelope.full_name); !sent) return sent;
  }
  if (auto sent = drop.record(mail::record::kSender, envelope.sender); !sent) return sent;
  for (const auto& [name, value] : {std::pair("encoding", options.body_type), std::pair("trace_flags", trace)}) {
    if (value.empty()) continue;
    if (auto sent = drop.attribute(name, value); !sent) return sent;
  }
  if (options.verp) {
    const auto delimiters = verp_delimiters(params, options);
    if (!delimiters) return std::unexpected(delimiters.error());
    if (auto sent = drop.record(mail::record::kVerp, *delimiters); !sent) return sent;
  }
  if (auto sent = send_recipients(drop, options, envelope.recipients); !sent) return sent;
  return drop.record(mail::record::kContent, {});
}

// A line of any length, in pieces that every reader takes.
Result<> send_line(Postdrop& drop, std::string_view line, std::size_t limit) {
  while (line.size() > limit) {
    if (auto sent = drop.record(mail::record::kChunk, line.substr(0, limit)); !sent) return sent;
    line.remove_prefix(limit);
  }
  return drop.record(mail::record::kLine, line);
}

// Copies standard input; the header's recipients are collected on the way.
Result<> send_content(Postdrop& drop, const Params& params, const Options& options, HeaderRecipients& header) {
  const auto endings = InputLines::parse_endings(params.sendmail_fix_line_endings);
  if (!endings) return std::unexpected(endings.error());
  InputLines lines(*endings, options.dot_ends);
  char* line = nullptr;
  std::size_t capacity = 0;
  Result<> sent;
  while (sent && !lines.ended()) {
    const ssize_t n = ::getline(&line, &capacity, stdin);
    if (n < 0) {
      if (std::ferror(stdin) != 0) sent = fail_errno("read standard input");
      break;
    }
    std::string_view text(line, static_cast<std::size_t>(n));
    const bool complete = text.ends_with('\n');
    if (complete) text.remove_suffix(1);
    const auto kept = lines.take(text, complete);
    if (!kept) continue;
    if (options.extract) header.line(*kept);
    sent = send_line(drop, *kept, static_cast<std::size_t>(params.line_length_limit));
  }
  std::free(line);
  return sent;
}

Result<> send_message(Postdrop& drop, const Params& params, const Options& options, const Envelope& envelope) {
  if (auto sent = send_envelope(drop, params, options, envelope); !sent) return sent;
  HeaderRecipients header(static_cast<std::size_t>(params.header_size_limit));
  if (options.mode == Mode::verify) {
    for (const auto& line : probe_message(envelope.sender, envelope.recipients)) {
      if (auto sent = drop.record(mail::record::kLine, line); !sent) return sent;
    }
  } else if (auto sent = send_content(drop, params, options, header); !sent) {
    return sent;
  }
  if (auto sent = drop.record(mail::record::kExtracted, {}); !sent) return sent;
  if (options.extract) {
    const auto extracted = header.take();
    if (extracted.empty() && envelope.recipients.empty()) return fail("No recipient addresses found in message header");
    if (auto sent = send_recipients(drop, options, extracted); !sent) return sent;
  }
  return drop.record(mail::record::kEnd, {});
}

}  // namespace

// --- the process ---

Result<> Postdrop::start(const std::string& path, const ForkPatience& patience) {
  int down[2];
  int up[2];
  if (::pipe2(down, O_CLOEXEC) < 0) return fail_errno("pipe");
  Fd child_in(down[0]);
  to_.reset(down[1]);
  if (::pipe2(up, O_CLOEXEC) < 0) return fail_errno("pipe");
  from_.reset(up[0]);
  Fd child_out(up[1]);
  pid_ = fork_patiently(patience);
  if (pid_ < 0) return fail_errno("fork");
  if (pid_ == 0) {
    ::dup2(child_in.get(), STDIN_FILENO);
    ::dup2(child_out.get(), STDOUT_FILENO);
    char name[] = "postdrop";
    char option[] = "-r";
    char* const arguments[] = {name, option, nullptr};
    ::execv(path.c_str(), arguments);
    const std::string text = "sendmail: fatal: execute " + path + ": " + errno_text(errno) + "\n";
    [[maybe_unused]] const auto told = files::write_all(STDERR_FILENO, text);
    ::_exit(kCannotRun);
  }
  return {};
}

Result<> Postdrop::write_out() {
  const auto written = files::write_all(to_.get(), buffer_);
  buffer_.clear();
  return written;
}

Result<> Postdrop::record(char type, std::string_view payload) {
  mail::append_record(buffer_, type, payload);
  return buffer_.size() < kBufferSize ? Result<>{} : write_out();
}

Result<> Postdrop::attribute(std::string_view name, std::string_view value) {
  return record(mail::record::kAttribute, std::string(name) + "=" + std::string(value));
}

int Postdrop::wait() {
  if (pid_ < 0) return -1;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void Postdrop::abandon() {
  to_.reset();
  (void)wait();
}

Result<> Postdrop::finish() {
  const auto written = buffer_.empty() ? Result<>{} : write_out();
  to_.reset();
  std::string status;
  std::string reason;
  if (from_) {
    ipc::ListReader reader(from_.get());
    for (auto list = reader.next(); list; list = reader.next()) {
      if (const auto value = ipc::value_of(*list, "status"); !value.empty()) status = value;
      if (const auto value = ipc::value_of(*list, "reason"); !value.empty()) reason = value;
    }
  }
  const int code = wait();
  if (written && code == 0 && status == "0") return {};
  if (code == kTooBig || status == std::to_string(kTooBig)) return fail("message file too big");
  if (!reason.empty()) return fail(reason, EPERM);
  return fail("unable to submit the message");
}

Result<> submit(const Params& params, const Options& options) {
  const auto envelope = make_envelope(options);
  if (!envelope) return std::unexpected(envelope.error());
  if (options.mode == Mode::verify && options.extract) return fail("-t option cannot be used with -bv", EINVAL);
  if (envelope->recipients.empty() && !options.extract) return fail(std::string(kNoRecipientArguments));
  Postdrop drop;
  if (auto started = drop.start(params.command_directory + "/postdrop", {params.fork_attempts, params.fork_delay});
      !started)
    return started;
  const auto sent = send_message(drop, params, options, *envelope);
  // A postdrop that went away has said why, to the user or in its answer.
  if (!sent && sent.error().code == EPIPE) return drop.finish();
  if (!sent) return sent;
  if (auto done = drop.finish(); !done) return done;
  if (options.mode == Mode::verify || options.verbose > 0) {
    std::printf("Mail Delivery Status Report will be mailed to <%s>.\n", envelope->sender.c_str());
  }
  return {};
}

}  // namespace postern::sendmail
