# SPDX-License-Identifier: Apache-2.0
"""A small certificate authority as there are public ones: a root, one below it that signs, chains of RSA and ECDSA keys.

The certificates in tests/compat/certs are of one kind and signed by the root itself; scanners and chains want more."""
import os
import subprocess

KEYS = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}
# A server with an RSA key may be asked to decipher with it.
USAGE = {"rsa": "digitalSignature,keyEncipherment", "ec": "digitalSignature"}
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
LEAF = ("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid\n")


def openssl(*args, **kw):
    return subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60, **kw).stdout


class Authority:
    """Files in ROOT: root.pem, and for each chain() NAME.key and NAME.pem (the certificate, then the one that signed it).

    REVOCATION is where the certificates say that a list of revoked ones is."""

    def __init__(self, root, name="Peers", kind="rsa", revocation=None):
        self.root, self.name = root, name
        self.extensions = f"crlDistributionPoints=URI:{revocation}\n" if revocation else ""
        os.makedirs(root, exist_ok=True)
        os.chmod(root, 0o755)
        self._key("root", kind)
        openssl("req", "-x509", "-new", "-key", self.file("root.key"), "-sha256", "-days", "300", "-subj", f"/CN={name} Root",
                "-out", self.file("root.pem"), "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._key("issuer", kind)
        self._sign("issuer", f"/CN={name} Issuer", "root", CA)

    def file(self, name):
        return f"{self.root}/{name}"

    @property
    def anchor(self):
        return self.file("root.pem")

    def chain(self, name, host, kind="rsa", issuer="issuer"):
        """A key and its certificate for HOST; returns (key file, chain file)."""
        self._key(name, kind)
        self._sign(name, f"/CN={host}", issuer, f"{LEAF}keyUsage=critical,{USAGE[kind]}\nsubjectAltName=DNS:{host}\n")
        with open(self.file(f"{name}.pem"), "ab") as f, open(self.file(f"{issuer}.pem"), "rb") as above:
            f.write(above.read())
        return self.file(f"{name}.key"), self.file(f"{name}.pem")

    def fingerprint(self, name):
        """The certificate's SHA-256, as fingerprint tables have it."""
        return openssl("x509", "-in", self.file(f"{name}.pem"), "-noout", "-fingerprint", "-sha256").decode().strip().split("=")[1]

    def _key(self, name, kind):
        openssl("genpkey", *KEYS[kind], "-out", self.file(f"{name}.key"))
        os.chmod(self.file(f"{name}.key"), 0o600)

    def _sign(self, name, subject, issuer, extensions):
        request = openssl("req", "-new", "-key", self.file(f"{name}.key"), "-subj", subject)
        with open(self.file("extensions"), "w") as f:
            f.write(extensions + self.extensions)
        openssl("x509", "-req", "-CA", self.file(f"{issuer}.pem"), "-CAkey", self.file(f"{issuer}.key"), "-sha256", "-days", "300",
                "-set_serial", str(int.from_bytes(os.urandom(8), "big")), "-extfile", self.file("extensions"),
                "-out", self.file(f"{name}.pem"), input=request)
