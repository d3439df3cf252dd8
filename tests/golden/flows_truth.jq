# SPDX-License-Identifier: Apache-2.0
# What `flow read` says of a world's exports against the world's truth; each line that comes out is wrong.
# Input: the summary of flow read --json; $truths[0]: the truth.
def sampled_from: {
	"header": "header", "48/49/50": "selector", "302/305/306": "selector", "34": "exporter", "305/306": "exporter",
	"34/35 by interface": "interface", "sample": "record", "none": null};
def wrong(what; got; wanted): if got == wanted then empty else "\(what): \(got) instead of \(wanted)" end;
(reduce .exporters[] as $e ({}; .[$e.exporter] = $e)) as $found
| $truths[0].exporters[] as $t
| $found[$t.address] as $f
| wrong("\($t.name): domain"; $f.domain; $t.domain),
  wrong("\($t.name): records"; $f.records; $t.records - $t.lost.records),
  wrong("\($t.name): options"; $f.options_records; $t.options_records - $t.lost.options_records),
  wrong("\($t.name): loss"; $f.lost.network; $t.lost.by_sequence),
  wrong("\($t.name): unknown loss"; $f.lost.unknown; 0),
  wrong("\($t.name): doubles"; $f.lost.duplicates; $t.datagrams.doubled),
  wrong("\($t.name): late"; $f.lost.late; $t.datagrams.overtaken),
  wrong("\($t.name): restarts"; $f.lost.restarts; if $t.clock.reboot then 1 else 0 end),
  wrong("\($t.name): rate"; $f.sampling[0].rate; if $t.sampling_encoding == "none" then null else $t.sampling end),
  wrong("\($t.name): where the rate is from"; $f.sampling[0].from; sampled_from[$t.sampling_encoding])
