# SPDX-License-Identifier: Apache-2.0
# noroshi seal, CAdES: what OpenSSL says of ours, what we say of OpenSSL's; files, keys and passphrases that are wrong.
load common

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	for algorithm in p256 p384 rsa2048 rsa3072 ed25519; do
		noroshi key new --out $algorithm --algorithm $algorithm --name "Example Networks" >/dev/null
	done
	printf 'Notice 2026-1: all quiet.\n' >notice.txt
	"$NOROSHI" timestamp serve --keys p256 --listen 127.0.0.1:0 >tsa.url 2>tsa.err 3>&- &
	echo $! >tsa.pid
	for _ in $(seq 100); do
		[ ! -s tsa.url ] || break
		sleep 0.1
	done
	[ -s tsa.url ]
}

teardown_file() { kill "$(<"$BATS_FILE_TMPDIR/tsa.pid")"; }

setup() {
	all=$BATS_FILE_TMPDIR
	tsa=$(<"$all/tsa.url")
	cd "$BATS_TEST_TMPDIR"
	cp "$all/notice.txt" .
}

ends() { # STATUS COMMAND...; standard output in out, standard error in $message
	local wanted=$1 status=0
	shift
	noroshi "$@" >out 2>err </dev/null || status=$?
	message=$(<err)
	equal "$status" "$wanted" "exit status of noroshi $*, which said \"$message\""
}

sign() { # KEYS LEVEL FILE...
	local keys=$1 level=$2
	shift 2
	noroshi seal sign --keys "$all/$keys" --ledger "ledger-$keys" --level "$level" --tsa "$tsa" --ca "$all/p256/ca.pem" \
		--ca "$all/$keys/ca.pem" --crl "$all/p256/ca.crl" --crl "$all/$keys/ca.crl" "$@" >/dev/null
}

# verdict FILTER OPTION... FILE [SEAL]: one figure of the JSON.
verdict() {
	local filter=$1
	shift
	noroshi seal verify --json "$@" >verdict.json || true
	jq -c "$filter" verdict.json
}

openssl_takes() { # KEYS SEAL [OPTION...]
	local keys=$1 seal=$2
	shift 2
	openssl cms -verify -binary -cades -inform DER -in "$seal" -CAfile "$all/$keys/ca.pem" -purpose any -out /dev/null "$@"
}

@test "OpenSSL verifies every level and algorithm" {
	for keys in p256 p384 rsa2048 rsa3072; do # CMS with Ed25519 is beyond OpenSSL 3.0
		for level in B-B B-T B-LT B-LTA; do
			sign $keys $level notice.txt
			openssl_takes $keys notice.txt.p7s -content notice.txt
			equal "$(verdict '[.valid, .signatures[0].level]' --ca "$all/$keys/ca.pem" --ca "$all/p256/ca.pem" notice.txt notice.txt.p7s)" \
				"[true,\"$level\"]"
			rm notice.txt.p7s
		done
	done
	sign ed25519 B-B notice.txt
	equal "$(verdict .valid --ca "$all/ed25519/ca.pem" notice.txt notice.txt.p7s)" true
}

@test "levels are lifted one by one, and once more" {
	sign p256 B-B notice.txt
	for level in B-T B-LT B-LTA B-LTA; do
		noroshi seal extend --level $level --tsa "$tsa" --ca "$all/p256/ca.pem" --crl "$all/p256/ca.crl" notice.txt notice.txt.p7s >/dev/null
		equal "$(verdict '[.valid, .signatures[0].level]' --ca "$all/p256/ca.pem" notice.txt notice.txt.p7s)" "[true,\"$level\"]"
		openssl_takes p256 notice.txt.p7s -content notice.txt
	done
	equal "$(jq '.signatures[0].time_stamps | length' verdict.json)" 3
	echo other >other.txt
	cp notice.txt.p7s before
	ends 3 seal extend --tsa "$tsa" --ca "$all/p256/ca.pem" --crl "$all/p256/ca.crl" other.txt notice.txt.p7s
	one_line "$message" "not the data that were sealed"
	cmp before notice.txt.p7s
}

