// SPDX-License-Identifier: Apache-2.0
// One message through cleanup as main.cf says, with a rewrite service that completes addresses and a bounce service
// that notes what it is told; and what the queue file holds afterwards.
#pragma once

#include <fcntl.h>

#include <algorithm>

#include "cleanup/intake.h"
#include "lib/base/files.h"
#include "lib/config/config.h"
#include "lib/ipc/call.h"
#include "lib/mail/queue_file.h"
#include "tests/unit/world.h"

namespace postern::cleanup {

using Records = std::vector<std::pair<char, std::string>>;

class MessageWorld {
 public:
  MessageWorld() : here_(dir_.path()) {
    table::register_builtin_tables(registry_);
    context_.registry = &registry_;
    context_.loop = &loop_;
    dispatcher_.on<service::RewriteRequest>([](service::RewriteRequest r) { return complete(std::move(r)); });
    dispatcher_.on<service::BounceAppend>([this](service::BounceAppend r) { return append(this, std::move(r)); });
    dispatcher_.on<service::BounceNotice>([this](service::BounceNotice r) { return notice(this, std::move(r)); });
    rewrite_ = serve("rewrite", service::kRewriteProtocol);
    reports_ = serve("reports", service::kBounceProtocol);
  }

  // main.cf and the client's flags.
  std::string main_cf =
      "myhostname = mx.example.test\nmydomain = example.test\nmyorigin = example.test\n"
      "mydestination = example.test\nrecipient_delimiter = +\n";
  std::int64_t flags = service::cleanup_flag::kExternal;
  bool bounce_works = true;
  // What the bounce service was told.
  std::vector<service::BounceAppend> appended;
  std::vector<service::BounceNotice> notices;
  test::LogLines log;
  std::string id;

  service::CleanupResult send(const Records& records) {
    const Params params = *Params::load(*config::Config::from_text(main_cf));
    mail::QueueLayout layout;
    layout.root = ".";
    const mail::QueueDir queue(layout);
    async::ThreadPool disk(loop_, 1, 10);
    service::RewriteClient rewrite(loop_, "rewrite", Duration(10000));
    service::Reporter reporter(loop_, {.bounce = "reports", .defer = "reports", .trace = "reports"}, Duration(10000));
    const Mapping mapping(params, {"192.0.2.7"}, context_, rewrite);
    const Checks checks(params, context_);
    HeaderPolicy headers;
    headers.myhostname = params.myhostname;
    headers.hop_limit = params.hopcount_limit;
    Shared shared{params, queue, rewrite, disk, headers, &mapping, &checks, &reporter};
    service::CleanupOpen open;
    open.flags = flags;
    Intake intake(shared, open);
    id = intake.open()->queue_id;
    service::CleanupResult out;
    test::run(loop_, feed(&intake, &records, &out));
    incoming = intake.incoming();
    return out;
  }
  bool incoming = false;  // whether qmgr will find the message

  // From the network, unless `local`.
  static Records message(const std::string& sender, const std::vector<std::string>& recipients,
                         const std::vector<std::string>& content, bool local = false) {
    Records out = {
        {'T', "1700000000 1"}, {'A', local ? "rewrite_context=local" : "rewrite_context=remote"}, {'S', sender}};
    if (!local) {
      out.emplace_back('A', "log_message_origin=client.test[192.0.2.1]");
      out.emplace_back('A', "log_helo_name=h.test");
      out.emplace_back('A', "log_protocol_name=ESMTP");
    }
    for (const auto& recipient : recipients) out.emplace_back('R', recipient);
    out.emplace_back('M', "");
    for (const auto& line : content) out.emplace_back('N', line);
    out.emplace_back('X', "");
    out.emplace_back('E', "");
    return out;
  }

  [[nodiscard]] std::vector<mail::FileRecord> read(const std::string& queue = "incoming") const {
    std::vector<mail::FileRecord> out;
    const auto fd = files::open(queue + "/" + id, O_RDONLY);
    if (!fd) return out;
    mail::QueueFileReader reader(fd->get());
    for (;;) {
      auto record = reader.next();
      if (!record || !*record) return out;
      out.push_back(std::move(**record));
    }
  }
  // The payloads of a type, "a b c".
  [[nodiscard]] std::string payloads(char type) const {
    std::string out;
    for (const auto& r : read()) {
      if (r.type != type || (r.segment == mail::Segment::content && type != 'N')) continue;
      out += (out.empty() ? "" : " ") + r.payload;
    }
    return out;
  }
  [[nodiscard]] std::string content() const {
    std::string out;
    for (const auto& r : read()) {
      if (r.segment != mail::Segment::content || (r.type != 'N' && r.type != 'L')) continue;
      out += r.payload;
      if (r.type == 'N') out += '\n';
    }
    return out;
  }
  [[nodiscard]] bool exists(const std::string& queue = "incoming") const { return files::exists(queue + "/" + id); }

 private:
  static async::Task<Result<service::RewriteReply>> complete(service::RewriteRequest request) {
    if (request.address.find('@') == std::string::npos) request.address += "@example.test";
    co_return service::RewriteReply{std::move(request.address)};
  }
  static async::Task<Result<service::BounceReply>> append(MessageWorld* world, service::BounceAppend request) {
    world->appended.push_back(std::move(request));
    co_return service::BounceReply{world->bounce_works};
  }
  static async::Task<Result<service::BounceReply>> notice(MessageWorld* world, service::BounceNotice request) {
    world->notices.push_back(std::move(request));
    co_return service::BounceReply{world->bounce_works};
  }
  static async::Task<> feed(Intake* intake, const Records* records, service::CleanupResult* out) {
    for (std::size_t i = 0; i < records->size(); ++i) {
      co_await intake->record((*records)[i].first, (*records)[i].second);
    }
    service::CleanupResult result = co_await intake->finish(deadline_in(Duration(10000)));
    *out = std::move(result);
  }
  std::unique_ptr<test::UnixService> serve(const std::string& path, std::string_view protocol) {
    return std::make_unique<test::UnixService>(loop_, path, [this, protocol](Fd fd) {
      ipc::CallServerOptions options;
      options.protocol = protocol;
      return ipc::serve_calls(loop_, std::move(fd), &dispatcher_, std::move(options));
    });
  }

  async::Loop loop_;
  test::TempDir dir_;
  test::InDirectory here_;
  table::Registry registry_;
  table::Context context_;
  ipc::Dispatcher dispatcher_;
  std::unique_ptr<test::UnixService> rewrite_;
  std::unique_ptr<test::UnixService> reports_;
};

}  // namespace postern::cleanup
