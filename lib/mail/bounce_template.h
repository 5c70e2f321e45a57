// SPDX-License-Identifier: Apache-2.0
// The texts at the beginning of delivery notices (bounce(5)): built in, or from bounce_template_file.
//
// A file holds blocks "NAME = <<EOF", some headers (Charset, From, Subject, Postmaster-Subject), an empty line, text,
// "EOF"; NAME is failure_template, delay_template, success_template or verify_template. A header that a block leaves
// out has its built-in value. $name in the text is the parameter's value; delay_warning_time and maximal_queue_lifetime
// take a suffix _seconds, _minutes, _hours, _days or _weeks. Headers are taken as they are.
// Parsing is pure; a template that cannot be used leaves the built-in one in its place and an entry in `problems`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/config/config.h"

namespace postern::mail {

struct BounceTemplate {
  std::string name;  // "failure", "delay", "success", "verify"
  std::string origin = "[built-in]";
  std::string charset;  // empty: by the message
  std::string from = "Mail Delivery System <MAILER-DAEMON>";
  std::string subject;
  std::string postmaster_subject;  // failure and delay
  std::vector<std::string> text;
};

struct BounceTemplates {
  BounceTemplate failure;
  BounceTemplate delay;
  BounceTemplate success;
  BounceTemplate verify;
};

[[nodiscard]] BounceTemplates built_in_templates();
// `path` is for messages only.
[[nodiscard]] BounceTemplates parse_templates(std::string_view text, const std::string& path,
                                              std::vector<std::string>& problems);
// The text with parameters in it. What is worth a warning is appended to `problems`.
[[nodiscard]] Result<std::vector<std::string>> expand_template(const BounceTemplate& from, const config::Config& config,
                                                               std::vector<std::string>& problems);

}  // namespace postern::mail
