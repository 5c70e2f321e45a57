// SPDX-License-Identifier: Apache-2.0
// A name server on a loopback port, in a thread of its own, for tests: it answers what it was given, "NXDOMAIN" for
// other names, and counts the questions.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "tests/unit/lib/dns/wire.h"

namespace postern::dns::test {

class Server {
 public:
  struct Reply {
    unsigned rcode = 0;
    bool silent = false;
    bool authentic = false;  // AD
    std::vector<Rr> records;
  };

  Server() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), stop_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1@PORT"
  [[nodiscard]] std::string address() const { return "127.0.0.1@" + std::to_string(port_); }
  void set(const std::string& name, unsigned type, Reply reply) {
    const std::lock_guard lock(mutex_);
    replies_[{name, type}] = std::move(reply);
  }
  [[nodiscard]] int questions(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return counts_[name];
  }

 private:
  void serve() {
    std::array<pollfd, 2> polled{pollfd{socket_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    for (;;) {
      ::poll(polled.data(), polled.size(), -1);
      if (polled[1].revents != 0) return;
      std::array<char, 1500> buffer{};
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      const ssize_t n =
          ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
      if (n < 12) continue;
      const std::string out = answer({buffer.data(), static_cast<std::size_t>(n)});
      if (!out.empty()) ::sendto(socket_.get(), out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
    }
  }

  std::string answer(std::string_view query) {
    std::string name;
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      name += (name.empty() ? "" : ".") + std::string(query.substr(at + 1, length));
      at += length + 1;
    }
    const auto byte = [query](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(query[i])); };
    const unsigned type = byte(at + 1) << 8 | byte(at + 2);
    const std::lock_guard lock(mutex_);
    ++counts_[name];
    Reply reply{.rcode = 3, .silent = false, .authentic = false, .records = {}};
    // A name that has another type exists.
    for (const auto& [key, value] : replies_) {
      if (key.first == text::lower(name) && reply.rcode == 3) reply.rcode = 0;
    }
    const auto it = replies_.find({text::lower(name), type});
    if (it != replies_.end()) reply = it->second;
    if (reply.silent) return {};
    return packet(name, type, reply.rcode | (reply.authentic ? 0x20U : 0U), reply.records, byte(0) << 8 | byte(1));
  }

  Fd socket_;
  Fd stop_;
  unsigned port_ = 0;
  std::mutex mutex_;
  std::map<std::pair<std::string, unsigned>, Reply> replies_;
  std::map<std::string, int> counts_;
  std::thread thread_;
};

}  // namespace postern::dns::test
