// SPDX-License-Identifier: Apache-2.0
// A whole smtpd session for tests: the real session, restrictions and clients, a scripted SMTP client at one end and,
// behind real sockets in a private directory, stand-ins for cleanup and trivial-rewrite that speak the real protocols.
//
// Domains: example.test is local (alice and bob exist), virt.test is virtual (u1 exists), relayed.test is relayed,
// broken.test cannot be resolved just now, everything else is foreign. 127.0.0.1 is in mynetworks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/ipc/call.h"
#include "lib/service/worker.h"
#include "lib/table/table.h"
#include "smtpd/services.h"
#include "smtpd/settings.h"

namespace postern::smtpd {

struct StoredMessage {
  std::string queue_id;
  std::int64_t flags = 0;
  std::vector<std::string> records;  // type, then payload
  bool ended = false;

  // Payloads of all records of a type.
  [[nodiscard]] std::vector<std::string> all(char type) const;
  [[nodiscard]] bool has(const std::string& record) const;
  [[nodiscard]] std::string types() const;
};

class House {
 public:
  explicit House(const std::string& main_cf = "");
  ~House();

  // Sends the lines one by one, each after the reply to the one before; what follows a 354 up to the dot in one go.
  // A line that begins with "raw:" is sent without a line end and waits for no reply; "wait:" waits for one and sends
  // nothing. Returns all replies, with "\n" behind each line.
  std::string talk(const std::vector<std::string>& lines, const std::string& client = "127.0.0.1");

  // Sends the bytes as they are, in these pieces, without waiting for anything, and ends; all that was heard. A piece
  // that the server has no room for any more is dropped.
  std::string pour(const std::vector<std::string>& pieces, const std::string& client = "127.0.0.1");

  // One client pours these bytes and reads what comes; another sends NOOP after NOOP. How many of them were answered
  // before the last reply to the first client, and (`lines`) how many lines that one heard.
  std::size_t answered_during(const std::string& flood, std::size_t* lines);

  // The same by many clients at once; what each of them heard.
  std::vector<std::string> crowd(std::size_t clients, const std::vector<std::string>& lines);

  [[nodiscard]] bool logged(const std::string& text) const;
  std::vector<std::string> log;
  std::vector<std::shared_ptr<StoredMessage>> messages;
  service::CleanupResult verdict;
  bool cleanup_away = false;
  std::map<std::string, service::VerifyReply> verified;  // what verify says; of others: unknown
  int verify_queries = 0;

  [[nodiscard]] const Settings& settings() const { return *settings_; }

 private:
  struct Listener;
  void listen(const std::string& path, std::function<async::Task<>(Fd)> serve);
  async::Task<> serve_cleanup(Fd fd);
  async::Task<> serve_rewrite(Fd fd);
  async::Task<> serve_verify(Fd fd);
  async::Task<> torrent(Fd fd, std::vector<std::string> pieces, std::string* heard);
  struct Ear {
    std::string heard;
    bool invited = false;  // 354 was the last reply
  };
  static async::Task<> write_all(async::Stream* stream, std::string bytes);
  static async::Task<> count_lines(async::Stream* stream, std::size_t* lines);
  async::Task<> ask_on(Fd fd, const bool* over, std::size_t* answers);
  async::Task<> client(Fd fd, std::vector<std::string> lines, Ear* ear);
  async::Task<bool> hear(async::Stream* stream, Ear* ear);
  service::Connection connect(Fd fd, const std::string& address) const;

  std::string directory_;
  async::Loop loop_;
  table::Registry registry_;
  table::Context context_;
  std::unique_ptr<Settings> settings_;
  ipc::Dispatcher rewrite_calls_;
  ipc::Dispatcher verify_calls_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<service::CleanupPool> cleanup_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<service::RewriteClient> rewrite_;
  std::unique_ptr<service::TlsClient> tls_;
  std::unique_ptr<dns::NativeLookup> names_;
  std::unique_ptr<dns::Resolver> dns_;
  std::unique_ptr<Limits> limits_;
  std::unique_ptr<service::FlushClient> flush_;
  std::unique_ptr<service::VerifyClient> verify_;
  std::unique_ptr<Services> services_;
};

}  // namespace postern::smtpd
