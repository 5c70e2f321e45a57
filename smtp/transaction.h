// SPDX-License-Identifier: Apache-2.0
// One message over one session: MAIL, RCPT, DATA, content (RFC 5321 3.3, RFC 2920 pipelining, RFC 1870, 6152, 3461).
//
// Commands go ahead of the replies inside a window of 4,096 bytes. Each recipient ends settled (sent or bounced), or
// open with a reason, so that another host may be tried.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/service/delivery.h"
#include "smtp/checks.h"
#include "smtp/generic.h"
#include "smtp/session.h"

namespace postern::smtp_client {

// flags= of the master.cf line, and the like.
struct TransactionOptions {
  bool delivered_to = false;         // D: a Delivered-To: header; mail that has it for this recipient loops
  bool original_to = false;          // O: X-Original-To:
  bool return_path = false;          // R: Return-Path:
  bool final_delivery = false;       // X: success is "delivered", not "relayed"
  bool last_host = false;            // nobody else is asked: what is open then is put off
  const Generic* generic = nullptr;  // smtp_generic_maps; null: none
  const Checks* checks = nullptr;    // smtp_header_checks and so on; null: none
};
// "flags=DORX" among the arguments; others are an error.
[[nodiscard]] Result<TransactionOptions> parse_arguments(const std::vector<std::string>& arguments);

// Values of smtp_address_verify_target.
inline constexpr std::string_view kVerifyAtRcpt = "rcpt";
inline constexpr std::string_view kVerifyAtData = "data";

class Transaction {
 public:
  Transaction(Session& session, service::Delivery& delivery, const Params& params, log::Session log,
              TransactionOptions options = {});

  // Tries all recipients that are not settled, and settles them in their order. Afterwards open_reasons() has why each
  // of the open ones is open.
  async::Task<> run();
  [[nodiscard]] const std::vector<std::optional<Trouble>>& open_reasons() const { return open_; }
  // The session broke: counts against the site.
  [[nodiscard]] const std::optional<Trouble>& lost() const { return lost_; }
  // Another message may follow on the session.
  [[nodiscard]] bool reusable() const { return session_.usable() && !lost_ && in_step_; }

 private:
  enum class Step { mail, rcpt, data };
  struct Sent {
    Step step;
    std::size_t recipient;
    std::size_t bytes;
  };
  // smtp_generic_maps for the envelope. False: the tables do not answer, all recipients wait.
  async::Task<bool> map_envelope();
  [[nodiscard]] const std::string& sender() const;
  [[nodiscard]] const std::string& recipient(std::size_t i) const;
  [[nodiscard]] std::string mail_command() const;
  [[nodiscard]] std::string rcpt_command(std::size_t i) const;
  async::Task<> converse();
  // XFORWARD. False: the session is lost.
  async::Task<bool> forward_client();
  [[nodiscard]] std::string path(const std::string& address) const;
  [[nodiscard]] std::string trace_headers() const;
  async::Task<bool> finish_content(std::string out);
  void refuse_content(unsigned fault);
  // Trouble that needs no server to be seen: bounces what it concerns.
  [[nodiscard]] std::optional<Trouble> unsendable() const;
  async::Task<bool> make_room(std::size_t bytes);
  void send_command(Step step, std::size_t recipient, const std::string& text);
  async::Task<bool> read_one();
  async::Task<bool> read_all();
  void take_reply(const Sent& sent, const smtp::ServerReply& reply);
  async::Task<> report_probe();
  [[nodiscard]] bool probes_data() const;
  void probed_at_data(const smtp::ServerReply& reply);
  async::Task<> send_content();
  async::Task<bool> send_body();
  async::Task<> end_of_data();
  async::Task<> take_end_reply(smtp::ServerReply reply);
  async::Task<> lmtp_replies();
  async::Task<> reset();
  async::Task<> settle_refused();
  void connection_lost(std::string_view doing);
  void leave_open(std::size_t i, Trouble trouble);
  [[nodiscard]] bool converts_to_7bit() const;
  [[nodiscard]] service::Outcome sent_outcome(const smtp::ServerReply& reply) const;

  Session& session_;
  service::Delivery& delivery_;
  const Params& params_;
  log::Session log_;
  TransactionOptions options_;
  bool in_step_ = true;  // client and server agree on where they are
  std::size_t window_;
  std::size_t in_flight_ = 0;
  std::deque<Sent> sent_;
  std::vector<std::size_t> recipients_;  // those tried here
  std::string generic_sender_;
  std::vector<std::string> generic_recipients_;  // runs parallel to the delivery's; empty: nothing is mapped
  std::vector<bool> accepted_;
  std::map<std::size_t, smtp::ServerReply> probed_;  // good replies to RCPT of an address probe
  std::vector<std::optional<Trouble>> refused_;      // permanent, to be bounced
  std::vector<std::optional<Trouble>> open_;
  std::optional<Trouble> mail_refused_;
  std::optional<Trouble> data_refused_;
  std::optional<Trouble> lost_;
  bool go_ahead_ = false;  // 354
};

}  // namespace postern::smtp_client
