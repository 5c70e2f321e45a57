// SPDX-License-Identifier: Apache-2.0
#include "smtpd/intake.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/text.h"
#include "lib/ipc/local.h"
#include "lib/mail/record.h"

namespace postern::smtpd {

namespace {

// Exit status and reply of postdrop.
constexpr std::string_view kMalformed = "1";
constexpr std::string_view kTooBig = "4";

class CleanupSink final : public MessageSink {
 public:
  explicit CleanupSink(std::unique_ptr<service::CleanupStream> stream) : stream_(std::move(stream)) {}
  [[nodiscard]] const std::string& queue_id() const override { return stream_->queue_id(); }
  void record(char type, std::string_view payload) override { stream_->record(type, payload); }
  [[nodiscard]] std::size_t pending() const override { return stream_->pending(); }
  async::Task<Result<>> drain(Deadline deadline) override { return stream_->drain(deadline); }
  async::Task<Result<service::CleanupResult>> finish(Deadline deadline) override { return stream_->finish(deadline); }

 private:
  std::unique_ptr<service::CleanupStream> stream_;
};

// One complete attribute list at the beginning of `input`: its attributes and its length. nullopt: there is more to
// come.
std::optional<std::pair<ipc::AttrList, std::size_t>> take_list(std::string_view input) {
  ipc::AttrList out;
  std::size_t at = 0;
  const auto word = [&]() -> std::optional<std::string> {
    const std::size_t end = input.find('\0', at);
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(input.substr(at, end - at));
    at = end + 1;
    return text;
  };
  for (;;) {
    auto name = word();
    if (!name) return std::nullopt;
    if (name->empty()) return std::pair(std::move(out), at);
    auto value = word();
    if (!value) return std::nullopt;
    out.emplace_back(std::move(*name), std::move(*value));
  }
}

class MaildropSink final : public MessageSink {
 public:
  explicit MaildropSink(async::Loop& loop) : loop_(loop) {}
  ~MaildropSink() override {
    // The end of its input without an end record: postdrop keeps nothing.
    stream_.reset();
    reap();
  }

  async::Task<Result<>> start(std::string postdrop, Deadline deadline) {
    const Result<> running = spawn(postdrop);
    if (!running) co_return running;
    while (queue_id_.empty()) {
      Result<ipc::AttrList> list = co_await next_list(deadline);
      if (!list) co_return std::unexpected(list.error());
      queue_id_ = ipc::value_of(*list, "queue_id");
    }
    co_return Result<>{};
  }

  [[nodiscard]] const std::string& queue_id() const override { return queue_id_; }
  void record(char type, std::string_view payload) override { mail::append_record(records_, type, payload); }
  [[nodiscard]] std::size_t pending() const override { return records_.size(); }

  async::Task<Result<>> drain(Deadline deadline) override {
    stream_->put(records_);
    records_.clear();
    const async::Io io = co_await stream_->flush(deadline);
    if (io != async::Io::ok) co_return fail("postdrop: " + async::describe(io, stream_->error_code()));
    co_return Result<>{};
  }

  async::Task<Result<service::CleanupResult>> finish(Deadline deadline) override {
    const Result<> sent = co_await drain(deadline);
    if (!sent) co_return std::unexpected(sent.error());
    Result<ipc::AttrList> list = co_await next_list(deadline);
    if (!list) co_return std::unexpected(list.error());
    const std::string_view status = ipc::value_of(*list, "status");
    service::CleanupResult result;
    result.status = status == "0"          ? service::CleanupStatus::ok
                    : status == kTooBig    ? service::CleanupStatus::size
                    : status == kMalformed ? service::CleanupStatus::bad
                                           : service::CleanupStatus::write;
    result.reason = ipc::value_of(*list, "reason");
    co_return result;
  }

 private:
  Result<> spawn(const std::string& postdrop) {
    auto pair = socket_pair(SOCK_STREAM);
    if (!pair) return std::unexpected(pair.error());
    if (auto set = set_nonblocking(pair->first.get()); !set) return set;
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, pair->second.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, pair->second.get(), STDOUT_FILENO);
    std::string name = "postdrop";
    std::string option = "-r";
    char* const arguments[] = {name.data(), option.data(), nullptr};
    const int error = ::posix_spawn(&pid_, postdrop.c_str(), &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      pid_ = -1;
      return fail("execute " + postdrop + ": " + errno_text(error), error);
    }
    stream_ = std::make_unique<async::Stream>(loop_, std::move(pair->first));
    return {};
  }

  async::Task<Result<ipc::AttrList>> next_list(Deadline deadline) {
    for (;;) {
      if (auto list = take_list(stream_->input())) {
        stream_->consume(list->second);
        co_return std::move(list->first);
      }
      const async::Io io = co_await stream_->fill(deadline);
      if (io != async::Io::ok) co_return fail("postdrop: " + async::describe(io, stream_->error_code()));
    }
  }

  void reap() const {
    int status = 0;
    while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }

  async::Loop& loop_;
  std::unique_ptr<async::Stream> stream_;
  pid_t pid_ = -1;
  std::string queue_id_;
  std::string records_;
};

}  // namespace

void MessageSink::attribute(std::string_view name, std::string_view value) {
  record(mail::record::kAttribute, fmt::format("{}={}", name, value));
}

async::Task<OpenedMessage> CleanupIntake::open(service::CleanupOpen request, Deadline deadline) {
  Result<std::unique_ptr<service::CleanupStream>> opened = co_await pool_.open(std::move(request), deadline);
  if (!opened) co_return std::unexpected(opened.error());
  co_return std::make_unique<CleanupSink>(std::move(*opened));
}

async::Task<OpenedMessage> MaildropIntake::open(service::CleanupOpen, Deadline deadline) {
  auto sink = std::make_unique<MaildropSink>(loop_);
  const Result<> started = co_await sink->start(postdrop_, deadline);
  if (!started) co_return std::unexpected(started.error());
  co_return std::move(sink);
}

}  // namespace postern::smtpd