@test "seals that hold their content, both ways" {
	sign p256 B-T --attached notice.txt
	openssl_takes p256 notice.txt.p7s
	openssl cms -verify -binary -cades -inform DER -in notice.txt.p7s -CAfile "$all/p256/ca.pem" -purpose any -out content
	cmp content notice.txt
	equal "$(verdict .valid --ca "$all/p256/ca.pem" notice.txt.p7s)" true
	equal "$(verdict .valid --ca "$all/p256/ca.pem" notice.txt notice.txt.p7s)" true
	echo other >other.txt
	equal "$(verdict '[.valid, .signatures[0].reasons[0].code]' --ca "$all/p256/ca.pem" other.txt notice.txt.p7s)" '[false,"HASH_FAILURE"]'
	openssl cms -sign -cades -binary -nodetach -nosmimecap -md sha256 -signer "$all/p256/seal.pem" -inkey "$all/p256/seal.key" \
		-in notice.txt -outform DER -out theirs
	equal "$(verdict '[.valid, .signatures[0].level]' --ca "$all/p256/ca.pem" theirs)" '[true,"B-B"]'
}

@test "OpenSSL's CAdES is verified; without signed attributes, or with SHA-1, it is not" {
	cms() { openssl cms -sign -binary -md sha256 -signer "$all/$1/seal.pem" -inkey "$all/$1/seal.key" -in notice.txt -outform DER -out theirs "${@:2}"; }
	for keys in p256 p384 rsa2048 rsa3072; do
		cms $keys -cades
		equal "$(verdict '[.valid, .signatures[0].level]' --ca "$all/$keys/ca.pem" notice.txt theirs)" '[true,"B-B"]' $keys
	done
	cms rsa2048 -cades -keyopt rsa_padding_mode:pss # with the longest salt that there is room for
	equal "$(verdict .valid --ca "$all/rsa2048/ca.pem" notice.txt theirs)" true
	cms p256 -noattr
	openssl_takes p256 theirs -content notice.txt # which says that it is CAdES
	equal "$(verdict '[.valid, .signatures[0].indication, .signatures[0].reasons[0].code]' --ca "$all/p256/ca.pem" notice.txt theirs)" \
		'[false,"TOTAL-FAILED","FORMAT_FAILURE"]'
	cms p256
	equal "$(verdict '[.valid, .signatures[0].reasons[0].code]' --ca "$all/p256/ca.pem" notice.txt theirs)" '[false,"FORMAT_FAILURE"]'
	openssl cms -sign -cades -binary -md sha1 -signer "$all/p256/seal.pem" -inkey "$all/p256/seal.key" -in notice.txt -outform DER -out theirs
	equal "$(verdict '[.valid, .signatures[0].reasons[0].code]' --ca "$all/p256/ca.pem" notice.txt theirs)" '[false,"CRYPTO_CONSTRAINTS_FAILURE"]'
	openssl cms -sign -cades -binary -stream -nodetach -md sha256 -signer "$all/p256/seal.pem" -inkey "$all/p256/seal.key" -in notice.txt \
		-outform DER -out theirs # BER, of indefinite length
	equal "$(verdict '[.valid, .signatures[0].reasons[0].code]' --ca "$all/p256/ca.pem" notice.txt theirs)" '[false,"FORMAT_FAILURE"]'
	grep -q "not DER at byte" verdict.json
}

