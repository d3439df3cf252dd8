# SPDX-License-Identifier: Apache-2.0
# Help, completion and version come from the descriptors; what they say must work.
load common

@test "version" {
	[[ $(noroshi version) =~ ^noroshi\ [0-9]+\.[0-9]+\.[0-9]+ ]]
}

@test "help names every command, without arguments too (then it is wrong usage)" {
	for command in "telescope read" "telescope report" "telescope export" "telescope yearbook" "world darknet" "serve"; do
		[[ $(noroshi help) == *"$command"* ]]
	done
	status=0
	noroshi >"$BATS_TEST_TMPDIR/out" 2>&1 || status=$?
	equal "$status" 2
}

@test "help of a command shows its options and an example" {
	text=$(noroshi help telescope read)
	for word in --dark --own --workers --store --json --port-classes Example; do
		[[ ${text,,} == *"${word,,}"* ]] || {
			echo "no $word in: $text"
			return 1
		}
	done
	equal "$(noroshi telescope read --help)" "$text"
}

@test "help in Japanese" {
	text=$(LC_ALL=ja_JP.UTF-8 noroshi help telescope read)
	[[ $text == *ダークネット* ]]
	[[ $text == *--dark* ]]
}

@test "help fits a terminal of 100 columns" {
	for command in "" "telescope read" "telescope report" "telescope export" "telescope yearbook" "world darknet" "serve"; do
		# shellcheck disable=SC2086
		equal "$(noroshi help $command | awk 'length > 100' | wc -l)" 0 "long lines in help $command"
	done
}

@test "completion is a script that bash accepts, and it offers the commands" {
	noroshi completion bash >"$BATS_TEST_TMPDIR/completion"
	bash -n "$BATS_TEST_TMPDIR/completion"
	offered=$(bash -c '
		source "$1"
		COMP_WORDS=(noroshi telescope read --wor) COMP_CWORD=3
		spec=$(complete -p noroshi); function_name=${spec#*-F }; function_name=${function_name%% *}
		$function_name noroshi --wor read
		printf "%s\n" "${COMPREPLY[@]}"' - "$BATS_TEST_TMPDIR/completion")
	[[ $offered == *--workers* ]]
}
