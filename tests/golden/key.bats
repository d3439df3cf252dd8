# SPDX-License-Identifier: Apache-2.0
# Keys: what is made is good for OpenSSL's own tools; and each thing that can be wrong with a key is said in one line.
load common

setup_file() {
	export KEYS=$BATS_FILE_TMPDIR
	printf 'correct horse\n' >"$KEYS/passphrase"
	printf 'battery staple\n' >"$KEYS/wrong"
	for algorithm in p256 p384 rsa2048 rsa3072 ed25519; do
		noroshi key new --out "$KEYS/$algorithm" --algorithm $algorithm --name "Example Networks" >/dev/null
	done
	noroshi key new --out "$KEYS/closed" --passphrase-file "$KEYS/passphrase" >/dev/null
}

fails() { # STATUS COMMAND...; standard error in $message
	local wanted=$1 status=0
	shift
	noroshi "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null || status=$?
	message=$(<"$BATS_TEST_TMPDIR/err")
	equal "$status" "$wanted" "exit status of noroshi $*, which said \"$message\""
}

refused() { if "$@" >/dev/null 2>&1; then echo "$* was not refused"; return 1; fi; }

@test "OpenSSL takes the certificates for what they are" {
	for algorithm in p256 p384 rsa2048 rsa3072 ed25519; do
		cd "$KEYS/$algorithm"
		openssl verify -x509_strict -CAfile ca.pem -crl_check -CRLfile ca.crl -purpose timestampsign tsa.pem
		openssl verify -x509_strict -CAfile ca.pem -crl_check -CRLfile ca.crl -purpose smimesign seal.pem
		refused openssl verify -CAfile ca.pem -purpose timestampsign seal.pem
		refused openssl verify -CAfile ca.pem -purpose smimesign tsa.pem
		equal "$(openssl pkey -in tsa.key -pubout)" "$(openssl x509 -in tsa.pem -noout -pubkey)"
	done
}

@test "openssl ts makes tokens with the key" {
	cd "$KEYS/p256"
	cat >"$BATS_TEST_TMPDIR/ts.conf" <<-CONF
		[tsa]
		default_tsa = t
		[t]
		serial = $BATS_TEST_TMPDIR/serial
		crypto_device = builtin
		signer_cert = tsa.pem
		certs = ca.pem
		signer_key = tsa.key
		signer_digest = sha256
		default_policy = 2.999.7823.1
		digests = sha256
		ess_cert_id_alg = sha256
	CONF
	openssl ts -query -data ca.pem -sha256 -cert -out "$BATS_TEST_TMPDIR/q"
	openssl ts -reply -config "$BATS_TEST_TMPDIR/ts.conf" -queryfile "$BATS_TEST_TMPDIR/q" -out "$BATS_TEST_TMPDIR/r"
	openssl ts -verify -queryfile "$BATS_TEST_TMPDIR/q" -in "$BATS_TEST_TMPDIR/r" -CAfile ca.pem
}

@test "encrypted keys open with their passphrase in OpenSSL's tools, and with no other" {
	for key in ca tsa seal ledger; do
		equal "$(head -n 1 "$KEYS/closed/$key.key")" "-----BEGIN ENCRYPTED PRIVATE KEY-----"
		openssl pkey -in "$KEYS/closed/$key.key" -passin "file:$KEYS/passphrase" -noout
		refused openssl pkey -in "$KEYS/closed/$key.key" -passin "file:$KEYS/wrong" -noout
	done
	openssl asn1parse -in "$KEYS/closed/tsa.key" | grep ":scrypt"
}

