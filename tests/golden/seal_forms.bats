# SPDX-License-Identifier: Apache-2.0
# Seals as JWS (JAdES) and in PDF files (PAdES): other tools take them for what they are, and what is wrong with one is
# told apart by its reason. One authority on loopback makes the time stamps.
load common

setup_file() {
	export SEALS=$BATS_FILE_TMPDIR
	cd "$SEALS"
	for algorithm in p256 p384 rsa2048 ed25519; do
		noroshi key new --out $algorithm --algorithm $algorithm --name "Example Networks" >/dev/null
	done
	printf 'A notice to an owner. 通知\n' >notice.txt
	/usr/bin/python3 "$golden/pdf.py" >table.pdf
	qpdf --object-streams=generate table.pdf stream.pdf
	qpdf --linearize table.pdf linear.pdf
	qpdf --encrypt owner user 256 -- table.pdf encrypted.pdf
	"${NOROSHI:?}" timestamp serve --keys p256 --ledger tsa-ledger --listen 127.0.0.1:0 >tsa.log 2>&1 3>&- &
	echo $! >tsa.pid
	for _ in $(seq 100); do
		TSA=$(grep -o 'http://127.0.0.1:[0-9]*/\?' tsa.log | head -n 1) || true
		[ -z "$TSA" ] || break
		sleep 0.1
	done
	export TSA
}

teardown_file() { kill "$(<"$BATS_FILE_TMPDIR/tsa.pid")"; }

setup() { cd "$SEALS"; }

seal() { noroshi seal sign --keys p256 "$@" >/dev/null; }

# verdict FILTER FILE [SEAL]: one figure of the first verdict
verdict() {
	local filter=$1
	shift
	noroshi seal verify --json --ca p256/ca.pem "$@" >"$BATS_TEST_TMPDIR/json" 2>"$BATS_TEST_TMPDIR/err" || true
	jq -c "$filter" "$BATS_TEST_TMPDIR/json" || cat "$BATS_TEST_TMPDIR/err"
}

# ---- JAdES ----

@test "an independent reader of JWS takes the signatures of all keys, compact and JSON" {
	for algorithm in p256 p384 rsa2048 ed25519; do
		for form in jades jades-json; do
			rm -f notice.txt.jws notice.txt.jws.json
			noroshi seal sign --keys $algorithm --form $form --attached notice.txt >/dev/null
			noroshi seal verify --ca $algorithm/ca.pem notice.txt.jws* >/dev/null
			/usr/bin/python3 "$golden/jws.py" verify $algorithm/seal.pem notice.txt.jws* >payload
			cmp payload notice.txt
		done
	done
}

@test "JWS of another maker with RSA-PSS pass" {
	/usr/bin/python3 "$golden/jws.py" pss rsa2048/seal.pem rsa2048/seal.key pss.jws
	noroshi seal verify --ca rsa2048/ca.pem pss.jws
	sed 's/\.ZGF0YQ\./.ZGF0ZQ./' pss.jws >changed.jws
	status=0
	noroshi seal verify --ca rsa2048/ca.pem changed.jws || status=$?
	equal "$status" 1
}

@test "JAdES beside the file: its hash, and no other file passes" {
	seal --form jades-json notice.txt
	equal "$(verdict '.signatures[0] | [.form, .level, .indication]' notice.txt notice.txt.jws.json)" \
		'["jades-json","B-B","TOTAL-PASSED"]'
	header=$(jq -r .protected notice.txt.jws.json | /usr/bin/python3 -c 'import base64, sys; t = sys.stdin.read().strip(); print(base64.urlsafe_b64decode(t + "=" * (-len(t) % 4)).decode())')
	equal "$(jq -c '[.crit, .b64, .sigD.mId, .sigD.pars, (.x5c | length)]' <<<"$header")" \
		'[["b64","sigD"],false,"http://uri.etsi.org/19182/ObjectIdByURIHash",["notice.txt"],1]'
	equal "$(jq -r '.sigD.hashV[0]' <<<"$header")" "$(openssl dgst -sha256 -binary notice.txt | basenc --base64url | tr -d =)"
	echo other >other.txt
	equal "$(verdict '.signatures[0] | [.indication, (.reasons[] | select(.fatal) | .code)]' other.txt notice.txt.jws.json)" \
		'["TOTAL-FAILED","HASH_FAILURE"]'
	equal "$(verdict '.signatures[0] | [.indication, (.reasons[] | select(.fatal) | .code)]' notice.txt.jws.json)" \
		'["INDETERMINATE","SIGNED_DATA_NOT_FOUND"]'
}

