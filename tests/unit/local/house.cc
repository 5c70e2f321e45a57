// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/local/house.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/mail/address.h"
#include "lib/mail/queue_file.h"

namespace postern::local {

namespace {

constexpr Duration kLimit{10000};

[[noreturn]] void give_up(const std::string& text) {
  std::cerr << text << "\n";
  std::abort();
}

service::ResolveReply route(const std::string& address) {
  service::ResolveReply out;
  out.recipient = address;
  out.transport = mail::split_address(address).domain == "example.test" ? "local" : "smtp";
  return out;
}

}  // namespace

struct House::Listener {
  Fd fd;
  std::unique_ptr<async::IoWatch> watch;
};

House::House(const std::string& main_cf, std::vector<std::string> aliases)
    : former_directory_(std::filesystem::current_path()) {
  log::set_sink([this](log::Level, std::string_view line) { log.emplace_back(line); });
  std::string name = std::filesystem::temp_directory_path() / "local-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) give_up("mkdtemp");
  directory_ = name;
  // As in the queue directory: sockets have relative names.
  std::filesystem::current_path(directory_);
  for (const char* part : {"private", "public", "active", "spool"}) std::filesystem::create_directory(part);
  const auto me = find_user(::geteuid());
  if (!me || !*me) give_up("who am I?");
  user_ = **me;

  std::string inline_aliases;
  for (const auto& alias : aliases) inline_aliases += "{" + alias + "} ";
  const std::string settings =
      "myhostname = mx.example.test\nmydomain = example.test\nmail_name = Test\n"
      "recipient_delimiter = +\ndeliver_lock_delay = 1s\ndeliver_lock_attempts = 1\n"
      "forward_path = " +
      directory_ + "/forward${recipient_delimiter}${extension}, " + directory_ +
      "/forward\nmail_spool_directory = " + directory_ + "/spool\n" + "default_privs = " + user_.name +
      "\nalias_maps =" + (aliases.empty() ? "" : " inline:{ " + inline_aliases + "}") + "\n";
  auto config = config::Config::from_text(settings + main_cf, {"local", "local", {}});
  if (!config) give_up(config.error().text);
  auto params = Params::load(*config);
  if (!params) give_up(params.error().text);
  params_ = std::move(*params);
  table::register_builtin_tables(registry_);
  context_.registry = &registry_;
  context_.loop = &loop_;

  rewrite_calls_.on<service::RewriteRequest>(
      [](service::RewriteRequest r) -> async::Task<Result<service::RewriteReply>> {
        const bool bare = r.address.find('@') == std::string::npos;
        co_return service::RewriteReply{bare ? r.address + "@example.test" : r.address};
      });
  rewrite_calls_.on<service::ResolveRequest>(
      [](service::ResolveRequest r) -> async::Task<Result<service::ResolveReply>> { co_return route(r.address); });
  const auto note = [this](ipc::Dispatcher& calls, std::string kind) {
    calls.on<service::BounceAppend>([this, kind](service::BounceAppend r) -> async::Task<Result<service::BounceReply>> {
      const mail::DeliveryStatus& s = r.status.s;
      reports.push_back(kind + " " + s.recipient + " " + s.action + " " + s.status + " " + s.reason);
      co_return service::BounceReply{true};
    });
  };
  note(bounce_calls_, "bounce");
  note(defer_calls_, "defer");
  note(trace_calls_, "trace");
  const auto calls = [this](const std::string& path, const ipc::Dispatcher* dispatcher, std::string_view protocol) {
    listen(path, [this, dispatcher, protocol](Fd fd) {
      ipc::CallServerOptions options;
      options.protocol = protocol;
      return ipc::serve_calls(loop_, std::move(fd), dispatcher, std::move(options));
    });
  };
  calls("private/rewrite", &rewrite_calls_, service::kRewriteProtocol);
  calls("private/bounce", &bounce_calls_, service::kBounceProtocol);
  calls("private/defer", &defer_calls_, service::kBounceProtocol);
  calls("private/trace", &trace_calls_, service::kBounceProtocol);
  listen("public/cleanup", [this](Fd fd) { return serve_cleanup(std::move(fd)); });
  listen("private/other", [this](Fd fd) { return serve_agent(std::move(fd)); });

  reporter_ = std::make_unique<service::Reporter>(loop_, service::ReporterNames{}, kLimit);
  rewrite_ = std::make_unique<service::RewriteClient>(loop_, "private/rewrite", kLimit);
  cleanup_ = std::make_unique<service::CleanupPool>(loop_, "public/cleanup");
  const Rights rights{user_.uid, user_.gid};
  aliases_ = std::make_unique<AliasMaps>(params_.alias_maps, context_, rights);
  mailboxes_ = std::make_unique<Mailboxes>(params_);
  const auto maps = [&](const char* title, const std::string& list) {
    return std::make_unique<table::Maps>(title, list, context_);
  };
  mailbox_transports_ = maps("mailbox_transport_maps", params_.mailbox_transport_maps);
  mailbox_commands_ = maps("mailbox_command_maps", params_.mailbox_command_maps);
  fallback_transports_ = maps("fallback_transport_maps", params_.fallback_transport_maps);
  shared_ =
      std::make_unique<Shared>(Shared{loop_, params_, "local", rights, *aliases_, *mailboxes_, *mailbox_transports_,
                                      *mailbox_commands_, *fallback_transports_, *rewrite_, *cleanup_});
}

House::~House() {
  log::set_sink(nullptr);
  listeners_.clear();
  std::error_code ignored;
  std::filesystem::current_path(former_directory_, ignored);
  std::filesystem::remove_all(directory_, ignored);
}

void House::listen(const std::string& path, std::function<async::Task<>(Fd)> serve) {
  auto listener = std::make_unique<Listener>();
  listener->fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener->fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) give_up("bind " + path);
  if (::listen(listener->fd.get(), 10) < 0) give_up("listen " + path);
  const int fd = listener->fd.get();
  listener->watch = std::make_unique<async::IoWatch>(loop_, fd, async::IoWatch::What::read, [this, fd, serve] {
    Fd accepted(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (accepted) loop_.spawn(serve(std::move(accepted)));
  });
  listener->watch->enable();
  listeners_.push_back(std::move(listener));
}

async::Task<> House::serve_cleanup(Fd fd) {
  async::Stream stream(loop_, std::move(fd));
  const Result<> hello = co_await ipc::expect_hello(stream, std::string(service::kCleanupProtocol),
                                                    service::kCleanupVersion, deadline_in(kLimit));
  if (!hello) co_return;
  mail::RecordDecoder decoder;
  for (;;) {
    const Result<ipc::Frame> frame = co_await ipc::read_frame(stream, deadline_in(kLimit));
    if (!frame) co_return;
    if (frame->id == service::kOpen) {
      resubmitted.emplace_back();
      ipc::put_message(stream, service::kOpened, service::CleanupOpened{"NEWID", 0});
    } else if (frame->id == service::kRecords) {
      decoder.feed(frame->payload);
      for (auto record = decoder.next(); record && *record; record = decoder.next()) {
        resubmitted.back().push_back((*record)->type + std::string((*record)->payload));
      }
      continue;
    } else {
      ipc::put_message(stream, service::kResult, verdict);
    }
    const async::Io io = co_await stream.flush(deadline_in(kLimit));
    if (io != async::Io::ok) co_return;
  }
}

async::Task<> House::serve_agent(Fd fd) {
  async::Stream stream(loop_, std::move(fd));
  const Result<> hello = co_await ipc::expect_hello(stream, std::string(service::kDeliveryProtocol),
                                                    service::kDeliveryVersion, deadline_in(kLimit));
  if (!hello) co_return;
  ipc::put_hello(stream, service::kDeliveryProtocol, service::kDeliveryVersion);
  const Result<ipc::Frame> frame = co_await ipc::read_frame(stream, deadline_in(kLimit));
  if (!frame) co_return;
  passed.push_back(*ipc::decode<service::DeliveryRequest>(frame->payload));
  service::DeliveryResult result;
  result.undelivered = passed.back().nexthop == "busy" ? 1 : 0;
  ipc::put_message(stream, frame->id, result);
  [[maybe_unused]] const async::Io io = co_await stream.flush(deadline_in(kLimit));
}

void House::store_message(const std::string& address) {
  std::string bytes = mail::encode_record('C', mail::format_size({})) + mail::encode_record('T', "1795148341 0") +
                      mail::encode_record('S', "sender@away.test") + mail::encode_record('O', address);
  recipient_offset_ = static_cast<std::int64_t>(bytes.size());
  bytes += mail::encode_record('R', address) + mail::encode_record('M', "");
  data_offset_ = static_cast<std::int64_t>(bytes.size());
  const auto lines = text::fields(content, '\n');
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) bytes += mail::encode_record('N', lines[i]);
  bytes += mail::encode_record('X', "") + mail::encode_record('E', "");
  write("active/OLDID", bytes, 0700);
}

