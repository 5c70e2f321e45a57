// SPDX-License-Identifier: Apache-2.0
// Where a message goes: to cleanup(8), or, from a server that a local user runs by itself, into the maildrop.
//
// A MessageSink is one open message, which its destruction before finish() cancels. Only finish() with status ok means
// that the message is safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/service/cleanup_client.h"

namespace postern::smtpd {

class MessageSink {
 public:
  virtual ~MessageSink() = default;
  [[nodiscard]] virtual const std::string& queue_id() const = 0;
  // Queues one record; no system call. Await drain() when pending() grows.
  virtual void record(char type, std::string_view payload) = 0;
  void attribute(std::string_view name, std::string_view value);
  [[nodiscard]] virtual std::size_t pending() const = 0;
  virtual async::Task<Result<>> drain(Deadline deadline) = 0;
  virtual async::Task<Result<service::CleanupResult>> finish(Deadline deadline) = 0;
};
using OpenedMessage = Result<std::unique_ptr<MessageSink>>;

class Intake {
 public:
  virtual ~Intake() = default;
  virtual async::Task<OpenedMessage> open(service::CleanupOpen request, Deadline deadline) = 0;
};

class CleanupIntake final : public Intake {
 public:
  explicit CleanupIntake(service::CleanupPool& pool) : pool_(pool) {}
  async::Task<OpenedMessage> open(service::CleanupOpen request, Deadline deadline) override;

 private:
  service::CleanupPool& pool_;
};

// Runs postdrop(1), with the rights of whoever runs this process. Waits for its end: not for a process that serves
// others.
class MaildropIntake final : public Intake {
 public:
  MaildropIntake(async::Loop& loop, std::string command_directory)
      : loop_(loop), postdrop_(std::move(command_directory) + "/postdrop") {}
  async::Task<OpenedMessage> open(service::CleanupOpen request, Deadline deadline) override;

 private:
  async::Loop& loop_;
  std::string postdrop_;
};

}  // namespace postern::smtpd
