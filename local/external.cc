// SPDX-License-Identifier: Apache-2.0
// Files and commands that an alias, a .forward file, an :include: file or mailbox_command names.
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "local/attempt.h"

namespace postern::local {

mail::MessageCopy Attempt::copy_for(const Target& target, std::string_view context) const {
  mail::MessageCopy copy;
  copy.queue_file = delivery_.fd();
  copy.data_offset = delivery_.request().data_offset;
  copy.sender = target.sender;
  if (params_.enable_original_recipient) copy.original_to = target.shown.original;
  if (list_has(params_.prepend_delivered_header, context)) copy.delivered_to = target.delivered_to;
  return copy;
}

async::Task<bool> Attempt::to_file(Target target, std::string path) {
  if (!list_has(params_.allow_mail_to_files, source_name(target.source))) {
    co_return co_await tell(&target, make_outcome("5.7.1", "mail to file is restricted"));
  }
  if (path.starts_with('~')) {
    const bool own = path.starts_with("~/");
    if (!own || !target.context) {
      log::warning("{} for: {}", own ? "unknown home directory" : "bad home directory syntax", path);
      co_return co_await tell(&target, make_outcome("5.3.5", "mail system configuration error"));
    }
    path = target.context->home + path.substr(1);
  }
  if (!first_time("file " + path)) co_return true;
  if (delivery_.probe()) co_return co_await tell(&target, make_outcome("2.0.0", "delivers to file: " + path));
  service::Outcome outcome = shared_.mailboxes.to_file(path, target.rights, copy_for(target, "file"));
  co_return co_await tell(&target, std::move(outcome));
}

// Everything that came with the message is censored: it must mean nothing to a shell.
std::vector<std::string> Attempt::environment(const Target& target, const std::optional<User>& user) const {
  const service::DeliveryRequest& request = delivery_.request();
  std::vector<std::string> out = service::exported_environment(params_.export_environment);
  const auto add = [&](std::string_view name, std::string_view value) {
    out.push_back(std::string(name) + "=" + service::censor(value, params_.command_expansion_filter));
  };
  const auto add_known = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) add(name, value);
  };
  add("LOCAL", target.local);
  add("USER", user ? user->name : target.user);
  add("LOGNAME", user ? user->name : target.user);
  if (user) {
    out.push_back("HOME=" + user->home);
    out.push_back("SHELL=" + (user->shell.empty() ? std::string("/bin/sh") : user->shell));
  }
  add("DOMAIN", target.domain);
  add_known("EXTENSION", target.extension);
  add("RECIPIENT", target.shown.address);
  add("ORIGINAL_RECIPIENT", target.shown.original);
  add("SENDER", target.sender);
  add_known("CLIENT_ADDRESS", request.client_address);
  add_known("CLIENT_HELO", request.helo_name);
  add_known("CLIENT_HOSTNAME", request.client_name);
  add_known("CLIENT_PROTOCOL", request.protocol_name);
  add_known("SASL_METHOD", request.sasl_method);
  add_known("SASL_SENDER", request.sasl_sender);
  add_known("SASL_USERNAME", request.sasl_username);
  add_known("ENVID", request.envelope_id);
  return out;
}

async::Task<bool> Attempt::to_command(Target target, std::string command, std::optional<User> user, Rights rights) {
  const bool own = target.source == Source::envelope;
  if (!own && !list_has(params_.allow_mail_to_commands, source_name(target.source))) {
    co_return co_await tell(&target, make_outcome("5.7.1", "mail to command is restricted"));
  }
  if (!first_time("command " + std::to_string(rights.uid) + " " + command)) co_return true;
  if (delivery_.probe()) co_return co_await tell(&target, make_outcome("2.0.0", "delivers to command: " + command));
  service::Command spec;
  spec.line = command;
  spec.shell = params_.local_command_shell;
  spec.environment = environment(target, user);
  const auto directory = expand_text(params_.command_execution_directory, target, user, params_.recipient_delimiter,
                                     params_.execution_directory_expansion_filter);
  if (!directory) {
    log::warning("command_execution_directory: {}", directory.error().text);
    co_return co_await tell(&target, make_outcome("4.3.5", "mail system configuration error"));
  }
  spec.directory = *directory;
  spec.uid = rights.uid;
  spec.gid = rights.gid;
  spec.time_limit = params_.command_time_limit;
  spec.patience = {params_.fork_attempts, params_.fork_delay};
  spec.file_size_limit = params_.mailbox_size_limit;
  spec.speaker = "local: fatal: ";
  const mail::MessageCopy copy = copy_for(target, "command");
  mail::CopyReader reader(copy, mail::CopyForm::command);
  service::CommandInput input = [&reader](std::string& out) { return reader.next(out); };
  Result<service::CommandResult> result =
      co_await service::run_command(shared_.loop, std::move(spec), std::move(input));
  if (!result) co_return co_await tell(&target, make_outcome("4.3.0", result.error().text));
  service::Outcome outcome = service::command_outcome(*result, command);
  if (outcome.status[0] == '2') outcome.text = "delivered to command: " + command;
  co_return co_await tell(&target, std::move(outcome));
}

}  // namespace postern::local
