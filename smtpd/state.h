// SPDX-License-Identifier: Apache-2.0
// What is known about one SMTP session and its mail transaction: plain data that commands, restrictions, log lines
// and the Received: header share.
//
// Addresses are in internal form. `mail` exists from an accepted MAIL to the end of the transaction;
// its `message` from the first accepted RCPT on. A session without a transaction holds a few hundred bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/dns/native.h"
#include "lib/parse/ip.h"
#include "lib/smtp/content.h"
#include "lib/smtp/keywords.h"
#include "lib/smtp/reply.h"
#include "lib/tls/report.h"
#include "smtpd/intake.h"
#include "smtpd/tls_attributes.h"
#include "smtpd/transcript.h"
#include "smtpd/verbs.h"

namespace postern::smtpd {

struct Client {
  std::string address;  // text without brackets
  std::string port;
  std::string server_address;
  std::string server_port;
  std::optional<parse::IpAddress> ip;
  std::string name = "unknown";          // verified
  std::string reverse_name = "unknown";  // what its address says
  dns::NameStatus name_status = dns::NameStatus::ok;
  dns::NameStatus reverse_status = dns::NameStatus::ok;
  std::string label;  // "name[address]", with ":port" where smtpd_client_port_logging says so

  // "IPv6:" before an IPv6 address, as in Received: headers and queue files.
  [[nodiscard]] std::string tagged_address() const {
    return ip && ip->family == parse::IpAddress::Family::v6 ? "IPv6:" + address : address;
  }
};

// Reception of content in chunks (BDAT): it may go on over many commands.
struct Chunks {
  explicit Chunks(smtp::ContentDecoder::Options options) : decoder(options) {}
  smtp::ContentDecoder decoder;
  std::uint64_t total = 0;  // octets of all chunks
};

// Content on its way to cleanup.
struct Content {
  std::uint64_t size = 0;  // each line counts its length + 2
  bool first = true;
  bool too_big = false;
};

// What access(5) tables decided for a message.
struct Actions {
  std::vector<std::string> headers;
  std::string filter;
  std::string redirect;
  std::vector<std::string> bcc;
  bool hold = false;
  bool discard = false;
};

struct Transaction {
  std::string sender;
  WallTime arrival;
  std::uint64_t declared_size = 0;
  std::string encoding;  // "7bit", "8bit" or empty
  bool smtputf8 = false;
  bool dsn_envelope_id = false;
  std::string envelope_id;
  unsigned ret_flags = 0;
  std::string verp;  // two delimiters; empty: one sender address for all recipients

  std::unique_ptr<MessageSink> message;
  std::string queue_id;
  unsigned recipients = 0;
  std::string recipient;  // the first one accepted
  unsigned overshoot = 0;
  bool limit_told = false;

  Actions actions;
  Actions recorded;  // of these: what is in the queue file
  Content content;
};

struct Counter {
  unsigned good = 0;
  unsigned total = 0;
};

struct State {
  log::Session log;
  Client client;
  Transcript transcript;
  // The user of this host who runs this process: no restriction applies, mail goes as it does from sendmail(1).
  bool stand_alone = false;
  std::string where = "CONNECT";  // stage in log lines
  std::string helo;               // spaces and control bytes as '?'
  bool verp_allowed = false;      // the client is one of smtpd_authorized_verp_clients
  bool esmtp = false;             // EHLO was the last greeting
  bool was_esmtp = false;         // of the session so far: its name in logs and headers
  std::unique_ptr<tls::TlsReport> tls;
  std::unique_ptr<Transaction> mail;
  std::unique_ptr<Chunks> chunks;
  std::optional<std::uint64_t> content_octets;  // of the content under way, for the log
  bool after_bdat = false;                      // BDAT was seen: only BDAT, RSET and the like may follow
  bool bdat_failed = false;                     // further chunks are read and thrown away
  std::optional<std::string> recipient;         // of the command under way
  bool bad_pipelining = false;
  bool bare_newline_seen = false;
  smtp::KeywordMask discarded = 0;             // EHLO keywords that this client does not get
  std::optional<smtp::Reply> denied;           // refused at connect: every command gets an error
  std::optional<smtp::Reply> deferred_client;  // DEFER_IF_PERMIT at an earlier stage
  std::optional<smtp::Reply> deferred_helo;
  std::optional<smtp::Reply> deferred_sender;
  unsigned errors = 0;
  unsigned junk = 0;
  std::array<Counter, kVerbCount> counters{};

  [[nodiscard]] std::string_view protocol() const { return was_esmtp ? "ESMTP" : "SMTP"; }
  [[nodiscard]] std::string_view queue_id() const {
    return mail && !mail->queue_id.empty() ? std::string_view(mail->queue_id) : std::string_view("NOQUEUE");
  }
  void end_transaction() {
    mail.reset();
    chunks.reset();
    recipient.reset();
    content_octets.reset();
    after_bdat = bdat_failed = false;
    deferred_sender.reset();
  }
};

}  // namespace postern::smtpd
