/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exporters of the ISP, each with the habits of a kind that exists (flow reference 3 to 10): how it tells
 * its sampling, how it cuts flows, what its sequence numbers count, what its clock says.
 */
#include "train/world/flows/exporter.h"

#define REVERSE NR_ENTERPRISE_REVERSE
#define SCOPE   NR_ENTERPRISE_SCOPE

#define FIELDS(...)                                                                                          \
	.count = NR_COUNT(((const struct nr_element[]){__VA_ARGS__})), .fields = (const struct nr_element[]) \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}

/* NetFlow v9 of a border router: Flexible NetFlow's fields, sampling by sampler id. */
static const struct nr_flow_layout border_layouts[] = {
	{260, NR_USE_IPV4, 0,
		FIELDS({0, 8, 4}, {0, 12, 4}, {0, 15, 4}, {0, 10, 4}, {0, 14, 4}, {0, 2, 4}, {0, 1, 4},
			{0, 22, 4}, {0, 21, 4}, {0, 7, 2}, {0, 11, 2}, {0, 6, 1}, {0, 4, 1}, {0, 5, 1},
			{0, 61, 1}, {0, 16, 4}, {0, 17, 4}, {0, 9, 1}, {0, 13, 1}, {0, 48, 1}, {0, 89, 1})},
	{261, NR_USE_IPV6, 0,
		FIELDS({0, 27, 16}, {0, 28, 16}, {0, 62, 16}, {0, 10, 4}, {0, 14, 4}, {0, 2, 4}, {0, 1, 4},
			{0, 22, 4}, {0, 21, 4}, {0, 7, 2}, {0, 11, 2}, {0, 6, 1}, {0, 4, 1}, {0, 5, 1},
			{0, 61, 1}, {0, 16, 4}, {0, 17, 4}, {0, 29, 1}, {0, 30, 1}, {0, 48, 1}, {0, 89, 1})},
	{257, NR_USE_SYSTEM, 1, FIELDS({SCOPE, 1, 4}, {0, 48, 1}, {0, 49, 1}, {0, 50, 4}, {0, 84, 16})},
	{258, NR_USE_INTERFACES, 1, FIELDS({SCOPE, 2, 4}, {0, 82, 24}, {0, 83, 32})},
};

/* NetFlow v9 with sampling by interface (scope 2), as older software tells it. */
static const struct nr_flow_layout access_layouts[] = {
	{256, NR_USE_IPV4, 0,
		FIELDS({0, 21, 4}, {0, 22, 4}, {0, 1, 4}, {0, 2, 4}, {0, 10, 2}, {0, 14, 2}, {0, 8, 4},
			{0, 12, 4}, {0, 4, 1}, {0, 5, 1}, {0, 7, 2}, {0, 11, 2}, {0, 6, 1}, {0, 16, 2},
			{0, 17, 2})},
	{257, NR_USE_IPV6, 0,
		FIELDS({0, 21, 4}, {0, 22, 4}, {0, 1, 4}, {0, 2, 4}, {0, 10, 2}, {0, 14, 2}, {0, 27, 16},
			{0, 28, 16}, {0, 4, 1}, {0, 5, 1}, {0, 7, 2}, {0, 11, 2}, {0, 6, 1}, {0, 16, 2},
			{0, 17, 2})},
	{300, NR_USE_INTERFACES, 1, FIELDS({SCOPE, 2, 4}, {0, 34, 4}, {0, 35, 1})},
};

