// SPDX-License-Identifier: Apache-2.0
// Every key, certificate and CA that a service of master.cf may ask for, loaded while the process may still read them,
// under the identity by which requests name them.
//
// A set that cannot be loaded does not stop the others: its identity is kept with the reason, requests for it are
// refused with that reason, and smtpd answers 454.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/config/service_view.h"
#include "lib/openssl/keys.h"
#include "tlsproxy/sni_map.h"

namespace postern::tlsproxy {

class KeyStore {
 public:
  // Loads what this line of master.cf may need, unless it is there already.
  void add_service(const config::ServiceView& view);

  // Error texts: the reason of the failed load, or that the identity is not known.
  [[nodiscard]] Result<std::shared_ptr<const openssl::Keys>> find(const std::string& identity) const;

  // For the log: one line per set that could not be loaded.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  // What an administrator should know, though nothing is wrong.
  [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }
  // What was read, or should have been: a change of any of it wants a new generation of this process.
  [[nodiscard]] std::vector<openssl::LoadedFile> files() const;
  // A digest of files(): the same for two processes that read the same files in the same state.
  [[nodiscard]] std::string state() const;
  [[nodiscard]] std::size_t size() const { return sets_.size(); }

  // What the library began with, "FILE NAME": a service that wants another one is a failure.
  void set_library_config(std::string text) { library_config_ = std::move(text); }
  // Certificates that are no longer valid at `time`, each once.
  [[nodiscard]] std::vector<openssl::Expiring> expiring_at(std::int64_t time) const;

 private:
  std::shared_ptr<const openssl::NamedChains> named_chains(const std::string& service, const std::string& maps);
  void add(const std::string& service, tls::Role role, const tls::KeyFiles& files);

  std::map<std::string, Result<std::shared_ptr<const openssl::Keys>>, std::less<>> sets_;
  std::vector<std::string> failures_;
  std::vector<std::string> remarks_;
  std::vector<openssl::LoadedFile> failed_files_;
  std::map<std::string, std::shared_ptr<const SniMap>> sni_maps_;
  std::vector<openssl::LoadedFile> map_files_;
  std::string library_config_;
};

}  // namespace postern::tlsproxy
