# SPDX-License-Identifier: Apache-2.0
# The yearly report: its figures are the store's, in both languages and on paper.
load common

# Three whole days and a part of a fourth, at the end of one year and the beginning of the next.
setup_file() {
	export YEAR=$BATS_FILE_TMPDIR/year
	noroshi world darknet --seed 5 --packets 120000 --start 2025-12-29T06:00:00Z --duration 4d \
		--out "$YEAR.pcap" --mmdb "$YEAR.mmdb" --lists "$YEAR.list"
	noroshi telescope read --dark 198.18.0.0/18 --own 203.0.113.0/24 --mmdb "$YEAR.mmdb" --lists "$YEAR.list" \
		--store "$YEAR.db" "$YEAR.pcap" >/dev/null
	for lang in en ja; do
		for form in html pdf; do
			noroshi telescope yearbook --store "$YEAR.db" --year 2025 --lang $lang --out "$YEAR.$lang.$form"
		done
	done
}

grouped() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }

# The cells of the rows of an HTML table whose caption has a word.
table() { # FILE WORD
	tr -d '\n' <"$1" | grep -oE '<caption>[^<]*</caption>.*' | sed 's/<caption>/\n&/g' | grep "^<caption>[^<]*$2" | head -n 1 |
		sed 's,</table>.*,,; s,</tr>,\n,g; s,</t[dh]>,|,g; s,<[^>]*>,,g' | grep .
}

report() { # OPTIONS: of the year 2025, without those of 2026
	noroshi telescope report --store "$YEAR.db" --from 2025-01-01 --to 2026-01-01 --json "$@"
}

total() { # RESEARCH
	report --by country --research "$1" --limit 1000 | jq '[.rows[].packets] | add'
}

@test "packets of the year, with and without research scanners" {
	text=$(sed 's/<[^>]*>/ /g' "$YEAR.en.html")
	[[ $text == *"$(grouped "$(total with)")"* ]]
	month=$(table "$YEAR.en.html" "per month" | grep December)
	equal "$(cut -d '|' -f 2 <<<"$month")" "$(grouped "$(total with)")"
	equal "$(cut -d '|' -f 4 <<<"$month")" "$(grouped "$(total without)")"
	equal "$(cut -d '|' -f 7 <<<"$month")" "66 / 744"
}

@test "top ports are the report's" {
	for protocol in tcp=6 udp=17; do
		for by in packets hosts; do
			rows=$(table "$YEAR.en.html" "Top 10 $(tr a-z A-Z <<<"${protocol%=*}") destination ports by ${by/hosts/unique hosts}")
			column=$([ $by = packets ] && echo packets || echo sources)
			for research in with=2 without=6; do
				equal "$(tail -n +2 <<<"$rows" | cut -d '|' -f "${research#*=}" | tr '\n' ' ')" \
					"$(report --by port --research ${research%=*} --limit 1000 |
						jq -r "[.rows[] | select(.protocol == ${protocol#*=})] | sort_by(-.$column, -.packets) |
							.[:10][].port" | tr '\n' ' ')" "$protocol by $by ${research%=*}"
			done
		done
	done
}

@test "a part of a year says so, and what is missing" {
	text=$(sed 's/<[^>]*>/ /g' "$YEAR.en.html")
	[[ $text == *"66 hours on 3 days"* && $text == *"nothing is extrapolated"* ]]
	equal "$(table "$YEAR.en.html" "Hours without" | tail -n +2 | tr '\n' ' ')" "1/1 00:00|12/29 06:00|8,694| "
	noroshi telescope yearbook --store "$YEAR.db" --year 2026 --lang en --out "$BATS_TEST_TMPDIR/next.html"
	equal "$(table "$BATS_TEST_TMPDIR/next.html" "Hours without" | tail -n +2 | tr '\n' ' ')" \
		"1/2 06:00|12/31 24:00|8,730| "
	equal "$(table "$BATS_TEST_TMPDIR/next.html" "The years" | tail -n +2 | cut -d '|' -f 1 | tr '\n' ' ')" "2025 2026 "
}

@test "IoT bots per day: only whole days count" {
	days=
	for day in 30 31; do
		days+=$(noroshi telescope report --store "$YEAR.db" --by source --from "2025-12-${day}T00:00:00Z" \
			--to "2025-12-${day}T23:59:59Z" --limit 1000 --json |
			jq '[.rows[] | select(.country == "CN" and (.tools | index("mirai") != null))] | length')' '
	done
	noroshi telescope yearbook --store "$YEAR.db" --year 2025 --lang en --country CN --out "$BATS_TEST_TMPDIR/cn.html"
	row=$(table "$BATS_TEST_TMPDIR/cn.html" "IoT bot hosts" | tail -n 1)
	equal "$row" "China (CN)|$(tr ' ' '\n' <<<"$days" | grep . | sort -n | head -n 1)|$(
		awk '{ printf "%.1f", ($1 + $2) / 2 }' <<<"$days")|$(tr ' ' '\n' <<<"$days" | grep . | sort -n | tail -n 1)|2|"
}

