/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hello print: ten ClientHellos of our own making, and a hash of what a server chooses for each. It names
 * a TLS stack and its settings, as JARM does (BSD-3-Clause, no longer kept), whose hellos and values it does
 *not share; nothing of the JA4 family beyond its idea that choices tell is in it. "nth1" is the version: who
 * changes a hello or the hashed text makes another one.
 *
 *	nth1-3fa80c9d5e77b21604aa-9f2c61d07be4a85513d04c66e1fa82d7
 *	     a byte for each hello: which ones differ   half of a SHA-256 of all ten answers
 *
 * A default Java or Go server has the print of every other one of its kind, honest or not; a proxy hides it;
 * it is changed easily. It is evidence of little weight and never an alarm.
 */
#ifndef NR_SENSE_FLOW_PROBE_HELLOS_H
#define NR_SENSE_FLOW_PROBE_HELLOS_H

#include "sense/flow/probe/answer.h"
#include "wire/tls_hello.h"

#define NR_PROBE_PRINT_VERSION "nth1"

/* Hello 0..9, the same bytes for every server. Answers their length. */
size_t nr_probe_hello_write(unsigned number, uint8_t bytes[static NR_TLS_HELLO_MAX]);
void nr_probe_hello_take(const struct nr_tls_answer *answer, struct nr_probe_hello *ret_hello);
/* One answer as the text that is hashed; -: nothing that is TLS. Answers its length. */
#define NR_PROBE_CHOICE_TEXT 320
size_t nr_probe_choice_write(const struct nr_probe_hello *hello, char text[static NR_PROBE_CHOICE_TEXT]);
/* false: no hello was answered in TLS, so there is none. */
bool nr_probe_print_write(const struct nr_probe_hello hellos[static NR_PROBE_HELLOS],
	char ret_text[static NR_PROBE_PRINT_TEXT]);
bool nr_probe_print_is_one(const char *text); /* the form alone */
/* SHA-256 as hex. */
void nr_probe_hash(const void *bytes, size_t length, char ret_text[static NR_PROBE_HASH_TEXT]);

#endif
