// SPDX-License-Identifier: Apache-2.0
// What a worker is doing, in memory that it shares with master: one slot per session with number, peer, state, queue
// id.
//
// The worker writes, without system calls; it gives the memory's descriptor to master when it is ready. Whoever has the
// descriptor reads: `postfix sessions` gets it from master, and master looks at it when the worker has crashed: what
// was under way then (a client address or a queue id, as the program says) is what may have caused it. Reading never
// disturbs the worker, and needs no answer from one that is stuck. A reader gets a copy that may be torn in a slot that
// is being written just now; texts are bounded and end within their field whatever it holds.
//
//   SessionNote note = connection.note;     // of a live session; a default one swallows everything
//   note.begin("RCPT", queue_id);           // works on something
//   note.wait("RCPT");                      // waits for its peer: nothing of it can crash the process
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/fd.h"

namespace postern::service {

// What tells a poisonous session from others when workers crash.
enum class SuspectKind : std::uint32_t { none = 0, client = 1, message = 2 };

class SessionBoard;
struct BoardSlot;

// A session's slot. Copies are the same slot; valid as long as the session.
class SessionNote {
 public:
  SessionNote() = default;
  // Short texts without blanks, as the listing shows them. An empty queue id: none (yet).
  void begin(std::string_view state, std::string_view queue_id = {}) const;
  void wait(std::string_view state) const;
  void peer(std::string_view text) const;

 private:
  friend class SessionBoard;
  SessionNote(SessionBoard* board, std::uint32_t slot) : board_(board), slot_(slot) {}
  SessionBoard* board_ = nullptr;
  std::uint32_t slot_ = 0;
};

// The worker's side.
class SessionBoard {
 public:
  // Error: the system has no such memory; the worker goes on without.
  static Result<SessionBoard> make(std::uint32_t slots, SuspectKind kind);
  SessionBoard(SessionBoard&& other) noexcept;
  SessionBoard& operator=(SessionBoard&&) = delete;
  ~SessionBoard();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // A note without slot when all are taken.
  [[nodiscard]] SessionNote enter(std::uint64_t number, std::int64_t since, std::string_view peer);
  void leave(SessionNote note);

 private:
  friend class SessionNote;
  SessionBoard(Fd fd, void* memory, std::uint32_t slots);
  [[nodiscard]] BoardSlot& slot(std::uint32_t index) const;

  Fd fd_;
  void* memory_;
  std::uint32_t slots_;
  std::vector<std::uint32_t> free_;
};

// The reader's side.
struct SessionRow {
  std::uint64_t number = 0;  // 0: the only session of its process
  std::int64_t since = 0;    // wall-clock seconds
  bool under_way = false;
  std::string peer;  // address or relay; "-" inside the host
  std::string state;
  std::string queue_id;  // empty: none
};
[[nodiscard]] Result<std::vector<SessionRow>> read_board(int fd);
// What was under way, each once: client addresses or queue ids, as the board's kind says.
[[nodiscard]] std::vector<std::string> suspects_of(int fd);

}  // namespace postern::service
