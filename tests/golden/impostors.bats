# SPDX-License-Identifier: Apache-2.0
# Who pretends to be somebody else: names are no proof, keys are.
load common

setup_file() {
	export KEYS=$BATS_FILE_TMPDIR/keys TWIN=$BATS_FILE_TMPDIR/twin
	noroshi key new --out "$KEYS" >/dev/null
	noroshi key new --out "$TWIN" >/dev/null # another authority of the same name
	cd "$BATS_FILE_TMPDIR"
	echo "Invoice 7" >invoice
	noroshi seal sign --keys "$KEYS" invoice >/dev/null
}

judged() { # WANTED-STATUS CODE ARGUMENTS...: the seal's status, and one of its fatal reasons ("-": none)
	local wanted=$1 code=$2 status=0
	shift 2
	noroshi seal verify --json "$@" >"$BATS_TEST_TMPDIR/json" || status=$?
	equal "$status" "$wanted" "exit status of seal verify $*, which said $(<"$BATS_TEST_TMPDIR/json")"
	equal "$(jq -r '[.signatures[0].reasons[] | select(.fatal) | .code][0] // "-"' "$BATS_TEST_TMPDIR/json")" "$code"
}

twin_list() { # OUT: of nobody, of the twin's key, newer than the genuine one
	cat >"$BATS_TEST_TMPDIR/ca.conf" <<-CONF
		[ca]
		default_ca = d
		[d]
		database = $BATS_TEST_TMPDIR/index
		crlnumber = $BATS_TEST_TMPDIR/number
		default_md = sha256
		crl_extensions = e
		[e]
	CONF
	: >"$BATS_TEST_TMPDIR/index"
	echo 7777 >"$BATS_TEST_TMPDIR/number"
	openssl ca -gencrl -config "$BATS_TEST_TMPDIR/ca.conf" -cert "$TWIN/ca.pem" -keyfile "$TWIN/ca.key" \
		-crldays 30 -out "$1" 2>"$BATS_TEST_TMPDIR/err" || cat "$BATS_TEST_TMPDIR/err"
}

@test "another authority of the same name leads nowhere, wherever its certificate is given" {
	cd "$BATS_FILE_TMPDIR"
	judged 0 - --ca "$KEYS/ca.pem" invoice invoice.p7s
	judged 1 NO_CERTIFICATE_CHAIN_FOUND --ca "$TWIN/ca.pem" invoice invoice.p7s
	judged 1 NO_CERTIFICATE_CHAIN_FOUND --ca "$TWIN/ca.pem" --certificates "$KEYS/ca.pem" invoice invoice.p7s
	judged 0 - --ca "$KEYS/ca.pem" --certificates "$TWIN/ca.pem" invoice invoice.p7s
}

@test "a newer list of another authority of the same name does not hide that a certificate is revoked" {
	cd "$BATS_FILE_TMPDIR"
	cp -r "$KEYS" "$BATS_TEST_TMPDIR/revoked"
	judged 0 - --ca "$KEYS/ca.pem" --crl "$KEYS/ca.crl" --require-revocation invoice invoice.p7s
	noroshi key revoke --keys "$BATS_TEST_TMPDIR/revoked" "$KEYS/seal.pem"
	own=$BATS_TEST_TMPDIR/revoked/ca.crl foreign=$BATS_TEST_TMPDIR/foreign.crl
	sleep 1.1 # lists have whole seconds
	twin_list "$foreign"
	judged 1 REVOKED --ca "$KEYS/ca.pem" --crl "$own" invoice invoice.p7s
	judged 1 REVOKED --ca "$KEYS/ca.pem" --crl "$own" --crl "$foreign" invoice invoice.p7s
	judged 1 REVOKED --ca "$KEYS/ca.pem" --crl "$foreign" --crl "$own" --certificates "$TWIN/ca.pem" invoice invoice.p7s
	judged 0 - --ca "$KEYS/ca.pem" --crl "$foreign" invoice invoice.p7s # says nothing of these keys
	judged 1 TRY_LATER --ca "$KEYS/ca.pem" --crl "$foreign" --require-revocation invoice invoice.p7s
}

@test "certificates for time stamps, and those of authorities, seal nothing" {
	cd "$BATS_FILE_TMPDIR"
	for who in tsa ca; do
		openssl cms -sign -cades -binary -nosmimecap -in invoice -signer "$KEYS/$who.pem" -inkey "$KEYS/$who.key" \
			-outform DER -out "$BATS_TEST_TMPDIR/$who.p7s"
		judged 1 CHAIN_CONSTRAINTS_FAILURE --ca "$KEYS/ca.pem" invoice "$BATS_TEST_TMPDIR/$who.p7s"
	done
}

@test "a seal that holds its data says nothing of another file" {
	cd "$BATS_TEST_TMPDIR"
	echo "Invoice 7" >invoice
	echo "Invoice 8" >other
	python3 - >invoice.pdf <<-'PDF'
		text, places = "%PDF-1.7\n", []
		for i, body in enumerate(["/Catalog/Pages 2 0 R", "/Pages/Kids[3 0 R]/Count 1", "/Page/Parent 2 0 R/MediaBox[0 0 9 9]"]):
		    places.append(len(text))
		    text += f"{i + 1} 0 obj\n<</Type{body}>>\nendobj\n"
		table = "".join(f"{place:010d} 00000 n \n" for place in places)
		print(f"{text}xref\n0 4\n0000000000 65535 f \n{table}trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{len(text)}\n%%EOF")
	PDF
	noroshi seal sign --keys "$KEYS" --attached invoice
	noroshi seal sign --keys "$KEYS" --attached --form jades invoice
	noroshi seal sign --keys "$KEYS" --form pades invoice.pdf
	for sealed in invoice.p7s invoice.jws; do
		judged 0 - --ca "$KEYS/ca.pem" invoice $sealed
		judged 1 HASH_FAILURE --ca "$KEYS/ca.pem" other $sealed
	done
	judged 0 - --ca "$KEYS/ca.pem" invoice.pdf.sealed.pdf
	judged 1 FORMAT_FAILURE --ca "$KEYS/ca.pem" other invoice.pdf.sealed.pdf
}
