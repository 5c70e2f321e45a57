// SPDX-License-Identifier: Apache-2.0
// One connection to a server: the bytes, and from some moment on TLS over them. Each call waits, until its deadline at
// the latest: this command has one connection and nothing else to do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"
#include "lib/openssl/engine.h"
#include "lib/tls/report.h"

namespace postern::posttls_finger {

enum class Ended { no, timeout, lost };

class Wire {
 public:
  // Raw sockaddr bytes. Error text: that of errno.
  [[nodiscard]] static Result<Wire> connect(std::string_view sockaddr, Deadline deadline);
  [[nodiscard]] static Result<Wire> connect_unix(const std::string& path);
  explicit Wire(Fd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  // The connection without TLS, to be handed to somebody else. What was read ahead is forgotten.
  [[nodiscard]] Fd release();

  // A line without its end; one that is longer than the limit comes in pieces.
  [[nodiscard]] Ended read_line(std::string& line, Deadline deadline);
  [[nodiscard]] Ended write(std::string_view bytes, Deadline deadline);
  // Takes over the plaintext connection; what the server sent before is thrown away.
  [[nodiscard]] tls::TlsReport handshake(openssl::Engine engine, Deadline deadline);
  // Null before the handshake.
  [[nodiscard]] openssl::Engine* engine() { return engine_ ? &*engine_ : nullptr; }
  // close_notify, when there is TLS.
  void end();

 private:
  [[nodiscard]] Ended fill(Deadline deadline);
  [[nodiscard]] bool wait(short events, Deadline deadline) const;

  Fd fd_;
  std::string input_;
  std::optional<openssl::Engine> engine_;
};

}  // namespace postern::posttls_finger
