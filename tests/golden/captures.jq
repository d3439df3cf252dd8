# SPDX-License-Identifier: Apache-2.0
# Compares one JSON report with what an independent counter (tshark) found in the same capture. Prints one line per
# figure that differs: nothing means equal.
# --argjson expected: the capture's object of expected.json; --argjson ipv6 and short: what captures.json says of it.

def figure(name; got; want): if got == want then empty else "\(name): \(got | tojson), expected \(want | tojson)" end;

# "1632239124.430031000" -> "2021-09-21T15:45:24.430031Z"; nanoseconds are cut, as the report does
def time_text: split(".") | (.[0] | tonumber | strftime("%Y-%m-%dT%H:%M:%S")) + "." + .[1][0:6] + "Z";

# [[port, packets, sources], ...] of two address families added
def add_ports(other): . + other | group_by(.[0]) | map([.[0][0], (map(.[1]) | add), (map(.[2]) | add)]);

. as $report
| ($expected.counts) as $c
| ($ipv6 // {}) as $six
| ($expected.sources_per_class // {}) as $s
| ($report.by_port | map(select(.protocol == "tcp") | [.port, .packets, .sources])) as $tcp_ports
| figure("capture.frames"; $report.capture.frames; $c.frames),
  figure("capture.bytes"; $report.capture.bytes; $c.wire_bytes),
  figure("capture.first"; $report.capture.first; $expected.min_time | time_text),
  figure("capture.last"; $report.capture.last; $expected.max_time | time_text),
  figure("packets"; $report.packets; ($c.ipv4 // 0) + ($c.ipv6 // 0)),
  figure("dropped.non_ip"; $report.dropped.non_ip // 0; ($c.non_ip // 0) - ($short // 0)),
  figure("dropped.truncated"; $report.dropped.truncated // 0; $short // 0),
  figure("dropped, all causes"; [$report.dropped[]] | add // 0; $c.non_ip // 0),
  figure("sources.count"; $report.sources.count; $expected.unique_src + ($six.sources // 0)),
  figure("sources.exact"; $report.sources.exact; true),
  (["tcp_syn", "syn"], ["tcp_syn_ack", "synack"], ["tcp_rst", "rst"]
   | figure("by_category.\(.[0]).packets"; $report.by_category[.[0]].packets;
            ($c[.[1]] // 0) + ($six[.[0]][0] // 0)),
     figure("by_category.\(.[0]).sources"; $report.by_category[.[0]].sources;
            ($s[.[1]] // 0) + ($six[.[0]][1] // 0))),
  figure("tcp packets, all categories";
         [$report.by_category | .tcp_syn, .tcp_syn_ack, .tcp_rst, .tcp_other | .packets] | add;
         ($c.proto_6 // 0) + ($c.ipv6_nxt_6 // 0)),
  figure("by_category.udp.packets"; $report.by_category.udp.packets; ($c.proto_17 // 0) + ($c.ipv6_nxt_17 // 0)),
  figure("by_category.icmp.packets"; $report.by_category.icmp.packets; $c.proto_1 // 0),
  figure("by_category.icmp.sources"; $report.by_category.icmp.sources; $s.icmp // 0),
  figure("packets, all categories"; [$report.by_category[].packets] | add; ($c.ipv4 // 0) + ($c.ipv6 // 0)),
  figure("tcp ports with SYN"; $tcp_ports | length; $expected.syn_dst_ports + ($six.new_ports // 0)),
  figure("SYN packets, all ports"; [$tcp_ports[][1]] | add // 0; ($c.syn // 0) + ($six.tcp_syn[0] // 0)),
  ($expected.top_syn[] as $want
   | ([$want] | add_ports($six.ports // [] | map(select(.[0] == $want[0])))) as $sum
   | figure("port \($want[0])/tcp"; $tcp_ports | map(select(.[0] == $want[0])); $sum)),
  figure("mirai"; $report.tools.mirai.packets // 0; $c.rule_mirai // 0),
  figure("mirai sources"; $report.tools.mirai.sources // 0; $s.rule_mirai // 0),
  figure("zmap"; $report.tools.zmap.packets // 0; $c.rule_zmap_ipid_54321 // 0),
  figure("zmap sources"; $report.tools.zmap.sources // 0; $s.rule_zmap_ipid_54321 // 0),
  figure("masscan"; $report.tools.masscan.packets // 0; $c.rule_masscan_id // 0),
  figure("masscan sources"; $report.tools.masscan.sources // 0; $s.rule_masscan_id // 0),
  figure("victims"; $report.victims | length; 0),
  figure("research scanners"; $report.research_scanners | length; 0)
