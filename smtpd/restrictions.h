// SPDX-License-Identifier: Apache-2.0
// The restriction_*.cc files, each of which registers what it implements. A new restriction is one function there and
// one add(); a word that nobody registered is a configuration error when it is evaluated.
#pragma once

#include "smtpd/rules.h"

namespace postern::smtpd {

void register_basic_restrictions(RestrictionTable& table);        // permit reject defer ...
void register_relay_restrictions(RestrictionTable& table);        // mynetworks, destinations
void register_access_restrictions(RestrictionTable& table);       // check_*_access
void register_name_restrictions(RestrictionTable& table);         // forms of names and addresses
void register_dns_restrictions(RestrictionTable& table);          // what DNS knows of them
void register_unlisted_restrictions(RestrictionTable& table);     // recipients and senders that do not exist
void register_host_restrictions(RestrictionTable& table);         // hosts behind a domain
void register_verify_restrictions(RestrictionTable& table);       // what probes find out
void register_certificate_restrictions(RestrictionTable& table);  // client certificates
void register_backup_restrictions(RestrictionTable& table);       // permit_mx_backup

}  // namespace postern::smtpd
