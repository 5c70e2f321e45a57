# SPDX-License-Identifier: Apache-2.0
"""mime_header_checks, nested_header_checks and body_checks inside MIME parts."""
from harness.dsl import *

CONFIG = {"mime_header_checks": "regexp:@CONFIG@/m", "nested_header_checks": "regexp:@CONFIG@/n", "header_checks": "regexp:@CONFIG@/h"}
FILES = {"m": "/name=\"?[^\"]*\\.exe/ REJECT executable\n/^Content-Description:/ IGNORE\n", "n": "/^Subject: inner bad/ REJECT nested\n/^X-Inner:/ WARN inner\n",
         "h": "/^Content-Type:/ INFO type\n"}
STEPS = [msg("a@example.net", "u1@virt.test", body="""
    Subject: mime
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="b"

    preamble
    --b
    Content-Type: text/plain
    Content-Description: drop this

    hello
    --b
    Content-Type: message/rfc822

    Subject: inner good
    X-Inner: y

    inner body
    --b--
    epilogue
    """), msg("a@example.net", "u1@virt.test", body="""
    Subject: exe
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="b"

    --b
    Content-Type: application/octet-stream; name="x.exe"

    MZ
    --b--
    """), msg("a@example.net", "u1@virt.test", body="""
    Subject: nested
    MIME-Version: 1.0
    Content-Type: message/rfc822

    Subject: inner bad

    x
    """)]
