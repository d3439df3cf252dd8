# SPDX-License-Identifier: Apache-2.0
# Holds what a report states of its figures against the world's truth: what is said to be exact must be, what is an
# estimate must lie within four times its standard error. Prints one line per figure that does not.
# --slurpfile truths: the truth; --slurpfile countries: the store's answer by country.

# a sampled source stands for $unit of its kind: nothing is known more closely
def within(name; got; want; error; unit):
	(got - want | fabs) as $off
	| if error == 0 then (if $off == 0 then empty else "\(name): \(got) is said to be exact, truth \(want)" end)
	  elif $off <= 4 * ([error * got, unit] | max) then empty
	  else "\(name): \(got) with an error of \(error), truth \(want)" end;

. as $r | $truths[0] as $t | $r.limits.one_source_counted_of as $unit
| within("packets"; $r.packets; $t.packets; 0; 0),
  within("sources"; $r.sources.count; $t.sources.count; $r.sources.error; $unit),
  ($t.by_category | to_entries[] | .key as $key | $r.by_category[$key] as $c
   | within("\($key), packets"; $c.packets; .value.packets; 0; 0),
     within("\($key), sources"; $c.sources; .value.sources; $c.sources_error; $unit)),
  (($t.by_port | map({key: "\(.protocol)/\(.port)", value: .}) | from_entries) as $ports
   | $r.by_port[] | "\({"tcp": 6, "udp": 17}[.protocol])/\(.port)" as $key
   | within("port \($key), packets"; .packets; $ports[$key].packets; 0; 0),
     within("port \($key), sources"; .sources; $ports[$key].sources; .sources_error; $unit)),
  ("mirai", "zmap", "masscan", "nmap" | . as $tool | $r.tools[$tool] as $f
   | within("\($tool), sources"; $f.sources; $t.tools[$tool].sources; $f.sources_error; $unit),
     within("\($tool), packets"; $f.packets; $t.tools[$tool].packets; $f.packets_error; $unit)),
  ($t.countries[] as $c | ($countries[0].rows[] | select(.country == $c.country))
   | within("\($c.country), sources"; .sources; $c.sources; .sources_error; $unit)),
  (($t.victims | map({key: .address, value: .packets}) | from_entries) as $victims
   | $r.victims[] | select($victims[.address])
   | within("victim \(.address)"; .packets; $victims[.address]; 0; 0))
