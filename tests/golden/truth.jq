# SPDX-License-Identifier: Apache-2.0
# Compares the report on a world with the world's truth, which counted its packets as it wrote them and shares no code
# with the telescope. Prints one line per figure that differs. --slurpfile truths: the truth.

def figure(name; got; want): if got == want then empty else "\(name): \(got | tojson), truth \(want | tojson)" end;

# rows of one list that the other has not: a few of them (jq's own "-" compares each with each)
def without(other): (reduce other[] as $row ({}; .[$row | tojson] = true)) as $known
	| [.[] | select($known[tojson] | not)][0:3][];
def rows(name; got; want): got | without(want) | "\(name): \(tojson) is not in the truth";
def missing(name; got; want): want | without(got) | "\(name): \(tojson) was not found";
def same_rows(name; got; want):
	figure("\(name), number"; got | length; want | length), rows(name; got; want), missing(name; got; want);

def number: {"tcp": 6, "udp": 17, "icmp": 1}[.] // .;

. as $report | $truths[0] as $truth
| figure("packets"; $report.packets; $truth.packets),
  figure("capture.frames"; $report.capture.frames; $truth.frames),
  figure("bytes"; $report.bytes; $truth.bytes),
  figure("capture.first"; $report.capture.first; $truth.first),
  figure("capture.last"; $report.capture.last; $truth.last),
  figure("sources.count"; $report.sources.count; $truth.sources.count),
  figure("sources.exact"; $report.sources.exact; true),
  ($truth.dropped | to_entries[] | figure("dropped.\(.key)"; $report.dropped[.key] // 0; .value)),
  ($truth.by_category | to_entries[] | .key as $key | .value | to_entries[]
   | figure("by_category.\($key).\(.key)"; $report.by_category[$key][.key]; .value)),
  same_rows("by_port"; [$report.by_port[] | [(.protocol | number), .port, .packets, .sources]];
            [$truth.by_port[] | [.protocol, .port, .packets, .sources]]),
  ($truth.tools | to_entries[] | .key as $key | .value | to_entries[]
   | figure("tools.\($key).\(.key)"; $report.tools[$key][.key]; .value)),
  same_rows("research_scanners"; [$report.research_scanners[] | [.address, .packets, .ports, .rule]];
            [$truth.research_scanners[] | [.address, .packets, .ports, .rule]]),
  same_rows("victims"; [$report.victims[] | [.address, .packets, .peak_60s, .first, .last]];
            [$truth.victims[] | select(.expected) | [.address, .packets, .peak_60s, .first, .last]]),
  # one of a /24 is exact; addresses of a larger network are an estimate
  same_rows("carpet attacks"; [$report.carpet_attacks[] | [.prefix, (.protocol | number), .target_port, .packets, .first, .last,
              if .addresses_exact then .addresses else null end]];
            [$truth.carpets[] | select(.expected) | [.prefix, .protocol, .port, .packets, .first, .last,
              if .prefix | endswith("/24") then .addresses else null end]]),
  # one finding per host and day
  same_rows("infected hosts"; [$report.findings | map(select(.kind == "infected-host")) | group_by(.subject)[]
              | [.[0].subject, (map(.count) | add)]];
            [$truth.infected_hosts[] | [.address, .packets]])
