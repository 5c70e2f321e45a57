// SPDX-License-Identifier: Apache-2.0
#include "lib/service/options.h"

#include <getopt.h>

#include "lib/base/text.h"

namespace postern::service {

namespace {

Result<std::size_t> number(char option, const char* value) {
  const auto n = text::to_u64(value);
  if (!n) return fail(std::string("bad -") + option + " option value: " + value);
  return static_cast<std::size_t>(*n);
}

}  // namespace

Result<WorkerOptions> parse_worker_options(int argc, char* const* argv, std::string_view program) {
  WorkerOptions out;
  out.service_name = program;
  optind = 1;
  opterr = 0;
  int c = 0;
  while ((c = ::getopt(argc, argv, "+AcdDi:lL:m:n:o:r:s:St:uvVz")) >= 0) {
    switch (c) {
      case 'A': out.alone = true; break;
      case 'c': out.chroot = true; break;
      case 'D': out.debugger = true; break;
      case 'l': out.session_limit = 1; break;
      case 'n': out.service_name = optarg; break;
      case 'o': out.overrides.emplace_back(optarg); break;
      case 'i': out.overrides.push_back(std::string("max_idle=") + optarg); break;
      case 'm': out.overrides.push_back(std::string("max_use=") + optarg); break;
      case 'S': out.stand_alone = true; break;
      case 't': out.transport = optarg; break;
      case 'u': out.unprivileged = true; break;
      case 'v': ++out.verbosity; break;
      case 'd':
      case 'r':
      case 'V':
      case 'z': break;
      case 'L': {
        const auto n = number('L', optarg);
        if (!n) return std::unexpected(n.error());
        out.session_limit = *n;
        break;
      }
      case 's': {
        const auto n = number('s', optarg);
        if (!n) return std::unexpected(n.error());
        out.sockets = static_cast<int>(*n);
        break;
      }
      default: return fail(std::string("unknown option: -") + static_cast<char>(optopt));
    }
  }
  out.arguments.assign(argv + optind, argv + argc);
  return out;
}

}  // namespace postern::service
