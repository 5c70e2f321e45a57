// SPDX-License-Identifier: Apache-2.0
// Tables of daemons: they follow their file, survive its absence, and name remote tables.
#include <cerrno>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/table/rules.h"
#include "lib/table/table.h"

namespace postern::table {

namespace {

constexpr std::chrono::seconds kCheckInterval{1};

class LiveTable : public Table {
 public:
  LiveTable(Spec spec, const Context& context) : Table(std::move(spec.type), std::move(spec.name)), context_(context) {
    (void)reopen();
    if (current_ || error_.code == EAGAIN) return;
    if (context_.must_open) log::fatal("{}", error_.text);
    log::write(log::Level::error, error_.text);
  }

  bool pattern() const override { return current_ && current_->pattern(); }
  bool substitutes() const override { return current_ && current_->substitutes(); }

 protected:
  Answer find(std::string_view key) override {
    if (Clock::now() >= next_check_) refresh();
    if (!current_) {
      if (error_.code != EAGAIN) log::warning("{} is unavailable. {}", spec(), error_.text);
      return std::unexpected(error_);
    }
    Answer answer = current_->lookup(key);
    if (answer || answer.error().code != ESTALE) return answer;
    // The file was rewritten under the open database: the answer must come from the new version.
    if (!reopen()) return std::unexpected(error_);
    answer = current_->lookup(key);
    if (!answer && answer.error().code == ESTALE) answer.error().code = EAGAIN;
    return answer;
  }

 private:
  void refresh() {
    next_check_ = Clock::now() + kCheckInterval;
    if (!current_ || current_->changed()) (void)reopen();
  }

  bool reopen() {
    auto opened = open(spec(), Mode::read, context_);
    if (opened) {
      current_ = std::move(*opened);
      restart_asked_ = false;
      next_check_ = Clock::now() + kCheckInterval;
      return true;
    }
    error_ = std::move(opened.error());
    // postmap is still at work: look again at the next lookup.
    next_check_ = error_.code == EAGAIN ? Clock::now() : Clock::now() + kCheckInterval;
    if (current_ && error_.code != EAGAIN) give_way();
    return false;
  }

  // What was read before serves on where it can, until a worker takes over that can open the new version.
  void give_way() {
    if (!context_.must_restart) {
      log::write(log::Level::error, error_.text);
      current_.reset();
      return;
    }
    if (std::exchange(restart_asked_, true)) return;
    log::info("table {} has changed -- restarting", spec());
    context_.must_restart(spec());
  }

  const Context& context_;
  TablePtr current_;
  Error error_;
  Deadline next_check_;
  bool restart_asked_ = false;
};

// A table that only proxymap can read.
class RemoteTable : public Table {
 public:
  RemoteTable(Spec spec, std::string target)
      : Table(std::move(spec.type), std::move(spec.name)), target_(std::move(target)) {}
  bool remote() const override { return true; }
  std::string target() const override { return target_; }

 protected:
  Answer find(std::string_view) override {
    log::warning("{} is unavailable. this process cannot ask the proxymap service", spec());
    return fail(spec() + ": cannot be asked from here");
  }

 private:
  std::string target_;
};

class Unavailable : public Table {
 public:
  Unavailable(Spec spec, Error error) : Table(std::move(spec.type), std::move(spec.name)), error_(std::move(error)) {
    log::write(log::Level::error, error_.text);
  }

 protected:
  Answer find(std::string_view) override {
    log::warning("{} is unavailable. {}", spec(), error_.text);
    return std::unexpected(error_);
  }

 private:
  Error error_;
};

// A type that is not registered here, or a compound table with such a part: proxymap then does the whole of it.
bool needs_remote(const Spec& spec, const Context& context) {
  if (!context.registry) return false;
  if (!context.registry->find(spec.type)) return context.registry->is_remote(spec.type);
  if (spec.type != "pipemap" && spec.type != "unionmap") return false;
  const auto parts = braced_items(spec.name);
  if (!parts) return false;
  for (const auto& part : *parts) {
    const auto inner = parse_spec(part, context.default_type);
    if (inner && needs_remote(*inner, context)) return true;
  }
  return false;
}

}  // namespace

TablePtr open_live(std::string_view spec, const Context& context) {
  auto parsed = parse_spec(spec, context.default_type);
  if (!parsed) return std::make_unique<Unavailable>(Spec{"", std::string(spec)}, parsed.error());
  const std::string type = parsed->type;
  const std::string whole = type + ":" + parsed->name;
  // A process without proxymap client reads proxied tables itself, if it knows how.
  if (type == "proxy" && !context.remote) return open_live(parsed->name, context);
  if (type == "proxy") return std::make_unique<RemoteTable>(*parsed, parsed->name);
  if (needs_remote(*parsed, context)) return std::make_unique<RemoteTable>(*parsed, whole);
  if (context.registry && context.registry->find(type)) return std::make_unique<LiveTable>(std::move(*parsed), context);
  const Error error{"unsupported dictionary type: " + type};
  return std::make_unique<Unavailable>(std::move(*parsed), error);
}

}  // namespace postern::table
