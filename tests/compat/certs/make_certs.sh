#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the test certificates.  They are kept in the tree so that fingerprints are stable;
# run this only to replace them all (then re-record the tls_ and related scenarios).
set -e
cd "$(dirname "$0")"
rm -f *.pem *.key *.srl
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }
ca() {  # NAME CN
    key "$1"
    openssl req -x509 -new -key "$1.key" -sha256 -days 9000 -subj "/O=Oracle Tests/CN=$2" -out "$1.pem" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
}
leaf() {  # NAME CN CA [SAN [DAYS-OPTIONS]]
    key "$1"
    openssl req -new -key "$1.key" -subj "/O=Oracle Tests/CN=$2" -out "$1.csr"
    printf 'basicConstraints=CA:FALSE\n%s\n' "${4:+subjectAltName=$4}" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -sha256 -days "${5:-9000}" \
        -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm -f "$1.csr" "$1.ext"
}
ca ca "Test CA"
ca otherca "Other CA"
leaf mx mx.example.test ca DNS:mx.example.test
leaf mx1 mx1.dest.test ca DNS:mx1.dest.test
leaf dest dest.test ca DNS:dest.test,DNS:*.dest.test
leaf wrong wrong.example.org ca DNS:wrong.example.org
leaf other mx1.dest.test otherca DNS:mx1.dest.test
leaf client client.example.net ca DNS:client.example.net
leaf stranger stranger.example.org otherca
key self
openssl req -x509 -new -key self.key -sha256 -days 9000 -subj "/CN=mx1.dest.test" -out self.pem
key expired
openssl req -new -key expired.key -subj "/O=Oracle Tests/CN=mx1.dest.test" -out expired.csr
printf 'subjectAltName=DNS:mx1.dest.test\n' > expired.ext
mkdir -p demo; : > demo/index; echo 01 > demo/serial
printf '[ca]\ndefault_ca=c\n[c]\ndatabase=demo/index\nserial=demo/serial\nnew_certs_dir=demo\ndefault_md=sha256\npolicy=p\n[p]\nO=optional\nCN=supplied\n' > demo/c.cnf
openssl ca -batch -config demo/c.cnf -cert ca.pem -keyfile ca.key -in expired.csr -out expired.pem -notext \
    -extfile expired.ext -startdate 20200101000000Z -enddate 20210101000000Z 2>/dev/null
rm -rf demo expired.csr expired.ext *.srl
cat ca.pem otherca.pem > both-ca.pem
# Fingerprints used by scenarios.
for n in mx1 client other self; do
    printf '%s cert-sha256 %s\n' $n "$(openssl x509 -in $n.pem -noout -fingerprint -sha256 | sed 's/.*=//')"
    printf '%s pkey-sha256 %s\n' $n "$(openssl x509 -in $n.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -c | sed 's/.*= *//' | tr a-f A-F)"
done > fingerprints.txt
chmod 644 *.key
