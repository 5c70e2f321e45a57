// SPDX-License-Identifier: Apache-2.0
#include "commands/postfix/tls_keys.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/files.h"
#include "lib/base/text.h"

namespace postern::postfix {

namespace {

constexpr unsigned kKeyMode = 0600;
constexpr unsigned kCertMode = 0644;
constexpr std::time_t kNameTries = 10;
// A hundred years: who compares the name or trusts by TLSA record does not look at the date, and nobody has to
// remember it.
constexpr const char* kDays = "36525";

std::string stamp(std::time_t now) {
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

// A file that did not exist before and goes away again unless it is kept.
class NewFile {
 public:
  [[nodiscard]] static Result<NewFile> create(std::string path, unsigned mode) {
    auto fd = files::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (!fd) return std::unexpected(fd.error());
    if (::fchmod(fd->get(), mode) < 0) return fail_errno("chmod " + path);
    return NewFile(std::move(path), std::move(*fd));
  }
  NewFile(NewFile&& other) noexcept : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Result<> keep() {
    // A key in use that a crash of the host took away could not be made again.
    if (::fsync(fd_.get()) < 0) return fail_errno("fsync " + path_);
    path_.clear();
    return {};
  }

 private:
  NewFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  Fd fd_;
};

std::vector<std::string> key_command(const KeyOptions& options) {
  if (options.algorithm == "rsa") {
    return {"genpkey", "-algorithm", "RSA", "-pkeyopt",
            "rsa_keygen_bits:" + (options.bits.empty() ? std::string("2048") : options.bits)};
  }
  // OpenSSL knows the usual curve by its older name only.
  const bool usual = options.bits.empty() || options.bits == "secp256r1";
  return {"genpkey",
          "-algorithm",
          "EC",
          "-pkeyopt",
          "ec_paramgen_curve:" + (usual ? std::string("prime256v1") : options.bits),
          "-pkeyopt",
          "ec_param_enc:named_curve"};
}

// Host names were checked: they hold nothing that means anything in this file.
std::string request_config(const std::vector<std::string>& hosts, bool certificate) {
  std::string names;
  for (const std::string& host : hosts) names += (names.empty() ? "DNS:" : ",DNS:") + host;
  return fmt::format(
      "[req]\nprompt=no\ndistinguished_name=name\n{}[name]\n{}[extensions]\n{}subjectKeyIdentifier=hash\n"
      "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName={}\n",
      certificate ? "x509_extensions=extensions\n" : "req_extensions=extensions\n",
      certificate ? "CN=" + hosts.front() + "\n" : "", certificate ? "basicConstraints=CA:FALSE\n" : "", names);
}

struct NewPair {
  NewFile key;
  NewFile cert;
};

Result<NewPair> create_pair(const std::string& prefix) {
  const std::time_t now = wall_now().seconds;
  // Of two commands in one second the later one takes the next second's name.
  for (std::time_t when = now;; ++when) {
    auto key = NewFile::create(fmt::format("{}key-{}.pem", prefix, stamp(when)), kKeyMode);
    if (key) {
      auto cert = NewFile::create(fmt::format("{}cert-{}.pem", prefix, stamp(when)), kCertMode);
      if (cert) return NewPair{std::move(*key), std::move(*cert)};
      if (cert.error().code != EEXIST || when - now >= kNameTries) return std::unexpected(cert.error());
    } else if (key.error().code != EEXIST || when - now >= kNameTries) {
      return std::unexpected(key.error());
    }
  }
}

}  // namespace

PairParameters pair_parameters(std::string_view algorithm) {
  if (algorithm == "rsa") return {"smtpd_tls_cert_file", "smtpd_tls_key_file"};
  return {"smtpd_tls_eccert_file", "smtpd_tls_eckey_file"};
}

std::string deployed_key(const Context& context, std::string_view algorithm) {
  // Then the others are not used.
  if (!context.config.get("smtpd_tls_chain_files").value_or("").empty()) return {};
  const auto name = context.config.get(pair_parameters(algorithm).key);
  if (!name || name->empty() || text::iequals(*name, "none")) return {};
  // As tlsproxy finds it.
  return files::resolve(context.main.queue_directory, *name);
}

Result<KeyPair> make_pair(const Context& context, const OpenSsl& openssl, const KeyOptions& options,
                          const std::string& old_key) {
  auto files = create_pair(context.config.directory() + (options.algorithm == "rsa" ? "/" : "/ec"));
  if (!files) return std::unexpected(files.error());
  auto& [key, cert] = *files;
  KeyPair pair{key.path(), cert.path()};
  auto made = old_key.empty() ? openssl.write(key.fd(), key_command(options))
                              : openssl.write(key.fd(), {"pkey", "-in", old_key, "-passin", "pass:"});
  if (!made && old_key.empty() && !options.bits.empty()) {
    return fail(fmt::format("{} (-a {} -b {})", made.error().text, options.algorithm, options.bits));
  }
  if (!made) return std::unexpected(made.error());
  const std::vector<std::string> certify{"req", "-x509", "-new",        "-sha256", "-days",
                                         kDays, "-key",  pair.key_file, "-config", "/dev/stdin"};
  made = openssl.write(cert.fd(), certify, request_config(options.hosts, true));
  if (made) made = key.keep();
  if (made) made = cert.keep();
  if (!made) return std::unexpected(made.error());
  return pair;
}

Result<std::string> make_request(const OpenSsl& openssl, const std::string& key_file,
                                 const std::vector<std::string>& hosts) {
  // The subject stays empty: whom a certificate is for is what its authority makes of the names.
  return openssl.read({"req", "-new", "-sha256", "-key", key_file, "-subj", "/", "-config", "/dev/stdin"},
                      request_config(hosts, false));
}

Result<std::string> make_tlsa(const OpenSsl& openssl, const std::string& key_file) {
  auto key = openssl.public_key(key_file);
  if (!key) return key;
  auto digest = openssl.read({"dgst", "-sha256", "-binary"}, *key);
  if (!digest) return digest;
  return "3 1 1 " + text::hex(*digest);
}

}  // namespace postern::postfix
