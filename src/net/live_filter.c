/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF programs (linux/filter.h): the user's filter, compiled by libpcap, and the hash of the source
 * address by which the kernel spreads packets over rings.
 */
#include "net/live_inside.h"
#include "wire/link.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>

_Static_assert(
	sizeof(struct bpf_insn) == sizeof(struct sock_filter), "libpcap's instructions are the kernel's");

static int copy_program(const void *instructions, unsigned short count, struct sock_fprog *ret_program,
	struct nr_error *error)
{
	struct sock_filter *copy = malloc(count * sizeof *copy);
	if (!copy)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(copy, instructions, count * sizeof *copy);
	*ret_program = (struct sock_fprog){.len = count, .filter = copy};
	return 0;
}

int nr_live_filter_compile(
	const char *expression, bool ethernet, struct sock_fprog *ret_program, struct nr_error *error)
{
	const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, NR_LIVE_SNAP);
	struct bpf_program program;
	if (!expression)
		return copy_program(&all, 1, ret_program, error);
	pcap_t *pcap = pcap_open_dead(ethernet ? DLT_EN10MB : DLT_RAW, NR_LIVE_SNAP);
	if (!pcap)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e;
	if (pcap_compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		e = nr_fail(error, -EINVAL, "filter \"%s\": %s; see pcap-filter(7)", expression,
			pcap_geterr(pcap));
	} else {
		e = program.bf_len > BPF_MAXINSNS
			    ? nr_fail(error, -EINVAL,
				      "filter \"%s\": %u instructions are more than the kernel's %d",
				      expression, program.bf_len, BPF_MAXINSNS)
			    : copy_program(
				      program.bf_insns, (unsigned short)program.bf_len, ret_program, error);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
	return e;
}

bool nr_live_filter_wants(const struct sock_fprog *program, const uint8_t *bytes, uint32_t length)
{
	const void *instructions = program->filter;
	return program->len == 1 || bpf_filter(instructions, bytes, length, length) != 0;
}

/* ---- spreading ---- */

#define NETWORK    ((uint32_t)SKF_NET_OFF) /* loads count from behind the tag that the kernel has taken off */
#define TAGS_MAX   2                       /* tags behind it */
#define LOAD32(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define LOAD16(at) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)

struct assembler {
	struct sock_filter *at;
	uint32_t key[2];
};

static void put(struct assembler *a, struct sock_filter instruction)
{
	*a->at++ = instruction;
}

/* A = A ^ A >> 16 after a multiplication, so that all bits of the address count in the low ones, which the
 * kernel divides. */
static void put_finish(struct assembler *a)
{
	put(a, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, a->key[0]));
	put(a, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, a->key[1] | 1));
	put(a, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
	put(a, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16));
	put(a, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0));
	put(a, (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0));
}

static void put_ipv4(struct assembler *a, uint32_t header)
{
	put(a, (struct sock_filter)LOAD32(header + 12));
	put_finish(a);
}

static void put_ipv6(struct assembler *a, uint32_t header)
{
	put(a, (struct sock_filter)LOAD32(header + 8));
	for (uint32_t i = 1; i < 4; i++) {
		put(a, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1));
		put(a, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
		put(a, (struct sock_filter)LOAD32(header + 8 + 4 * i));
		put(a, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0));
	}
	put_finish(a);
}

/* A block of code that runs where A is the EtherType; what it is about is found at `header`. */
static void put_when(
	struct assembler *a, uint32_t type, void (*code)(struct assembler *, uint32_t), uint32_t header)
{
	struct sock_filter *jump = a->at++;
	code(a, header);
	*jump = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type, 0, (uint8_t)(a->at - jump - 1));
}

unsigned short nr_live_spread_program(uint64_t key, struct sock_filter program[static NR_LIVE_SPREAD_MAX])
{
	struct assembler a = {program, {(uint32_t)key, (uint32_t)(key >> 32)}};
	put(&a, (struct sock_filter)LOAD16((uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL));
	for (uint32_t tags = 0;; tags++) {
		uint32_t header = NETWORK + 4 * tags;
		put_when(&a, NR_ETHERTYPE_IPV4, put_ipv4, header);
		put_when(&a, NR_ETHERTYPE_IPV6, put_ipv6, header);
		if (tags == TAGS_MAX)
			break;
		/* a tag: its number, then the next EtherType; anything else: 0 */
		put(&a, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_ETHERTYPE_VLAN, 2, 0));
		put(&a, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_ETHERTYPE_QINQ, 1, 0));
		put(&a, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0));
		put(&a, (struct sock_filter)LOAD16(header + 2));
	}
	put(&a, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0));
	return (unsigned short)(a.at - program);
}
