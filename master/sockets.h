// SPDX-License-Identifier: Apache-2.0
// The listening sockets of a service, as every worker inherits them: non-blocking, close-on-exec in master.
//
// Below public/ and private/: owner mail_owner, mode 0666 (fifo: 0622); the directories are what protects them.
// A socket file that an earlier instance left is replaced; anything else at that place is an error.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/fd.h"
#include "lib/config/tcp_ports.h"
#include "master/addresses.h"
#include "master/plan.h"

namespace postern::master {

struct SocketOptions {
  std::vector<std::string> interfaces;
  Protocols protocols;
  config::TcpPorts ports;
  uid_t owner_uid = 0;
  gid_t owner_gid = 0;
};

struct Listeners {
  std::vector<Fd> sockets;
  bool public_address = false;  // reachable from another host (or handed connections by a pass service)
};

// The working directory is queue_directory.
[[nodiscard]] Result<Listeners> open_listeners(const ServicePlan& plan, const SocketOptions& options,
                                               const Resolver& resolver);
// A SOCK_SEQPACKET socket of mail_owner at `path`, for sessions that come from other services.
[[nodiscard]] Result<Fd> open_switch_socket(const std::string& path, const SocketOptions& options);
// Connects to the service's own socket and writes `byte`; never waits. Nobody hears a wakeup that finds no room.
void send_wakeup(const ServicePlan& plan, char byte);

}  // namespace postern::master
