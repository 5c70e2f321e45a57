// SPDX-License-Identifier: Apache-2.0
#include "lib/service/kept_streams.h"

namespace postern::service {

KeptStreams::KeptStreams(async::Loop& loop, Duration keep, std::size_t limit)
    : keep_(keep), limit_(limit), sweeper_(loop, [this] { sweep(); }) {}

void KeptStreams::put(std::unique_ptr<async::Stream> stream) {
  if (list_.size() >= limit_) return;
  list_.push_back({std::move(stream), deadline_in(keep_)});
  if (!sweeper_.pending()) sweeper_.start(keep_);
}

std::unique_ptr<async::Stream> KeptStreams::take() {
  while (!list_.empty()) {
    auto stream = std::move(list_.back().stream);
    list_.pop_back();
    if (!stream->input_waiting()) return stream;
  }
  return nullptr;
}

void KeptStreams::sweep() {
  const Deadline now = Clock::now();
  std::erase_if(list_, [now](const Kept& kept) { return kept.until <= now; });
  if (!list_.empty()) sweeper_.start(keep_);
}

}  // namespace postern::service
