// SPDX-License-Identifier: Apache-2.0
#include "lib/table/cdb_format.h"

namespace postern::table::cdb {

namespace {

struct Slot {
  std::uint32_t hash = 0;
  std::uint32_t position = 0;  // 0: free
};

std::uint32_t hash_of(std::string_view key) {
  std::uint32_t hash = 5381;
  for (const char c : key) hash = ((hash << 5) + hash) ^ static_cast<unsigned char>(c);
  return hash;
}

void put_number(std::string& out, std::uint32_t n) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(n >> shift & 0xff));
}

std::optional<std::uint32_t> number_at(std::string_view bytes, std::uint64_t offset) {
  if (offset + 4 > bytes.size()) return std::nullopt;
  std::uint32_t n = 0;
  for (int i = 3; i >= 0; --i) n = n << 8 | static_cast<unsigned char>(bytes[offset + static_cast<unsigned>(i)]);
  return n;
}

struct Record {
  std::string_view key;
  std::string_view value;
};

std::optional<Record> record_at(std::string_view bytes, std::uint64_t offset) {
  const auto key_size = number_at(bytes, offset);
  const auto value_size = number_at(bytes, offset + 4);
  if (!key_size || !value_size) return std::nullopt;
  if (offset + 8 + *key_size + *value_size > bytes.size()) return std::nullopt;
  return Record{bytes.substr(offset + 8, *key_size), bytes.substr(offset + 8 + *key_size, *value_size)};
}

// Half-full open-addressed table, as the format asks.
std::vector<Slot> hash_table(const std::vector<Slot>& entries) {
  std::vector<Slot> table(entries.size() * 2);
  for (const Slot& entry : entries) {
    std::size_t i = (entry.hash >> 8) % table.size();
    while (table[i].position != 0) i = (i + 1) % table.size();
    table[i] = entry;
  }
  return table;
}

}  // namespace

Result<std::optional<std::string_view>> find(std::string_view database, std::string_view key) {
  const auto damaged = [] { return fail("damaged database"); };
  if (database.size() < kHeaderSize) return damaged();
  const std::uint32_t hash = hash_of(key);
  const auto table = number_at(database, (hash & 0xff) * 8);
  const auto slots = number_at(database, (hash & 0xff) * 8 + 4);
  if (!table || !slots) return damaged();
  for (std::uint32_t i = 0; i < *slots; ++i) {
    const std::uint64_t slot = *table + 8ULL * (((hash >> 8) + i) % *slots);
    const auto slot_hash = number_at(database, slot);
    const auto position = number_at(database, slot + 4);
    if (!slot_hash || !position) return damaged();
    if (*position == 0) return std::nullopt;
    if (*slot_hash != hash) continue;
    const auto record = record_at(database, *position);
    if (!record) return damaged();
    if (record->key == key) return record->value;
  }
  return std::nullopt;
}

Result<std::string> build(const std::vector<std::pair<std::string, std::string>>& records) {
  std::array<std::vector<Slot>, 256> buckets;
  std::string body;
  for (const auto& [key, value] : records) {
    const std::uint64_t position = kHeaderSize + body.size();
    // The hash tables need 16 bytes for each record.
    if (position + key.size() + value.size() + 16 * records.size() > UINT32_MAX) return fail("more than 4 GB");
    const std::uint32_t hash = hash_of(key);
    buckets[hash & 0xff].push_back({hash, static_cast<std::uint32_t>(position)});
    put_number(body, static_cast<std::uint32_t>(key.size()));
    put_number(body, static_cast<std::uint32_t>(value.size()));
    body += key;
    body += value;
  }
  std::string header;
  for (const auto& bucket : buckets) {
    const auto table = hash_table(bucket);
    put_number(header, static_cast<std::uint32_t>(kHeaderSize + body.size()));
    put_number(header, static_cast<std::uint32_t>(table.size()));
    for (const Slot& slot : table) {
      put_number(body, slot.hash);
      put_number(body, slot.position);
    }
  }
  return header + body;
}

}  // namespace postern::table::cdb
