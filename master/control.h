// SPDX-License-Identifier: Apache-2.0
// What `postfix sessions` talks to: process_id_directory/control, a SOCK_SEQPACKET socket for the user that master runs
// as (and root) only. Workers cannot reach it: they have another user, or, in a rootless system, nothing to gain.
//
//   sessions          answered with one packet "worker PID SERVICE" for each worker, which carries the memory of its
//                     list of sessions (lib/service/session_board.h), and a last packet "end"
//   end PID NUMBER    that worker is told to cut session NUMBER; no answer: the session's row goes
//
// master copies no session's data and waits for nobody: a client that does not read is dropped.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::master {

class Control {
 public:
  struct WorkerEntry {
    pid_t pid = 0;
    std::string service;
    int board = -1;
  };
  struct Actions {
    std::function<std::vector<WorkerEntry>()> workers;
    std::function<void(pid_t pid, std::uint64_t number)> end_session;
  };
  static Result<std::unique_ptr<Control>> open(async::Loop& loop, const std::string& path, Actions actions);
  ~Control();

 private:
  class Client;
  Control(async::Loop& loop, Fd listener, Actions actions);
  void accept();
  void forget(Client* client);

  async::Loop& loop_;
  Fd listener_;
  Actions actions_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Client>> gone_;  // until their callback has returned
  std::unique_ptr<async::IoWatch> watch_;
};

}  // namespace postern::master
