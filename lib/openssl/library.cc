// SPDX-License-Identifier: Apache-2.0
#include "lib/openssl/library.h"

#include <fmt/core.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <memory>

#include "lib/base/files.h"
#include "lib/base/text.h"
#include "lib/openssl/errors.h"
#include "lib/openssl/handles.h"

namespace postern::openssl {

Result<> begin_library(const std::string& config_file, const std::string& config_name) {
  if (text::iequals(config_file, "none")) {
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) != 1) return fail_library("cannot begin TLS");
    return {};
  }
  const bool named = !text::iequals(config_file, "default");
  if (named && !config_file.starts_with('/')) {
    return fail(
        fmt::format("tls_config_file: \"{}\" is neither \"default\", \"none\" nor an absolute name", config_file));
  }
  const std::unique_ptr<OPENSSL_INIT_SETTINGS, FreeWith<OPENSSL_INIT_free>> settings(OPENSSL_INIT_new());
  if (!settings) return fail_library("cannot begin TLS");
  // Its own reading would pass over a file that is not there.
  if (named) {
    const auto readable = files::read(config_file);
    if (!readable) return fail(fmt::format("tls_config_file: {}", readable.error().text));
    OPENSSL_INIT_set_config_filename(settings.get(), config_file.c_str());
    OPENSSL_INIT_set_config_file_flags(settings.get(), CONF_MFLAGS_DEFAULT_SECTION);
  }
  if (!config_name.empty()) OPENSSL_INIT_set_config_appname(settings.get(), config_name.c_str());
  const int begun = OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, settings.get());
  if (begun != 1 && named) return fail_library(fmt::format("tls_config_file {}", config_file));
  clear_errors();
  return {};
}

}  // namespace postern::openssl
