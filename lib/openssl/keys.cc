// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/keys.h"

#include <dirent.h>
#include <fmt/core.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "lib/base/files.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/openssl/errors.h"

namespace postern::openssl {

namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// One decoded block of a PEM file: either a key or a certificate; others are passed over.
struct PemItem {
  KeyPtr key;
  X509Ptr certificate;
};

// The three allocations that PEM_read_bio makes.
struct PemBlock {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(length));
  }
};

KeyPtr decode_key(std::string_view name, const unsigned char* data, long length) {
  if (name == PEM_STRING_RSA) return KeyPtr(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &data, length));
  if (name == PEM_STRING_ECPRIVATEKEY) return KeyPtr(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &data, length));
  if (name == PEM_STRING_DSA) return KeyPtr(d2i_PrivateKey(EVP_PKEY_DSA, nullptr, &data, length));
  return KeyPtr(d2i_AutoPrivateKey(nullptr, &data, length));
}

Result<PemItem> decode(const std::string& file, const PemBlock& block) {
  const std::string_view name = block.name;
  const unsigned char* data = block.data;
  PemItem item;
  if (name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD || name == PEM_STRING_X509_TRUSTED) {
    item.certificate.reset(d2i_X509_AUX(nullptr, &data, block.length));
    if (!item.certificate) return fail_library(fmt::format("cannot decode a certificate in {}", file));
  } else if (name.ends_with("PRIVATE KEY")) {
    if (name.starts_with("ENCRYPTED") || std::string_view(block.header).find("ENCRYPTED") != std::string_view::npos) {
      return fail(fmt::format("the private key in {} is protected by a pass phrase", file));
    }
    item.key = decode_key(name, data, block.length);
    if (!item.key) return fail_library(fmt::format("cannot decode the private key in {}", file));
  }
  return item;
}

// All keys and certificates of a PEM text, in its order.
Result<std::vector<PemItem>> parse(const std::string& what, const Secret& pem) {
  const std::string_view text = pem.reveal();
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  std::vector<PemItem> items;
  while (true) {
    PemBlock block;
    if (PEM_read_bio(bio.get(), &block.name, &block.header, &block.data, &block.length) != 1) {
      if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return fail_library(fmt::format("cannot read PEM data in {}", what));
      }
      clear_errors();
      return items;
    }
    auto item = decode(what, block);
    if (!item) return std::unexpected(item.error());
    if (item->key || item->certificate) items.push_back(std::move(*item));
  }
}

class Loader {
 public:
  explicit Loader(Keys& keys) : keys_(keys) {}

  Result<std::vector<PemItem>> read(const std::string& file) {
    keys_.files.push_back(file_state(file));
    auto content = files::read(file);
    if (!content) return std::unexpected(content.error());
    return parse(file, Secret(std::move(*content)));
  }

  Result<> add_chain_files(std::string_view names) {
    for (std::string_view word : text::words(names, " \t\r\n,")) {
      const std::string file(word);
      auto items = read(file);
      if (!items) return std::unexpected(items.error());
      for (PemItem& item : *items) {
        const auto added =
            item.key ? begin_chain(file, std::move(item.key)) : extend_chain(file, std::move(item.certificate));
        if (!added) return added;
      }
    }
    return finish_chain(std::string(names));
  }

  Result<> add_pair(const std::string& certificate_file, const std::string& key_file) {
    if (certificate_file.empty()) return {};
    auto keys = read(key_file.empty() ? certificate_file : key_file);
    if (!keys) return std::unexpected(keys.error());
    const auto key = std::ranges::find_if(*keys, [](const PemItem& item) { return item.key != nullptr; });
    if (key == keys->end()) {
      return fail(fmt::format("no private key in {}", key_file.empty() ? certificate_file : key_file));
    }
    auto certificates = read(certificate_file);
    if (!certificates) return std::unexpected(certificates.error());
    auto begun = begin_chain(certificate_file, std::move(key->key));
    if (!begun) return begun;
    for (PemItem& item : *certificates) {
      if (!item.certificate) continue;
      auto added = extend_chain(certificate_file, std::move(item.certificate));
      if (!added) return added;
    }
    return finish_chain(certificate_file);
  }

  Result<> add_trusted(const std::string& file, bool announce) {
    auto items = read(file);
    if (!items) return std::unexpected(items.error());
    std::size_t count = 0;
    for (PemItem& item : *items) {
      if (!item.certificate) continue;
      X509_STORE_add_cert(keys_.trusted.get(), item.certificate.get());
      if (announce) keys_.announced_cas.push_back(std::move(item.certificate));
      ++count;
    }
    if (count == 0) return fail(fmt::format("no certificate in {}", file));
    return {};
  }