/* IPFIX with packet selectors (RFC 5477): rate (305 + 306) / 305 of the selector that a record names. */
static const struct nr_flow_layout core_layouts[] = {
	{400, NR_USE_IPV4, 0,
		FIELDS({0, 8, 4}, {0, 12, 4}, {0, 7, 2}, {0, 11, 2}, {0, 4, 1}, {0, 5, 1}, {0, 6, 2},
			{0, 10, 4}, {0, 14, 4}, {0, 16, 4}, {0, 17, 4}, {0, 9, 1}, {0, 13, 1}, {0, 2, 8},
			{0, 1, 8}, {0, 152, 8}, {0, 153, 8}, {0, 136, 1}, {0, 302, 4}, {0, 61, 1})},
	{401, NR_USE_IPV6, 0,
		FIELDS({0, 27, 16}, {0, 28, 16}, {0, 7, 2}, {0, 11, 2}, {0, 4, 1}, {0, 5, 1}, {0, 6, 2},
			{0, 10, 4}, {0, 14, 4}, {0, 16, 4}, {0, 17, 4}, {0, 29, 1}, {0, 30, 1}, {0, 2, 8},
			{0, 1, 8}, {0, 152, 8}, {0, 153, 8}, {0, 136, 1}, {0, 302, 4}, {0, 61, 1})},
	{402, NR_USE_SYSTEM, 1,
		FIELDS({0, 302, 4}, {0, 304, 2}, {0, 305, 4}, {0, 306, 4}, {0, 318, 8}, {0, 319, 8})},
	{403, NR_USE_INTERFACES, 1,
		FIELDS({0, 10, 4}, {0, 82, NR_ELEMENT_VARIABLE}, {0, 83, NR_ELEMENT_VARIABLE})},
	{404, NR_USE_SYSTEM, 1, FIELDS({0, 149, 4}, {0, 41, 8}, {0, 42, 8}, {0, 36, 2}, {0, 37, 2})},
};

/* IPFIX inline monitoring in Juniper's way: options with 34, 36, 37 and a boot time that was never set. */
static const struct nr_flow_layout inline_layouts[] = {
	{256, NR_USE_IPV4, 0,
		FIELDS({0, 8, 4}, {0, 12, 4}, {0, 5, 1}, {0, 4, 1}, {0, 7, 2}, {0, 11, 2}, {0, 32, 2},
			{0, 10, 4}, {0, 9, 1}, {0, 13, 1}, {0, 16, 4}, {0, 17, 4}, {0, 15, 4}, {0, 6, 1},
			{0, 14, 4}, {0, 1, 8}, {0, 2, 8}, {0, 152, 8}, {0, 153, 8}, {0, 136, 1}, {0, 61, 1})},
	{257, NR_USE_IPV6, 0,
		FIELDS({0, 27, 16}, {0, 28, 16}, {0, 5, 1}, {0, 4, 1}, {0, 7, 2}, {0, 11, 2}, {0, 139, 2},
			{0, 10, 4}, {0, 29, 1}, {0, 30, 1}, {0, 16, 4}, {0, 17, 4}, {0, 62, 16}, {0, 6, 1},
			{0, 14, 4}, {0, 1, 8}, {0, 2, 8}, {0, 152, 8}, {0, 153, 8}, {0, 136, 1}, {0, 61, 1})},
	{512, NR_USE_SYSTEM, 1,
		FIELDS({0, 144, 4}, {0, 41, 8}, {0, 42, 8}, {0, 160, 8}, {0, 130, 4}, {0, 34, 4}, {0, 36, 2},
			{0, 37, 2})},
};

/* IPFIX of a meter at the data centre, both directions in one record (RFC 5103), unsampled and silent about
 * it. */
static const struct nr_flow_layout center_layouts[] = {
	{45841, NR_USE_IPV4, 0,
		FIELDS({0, 152, 8}, {0, 153, 8}, {0, 1, 8}, {REVERSE, 1, 8}, {0, 2, 8}, {REVERSE, 2, 8},
			{0, 8, 4}, {0, 12, 4}, {0, 7, 2}, {0, 11, 2}, {0, 4, 1}, {0, 136, 1}, {0, 6, 1},
			{REVERSE, 6, 1}, {0, 58, 2}, {0, 210, 1})},
	{45842, NR_USE_IPV6, 0,
		FIELDS({0, 152, 8}, {0, 153, 8}, {0, 1, 8}, {REVERSE, 1, 8}, {0, 2, 8}, {REVERSE, 2, 8},
			{0, 27, 16}, {0, 28, 16}, {0, 7, 2}, {0, 11, 2}, {0, 4, 1}, {0, 136, 1}, {0, 6, 1},
			{REVERSE, 6, 1}, {0, 58, 2}, {0, 210, 1})},
	{53248, NR_USE_SYSTEM, 2, FIELDS({0, 144, 4}, {0, 149, 4}, {0, 41, 8}, {0, 42, 8}, {0, 160, 8})},
};