@test "JAdES B-T: made at once, or lifted later; a compact one has no place for it" {
	seal --form jades-json --level B-T --tsa "$TSA" notice.txt
	equal "$(verdict '.signatures[0] | [.level, .indication, .time_stamps[0].kind]' notice.txt notice.txt.jws.json)" \
		'["B-T","TOTAL-PASSED","signature"]'
	# the token is one of RFC 3161 over the text of the signature
	jq -r '.header.etsiU[0]' notice.txt.jws.json | /usr/bin/python3 "$golden/jws.py" token >token.der
	jq -j .signature notice.txt.jws.json >signature.txt
	openssl ts -verify -data signature.txt -in token.der -token_in -CAfile p256/ca.pem
	seal --form jades-json notice.txt
	noroshi seal extend --level B-T --tsa "$TSA" notice.txt notice.txt.jws.json >/dev/null
	equal "$(verdict '.signatures[0] | [.level, .indication]' notice.txt notice.txt.jws.json)" '["B-T","TOTAL-PASSED"]'
	status=0
	message=$(noroshi seal sign --keys p256 --form jades --level B-T --tsa "$TSA" notice.txt 2>&1) || status=$?
	equal "$status" 3
	one_line "$message" notice.txt compact jades-json
}

@test "JAdES B-LT and B-LTA: what verifying takes is inside, an archive token covers it, and nothing can be taken out" {
	for attached in "" --attached; do
		seal --form jades-json $attached --level B-LT --tsa "$TSA" notice.txt
		equal "$(verdict '.signatures[0] | [.level, .indication]' notice.txt notice.txt.jws.json)" '["B-LT","TOTAL-PASSED"]'
		for renewal in 1 2; do
			noroshi seal extend --level B-LTA --tsa "$TSA" --ca p256/ca.pem --crl p256/ca.crl notice.txt \
				notice.txt.jws.json >/dev/null
			noroshi seal verify --require-revocation --ca p256/ca.pem notice.txt notice.txt.jws.json >/dev/null
			equal "$(verdict '.signatures[0] | [.level, .indication, ([.time_stamps[] | select(.kind == "archive")] | length)]' \
				notice.txt notice.txt.jws.json)" "[\"B-LTA\",\"TOTAL-PASSED\",$renewal]"
			/usr/bin/python3 "$golden/jws.py" archive notice.txt.jws.json notice.txt covered token.der
			openssl ts -verify -data covered -in token.der -token_in -CAfile p256/ca.pem
		done
		for element in 0 1 2; do
			/usr/bin/python3 "$golden/jws.py" cut notice.txt.jws.json $element cut.json
			equal "$(verdict '.signatures[0] | [.indication, ([.reasons[] | select(.fatal) | .code] | index("HASH_FAILURE") != null)]' \
				notice.txt cut.json)" '["INDETERMINATE",true]' "without element $element"
		done
	done
}

