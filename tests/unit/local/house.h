// SPDX-License-Identifier: Apache-2.0
// A delivery by local(8) for tests: the real Attempt and clients, a message in a queue file, users of a private kind
// (the one who runs the tests), and stand-ins for trivial-rewrite, cleanup, bounce and another agent that speak the
// real protocols over sockets in a private directory.
//
// Domains: example.test is local, everything else is foreign; bare names get @example.test.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/config/config.h"
#include "lib/ipc/call.h"
#include "local/attempt.h"

namespace postern::local {

class House {
 public:
  // Aliases are "name=value" items; main.cf lines override the house's.
  explicit House(const std::string& main_cf = "", std::vector<std::string> aliases = {});
  ~House();
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  // Delivers a message with this content to the address. Afterwards `log` has its lines.
  void deliver(const std::string& address, const std::string& sender = "sender@away.test", std::int64_t flags = 1,
               std::int64_t notify = 0);
  std::string content = "Subject: x\n\nbody\n";

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const std::string& me() const { return user_.name; }
  [[nodiscard]] std::string file(const std::string& name) const;  // content of a file in the directory
  void write(const std::string& name, const std::string& text, unsigned mode = 0644) const;
  [[nodiscard]] bool logged(const std::string& text) const;
  [[nodiscard]] std::string marks() const;  // the type of the recipient's record: R, or D when it was marked

  std::vector<std::string> log;
  std::vector<std::string> reports;                   // "bounce address status text", "trace address action" ...
  std::vector<std::vector<std::string>> resubmitted;  // records, type first
  std::int64_t undelivered = -1;
  service::CleanupResult verdict;
  std::vector<service::DeliveryRequest> passed;  // what the other agent (private/other) was asked

 private:
  struct Listener;
  void listen(const std::string& path, std::function<async::Task<>(Fd)> serve);
  async::Task<> serve_cleanup(Fd fd);
  async::Task<> serve_agent(Fd fd);
  void store_message(const std::string& address);
  async::Task<> attempt(service::DeliveryRequest request);

  std::string former_directory_;
  std::string directory_;
  User user_;
  async::Loop loop_;
  Params params_;
  table::Registry registry_;
  table::Context context_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  ipc::Dispatcher rewrite_calls_, bounce_calls_, defer_calls_, trace_calls_;
  std::unique_ptr<service::Reporter> reporter_;
  std::unique_ptr<service::RewriteClient> rewrite_;
  std::unique_ptr<service::CleanupPool> cleanup_;
  std::unique_ptr<AliasMaps> aliases_;
  std::unique_ptr<Mailboxes> mailboxes_;
  std::unique_ptr<table::Maps> mailbox_transports_, mailbox_commands_, fallback_transports_;
  std::unique_ptr<Shared> shared_;
  std::int64_t recipient_offset_ = 0;
  std::int64_t data_offset_ = 0;
};

}  // namespace postern::local