@test "show says whose, for what, until when" {
	noroshi key show --json "$KEYS/p256" >"$BATS_TEST_TMPDIR/json"
	equal "$(jq -c '[.[].file | split("/")[-1]]' "$BATS_TEST_TMPDIR/json")" \
		'["ca.crl","ca.key","ca.pem","ledger.key","ledger.vkey","seal.key","seal.pem","tsa.key","tsa.pem"]'
	equal "$(jq -r '.[] | select(.file | endswith("tsa.pem")) | "\(.state) \(.algorithm) \(.usages) \(.demonstration)"' \
		"$BATS_TEST_TMPDIR/json")" "valid P-256 digitalSignature timeStamping true"
	equal "$(jq -r '.[] | select(.file | endswith("seal.pem")) | .key' "$BATS_TEST_TMPDIR/json")" \
		"$(openssl x509 -in "$KEYS/p256/seal.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d ' ' -f 1)"
	equal "$(jq -r '.[] | select(.file | endswith("ledger.vkey")) | .vkey' "$BATS_TEST_TMPDIR/json")" \
		"$(<"$KEYS/p256/ledger.vkey")"
	LC_ALL=ja_JP.UTF-8 noroshi key show "$KEYS/p256/tsa.pem" | grep -q 証明書
}

@test "show of what it does not know" {
	echo hello >"$BATS_TEST_TMPDIR/hello"
	fails 3 key show "$BATS_TEST_TMPDIR/hello"
	one_line "$message" hello "neither certificate"
	fails 3 key show "$BATS_TEST_TMPDIR/nothing"
	one_line "$message" nothing "No such file"
}

@test "a revoked certificate is one to OpenSSL and to show" {
	noroshi key new --out "$BATS_TEST_TMPDIR/k" >/dev/null
	cd "$BATS_TEST_TMPDIR/k"
	noroshi key revoke --keys . --reason superseded tsa.pem
	refused openssl verify -CAfile ca.pem -crl_check -CRLfile ca.crl tsa.pem
	openssl verify -CAfile ca.pem -crl_check -CRLfile ca.crl seal.pem
	openssl crl -in ca.crl -noout -text | grep -A 1 'Reason Code' | grep -q Superseded
	equal "$(noroshi key show --json . | jq -r '.[] | select(.file | endswith("tsa.pem")) | .state')" revoked
	fails 1 key revoke --keys . tsa.pem
	one_line "$message" tsa.pem already
	fails 2 key revoke --keys . "$KEYS/p256/tsa.pem"
	one_line "$message" tsa.pem "not a certificate of this authority"
}

@test "bad wishes for new keys" {
	fails 2 key new
	one_line "$message" "--out DIR"
	fails 2 key new --out "$KEYS/p256"
	one_line "$message" ca.pem "never overwritten"
	fails 2 key new --out "$BATS_TEST_TMPDIR/x" --number 7000012050003
	one_line "$message" 7000012050003 "check digit"
	fails 2 key new --out "$BATS_TEST_TMPDIR/x" --origin "two words"
	one_line "$message" "--origin"
	fails 2 key new --out "$BATS_TEST_TMPDIR/x" --algorithm rsa1024
	one_line "$message" algorithm
	fails 2 key new --out "$BATS_TEST_TMPDIR/x" --passphrase-file "$BATS_TEST_TMPDIR/nothing"
	one_line "$message" nothing "No such file"
	[ ! -e "$BATS_TEST_TMPDIR/x" ]
}

# What serve says of keys it cannot use, before it listens.
serve() { fails "$1" timestamp serve --listen 127.0.0.1:0 --keys "$2" "${@:3}"; }

@test "keys that cannot sign: each in one line" {
	cp -r "$KEYS/p256" "$BATS_TEST_TMPDIR/k"
	serve 4 "$KEYS/closed"
	one_line "$message" tsa.key encrypted
	serve 4 "$KEYS/closed" --passphrase-file "$KEYS/wrong"
	one_line "$message" tsa.key "not the right one"
	serve 4 "$KEYS/nothing"
	one_line "$message" nothing "No such file"
	cp "$KEYS/p384/tsa.key" "$BATS_TEST_TMPDIR/k/tsa.key"
	serve 4 "$BATS_TEST_TMPDIR/k"
	one_line "$message" tsa.key "not the key of" tsa.pem
	openssl genrsa -out "$BATS_TEST_TMPDIR/k/tsa.key" 1024 2>/dev/null
	openssl req -x509 -new -key "$BATS_TEST_TMPDIR/k/tsa.key" -subj /CN=weak -days 2 -out "$BATS_TEST_TMPDIR/k/tsa.pem" \
		-addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
		-addext extendedKeyUsage=critical,timeStamping
	serve 4 "$BATS_TEST_TMPDIR/k"
	one_line "$message" tsa.key "RSA with 1024 bits"
	cp "$KEYS/p256/seal.key" "$BATS_TEST_TMPDIR/k/tsa.key"
	cp "$KEYS/p256/seal.pem" "$BATS_TEST_TMPDIR/k/tsa.pem"
	serve 4 "$BATS_TEST_TMPDIR/k"
	one_line "$message" tsa.pem "not for time stamps"
	serve 2 "$KEYS/p256" --timestamp-key "pkcs11:object=tsa"
	one_line "$message" "--pkcs11-module"
	serve 4 "$KEYS/p256" --timestamp-key "pkcs11:object=tsa" --pkcs11-module /nonexistent.so
	one_line "$message" nonexistent.so
}

