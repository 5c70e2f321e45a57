// SPDX-License-Identifier: Apache-2.0
// postcat: shows queue files readably.
//
//   postcat [-bdehoqrv] [-c config_dir] [-s offset] [file ...]
//
// -e -h -b choose envelope, header and body (default: all three), -q takes queue ids instead of file names, -o and -d
// add columns with offset and record type, -r shows pointer records instead of following them, -s begins at an offset.
// Without files it reads standard input.
//
// SECURITY. Runs with the rights of its caller; reads the files it is given, and main.cf.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "commands/postcat/params.h"
#include "commands/postcat/queue_text.h"
#include "lib/base/fd.h"
#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/config/config.h"
#include "lib/mail/queue_dir.h"

namespace postern::postcat {

namespace {

constexpr std::size_t kFileMax = std::size_t{1} << 32;
const std::vector<std::string> kQueues{"incoming", "active", "deferred", "hold", "maildrop", "corrupt", "saved"};

struct Options {
  std::string directory;
  Selection selection;
  bool queue_ids = false;
  std::vector<std::string> files;
};

class Command {
 public:
  explicit Command(std::string program) : program_(std::move(program)) {}

  int run(int argc, char** argv) {
    const auto options = parse_options(argc, argv);
    const auto directory = options.directory.empty() ? config::Config::default_directory() : options.directory;
    const auto config =
        config::Config::load(directory, {.process_name = "postcat", .service_name = {}, .overrides = {}});
    if (!config) end(config.error().text);
    if (options.files.empty()) {
      show("stdin", read_all(STDIN_FILENO, "stdin"), options.selection);
    } else if (options.queue_ids) {
      const auto params = Params::load(*config);
      if (!params) end(params.error().text);
      for (const auto& id : options.files) show_queued(*params, id, options.selection);
    } else {
      for (const auto& file : options.files) {
        const auto fd = files::open(file, O_RDONLY);
        if (!fd) end("open " + file + ": " + errno_text(fd.error().code));
        show(file, read_all(fd->get(), file), options.selection);
      }
    }
    return 0;
  }

 private:
  void warn(const std::string& text) const {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: warning: %s\n", program_.c_str(), text.c_str());
  }
  [[noreturn]] void end(const std::string& text) const {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: fatal: %s\n", program_.c_str(), text.c_str());
    std::exit(1);
  }

  [[nodiscard]] Options parse_options(int argc, char** argv) const {
    Options out;
    Selection& selection = out.selection;
    for (int c = 0; (c = ::getopt(argc, argv, "bc:dehoqrs:v")) != -1;) {
      switch (c) {
        case 'b': selection.body = true; break;
        case 'c': out.directory = optarg; break;
        case 'd': selection.types = true; break;
        case 'e': selection.envelope = true; break;
        case 'h': selection.header = true; break;
        case 'o': selection.offsets = true; break;
        case 'q': out.queue_ids = true; break;
        case 'r': selection.raw = true; break;
        case 's': {
          const auto offset = text::to_u64(optarg);
          if (!offset) end(std::string("bad offset: ") + optarg);
          selection.start = *offset;
          break;
        }
        case 'v': break;
        default:
          end("usage: " + program_ +
              " [-b (body text)] [-c config_dir] [-d (decimal record type)] [-e (envelope records)] [-h (header text)] "
              "[-q (access queue)] [-r (raw access)] [-s offset] [-v] [file(s)...]");
      }
    }
    if (!selection.envelope && !selection.header && !selection.body) {
      selection.envelope = selection.header = selection.body = true;
    }
    for (int i = optind; i < argc; ++i) out.files.emplace_back(argv[i]);
    return out;
  }

  [[nodiscard]] std::string read_all(int fd, const std::string& name) const {
    std::string out;
    std::string buffer(std::size_t{1} << 16, '\0');
    for (;;) {
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) end("read " + name + ": " + errno_text(errno));
      if (n == 0) return out;
      if (out.size() > kFileMax) end(name + ": file is too large");
      out.append(buffer, 0, static_cast<std::size_t>(n));
    }
  }

  void show(const std::string& name, const std::string& bytes, const Selection& selection) const {
    if (bytes.empty()) return;
    QueueText text(name, bytes, selection);
    if (!text.plausible()) {
      warn(name + ": input is not a valid queue file");
      return;
    }
    for (;;) {
      const auto line = text.next();
      if (!line) {
        warn(name + ": " + line.error().text);
        end("record read error");
      }
      if (!*line) return;
      std::fwrite((*line)->data(), 1, (*line)->size(), stdout);
    }
  }

  void show_queued(const Params& params, const std::string& id, const Selection& selection) const {
    if (::chdir(params.queue_directory.c_str()) < 0) {
      end("chdir " + params.queue_directory + ": " + errno_text(errno));
    }
    mail::QueueLayout layout;
    layout.root = ".";
    for (const auto name : text::words(params.hash_queue_names, ", \t\r\n")) layout.hash_names.emplace_back(name);
    layout.hash_depth = static_cast<unsigned>(params.hash_queue_depth);
    const mail::QueueDir queues(layout);
    int error = ENOENT;
    for (const auto& queue : kQueues) {
      const auto fd = queues.open(queue, id, O_RDONLY);
      if (!fd) {
        if (fd.error().code != ENOENT) error = fd.error().code;
        continue;
      }
      show(queues.path(queue, id).substr(2), read_all(fd->get(), id), selection);
      return;
    }
    end("open queue file " + id + ": " + errno_text(error));
  }

  std::string program_;
};

}  // namespace

}  // namespace postern::postcat

int main(int argc, char** argv) { return postern::postcat::Command(argc > 0 ? argv[0] : "postcat").run(argc, argv); }
