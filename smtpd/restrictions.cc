// SPDX-License-Identifier: Apache-2.0
#include "smtpd/restrictions.h"

namespace postern::smtpd {

void register_restrictions(RestrictionTable& table) {
  register_basic_restrictions(table);
  register_relay_restrictions(table);
  register_access_restrictions(table);
  register_name_restrictions(table);
  register_dns_restrictions(table);
  register_unlisted_restrictions(table);
  register_host_restrictions(table);
  register_verify_restrictions(table);
  register_certificate_restrictions(table);
  register_backup_restrictions(table);
}

}  // namespace postern::smtpd