/* IPFIX in softflowd's way: times by a boot time in options, 1:1 as 305 = 1 and 306 = 0. */
static const struct nr_flow_layout office_layouts[] = {
	{1024, NR_USE_IPV4, 0,
		FIELDS({0, 8, 4}, {0, 12, 4}, {0, 22, 4}, {0, 21, 4}, {0, 2, 8}, {0, 1, 8}, {0, 10, 4},
			{0, 14, 4}, {0, 7, 2}, {0, 11, 2}, {0, 4, 1}, {0, 6, 1}, {0, 60, 1}, {0, 5, 1})},
	{2048, NR_USE_IPV6, 0,
		FIELDS({0, 27, 16}, {0, 28, 16}, {0, 22, 4}, {0, 21, 4}, {0, 2, 8}, {0, 1, 8}, {0, 10, 4},
			{0, 14, 4}, {0, 7, 2}, {0, 11, 2}, {0, 4, 1}, {0, 6, 1}, {0, 60, 1}, {0, 5, 1})},
	{256, NR_USE_SYSTEM, 1, FIELDS({0, 144, 4}, {0, 160, 8}, {0, 305, 4}, {0, 306, 4}, {0, 304, 2})},
};

/* The logger of the carrier-grade NAT (RFC 8158). */
static const struct nr_flow_layout nat_layouts[] = {
	{310, NR_USE_SESSION, 0,
		FIELDS({0, 323, 8}, {0, 8, 4}, {0, 225, 4}, {0, 4, 1}, {0, 7, 2}, {0, 227, 2}, {0, 12, 4},
			{0, 11, 2}, {0, 234, 4}, {0, 230, 1})},
	{311, NR_USE_BLOCK, 0,
		FIELDS({0, 323, 8}, {0, 8, 4}, {0, 225, 4}, {0, 361, 2}, {0, 362, 2}, {0, 234, 4},
			{0, 230, 1})},
};

#define LAYOUTS(array) .layouts = array, .layout_count = NR_COUNT(array)

