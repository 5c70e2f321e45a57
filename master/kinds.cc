// SPDX-License-Identifier: Apache-2.0
#include "master/kinds.h"

#include <algorithm>
#include <array>

namespace postern::master {

namespace {

struct Program {
  std::string_view name;
  Kind kind;
  bool delivers = false;
  bool packets = false;
};

constexpr std::array kPrograms{
    Program{"anvil", Kind::single},
    Program{"pickup", Kind::single},
    Program{"postlogd", Kind::single},
    Program{"postscreen", Kind::single},
    Program{"qmgr", Kind::single},
    Program{"scache", Kind::single, false, true},
    Program{"tlsmgr", Kind::single},
    Program{"verify", Kind::single},
    Program{"bounce", Kind::session},
    Program{"cleanup", Kind::session},
    Program{"discard", Kind::session, true},
    Program{"dnsblog", Kind::session},
    Program{"error", Kind::session, true},
    Program{"flush", Kind::session},
    Program{"lmtp", Kind::session, true},
    Program{"proxymap", Kind::session},
    Program{"qmqpd", Kind::session},
    Program{"saslproxy", Kind::session},
    Program{"showq", Kind::session},
    Program{"smtp", Kind::session, true},
    Program{"smtpd", Kind::session},
    Program{"tlsproxy", Kind::session, false, true},
    Program{"trivial-rewrite", Kind::session},
    Program{"local", Kind::isolated, true},
    Program{"pipe", Kind::isolated, true},
    Program{"spawn", Kind::isolated},
    Program{"virtual", Kind::isolated, true},
};

constexpr std::array kBuiltIn{
    BuiltIn{"tlsmgr unix - - n 1000? 1 tlsmgr"},
    BuiltIn{"tlsproxy unix - - n - 0 tlsproxy"},
    BuiltIn{"rewrite unix - - n - - trivial-rewrite"},
    BuiltIn{"bounce unix - - n - 0 bounce"},
    BuiltIn{"defer unix - - n - 0 bounce"},
    BuiltIn{"trace unix - - n - 0 bounce"},
    BuiltIn{"verify unix - - n - 1 verify"},
    BuiltIn{"flush unix n - n 1000? 0 flush"},
    BuiltIn{"proxymap unix - - n - - proxymap"},
    BuiltIn{"proxywrite unix - - n - 1 proxymap"},
    BuiltIn{"showq unix n - n - - showq"},
    BuiltIn{"error unix - - n - - error"},
    BuiltIn{"retry unix - - n - - error"},
    BuiltIn{"discard unix - - n - - discard"},
    BuiltIn{"anvil unix - - n - 1 anvil"},
    BuiltIn{"scache unix - - n - 1 scache"},
    BuiltIn{"postlog unix-dgram n - n - 1 postlogd", true},
};

const Program* find(std::string_view name) {
  const auto* found = std::ranges::find(kPrograms, name, &Program::name);
  return found == kPrograms.end() ? nullptr : found;
}

}  // namespace

Kind kind_of(const config::MasterEntry& entry, std::string_view proxywrite) {
  const Program* program = find(entry.command);
  if (program == nullptr) return Kind::isolated;
  if (program->kind == Kind::single) return Kind::single;
  if (entry.command == "proxymap" && entry.service == proxywrite) return Kind::single;
  // showq and the like may run privileged only when nobody shares the process.
  return entry.unprivileged ? program->kind : Kind::isolated;
}

bool is_delivery_agent(std::string_view program) {
  const Program* found = find(program);
  return found != nullptr && found->delivers;
}

bool uses_packets(const config::MasterEntry& entry) {
  if (entry.type == config::ServiceType::pass) return true;
  const Program* found = find(entry.command);
  return entry.type == config::ServiceType::unix_stream && found != nullptr && found->packets;
}

std::span<const BuiltIn> built_in_services() { return kBuiltIn; }

}  // namespace postern::master
