// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/smtpd/house.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "lib/mail/address.h"
#include "lib/mail/record.h"
#include "smtpd/session.h"

namespace postern::smtpd {

namespace {

constexpr Duration kLimit{10000};
constexpr Duration kVerifyLimit{300};

constexpr std::string_view kMainCf =
    "myhostname = mx.example.test\n"
    "mydomain = example.test\n"
    "compatibility_level = 3.6\n"
    "mynetworks = 127.0.0.0/8\n"
    "inet_interfaces = 127.0.0.1\n"
    "smtpd_peername_lookup = no\n"
    "smtpd_client_connection_count_limit = 0\n"
    "smtpd_error_sleep_time = 0\n"
    "local_recipient_maps = inline:{ {alice=x} {bob=x} }\n"
    "virtual_mailbox_maps = inline:{ {u1@virt.test=x} }\n";

service::ResolveReply answer(const std::string& address) {
  namespace flag = service::resolve_flag;
  service::ResolveReply reply;
  reply.recipient = address;
  const std::string domain(mail::split_address(address).domain);
  if (domain.empty() || domain == "example.test") {
    reply.flags = flag::kLocal;
    if (mail::split_address(address).local.find('@') != std::string_view::npos)
      reply.flags = flag::kDefault | flag::kRouted;
  } else if (domain == "virt.test") {
    reply.flags = flag::kVirtual;
  } else if (domain == "relayed.test") {
    reply.flags = flag::kRelay;
  } else if (domain == "broken.test") {
    reply.flags = flag::kFail;
  } else {
    reply.flags = flag::kDefault;
  }
  return reply;
}

}  // namespace

std::vector<std::string> StoredMessage::all(char type) const {
  std::vector<std::string> out;
  for (const auto& record : records) {
    if (record.front() == type) out.push_back(record.substr(1));
  }
  return out;
}

bool StoredMessage::has(const std::string& record) const { return std::ranges::find(records, record) != records.end(); }

std::string StoredMessage::types() const {
  std::string out;
  for (const auto& record : records) out += record.front();
  return out;
}

struct House::Listener {
  Fd fd;
  std::unique_ptr<async::IoWatch> watch;
};

House::House(const std::string& main_cf) {
  log::set_sink([this](log::Level, std::string_view line) { log.emplace_back(line); });
  std::string name = std::filesystem::temp_directory_path() / "smtpd-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  directory_ = name;
  table::register_builtin_tables(registry_);
  context_.registry = &registry_;
  context_.loop = &loop_;
  auto config = config::Config::from_text(std::string(kMainCf) + main_cf, {"smtpd", "smtp", {}});
  if (!config) {
    std::cerr << config.error().text << "\n";
    std::abort();
  }
  auto settings = Settings::load(*config, context_);
  if (!settings) {
    std::cerr << settings.error().text << "\n";
    std::abort();
  }
  settings_ = std::move(*settings);
  rewrite_calls_.on<service::ResolveRequest>(
      [](service::ResolveRequest request) -> async::Task<Result<service::ResolveReply>> {
        co_return answer(request.address);
      });
  verify_calls_.on<service::VerifyQuery>(
      [this](service::VerifyQuery query) -> async::Task<Result<service::VerifyReply>> {
        ++verify_queries;
        const auto known = verified.find(query.address);
        co_return known == verified.end() ? service::VerifyReply{service::AddressState::unknown, "in progress"}
                                          : known->second;
      });
  listen("verify", [this](Fd fd) { return serve_verify(std::move(fd)); });
  listen("cleanup", [this](Fd fd) { return serve_cleanup(std::move(fd)); });
  listen("rewrite", [this](Fd fd) { return serve_rewrite(std::move(fd)); });
  cleanup_ = std::make_unique<service::CleanupPool>(loop_, directory_ + "/cleanup");
  intake_ = std::make_unique<CleanupIntake>(*cleanup_);
  rewrite_ = std::make_unique<service::RewriteClient>(loop_, directory_ + "/rewrite", kLimit);
  tls_ = std::make_unique<service::TlsClient>(loop_, directory_ + "/tlsproxy");
  names_ = std::make_unique<dns::NativeLookup>(loop_, 1);
  dns::Options no_dns;
  no_dns.resolv_conf_path = "";
  dns_ = std::make_unique<dns::Resolver>(loop_, no_dns);
  limits_ = std::make_unique<Limits>(loop_, directory_ + "/anvil");
  flush_ = std::make_unique<service::FlushClient>(loop_, directory_ + "/flush");
  verify_ = std::make_unique<service::VerifyClient>(loop_, directory_ + "/" + settings_->p.address_verify_service_name,
                                                    kVerifyLimit);
  services_ = std::make_unique<Services>(
      Services{loop_, *intake_, *cleanup_, *rewrite_, *tls_, *names_, *dns_, *limits_, *flush_, *verify_, kLimit});
}

House::~House() {
  log::set_sink(nullptr);
  listeners_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void House::listen(const std::string& path, std::function<async::Task<>(Fd)> serve) {
  auto listener = std::make_unique<Listener>();
  listener->fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (directory_ + "/" + path).copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener->fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) std::abort();
  if (::listen(listener->fd.get(), 10) < 0) std::abort();
  const int fd = listener->fd.get();
  listener->watch = std::make_unique<async::IoWatch>(loop_, fd, async::IoWatch::What::read, [this, fd, serve] {
    Fd accepted(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (accepted) loop_.spawn(serve(std::move(accepted)));
  });
  listener->watch->enable();
  listeners_.push_back(std::move(listener));
}

async::Task<> House::serve_rewrite(Fd fd) {
  ipc::CallServerOptions options;
  options.protocol = service::kRewriteProtocol;
  return ipc::serve_calls(loop_, std::move(fd), &rewrite_calls_, std::move(options));
}

async::Task<> House::serve_verify(Fd fd) {
  ipc::CallServerOptions options;
  options.protocol = service::kVerifyProtocol;
  return ipc::serve_calls(loop_, std::move(fd), &verify_calls_, std::move(options));
}

async::Task<> House::serve_cleanup(Fd fd) {
  async::Stream stream(loop_, std::move(fd));
  const Result<> hello = co_await ipc::expect_hello(stream, std::string(service::kCleanupProtocol),
                                                    service::kCleanupVersion, deadline_in(kLimit));
  if (!hello || cleanup_away) co_return;
  std::shared_ptr<StoredMessage> message;
  mail::RecordDecoder decoder;
  for (;;) {
    const Result<ipc::Frame> frame = co_await ipc::read_frame(stream, deadline_in(kLimit));
    if (!frame) co_return;
    if (frame->id == service::kOpen) {
      message = std::make_shared<StoredMessage>();
      message->queue_id = fmt::format("QID{}", messages.size() + 1);
      message->flags = ipc::decode<service::CleanupOpen>(frame->payload)->flags;
      messages.push_back(message);
      ipc::put_message(stream, service::kOpened, service::CleanupOpened{message->queue_id, 0});
    } else if (frame->id == service::kRecords) {
      decoder.feed(frame->payload);
      for (auto record = decoder.next(); record && *record; record = decoder.next()) {
        message->records.push_back((*record)->type + std::string((*record)->payload));
      }
      continue;
    } else {
      message->ended = true;
      ipc::put_message(stream, service::kResult, verdict);
    }
    const async::Io io = co_await stream.flush(deadline_in(kLimit));
    if (io != async::Io::ok) co_return;
  }
}

// One whole reply; false: the server has closed.
async::Task<bool> House::hear(async::Stream* stream, Ear* ear) {
  for (;;) {
    const std::string_view input = stream->input();
    const std::size_t end = input.find("\r\n");
    if (end == std::string_view::npos) {
      const async::Io io = co_await stream->fill(deadline_in(kLimit));
      if (io != async::Io::ok) co_return false;
      continue;
    }
    const std::string line(input.substr(0, end));
    stream->consume(end + 2);
    ear->heard += line + "\n";
    ear->invited = line.starts_with("354");
    if (line.size() < 4 || line[3] != '-') co_return true;
  }
}

async::Task<> House::client(Fd fd, std::vector<std::string> lines, Ear* ear) {
  async::Stream stream(loop_, std::move(fd));
  bool open = co_await hear(&stream, ear);
  for (std::size_t i = 0; open && i < lines.size(); ++i) {
    if (lines[i] == "wait:") {
      open = co_await hear(&stream, ear);
      continue;
    }
    const bool raw = lines[i].starts_with("raw:");
    stream.put(raw ? std::string_view(lines[i]).substr(4) : std::string_view(lines[i]));
    if (!raw) stream.put("\r\n");
    const async::Io io = co_await stream.flush(deadline_in(kLimit));
    if (io != async::Io::ok) break;
    if (raw || (ear->invited && lines[i] != ".")) continue;
    ear->invited = false;
    open = co_await hear(&stream, ear);
  }
  stream.close();
}

service::Connection House::connect(Fd fd, const std::string& address) const {
  service::Connection connection;
  connection.fd = std::move(fd);
  connection.peer_address = address;
  connection.peer_port = "4711";
  connection.local_address = "127.0.0.1";
  connection.local_port = "25";
  return connection;
}

std::string House::talk(const std::vector<std::string>& lines, const std::string& address) {
  auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  if (!pair) std::abort();
  Ear ear;
  Session session(*services_, *settings_, connect(std::move(pair->first), address));
  const async::TaskId served = loop_.spawn(session.run());
  const async::TaskId client_id = loop_.spawn(client(std::move(pair->second), lines, &ear));
  while (loop_.running(served) || loop_.running(client_id)) loop_.run_once();
  return ear.heard;
}

async::Task<> House::torrent(Fd fd, std::vector<std::string> pieces, std::string* heard) {
  async::Stream stream(loop_, std::move(fd));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    stream.put(pieces[i]);
    const async::Io io = co_await stream.flush(deadline_in(kLimit));
    if (io != async::Io::ok) break;
  }
  ::shutdown(stream.fd(), SHUT_WR);
  async::Io io = async::Io::ok;
  while (io == async::Io::ok) {
    *heard += stream.input();
    stream.discard_input();
    io = co_await stream.fill(deadline_in(kLimit));
  }
}

std::string House::pour(const std::vector<std::string>& pieces, const std::string& address) {
  auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  if (!pair) std::abort();
  std::string heard;
  Session session(*services_, *settings_, connect(std::move(pair->first), address));
  const async::TaskId served = loop_.spawn(session.run());
  const async::TaskId client_id = loop_.spawn(torrent(std::move(pair->second), pieces, &heard));
  while (loop_.running(served) || loop_.running(client_id)) loop_.run_once();
  return heard;
}

async::Task<> House::write_all(async::Stream* stream, std::string bytes) {
  stream->put(bytes);
  [[maybe_unused]] const async::Io io = co_await stream->flush(deadline_in(kLimit));
  ::shutdown(stream->fd(), SHUT_WR);
}

async::Task<> House::count_lines(async::Stream* stream, std::size_t* lines) {
  for (async::Io io = async::Io::ok; io == async::Io::ok;) {
    *lines += static_cast<std::size_t>(std::ranges::count(stream->input(), '\n'));
    stream->discard_input();
    io = co_await stream->fill(deadline_in(kLimit));
  }
}

async::Task<> House::ask_on(Fd fd, const bool* over, std::size_t* answers) {
  async::Stream stream(loop_, std::move(fd));
  Ear ear;
  bool open = co_await hear(&stream, &ear);
  while (open && !*over) {
    stream.put("NOOP\r\n");
    const async::Io io = co_await stream.flush(deadline_in(kLimit));
    if (io != async::Io::ok) break;
    open = co_await hear(&stream, &ear);
    if (open && !*over) ++*answers;
  }
}

std::size_t House::answered_during(const std::string& flood, std::size_t* lines) {
  auto pouring = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  auto asking = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  if (!pouring || !asking) std::abort();
  Session first(*services_, *settings_, connect(std::move(pouring->first), "127.0.0.1"));
  Session second(*services_, *settings_, connect(std::move(asking->first), "127.0.0.1"));
  async::Stream stream(loop_, std::move(pouring->second));
  bool over = false;
  std::size_t answers = 0;
  const async::TaskId asked = loop_.spawn(ask_on(std::move(asking->second), &over, &answers));
  const async::TaskId answering = loop_.spawn(second.run());
  const async::TaskId served = loop_.spawn(first.run());
  const async::TaskId written = loop_.spawn(write_all(&stream, flood));
  const async::TaskId read = loop_.spawn(count_lines(&stream, lines));
  while (loop_.running(read) || loop_.running(served)) loop_.run_once();
  over = true;
  while (loop_.running(asked) || loop_.running(answering) || loop_.running(written)) loop_.run_once();
  return answers;
}

std::vector<std::string> House::crowd(std::size_t clients, const std::vector<std::string>& lines) {
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<async::TaskId> tasks;
  std::vector<Ear> ears(clients);
  for (Ear& ear : ears) {
    auto pair = socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
    if (!pair) std::abort();
    sessions.push_back(std::make_unique<Session>(*services_, *settings_, connect(std::move(pair->first), "127.0.0.1")));
    tasks.push_back(loop_.spawn(sessions.back()->run()));
    tasks.push_back(loop_.spawn(client(std::move(pair->second), lines, &ear)));
  }
  const auto busy = [this](async::TaskId task) { return loop_.running(task); };
  while (std::ranges::any_of(tasks, busy)) loop_.run_once();
  std::vector<std::string> heard;
  for (Ear& ear : ears) heard.push_back(std::move(ear.heard));
  return heard;
}

bool House::logged(const std::string& text) const {
  return std::ranges::any_of(log, [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace postern::smtpd