@test "an HTML report stands alone" {
	for lang in en ja; do
		grep -q "<html lang=\"$lang\">" "$YEAR.$lang.html"
		if grep -qiE '<script|<link|<img|src=|href=|url\(|@import|http:|https:' "$YEAR.$lang.html"; then false; fi
	done
}

@test "both languages have the same figures" {
	numbers() { sed 's/<style>.*<\/style>//; s/<svg/\n<svg/g; s/<\/svg>/\n/g' "$1" | grep -v '^<svg' |
		sed 's/<[^>]*>/ /g' | grep -oE '[0-9][0-9,]*\.?[0-9]*' | grep -E '^[0-9]{1,3}(,[0-9]{3})+$' | sort -u; }
	equal "$(numbers "$YEAR.en.html")" "$(numbers "$YEAR.ja.html")"
	[ "$(grep -oE 'ユニークホスト数|調査目的のスキャン|宛先ポート|バックスキャッタ' "$YEAR.ja.html" | sort -u | wc -l)" -eq 4 ]
	if grep -qE 'ユニーク|観測' "$YEAR.en.html"; then false; fi
}

@test "the paper has the same text, with page numbers, language and outline" {
	command -v pdftotext >/dev/null || skip "no poppler-utils"
	for lang in en ja; do
		pdftotext -layout "$YEAR.$lang.pdf" "$BATS_TEST_TMPDIR/$lang.txt"
		pages=$(pdfinfo "$YEAR.$lang.pdf" | sed -n 's/^Pages: *//p')
		[ "$pages" -ge 5 ]
		grep -q "$pages */ *$pages" "$BATS_TEST_TMPDIR/$lang.txt"
		grep -qaF "/Lang ($lang)" "$YEAR.$lang.pdf"
		grep -q "$(grouped "$(total with)")" "$BATS_TEST_TMPDIR/$lang.txt"
		equal "$(pdffonts "$YEAR.$lang.pdf" | awk 'NR > 2 && $(NF - 4) != "yes"' | wc -l)" 0 "fonts that are not embedded"
		equal "$(pdfimages -list "$YEAR.$lang.pdf" | tail -n +3 | wc -l)" 0 "pictures made of points"
	done
	grep -q 'Darknet observation report 2025' "$BATS_TEST_TMPDIR/en.txt"
	grep -q 'ダークネット観測レポート' "$BATS_TEST_TMPDIR/ja.txt"
	[[ $(pdfinfo "$YEAR.ja.pdf") == *"ダークネット観測レポート 2025年"* ]]
}

@test "heads and figures of the Japanese paper are not torn inside a word" {
	command -v pdftotext >/dev/null || skip "no poppler-utils"
	pdftotext -layout "$YEAR.ja.pdf" "$BATS_TEST_TMPDIR/ja.txt"
	[ "$(grep -o 'パケット数' "$BATS_TEST_TMPDIR/ja.txt" | wc -l)" -gt 10 ]
	equal "$(grep -cE 'パケッ?( |$)|パ( |$)|(^| )(ケット|ット|ト)数' "$BATS_TEST_TMPDIR/ja.txt")" 0 'pieces of パケット数'
	equal "$(grep -o 'ポート（調査除く）' "$BATS_TEST_TMPDIR/ja.txt" | wc -l)" 4 'whole heads'
}

@test "a year without data, a sensor that is not there, another ending" {
	status=0
	noroshi telescope yearbook --store "$YEAR.db" --year 2020 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 1
	one_line "$(<"$BATS_TEST_TMPDIR/err")" 2020 nothing
	status=0
	noroshi telescope yearbook --store "$YEAR.db" --year 2025 --sensor other 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 1
	status=0
	noroshi telescope yearbook --store "$YEAR.db" --year 2025 --out x.doc 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 2
	one_line "$(<"$BATS_TEST_TMPDIR/err")" x.doc html pdf
	status=0
	noroshi telescope yearbook --store "$YEAR.db" --year 2025 --country jp 2>"$BATS_TEST_TMPDIR/err" || status=$?
	equal "$status" 2
}