  // Only files named HASH.NUMBER, as OpenSSL itself would look them up; a damaged one is passed over as there.
  Result<> add_trusted_directory(const std::string& path) {
    const std::unique_ptr<DIR, DirectoryCloser> directory(::opendir(path.c_str()));
    if (!directory) return fail_errno("open " + path);
    keys_.files.push_back(file_state(path));
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      const auto parts = text::cut(name, '.');
      if (!parts || parts->first.size() != 8 || !text::from_hex(parts->first) || !text::to_u64(parts->second)) continue;
      const std::size_t noted = keys_.files.size();
      if (!add_trusted(path + "/" + entry->d_name, false)) clear_errors();
      // The directory itself stands for its members: hundreds of names would be watched otherwise.
      keys_.files.resize(noted);
    }
    return {};
  }

  Result<> add_dh_parameters(const std::string& file) {
    keys_.files.push_back(file_state(file));
    const auto content = files::read(file);
    if (!content) return std::unexpected(content.error());
    const BioPtr bio(BIO_new_mem_buf(content->data(), static_cast<int>(content->size())));
    keys_.dh_parameters.reset(PEM_read_bio_Parameters(bio.get(), nullptr));
    if (!keys_.dh_parameters) return fail_library(fmt::format("cannot load DH parameters from {}", file));
    return {};
  }

 private:
  Result<> begin_chain(const std::string& file, KeyPtr key) {
    auto done = finish_chain(file);
    if (!done) return done;
    open_ = Chain{std::move(key), nullptr, X509StackPtr(sk_X509_new_null()), file};
    return {};
  }

  Result<> extend_chain(const std::string& file, X509Ptr certificate) {
    if (!open_.key) return fail(fmt::format("a certificate stands before any private key in {}", file));
    if (open_.certificate) {
      sk_X509_push(open_.above.get(), certificate.release());
      return {};
    }
    if (X509_check_private_key(certificate.get(), open_.key.get()) != 1) {
      return fail_library(fmt::format("the first certificate in {} does not belong to the private key", file));
    }
    open_.certificate = std::move(certificate);
    open_.file = file;
    return {};
  }

  Result<> finish_chain(const std::string& file) {
    if (!open_.key) return {};
    if (!open_.certificate) return fail(fmt::format("no certificate for a private key in {}", file));
    keys_.chains.push_back(std::exchange(open_, Chain{}));
    return {};
  }

  Keys& keys_;
  Chain open_;
};

Result<> load_default_cas(Loader& loader) {
  const char* file = X509_get_default_cert_file();
  if (files::exists(file)) {
    auto loaded = loader.add_trusted(file, false);
    if (!loaded) return loaded;
  }
  const char* directory = X509_get_default_cert_dir();
  if (files::exists(directory)) return loader.add_trusted_directory(directory);
  return {};
}

Result<> load_all(Keys& keys, const tls::KeyFiles& files) {
  Loader loader(keys);
  auto loaded = loader.add_chain_files(files.chain_files);
  if (loaded) loaded = loader.add_pair(files.cert_file, files.key_file);
  if (loaded) loaded = loader.add_pair(files.dcert_file, files.dkey_file);
  if (loaded) loaded = loader.add_pair(files.eccert_file, files.eckey_file);
  if (loaded && !files.ca_file.empty()) loaded = loader.add_trusted(files.ca_file, true);
  if (loaded && !files.ca_path.empty()) loaded = loader.add_trusted_directory(files.ca_path);
  if (loaded && files.default_ca) loaded = load_default_cas(loader);
  if (loaded && !files.dh_file.empty()) loaded = loader.add_dh_parameters(files.dh_file);
  return loaded;
}

}  // namespace

LoadedFile file_state(const std::string& name) {
  struct stat st{};
  LoadedFile file;
  file.name = name;
  if (::stat(name.c_str(), &st) != 0) return file;
  file.device = st.st_dev;
  file.inode = st.st_ino;
  file.size = static_cast<std::uint64_t>(st.st_size);
  file.changed_nanoseconds = st.st_ctim.tv_sec * 1'000'000'000LL + st.st_ctim.tv_nsec;
  return file;
}

Result<Chains> parse_chains(const Secret& pem, const std::string& what) {
  clear_errors();
  auto items = parse(what, pem);
  if (!items) return std::unexpected(items.error());
  Chains chains;
  int number = 0;
  for (PemItem& item : *items) {
    if (item.key) {
      if (!chains.empty() && !chains.back().certificate) break;
      chains.push_back(Chain{std::move(item.key), nullptr, X509StackPtr(sk_X509_new_null()), what});
      ++number;
      continue;
    }
    if (chains.empty()) return fail(fmt::format("error loading chain from {}: key not first", what));
    Chain& chain = chains.back();
    if (chain.certificate) {
      sk_X509_push(chain.above.get(), item.certificate.release());
    } else if (X509_check_private_key(item.certificate.get(), chain.key.get()) == 1) {
      chain.certificate = std::move(item.certificate);
    } else {
      clear_errors();
      return fail(fmt::format("key at index {} in {} does not match next certificate", number, what));
    }
  }
  if (chains.empty()) return fail(fmt::format("error loading chain from {}: no key", what));
  if (!chains.back().certificate) {
    return fail(fmt::format("key at index {} in {} has no certificate behind it", number, what));
  }
  return chains;
}

std::vector<Expiring> expiring_at(const Keys& keys, std::int64_t time) {
  std::vector<Expiring> result;
  for (const Chain& chain : keys.chains) {
    tm end{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(chain.certificate.get()), &end) != 1) continue;
    const std::int64_t when = ::timegm(&end);
    if (when > time) continue;
    char* const name = X509_NAME_oneline(X509_get_subject_name(chain.certificate.get()), nullptr, 0);
    result.push_back({chain.file, name == nullptr ? "" : text::printable(name), when});
    OPENSSL_free(name);
  }
  clear_errors();
  return result;
}

Result<std::shared_ptr<const Keys>> load_keys(const tls::KeyFiles& files, std::shared_ptr<const NamedChains> named) {
  clear_errors();
  auto keys = std::make_shared<Keys>();
  keys->named = std::move(named);
  keys->trusted.reset(X509_STORE_new());
  if (!keys->trusted) return fail_library("cannot make a certificate store");
  const auto loaded = load_all(*keys, files);
  if (!loaded) return std::unexpected(loaded.error());
  clear_errors();
  return std::shared_ptr<const Keys>(std::move(keys));
}

}  // namespace postern::openssl
