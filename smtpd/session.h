// SPDX-License-Identifier: Apache-2.0
// One SMTP session, from "connect from" to "disconnect from": a coroutine that reads in the order of RFC 5321.
//
// The commands are in cmd_*.cc; each gets the session and its argument and says what to reply. The session does what
// they have in common: counting, the order of replies and pauses, pipelining, limits on errors, the ways to end.
// Settings and services outlive every session.
#pragma once

#include <memory>
#include <string>

#include "lib/service/worker.h"
#include "smtpd/channel.h"
#include "smtpd/services.h"
#include "smtpd/settings.h"
#include "smtpd/state.h"

namespace postern::smtpd {

// What a command leads to. Unless it is good it counts as an error of the client.
struct Outcome {
  smtp::Reply reply = {};
  bool good = true;
  bool ends = false;    // the session is over after the reply
  bool silent = false;  // there is no reply: the client is gone
  bool judged = false;  // whoever refused it has said what kind of trouble it is
};
inline Outcome accept(int code, std::string_view enhanced, std::string_view text) {
  return {.reply = smtp::Reply(code, enhanced, text)};
}
inline Outcome reject(int code, std::string_view enhanced, std::string_view text) {
  return {.reply = smtp::Reply(code, enhanced, text), .good = false};
}
inline Outcome reject(smtp::Reply reply) { return {.reply = std::move(reply), .good = false, .judged = true}; }

struct SwitchOffer;

// "name[address]", with ":port" where smtpd_client_port_logging says so.
[[nodiscard]] std::string client_label(const Client& client, bool log_port);

// How a handshake ended. `over`: it succeeded, but the session ends here: another service goes on with it, or a 421
// about the client's certificate waits to be sent. `too_many`: so does a 421. `lost`: the client is gone.
enum class TlsBeginning { begun, over, too_many, lost };

class Session {
 public:
  // `stand_alone`: on behalf of the user who runs this process.
  Session(Services& process_services, const Settings& session_settings, service::Connection connection,
          bool stand_alone = false);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  async::Task<> run();

  // A session that another service has begun (switch.cc). What keeps it out; and, with its plaintext end and what has
  // been read from there, the rest of its life.
  async::Task<std::optional<std::string>> admit(SwitchOffer offer);
  async::Task<> run_switched(Fd plaintext, std::string input);

  State state;
  const Settings& settings;
  Services& services;
  Channel channel;

  // --- for commands ---
  // Sends a reply ahead of the command's own (354), after the pause that the client has earned.
  async::Task<async::Io> send(smtp::Reply reply);
  // The client is gone, or too slow.
  Outcome lost(async::Io io);
  // An empty or malformed path, as typed.
  void log_bad_address(std::string_view verb, std::string_view typed) const;
  // A refusal made outside the restriction lists.
  Outcome refuse(int code, std::string_view enhanced, std::string_view text);
  // TLS on the connection as it is. `reservation` was asked for before. Unless TLS has begun the session is over.
  async::Task<TlsBeginning> start_tls(service::TlsReservation reservation);
  async::Task<Result<service::TlsReservation>> reserve_tls();
  // The client has begun too many TLS sessions already; a line in the log says that `request` is refused.
  async::Task<bool> too_many_tls(std::string request);
  // Whether the client is beyond a limit of events per time unit.
  async::Task<bool> too_many(service::AnvilEvent event, int limit, std::string title);
  // smtpd_forbid_bare_newline, as it is for this client.
  [[nodiscard]] smtp::BareNewline bare_newline() const {
    return strict_lf_ ? smtp::BareNewline::normalize : smtp::BareNewline::accept;
  }
  [[nodiscard]] bool bare_lf_refused() const { return strict_lf_ && settings.bare_lf == BareLf::reject; }
  // After a handshake nothing that was said in plaintext counts.
  void forget_greeting();

 private:
  async::Task<bool> begin();
  async::Task<bool> greet();
  async::Task<bool> begin_wrapper_tls();
  // tlsswitchchannel. False in any case: the session is over here, and when it was not taken over 421 waits to be sent.
  async::Task<bool> switch_service(bool greeted, std::string helo);
  void begin_switched();
  async::Task<> know_client();
  async::Task<std::optional<std::string>> take_limits();
  async::Task<> find_limits();
  async::Task<bool> check_connection_limits();
  async::Task<bool> check_early_talker();
  async::Task<void> identify_client();
  async::Task<void> converse();
  async::Task<bool> handle_line();
  async::Task<bool> handle_unknown(std::string line);
  async::Task<bool> handle_command(Verb verb, std::string argument);
  async::Task<bool> finish_command(Verb verb, Outcome outcome);
  async::Task<bool> say_error(smtp::Reply reply);
  async::Task<> filter_reject(smtp::Reply& reply);
  async::Task<> add_reject_footer(smtp::Reply& reply);
  async::Task<bool> is_pipelining_abuse(Verb verb);
  void count_junk();
  void conclude();
  async::Task<> tell_postmaster();
  // For `postfix sessions`, and for who looks at it after a crash: what is being worked on now.
  void note_work() const;

  async::Io end_ = async::Io::ok;
  bool limited_ = false;  // smtpd_client_*_limit apply
  bool closing_ = false;  // smtpd_reject_filter_maps made a refusal one that ends the session
  bool strict_lf_ = false;
  int tls_loglevel_ = 0;
  service::SessionNote note_;
  std::uint64_t connection_ = 0;  // its number at anvil
  std::string limit_key_;
  bool switched_ = false;
  std::string switched_from_;  // the service that the session comes from; empty: this one accepted it
  bool greeted_ = false;       // there
  std::string helo_before_;    // the client's name there, for the log
};

}  // namespace postern::smtpd