const struct nr_exporter_kind nr_exporter_kinds[] = {
	{.name = "border",
		.model = "NetFlow v9, sampler by id",
		.version = 9,
		.role = NR_ROLE_ACCESS,
		.sequence = NR_SEQUENCE_DATAGRAMS,
		.domain = 2177,
		.sampling = 1000,
		.encoding = "48/49/50",
		.active = NR_MINUTE,
		.idle = 15 * NR_SECOND,
		.template_every = 5 * NR_MINUTE,
		.template_within = 500,
		.template_late = 40 * NR_SECOND,
		.uptime = 12 * NR_DAY + 7 * NR_HOUR,
		.offset = 240000,
		.first_sequence = 88123401,
		.reboot = 617,
		.share = 240,
		.room = 1420,
		LAYOUTS(border_layouts)},
	{.name = "edge",
		.model = "NetFlow v5",
		.version = 5,
		.role = NR_ROLE_ACCESS,
		.sequence = NR_SEQUENCE_FLOWS,
		.domain = 0x0103, /* engine 1, line card 3 */
		.sampling = 100,
		.encoding = "header",
		.active = 5 * NR_MINUTE,
		.idle = 15 * NR_SECOND,
		.uptime = 49 * NR_DAY + 9 * NR_HOUR, /* SysUptime wraps after 49.7 days */
		.drift_ppm = 40,
		.first_sequence = UINT32_MAX - 20000, /* and so does the sequence */
		.share = 170,
		.room = NR_DATAGRAM_MAX,
		.ipv4_only = true},
	{.name = "core",
		.model = "IPFIX, packet selectors",
		.version = 10,
		.role = NR_ROLE_ACCESS,
		.sequence = NR_SEQUENCE_RECORDS,
		.domain = 65537,
		.sampling = 2000,
		.encoding = "302/305/306",
		.active = 2 * NR_MINUTE,
		.idle = 30 * NR_SECOND,
		.template_every = 10 * NR_MINUTE,
		.uptime = 3 * NR_DAY,
		.offset = -1500000,
		.first_sequence = 1200,
		.share = 200,
		.room = 1400,
		LAYOUTS(core_layouts)},
	{.name = "transit",
		.model = "IPFIX, inline monitoring",
		.version = 10,
		.role = NR_ROLE_ACCESS,
		.sequence = NR_SEQUENCE_RECORDS,
		.domain = 524288,
		.sampling = 10000,
		.encoding = "34",
		.active = 90 * NR_SECOND,
		.idle = NR_MINUTE,
		.active_step = NR_MINUTE,
		.template_every = NR_MINUTE,
		.uptime = 200 * NR_DAY,
		.first_sequence = 771,
		.share = 110,
		.room = 1400,
		LAYOUTS(inline_layouts)},
	{.name = "exchange",
		.model = "sFlow v5",
		.version = 105,
		.role = NR_ROLE_ACCESS,
		.sequence = NR_SEQUENCE_DATAGRAMS,
		.sampling = 4096,
		.encoding = "sample",
		.uptime = 31 * NR_DAY,
		.first_sequence = 4711,
		.share = 90,
		.room = 1400},
	{.name = "center",
		.model = "IPFIX, both directions in one record",
		.version = 10,
		.role = NR_ROLE_CENTER,
		.sequence = NR_SEQUENCE_RECORDS,
		.domain = 1,
		.sampling = 1,
		.encoding = "none",
		.active = 30 * NR_MINUTE,
		.idle = 5 * NR_MINUTE,
		.template_every = 10 * NR_MINUTE,
		.uptime = NR_DAY,
		.drift_ppm = -15,
		.share = 90,
		.room = 1400,
		.biflow = true,
		LAYOUTS(center_layouts)},
	{.name = "office",
		.model = "IPFIX, counts its own message",
		.version = 10,
		.role = NR_ROLE_OFFICE,
		.sequence = NR_SEQUENCE_SELF,
		.domain = 0,
		.sampling = 1,
		.encoding = "305/306",
		.active = 30 * NR_MINUTE,
		.idle = NR_MINUTE,
		.template_within = 16,
		.template_every = 30 * NR_MINUTE,
		.uptime = 5 * NR_HOUR,
		.offset = 3 * NR_SECOND,
		.share = 40,
		.room = 1400,
		LAYOUTS(office_layouts)},
	{.name = "access",
		.model = "NetFlow v9, sampling by interface",
		.version = 9,
		.role = NR_ROLE_ACCESS,
		.sequence = NR_SEQUENCE_DATAGRAMS,
		.domain = 0,
		.sampling = 500,
		.encoding = "34/35 by interface",
		.active = 30 * NR_MINUTE,
		.idle = 15 * NR_SECOND,
		.template_every = 30 * NR_MINUTE,
		.template_within = 200,
		.uptime = 80 * NR_DAY,
		.first_sequence = 5,
		.share = 60,
		.room = 1400,
		LAYOUTS(access_layouts)},
	{.name = "nat",
		.model = "IPFIX, events of a carrier-grade NAT",
		.version = 10,
		.role = NR_ROLE_NAT,
		.sequence = NR_SEQUENCE_RECORDS,
		.domain = 7,
		.sampling = 1,
		.encoding = "none",
		.template_every = 10 * NR_MINUTE,
		.uptime = 40 * NR_DAY,
		.first_sequence = 90210,
		.room = 1400,
		LAYOUTS(nat_layouts)},
};
const size_t nr_exporter_kind_count = NR_COUNT(nr_exporter_kinds);
