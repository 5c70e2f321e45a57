// SPDX-License-Identifier: Apache-2.0
#include "lib/dns/resolver.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unbound.h>

#include <csignal>
#include <optional>
#include <utility>

#include "lib/async/pool.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/dns/ad_query.h"

namespace postern::dns {

namespace {

constexpr std::chrono::seconds kLookInterval{1};
constexpr std::size_t kMaxFile = 1UL << 20;

struct CtxDeleter {
  void operator()(ub_ctx* ctx) const { ub_ctx_delete(ctx); }
};
struct ResultDeleter {
  void operator()(ub_result* result) const { ub_resolve_free(result); }
};
using CtxPtr = std::unique_ptr<ub_ctx, CtxDeleter>;
using ResultPtr = std::unique_ptr<ub_result, ResultDeleter>;

struct Setting {
  const char* name;
  const char* value;
};
// A newer library may have dropped one of them; what is then its default will do.
constexpr Setting kSettings[] = {
    {"use-syslog:", "no"},
    {"verbosity:", "0"},
    {"do-not-query-localhost:", "no"},
    // We are a stub: what the servers of resolv.conf say counts, for private addresses too.
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "yes"},
    {"qname-minimisation:", "no"},
    // Who wants another order than the server's mixes for himself.
    {"rrset-roundrobin:", "no"},
    {"trust-anchor-signaling:", "no"},
    {"edns-buffer-size:", "1232"},
    // A server that was down is asked again soon: the default forgets an outage after 15 minutes.
    {"infra-host-ttl:", "10"},
    {"infra-keep-probing:", "yes"},
    {"infra-cache-max-rtt:", "4000"},
    {"cache-max-negative-ttl:", "60"},
    {"msg-cache-size:", "2m"},
    {"rrset-cache-size:", "4m"},
};
// Zones that libunbound answers by itself unless told otherwise.
constexpr const char* kNotOurs[] = {"test.", "invalid.", "onion.", "home.arpa."};

Result<CtxPtr> make_ctx(const Options& options) {
  CtxPtr ctx(ub_ctx_create());
  if (!ctx) return fail("cannot create a resolver context");
  ub_ctx_debugout(ctx.get(), nullptr);
  // A thread: a process could not be started after the jail, and would outlive a killed worker.
  ub_ctx_async(ctx.get(), 1);
  for (const auto& s : kSettings) ub_ctx_set_option(ctx.get(), s.name, s.value);
  const bool validates = options.trust == Trust::secure;
  ub_ctx_set_option(ctx.get(), "module-config:", validates ? "validator iterator" : "iterator");
  bool any = false;
  for (const auto& server : options.resolv_conf.servers) any |= ub_ctx_set_fwd(ctx.get(), server.c_str()) == 0;
  if (!any) return fail("no usable name server");
  if (validates) {
    bool anchored = false;
    for (const auto line : text::fields(options.anchors, '\n')) {
      const auto anchor = text::trim(line);
      if (anchor.empty() || anchor.front() == ';' || anchor.front() == '#') continue;
      const int rc = ub_ctx_add_ta(ctx.get(), std::string(anchor).c_str());
      if (rc != 0) return fail(std::string("bad trust anchor: ") + ub_strerror(rc));
      anchored = true;
    }
    // Without one everything would count as insecure, and DANE would silently be no more.
    if (!anchored) return fail("no DNSSEC trust anchor");
  }
  // The first of these ends the configuration of the context.
  for (const char* zone : kNotOurs) {
    const int rc = ub_ctx_zone_add(ctx.get(), zone, "nodefault");
    if (rc != 0) return fail(std::string("resolver: ") + ub_strerror(rc));
  }
  return ctx;
}

}  // namespace

struct Resolver::Context {
  Context(async::Loop& loop, CtxPtr c)
      : ctx(std::move(c)),
        watch(loop, ub_fd(ctx.get()), async::IoWatch::What::read, [this] { ub_process(ctx.get()); }) {
    watch.enable();
  }
  CtxPtr ctx;
  async::IoWatch watch;  // goes before the descriptor does
  bool thread_runs = false;
};

// One question under way.
class Resolver::Query : public async::TimedWaiter {
 public:
  struct Outcome {
    bool in_time = false;
    int error = 0;  // of libunbound
    ResultPtr result;
  };

