// SPDX-License-Identifier: Apache-2.0
// What a worker and its master tell each other, on descriptor 5 (one SOCK_SEQPACKET pair per worker).
//
// Worker to master, one text per packet, some with descriptors:
//   build ID         the first packet: which build the worker is of. Another than master's: it is killed, and has not
//                    accepted anything, because it waits for `welcome`
//   board            with the memory of lib/service/session_board.h
//   ready            initialised, about to accept
//   free N, full N   has room for sessions / has not; N sessions now. Sent on changes, when it empties, when it retires
//   aside            it retires, of a service with one process, and is no longer in the way of the next one
//   busy, late, calm the loop has much to do / runs late / neither (lib/service/load_meter.h)
//   alone KEY        with a connection, and what was read from it: it is to get a process of its own
//   file DEV INO SIZE CTIME_NS PATH   a file whose change wants a new generation (keys, CAs)
//   failed REASON    this generation cannot serve; the old one stays
// Master to worker:
//   welcome          the answer to `build`
//   retire           (so does end of file: master is gone)
//   stress yes | stress no
//   isolate KEY ...  client addresses or queue ids that were under way in two crashed workers
//   absolve KEY ...  they are as others again
//   end NUMBER       cut this session
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/async/loop.h"
#include "lib/base/fd.h"

namespace postern::service {

inline constexpr int kFlowRead = 3;
inline constexpr int kFlowWrite = 4;
inline constexpr int kStatusFd = 5;
inline constexpr int kListenFd = 6;
// One packet, in either direction.
inline constexpr std::size_t kStatusPacket = 8192;

class MasterLink {
 public:
  MasterLink(async::Loop& loop, int fd, std::function<void(std::string_view)> on_message);
  // The descriptors stay the caller's. False: master did not take it.
  bool send(const std::string& text, const std::vector<int>& fds = {});
  // Takes what is there, without waiting.
  void read();

 private:
  int fd_;
  bool closed_ = false;
  std::function<void(std::string_view)> on_message_;
  std::unique_ptr<async::IoWatch> watch_;
};

// One packet to the other end of a status socket, without waiting.
bool send_status(int socket, std::string_view text, const std::vector<int>& fds = {});
// The next packet from there; nullopt: none now. An empty text: the other end is closed.
struct StatusPacket {
  std::string text;
  std::vector<Fd> fds;
};
[[nodiscard]] std::optional<StatusPacket> receive_status(int socket);
// "file ..." for a file as it is now; empty when it cannot be looked at.
[[nodiscard]] std::string file_report(const std::string& path);

}  // namespace postern::service
