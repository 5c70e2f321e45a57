// SPDX-License-Identifier: Apache-2.0
#include "commands/postconf/show.h"
#include "lib/base/files.h"
#include "lib/mail/bounce_template.h"

namespace postern::postconf {

namespace {

Result<mail::BounceTemplates> load_templates(const Request& request, const Files& files, const Report& report) {
  std::string path;
  if (!request.arguments.empty()) {
    path = request.arguments.front();
  } else {
    const auto configured = files.config.get("bounce_template_file");
    if (!configured) return std::unexpected(configured.error());
    path = *configured;
  }
  if (path.empty()) return mail::built_in_templates();
  const auto text = files::read(path);
  if (!text) return std::unexpected(text.error());
  std::vector<std::string> problems;
  mail::BounceTemplates out = mail::parse_templates(*text, path, problems);
  for (const auto& problem : problems) report.warning(problem);
  return out;
}

Result<> show_expanded(const mail::BounceTemplate& notice, const Files& files, const Report& report) {
  std::vector<std::string> problems;
  const auto text = mail::expand_template(notice, files.config, problems);
  if (!text) return std::unexpected(text.error());
  for (const auto& problem : problems) report.warning(problem);
  report.line("expanded_" + notice.name + "_text = <<EOF");
  for (const auto& line : *text) report.line(line);
  report.line("EOF");
  return {};
}

void show_template(const mail::BounceTemplate& notice, const Report& report) {
  report.line(notice.name + "_template = <<EOF");
  report.line("Charset: " + (notice.charset.empty() ? "us-ascii" : notice.charset));
  report.line("From: " + notice.from);
  report.line("Subject: " + notice.subject);
  if (!notice.postmaster_subject.empty()) report.line("Postmaster-Subject: " + notice.postmaster_subject);
  report.line("");
  for (const auto& line : notice.text) report.line(line);
  report.line("EOF");
}

}  // namespace

Result<> show_notices(const Request& request, const Report& report) {
  const auto files = load_files(request);
  if (!files) return std::unexpected(files.error());
  const auto templates = load_templates(request, *files, report);
  if (!templates) return std::unexpected(templates.error());
  bool first = true;
  for (const auto* notice : {&templates->failure, &templates->delay, &templates->success, &templates->verify}) {
    if (!std::exchange(first, false)) report.line("");
    if (!request.expand) {
      show_template(*notice, report);
    } else if (const auto shown = show_expanded(*notice, *files, report); !shown) {
      return shown;
    }
  }
  return {};
}

}  // namespace postern::postconf
