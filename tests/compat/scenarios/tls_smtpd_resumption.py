# SPDX-License-Identifier: Apache-2.0
"""Session tickets of the server: resumed with TLS 1.3 and 1.2, not when they are off, kept by tlsmgr without them."""
from harness.dsl import *

CHECK = ["steps", "log"]
CONFIG = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": "@CERTS@/mx.key, @CERTS@/mx.pem", "smtpd_tls_loglevel": "1"}


def session(version, keep):
    """openssl says whether the session was new; KEEP is where the ticket goes, or comes from."""
    return sh(f"printf 'NOOP\\r\\nQUIT\\r\\n' | openssl s_client -connect 127.0.0.1:25 -starttls smtp -ign_eof -{version} {keep} 2>/dev/null |"
              " sed -n 's/^\\(New\\|Reused\\), .*/\\1/p' | head -1")


def twice(version):
    return [session(version, f"-sess_out @OUT@/{version}"), session(version, f"-sess_in @OUT@/{version}")]


STEPS = [*twice("tls1_3"), *twice("tls1_2"), reload("tls_ssl_options=no_ticket"), *twice("tls1_2"),
         reload("smtpd_tls_session_cache_database=btree:${data_directory}/smtpd_scache"), *twice("tls1_2"),
         reload("tls_ssl_options=", "tls_session_ticket_cipher=", "smtpd_tls_session_cache_database="), *twice("tls1_2"), *twice("tls1_3")]
