// SPDX-License-Identifier: Apache-2.0
#include "lib/service/session_board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/text.h"

namespace postern::service {

namespace {

constexpr std::array<char, 8> kMagic{'P', 'B', 'O', 'A', 'R', 'D', '0', '1'};
// A reader does not believe more of a stranger's memory than this.
constexpr std::uint32_t kSlotLimit = 1U << 20;

template <std::size_t N>
void put(std::array<char, N>& field, std::string_view text) {
  const std::size_t n = std::min(text.size(), N - 1);
  std::copy_n(text.begin(), n, field.begin());
  field[n] = '\0';
}

template <std::size_t N>
std::string get(const std::array<char, N>& field) {
  return text::printable(std::string_view(field.data(), ::strnlen(field.data(), N)));
}

}  // namespace

struct BoardHeader {
  std::array<char, 8> magic;
  std::uint32_t kind;
  std::uint32_t used;  // slots from here on were never written
  std::array<char, 48> reserved;
};

struct BoardSlot {
  std::uint64_t taken;
  std::uint64_t number;
  std::int64_t since;
  std::uint64_t under_way;
  std::array<char, 80> peer;
  std::array<char, 32> state;
  std::array<char, 48> queue_id;

  [[nodiscard]] SessionRow row() const {
    return {.number = number,
            .since = since,
            .under_way = under_way != 0,
            .peer = get(peer),
            .state = get(state),
            .queue_id = get(queue_id)};
  }
};

// --- writing -----------------------------------------------------------------------------------------

Result<SessionBoard> SessionBoard::make(std::uint32_t slots, SuspectKind kind) {
  Fd fd(::memfd_create("sessions", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail_errno("memfd_create");
  slots = std::min(slots, kSlotLimit);
  const std::size_t size = sizeof(BoardHeader) + slots * sizeof(BoardSlot);
  // Pages that no session has used yet take no memory.
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) < 0) return fail_errno("ftruncate");
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return fail_errno("mmap");
  auto* header = static_cast<BoardHeader*>(memory);
  header->magic = kMagic;
  header->kind = static_cast<std::uint32_t>(kind);
  return SessionBoard(std::move(fd), memory, slots);
}

SessionBoard::SessionBoard(Fd fd, void* memory, std::uint32_t slots)
    : fd_(std::move(fd)), memory_(memory), slots_(slots) {}

SessionBoard::SessionBoard(SessionBoard&& other) noexcept
    : fd_(std::move(other.fd_)),
      memory_(std::exchange(other.memory_, nullptr)),
      slots_(std::exchange(other.slots_, 0)),
      free_(std::move(other.free_)) {}

SessionBoard::~SessionBoard() {
  if (memory_ != nullptr) ::munmap(memory_, sizeof(BoardHeader) + slots_ * sizeof(BoardSlot));
}

BoardSlot& SessionBoard::slot(std::uint32_t index) const {
  return reinterpret_cast<BoardSlot*>(static_cast<char*>(memory_) + sizeof(BoardHeader))[index];
}

SessionNote SessionBoard::enter(std::uint64_t number, std::int64_t since, std::string_view peer) {
  auto* header = static_cast<BoardHeader*>(memory_);
  std::uint32_t index = header->used;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (index < slots_) {
    ++header->used;
  } else {
    return {};
  }
  BoardSlot& entry = slot(index);
  entry = {};
  entry.number = number;
  entry.since = since;
  entry.taken = 1;
  SessionNote note(this, index);
  note.peer(peer);
  note.begin("open");
  return note;
}

void SessionBoard::leave(SessionNote note) {
  if (note.board_ != this) return;
  slot(note.slot_).taken = 0;
  free_.push_back(note.slot_);
}

void SessionNote::begin(std::string_view state, std::string_view queue_id) const {
  if (board_ == nullptr) return;
  BoardSlot& entry = board_->slot(slot_);
  put(entry.state, state);
  put(entry.queue_id, queue_id);
  entry.under_way = 1;
}

void SessionNote::wait(std::string_view state) const {
  if (board_ == nullptr) return;
  BoardSlot& entry = board_->slot(slot_);
  put(entry.state, state);
  entry.under_way = 0;
}

void SessionNote::peer(std::string_view text) const {
  if (board_ != nullptr) put(board_->slot(slot_).peer, text.empty() ? "-" : text);
}

// --- reading -----------------------------------------------------------------------------------------

namespace {

// pread(2), not a mapping: memory that its owner has cut short is an error here, not a signal.
Result<BoardHeader> read_header(int fd) {
  BoardHeader header{};
  const ssize_t n = ::pread(fd, &header, sizeof header, 0);
  if (n < 0) return fail_errno("read sessions");
  if (n != sizeof header || header.magic != kMagic) return fail("not a list of sessions", EBADMSG);
  return header;
}

Result<std::vector<BoardSlot>> read_slots(int fd, std::uint32_t used) {
  std::vector<BoardSlot> slots(std::min(used, kSlotLimit));
  const ssize_t n = ::pread(fd, slots.data(), slots.size() * sizeof(BoardSlot), sizeof(BoardHeader));
  if (n < 0) return fail_errno("read sessions");
  slots.resize(static_cast<std::size_t>(n) / sizeof(BoardSlot));
  std::erase_if(slots, [](const BoardSlot& s) { return s.taken == 0; });
  return slots;
}

}  // namespace

Result<std::vector<SessionRow>> read_board(int fd) {
  const auto header = read_header(fd);
  if (!header) return std::unexpected(header.error());
  const auto slots = read_slots(fd, header->used);
  if (!slots) return std::unexpected(slots.error());
  std::vector<SessionRow> rows;
  rows.reserve(slots->size());
  for (const BoardSlot& slot : *slots) rows.push_back(slot.row());
  return rows;
}

std::vector<std::string> suspects_of(int fd) {
  const auto header = read_header(fd);
  const auto kind = header ? static_cast<SuspectKind>(header->kind) : SuspectKind::none;
  if (kind != SuspectKind::client && kind != SuspectKind::message) return {};
  const auto rows = read_board(fd);
  if (!rows) return {};
  std::vector<std::string> keys;
  for (const SessionRow& row : *rows) {
    const std::string& key = kind == SuspectKind::client ? row.peer : row.queue_id;
    // A word of status packets.
    if (row.under_way && !key.empty() && key != "-" && !key.contains(' ')) keys.push_back(key);
  }
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  return keys;
}

}  // namespace postern::service