@test "the verdict says who, when and why, in both languages" {
	sign p256 B-LTA notice.txt
	noroshi seal verify --ca "$all/p256/ca.pem" notice.txt notice.txt.p7s >out
	grep -q "notice.txt: valid (TOTAL-PASSED)" out
	grep -q "signer .*Example Networks" out
	grep -q "level .*B-LTA" out
	LC_ALL=ja_JP.UTF-8 noroshi seal verify --ca "$all/p256/ca.pem" notice.txt notice.txt.p7s | grep -q 有効
	echo more >>notice.txt
	ends 1 seal verify --ca "$all/p256/ca.pem" notice.txt notice.txt.p7s
	grep -q "not valid (TOTAL-FAILED)" out
	grep -q HASH_FAILURE out
	ends 1 seal verify --ca "$all/p384/ca.pem" notice.txt notice.txt.p7s
	grep -q NO_CERTIFICATE_CHAIN_FOUND out
}

@test "a certificate that is revoked or has ended" {
	cp -r "$all/p256" keys
	rm -rf keys/ledger keys/ledger.head
	noroshi seal sign --keys keys notice.txt >/dev/null
	noroshi key revoke --keys keys keys/seal.pem >/dev/null
	equal "$(verdict '[.valid, ([.signatures[0].reasons[] | select(.fatal) | .code] | first)]' --ca keys/ca.pem --crl keys/ca.crl notice.txt notice.txt.p7s)" \
		'[false,"REVOKED"]'
	# a certificate of yesterday for the same key
	openssl req -new -key keys/seal.key -subj "/CN=ended" | openssl x509 -req -CA keys/ca.pem -CAkey keys/ca.key -days -1 -out keys/seal.pem 2>/dev/null
	ends 4 seal sign --keys keys notice.txt
	one_line "$message" seal.pem "ended"
}

@test "a passphrase that is wrong or missing" {
	printf 'correct horse\n' >right
	printf 'battery staple\n' >wrong
	noroshi key new --out closed --passphrase-file right >/dev/null
	noroshi seal sign --keys closed --passphrase-file right notice.txt >/dev/null
	rm notice.txt.p7s
	ends 4 seal sign --keys closed --passphrase-file wrong notice.txt
	one_line "$message" seal.key passphrase
	ends 4 seal sign --keys closed notice.txt
	one_line "$message" passphrase
	[ ! -e notice.txt.p7s ]
}

@test "five hundred files at once, one of which is not there" {
	for n in $(seq 499); do echo "document $n" >"d$n"; done
	ends 3 seal sign --keys "$all/rsa2048" --ledger ledger d{1..200} missing d{201..499}
	equal "$(grep -c missing err)" 1
	equal "$(ls d*.p7s | wc -l)" 499
	for n in 1 64 65 200 201 499; do
		ends 0 seal verify --ca "$all/rsa2048/ca.pem" "d$n" "d$n.p7s"
	done
	ends 1 seal verify --ca "$all/rsa2048/ca.pem" d1 d2.p7s
	noroshi ledger export --ledger ledger --kind seal | wc -l >count
	equal "$(<count)" 499
}

@test "what cannot be read, and wrong usage" {
	sign p256 B-B notice.txt
	ends 3 seal verify --ca "$all/p256/ca.pem" nothing notice.txt.p7s
	one_line "$message" nothing
	ends 3 seal verify --ca "$all/p256/ca.pem" notice.txt nothing
	ends 2 seal verify --ca nothing notice.txt notice.txt.p7s
	one_line "$message" nothing
	ends 2 seal verify notice.txt notice.txt.p7s
	one_line "$message" --ca
	ends 1 seal verify --ca "$all/p256/ca.pem" notice.txt notice.txt # a seal it is not
	ends 2 seal verify --ca "$all/p256/ca.pem" --ocsp notice.txt notice.txt notice.txt.p7s
	one_line "$message" "not an OCSP answer"
	ends 2 seal sign --keys "$all/p256" --ledger ledger --level B-T notice.txt
	one_line "$message" --tsa
	ends 3 seal sign --keys "$all/p256" --ledger ledger nothing
	head -c 100 notice.txt.p7s >cut
	ends 1 seal verify --ca "$all/p256/ca.pem" notice.txt cut
	ends 3 seal extend --tsa "$tsa" --ca "$all/p256/ca.pem" notice.txt cut
}