async::Task<> House::attempt(service::DeliveryRequest request) {
  service::Delivery delivery(std::move(request), *reporter_, {});
  if (!delivery.open()) co_return;
  Attempt one(*shared_, delivery, 0);
  co_await one.run();
  undelivered = delivery.result().undelivered;
}

void House::deliver(const std::string& address, const std::string& sender, std::int64_t flags, std::int64_t notify) {
  store_message(address);
  service::DeliveryRequest request;
  request.flags = flags;
  request.queue_id = "OLDID";
  request.sender = sender;
  request.data_offset = data_offset_;
  request.nexthop = "mx.example.test";
  request.client_address = "192.0.2.1";
  service::RequestRecipient recipient;
  recipient.address = recipient.original = address;
  recipient.offset = recipient_offset_;
  recipient.notify = notify;
  request.recipients = {recipient};
  undelivered = -1;
  const async::TaskId id = loop_.spawn(attempt(std::move(request)));
  while (loop_.running(id)) loop_.run_once();
}

std::string House::file(const std::string& name) const {
  const auto content_of = files::read(directory_ + "/" + name);
  return content_of ? *content_of : "(none)";
}

void House::write(const std::string& name, const std::string& text, unsigned mode) const {
  const std::string path = name.starts_with('/') ? name : directory_ + "/" + name;
  if (!files::write_atomic(path, text, mode)) give_up("write " + path);
}

bool House::logged(const std::string& text) const {
  return std::ranges::any_of(log, [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

std::string House::marks() const { return file("active/OLDID").substr(static_cast<std::size_t>(recipient_offset_), 1); }

}  // namespace postern::local
