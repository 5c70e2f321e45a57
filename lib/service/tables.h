// SPDX-License-Identifier: Apache-2.0
// The lookup tables of a worker: the registry of local types and the way to remote ones (proxymap), in one place.
//
//   tables_ = std::make_unique<service::Tables>(worker);          // in before_jail()
//   table::Maps maps("transport_maps", params.transport_maps, tables_->context());
//
// A worker whose jail or rights keep it from opening the new version of a table retires, so that its successor can.
// Processes that serve one session at a time and may block (Waits::yes) read unix: themselves.
#pragma once

#include <memory>

#include "lib/service/proxymap_client.h"
#include "lib/service/worker.h"
#include "lib/table/table.h"

namespace postern::service {

enum class Waits { no, yes };

class Tables {
 public:
  // Folds keys as UTF-8 where the program links ICU and hands the function in (lib/table/fold.h).
  explicit Tables(Worker& worker, std::string (*fold_key)(std::string_view) = nullptr, Waits waits = Waits::no);
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  [[nodiscard]] const table::Context& context() const { return context_; }
  [[nodiscard]] table::Registry& registry() { return registry_; }

 private:
  table::Registry registry_;
  ProxymapClient proxymap_;
  table::Context context_;
};

}  // namespace postern::service