  Query(async::Loop& loop, std::shared_ptr<Context> context, std::string name, Type type, Deadline deadline)
      : TimedWaiter(loop, deadline), context_(std::move(context)), name_(std::move(name)), type_(type) {}
  ~Query() {
    if (asked_) ub_cancel(context_->ctx.get(), id_);
  }
  static bool await_ready() noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) {
    outcome_.error = ask();
    if (outcome_.error != 0) {
      outcome_.in_time = true;
      return false;
    }
    asked_ = true;
    arm(h);
    return true;
  }
  [[nodiscard]] Outcome await_resume() { return std::move(outcome_); }

 private:
  int ask() {
    constexpr int kClassIn = 1;
    const auto start = [this] {
      return ub_resolve_async(context_->ctx.get(), name_.c_str(), static_cast<int>(type_), kClassIn, this, answered,
                              &id_);
    };
    if (context_->thread_runs) return start();
    // The thread starts with the first question. Signals belong to the loop's thread.
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const int rc = start();
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    context_->thread_runs = rc == 0;
    return rc;
  }
  // Called by ub_process(), in the loop's thread.
  static void answered(void* self, int error, ub_result* result) {
    auto* query = static_cast<Query*>(self);
    query->asked_ = false;
    query->outcome_ = {.in_time = true, .error = error, .result = ResultPtr(result)};
    query->finish();
  }

  std::shared_ptr<Context> context_;
  std::string name_;
  Type type_;
  int id_ = 0;
  bool asked_ = false;
  Outcome outcome_;
};

namespace {

// How libunbound says that a name cannot be asked for.
Status status_of_error(int error) { return error == UB_SYNTAX ? Status::malformed : Status::temporary; }

void take_result(Answer& answer, const ub_result& result, bool secure_wanted) {
  if (secure_wanted && result.bogus != 0) {
    answer.detail = result.why_bogus != nullptr ? result.why_bogus : "validation failure";
    return;
  }
  answer.secure = secure_wanted && result.secure != 0;
  answer.ttl = static_cast<std::uint32_t>(std::max(0, result.ttl));
  if (result.canonname != nullptr) answer.canonical = text::trim_right(result.canonname, ".");
  if (result.havedata != 0) {
    for (int i = 0; result.data[i] != nullptr; ++i) {
      add_record(answer, {result.data[i], static_cast<std::size_t>(std::max(0, result.len[i]))});
    }
  } else if (result.nxdomain != 0) {
    answer.status = Status::not_found;
  } else if (result.rcode == 0) {
    answer.status = Status::no_data;
  } else {
    answer.detail = "server failure, code " + std::to_string(result.rcode);
  }
}

}  // namespace

Resolver::Resolver(async::Loop& loop, Options options, async::ThreadPool* pool)
    : loop_(loop), options_(std::move(options)), pool_(pool) {}

Resolver::~Resolver() = default;

void Resolver::flush_cache() { context_.reset(); }

void Resolver::look_for_change() {
  const auto now = Clock::now();
  if (options_.resolv_conf_path.empty() || now < next_look_) return;
  next_look_ = now + kLookInterval;
  struct stat st{};
  // A jail without the file: what was read before it stands.
  if (::stat(options_.resolv_conf_path.c_str(), &st) != 0) return;
  const FileIdentity seen{.device = st.st_dev,
                          .inode = st.st_ino,
                          .mtime_ns = st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec,
                          .size = st.st_size};
  if (seen == identity_) return;
  const auto text = files::read(options_.resolv_conf_path, kMaxFile);
  if (!text) return;
  identity_ = seen;
  auto conf = parse_resolv_conf(*text);
  if (conf == options_.resolv_conf) return;
  options_.resolv_conf = std::move(conf);
  context_.reset();
}

Result<std::shared_ptr<Resolver::Context>> Resolver::context() {
  if (context_) return context_;
  auto ctx = make_ctx(options_);
  if (!ctx) return std::unexpected(std::move(ctx.error()));
  context_ = std::make_shared<Context>(loop_, std::move(*ctx));
  return context_;
}

async::Task<Answer> Resolver::lookup(std::string name, Type type, Deadline deadline) {
  Answer answer;
  answer.name = text::trim_right(name, ".");
  answer.type = type;
  answer.canonical = answer.name;
  // The root has servers and no mail.
  const bool root = name == "." && (type == Type::ns || type == Type::soa);
  if (root) answer.name = name;
  if (!root && !is_query_name(name)) {
    answer.status = Status::malformed;
    co_return answer;
  }
  look_for_change();
  if (pool_ != nullptr && options_.believes_ad()) {
    auto asked = co_await pool_->run(
        [question = answer, servers = options_.resolv_conf.servers] { return ad_query(question, servers); }, deadline);
    if (asked) co_return std::move(*asked);
    answer.detail = "timed out";
    co_return answer;
  }
  auto ctx = context();
  if (!ctx) {
    answer.detail = ctx.error().text;
    co_return answer;
  }
  Query::Outcome outcome = co_await Query(loop_, std::move(*ctx), answer.name, type, deadline);
  if (!outcome.in_time) {
    answer.detail = "timed out";
  } else if (outcome.error != 0 || !outcome.result) {
    // With an error nothing of the result may be read.
    answer.status = status_of_error(outcome.error);
    answer.detail = ub_strerror(outcome.error);
  } else {
    take_result(answer, *outcome.result, options_.trust == Trust::secure);
  }
  co_return answer;
}

}  // namespace postern::dns
