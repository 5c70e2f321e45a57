// SPDX-License-Identifier: Apache-2.0
#include "commands/posttls-finger/output.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "lib/base/files.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace postern::posttls_finger {

namespace {

void line(std::string_view severity, std::string_view text) {
  std::string out = "posttls-finger: ";
  out += severity;
  out += text::printable(text);
  out += '\n';
  // A reader that has gone away needs no further lines, and nobody is left to be told.
  if (!files::write_all(STDOUT_FILENO, out)) std::exit(1);
}

}  // namespace

void say(std::string_view text) { line("", text); }

void warn(std::string_view text) { line("warning: ", text); }

void give_up(std::string_view text) {
  line("fatal: ", text);
  std::exit(1);
}

void take_log() {
  log::set_sink([](log::Level, std::string_view logged) {
    // "TAG[PID]: TEXT": the tag is this command's, the number nobody's business.
    const std::size_t end = logged.find("]: ");
    say(end == std::string_view::npos ? logged : logged.substr(end + 3));
  });
}

}  // namespace postern::posttls_finger
