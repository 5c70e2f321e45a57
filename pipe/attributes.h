// SPDX-License-Identifier: Apache-2.0
// What a master.cf line says of its command: chroot= directory= eol= flags= null_sender= size= user= argv= (manual
// page pipe(8)). Pure. argv= is the last one: its value and all words behind it are the command.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace postern::pipe {

struct Attributes {
  std::vector<std::string> argv;
  std::string user;  // as written
  std::string chroot;
  std::string directory;
  std::string eol = "\n";
  std::string null_sender = "MAILER-DAEMON";
  std::int64_t size_limit = 0;  // 0: none
  // flags=
  bool blank_line = false;      // B
  bool delivered_to = false;    // D
  bool from_line = false;       // F
  bool original_to = false;     // O
  bool return_path = false;     // R
  bool final_delivery = false;  // X
  bool fold_domain = false;     // h
  bool quote = false;           // q
  bool fold_local = false;      // u
  bool stuff_dots = false;      // .
  bool escape_from = false;     // >
  // These headers name one recipient.
  [[nodiscard]] bool one_recipient() const { return delivered_to || original_to; }
};

// Error texts are complete: "missing user= command-line attribute".
[[nodiscard]] Result<Attributes> parse_attributes(const std::vector<std::string>& words);

// \a \b \f \n \r \t \v \\ and \ooo; a backslash before anything else stands for itself.
[[nodiscard]] std::string unescape(std::string_view text);

}  // namespace postern::pipe
