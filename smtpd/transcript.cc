// SPDX-License-Identifier: Apache-2.0
#include "smtpd/transcript.h"

#include "lib/base/text.h"

namespace postern::smtpd {

unsigned class_of(const smtp::Reply& reply) {
  const std::string_view status = reply.enhanced;
  const std::string_view detail = status.size() > 1 ? status.substr(1) : std::string_view();
  if (detail.starts_with(".7.") || status == "4.5.3" || status == "5.3.4") return notice_class::kPolicy;
  if (status.starts_with("4.3.")) return notice_class::kResource;
  return notice_class::kProtocol;
}

void Transcript::heard(std::string_view line) { command("In:  ", line); }

void Transcript::said(const smtp::Reply& answer) {
  if (!kept()) return;
  const std::string wire = smtp::wire(answer);
  for (const auto line : text::words(wire, "\r\n")) reply("Out: ", line);
}

}  // namespace postern::smtpd
