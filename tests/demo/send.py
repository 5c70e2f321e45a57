#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""send.py PORT RECIPIENT -- one message with an attachment over STARTTLS to 127.0.0.1:PORT; prints the dialogue."""
import email.message
import email.utils
import os
import smtplib
import ssl
import sys

LICENSE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "LICENSE")


def main(port, recipient):
    message = email.message.EmailMessage()
    message["From"] = "Demo <demo@submission.example.test>"
    message["To"] = recipient
    message["Date"] = email.utils.formatdate(localtime=True)
    message["Subject"] = "A real message"
    message.set_content("In over STARTTLS, queued, relayed over TLS, delivered.\n")
    with open(LICENSE, "rb") as f:
        message.add_attachment(f.read(), maintype="application", subtype="octet-stream", filename="LICENSE")
    context = ssl.create_default_context()
    # The certificate was made a moment ago; nobody vouches for it.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.test", timeout=30) as client:
        client.starttls(context=context)
        print(f"{client.sock.version()} with {client.sock.cipher()[0]}")
        client.ehlo()
        client.mail("demo@submission.example.test")
        client.rcpt(recipient)
        code, text = client.data(message.as_bytes(policy=message.policy.clone(linesep="\r\n")))
        print(code, text.decode())
        return 0 if code == 250 else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