@test "JWS that somebody else made wrong: each has its reason" {
	/usr/bin/python3 "$golden/jws.py" hostile p256/seal.pem p256/seal.key p384/seal.pem notice.txt bad >list
	[ "$(wc -l <list)" -gt 25 ]
	while read -r name indication code; do
		equal "$(verdict '[.signatures[0].indication, .signatures[0].reasons[] | if type == "object" then select(.fatal) | .code else . end] | unique' "bad/$name")" \
			"$(jq -cn --arg i "$indication" --arg c "$code" '[$i, $c] | map(select(. != "-")) | unique')" "$name"
	done <list
}

# ---- PAdES ----

@test "PDF files are sealed; pdfsig and qpdf have nothing to say against them" {
	for file in table stream linear; do
		seal --form pades --level B-T --tsa "$TSA" $file.pdf
		cmp -n "$(stat -c %s $file.pdf)" $file.pdf $file.pdf.sealed.pdf
		equal "$(verdict '.signatures[0] | [.form, .level, .indication, .later_changes]' $file.pdf.sealed.pdf)" \
			'["pades","B-T","TOTAL-PASSED",false]' "$file"
		pdfsig -nocert $file.pdf.sealed.pdf >pdfsig.txt
		grep -q "Signature Validation: Signature is Valid" pdfsig.txt
		grep -q "Total document signed" pdfsig.txt
		grep -q "Signature Type: ETSI.CAdES.detached" pdfsig.txt
		qpdf --check $file.pdf.sealed.pdf >qpdf.txt
		! grep -qi warning qpdf.txt || { cat qpdf.txt; false; }
	done
}

@test "one PDF, two seals: each covers its revision; the first goes on being valid" {
	for file in table stream; do
		seal --form pades $file.pdf
		cp $file.pdf.sealed.pdf two.pdf
		seal --form pades two.pdf
		equal "$(verdict '[.signatures[] | [.indication, .later_changes, .revision, .revisions]]' two.pdf.sealed.pdf)" \
			'[["TOTAL-PASSED",true,2,3],["TOTAL-PASSED",false,3,3]]' "$file"
		equal "$(pdfsig -nocert two.pdf.sealed.pdf | grep -c "Signature is Valid")" 2
		noroshi seal extend --level B-T --tsa "$TSA" two.pdf.sealed.pdf >/dev/null
		equal "$(verdict '[.signatures[] | [.indication, .level]]' two.pdf.sealed.pdf)" \
			'[["TOTAL-PASSED","B-B"],["TOTAL-PASSED","B-T"]]' "$file"
		equal "$(pdfsig -nocert two.pdf.sealed.pdf | grep -c "Signature is Valid")" 2
	done
}

@test "what cannot be sealed is said in one line" {
	printf '%%PDF-1.4\nnothing\n' >broken.pdf
	for row in "encrypted.pdf encrypted" "broken.pdf startxref" "notice.txt PDF"; do
		status=0
		message=$(noroshi seal sign --keys p256 --form pades ${row% *} 2>&1) || status=$?
		equal "$status" 3
		one_line "$message" $row
	done
	status=0
	message=$(noroshi seal sign --keys p256 --form pades --level B-LT --ca p256/ca.pem --tsa "$TSA" table.pdf 2>&1) || status=$?
	equal "$status" 3
	one_line "$message" table.pdf B-T
}

@test "a PDF that was changed after its seal: each way has its reason" {
	seal --form pades table.pdf
	seal --form pades stream.pdf
	/usr/bin/python3 "$golden/pdf.py" hostile table.pdf.sealed.pdf stream.pdf.sealed.pdf bad-pdf >list
	[ "$(wc -l <list)" -gt 25 ]
	while read -r name indication later words; do
		equal "$(verdict '.signatures[0] | [.indication, .later_changes]' "bad-pdf/$name")" \
			"[\"$indication\",$later]" "$name"
		[ "$words" = - ] || grep -q "$words" "$BATS_TEST_TMPDIR/json" || {
			echo "$name: nothing says \"$words\": $(jq -c '[.signatures[0].reasons[].text_en]' "$BATS_TEST_TMPDIR/json")"
			false
		}
	done <list
}
