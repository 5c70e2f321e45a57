// SPDX-License-Identifier: Apache-2.0
// qshape: which domains the mail in the queue is for, and how old it is.
//
//   qshape [-hlps] [-b buckets] [-c config_dir] [-m subdomains] [-N messages] [-n domains] [-t minutes] [-w columns]
//          [queue ...]
//
// A queue is a directory below queue_directory, or an absolute path; without one it is incoming and active together.
// It reads every message file there, so its caller must be root or the mail system's owner; what vanishes meanwhile
// was delivered, and what it cannot read it does not count.
//
// SECURITY: runs with the rights of its caller and is not set-gid; it only reads. Opens: main.cf, the queue files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "commands/qshape/shape.h"
#include "lib/base/clock.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/config.h"
#include "lib/mail/queue_dir.h"
#include "lib/mail/queue_file.h"

namespace postern::qshape {

namespace {

// What scripts know as the status of wrong usage.
constexpr int kWrongUsage = 255;
constexpr int kNoConfiguration = 2;
constexpr std::uint64_t kMost = 1000;  // of buckets, rows, columns: more is a slip

struct Options {
  ShapeOptions shape;
  bool senders = false;
  std::size_t batch = 1000;
  std::size_t top = 20;
  std::string directory;
  std::vector<std::string> queues;
};

[[noreturn]] void usage(const char* program) {
  std::fprintf(stderr,
               "Usage: %s [-hlps] [-b buckets] [-c config_dir] [-m min_subdomains] [-N batch_messages]\n"
               "\t[-n top_domains] [-t minutes] [-w columns] [queue ...]\n",
               program);
  std::exit(kWrongUsage);
}

// A number above zero, or what there was before.
template <class T>
void number(T& value, const char* text) {
  const auto given = text::to_u64(text);
  if (given && *given > 0 && *given <= kMost) value = static_cast<T>(*given);
}

Options parse_options(int argc, char** argv) {
  Options out;
  for (int c = ::getopt(argc, argv, "hb:c:lm:N:n:pst:w:"); c != -1; c = ::getopt(argc, argv, "hb:c:lm:N:n:pst:w:")) {
    switch (c) {
      case 'b': number(out.shape.buckets, optarg); break;
      case 'c': out.directory = optarg; break;
      case 'l': out.shape.linear = true; break;
      case 'm': number(out.shape.min_subdomains, optarg); break;
      case 'N': number(out.batch, optarg); break;
      case 'n': number(out.top, optarg); break;
      case 'p': out.shape.parents = true; break;
      case 's': out.senders = true; break;
      case 't': {
        const double minutes = std::strtod(optarg, nullptr);
        if (minutes > 0) out.shape.minutes = minutes;
        break;
      }
      case 'w': number(out.shape.width, optarg); break;
      default: usage(argv[0]);
    }
  }
  out.queues.assign(argv + optind, argv + argc);
  if (out.queues.empty()) out.queues = {"incoming", "active"};
  return out;
}

class Counter {
 public:
  explicit Counter(const Options& options)
      : options_(options), shape_(options.shape), terminal_(::isatty(STDOUT_FILENO) != 0), now_(wall_now().seconds) {}

  void queue(const std::string& name, const std::string& path) {
    struct stat st{};
    if (::stat(path.c_str(), &st) < 0) {
      std::fprintf(stderr, "Can't stat %s: %s\n", name.c_str(), errno_text(errno).c_str());
      return;
    }
    mail::QueueScan scan(path);
    for (;;) {
      const auto entry = scan.next();
      if (!entry) {
        std::fprintf(stderr, "%s\n", entry.error().text.c_str());
        return;
      }
      if (!*entry) return;
      message((*entry)->path);
    }
  }
  void report() const { std::fputs(shape_.table(terminal_ ? options_.top : 0).c_str(), stdout); }

 private:
  void message(const std::string& path) {
    const auto fd = files::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return;
    const auto envelope = mail::read_envelope(fd->get());
    if (!envelope) return;
    const std::int64_t age = now_ - envelope->arrival.seconds;
    if (options_.senders) {
      shape_.add(envelope->sender, age);
    } else {
      for (const auto& recipient : envelope->recipients) shape_.add(recipient.address, age);
    }
    if (++messages_ % options_.batch != 0 || !terminal_) return;
    report();
    std::fputs("\n", stdout);
  }

  const Options& options_;
  Shape shape_;
  bool terminal_;
  std::int64_t now_;
  std::size_t messages_ = 0;
};

int main_program(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  const std::string directory = options.directory.empty() ? config::Config::default_directory() : options.directory;
  const auto config = config::Config::load(directory, {.process_name = "qshape", .service_name = {}, .overrides = {}});
  const auto root = config ? config->get("queue_directory") : std::unexpected(config.error());
  if (!root) {
    std::fprintf(stderr, "%s: %s\n", argv[0], root.error().text.c_str());
    return kNoConfiguration;
  }
  Counter counter(options);
  for (const auto& queue : options.queues) counter.queue(queue, files::resolve(*root, queue));
  counter.report();
  return 0;
}

}  // namespace

}  // namespace postern::qshape

int main(int argc, char** argv) { return postern::qshape::main_program(argc, argv); }
