#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files as C, so that the program is one file. Written to standard output.
#   embed.sh sql FILE...       migrations of the store, in the order given (src/store/migrations.h)
#   embed.sh text NAME FILE    a text as a constant of that name
#   embed.sh assets [FILE...]  files of the console, plain and gzip, with an ETag (src/serve/assets.h)
set -eu

# Bytes of standard input as the inside of a C array.
bytes() {
	od -An -v -tx1 | sed 's/ /,0x/g; s/^,//; s/$/,/'
}

# Lines of a text as C string literals.
lines() {
	sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' "$1"
}

text() {
	printf 'extern const char %s[];\nconst char %s[] =\n' "$1" "$1"
	lines "$2"
	printf ';\n'
}

sql() {
	printf '#include "store/migrations.h"\nconst struct nr_migration nr_migrations[] = {\n'
	for file; do
		printf '{"%s",\n' "${file##*/}"
		lines "$file"
		printf '},\n'
	done
	printf '};\nconst size_t nr_migration_count = %d;\n' "$#"
}

assets() {
	printf '#include "serve/assets.h"\n'
	list=
	index=0
	for file; do
		printf 'static const uint8_t plain_%d[] = {\n' "$index"
		bytes <"$file"
		printf '0};\nstatic const uint8_t packed_%d[] = {\n' "$index"
		gzip -9nc "$file" | bytes
		printf '0};\n'
		etag=$(sha256sum "$file" | cut -c1-32)
		list="$list{\"${file##*/}\", plain_$index, sizeof plain_$index - 1, packed_$index, sizeof packed_$index - 1, \"$etag\"},
"
		index=$((index + 1))
	done
	printf 'const struct nr_asset nr_assets[] = {\n%s{0}};\nconst size_t nr_asset_count = %d;\n' "$list" "$index"
}

kind=$1
shift
case $kind in
sql) sql "$@" ;;
text) text "$@" ;;
assets) assets "$@" ;;
*)
	echo "embed.sh: '$kind' is none of text, sql, assets" >&2
	exit 2
	;;
esac