@test "a key that others can read is not used, unless it is encrypted" {
	cp -r "$KEYS/p256" "$BATS_TEST_TMPDIR/k"
	cp -r "$KEYS/closed" "$BATS_TEST_TMPDIR/c"
	cd "$BATS_TEST_TMPDIR"
	echo one >one
	chmod 640 k/*.key
	noroshi seal sign --keys k one
	chmod 644 k/seal.key c/*.key
	fails 4 seal sign --keys k one
	one_line "$message" k/seal.key "chmod 600"
	noroshi seal sign --keys c --passphrase-file "$KEYS/passphrase" one
}

@test "what cannot be sealed is said once, with its reason, and the others are sealed" {
	cp -r "$KEYS/p256" "$BATS_TEST_TMPDIR/k"
	cd "$BATS_TEST_TMPDIR"
	echo one >'一つ.txt'
	mkdir folder
	fails 3 seal sign --keys k folder missing '一つ.txt'
	equal "$(sort <<<"$message")" "noroshi: folder: Is a directory
noroshi: missing: No such file or directory"
	noroshi seal verify --ca k/ca.pem '一つ.txt' '一つ.txt.p7s'
	noroshi seal verify --ca k/ca.pem <(cat '一つ.txt') '一つ.txt.p7s' # a pipe, too
}

@test "one folder of keys serves an authority that runs and who seals meanwhile" {
	cp -r "$KEYS/p256" "$BATS_TEST_TMPDIR/k"
	cd "$BATS_TEST_TMPDIR"
	"$NOROSHI" timestamp serve --listen 127.0.0.1:0 --keys k >url 2>log 3>&- &
	server=$!
	for _ in $(seq 100); do
		[ -s url ] && break
		sleep 0.1
	done
	echo one >one
	noroshi seal sign --keys k --level B-T --tsa "$(head -n 1 url)" one
	fails 3 seal sign --keys k missing # and says nothing of the ledger, which the other writes for it
	equal "$message" "noroshi: missing: No such file or directory"
	kill "$server"
	wait "$server" || true
	noroshi seal verify --ca k/ca.pem one one.p7s
	noroshi ledger export --keys k >entries
	for kind in key-new key-use token seal; do
		grep -q "\"kind\":\"$kind\"" entries
	done
}

@test "two persons release a key; what they sign is what they read" {
	cd "$BATS_TEST_TMPDIR"
	noroshi key note alice --out alice.key >alice.said
	equal "$(<alice.said)" "$(<alice.key.vkey)"
	noroshi key note bob --out bob.key >/dev/null
	noroshi key release july --sign alice.key --certificate "$KEYS/p256/seal.pem" --reason "invoices of July" --for 2d >first
	noroshi key release july --sign bob.key >second
	equal "$(<first)" "$(<second)"
	equal "$(head -n 6 july)" "$(<first)"
	grep -q '^reason invoices of July$' july
	equal "$(grep -c '^— ' july)" 2
	fails 2 key release july --sign alice.key --reason other
	one_line "$message" july "is there"
	fails 2 key note alice --out alice.key
	one_line "$message" alice.key "File exists"
	cp bob.key.vkey alice.key.vkey
	fails 4 key release july --sign alice.key
	one_line "$message" alice.key.vkey "not the verifier key"
}
