/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own hosts and victims as findings: the same words, figures and key whether the day has ended (findings.c)
 * or the packet came a second ago (alarm.c), so that the later row replaces the earlier one. Private to this
 * room.
 */
#ifndef NR_SENSE_TELESCOPE_JUDGED_H
#define NR_SENSE_TELESCOPE_JUDGED_H

#include "sense/telescope/carpet.h"
#include "sense/telescope/state.h"

/* Why a live finding is told now. All but the figures are worth a message to a person. */
enum nr_change {
	NR_CHANGE_NONE,
	NR_CHANGE_NEW,
	NR_CHANGE_PORT_CLASS, /* ports of a class that it had not used before */
	NR_CHANGE_AGAIN,      /* goes on; the last message is NR_ALARM_AGAIN old */
	NR_CHANGE_CLOSED,     /* silent for the time after which it counts as over */
	NR_CHANGE_FIGURES,
};

/* The evidence's "alert", of what has been told live. */
struct nr_alert {
	enum nr_change change;
	bool open;
	nr_time notified; /* when a person was last to be told */
	uint16_t classes; /* bits of port classes; 0: none to name */
};

/* Texts are in the struct, evidence is owned. */
struct nr_judged {
	struct nr_finding finding;
	char reason_en[256], reason_ja[384];
	struct nr_json evidence;
};

/* alert NULL: it was not told live. The caller ends *ret with nr_judged_fini(), whatever is answered. */
int nr_judge_own(const struct nr_telescope_conf *conf, const struct nr_own_host *host,
	const struct nr_alert *alert, struct nr_judged *ret, struct nr_error *error);
int nr_judge_victim(const struct nr_telescope_conf *conf, const struct nr_victim *victim,
	const struct nr_alert *alert, struct nr_judged *ret, struct nr_error *error);
int nr_judge_carpet(const struct nr_telescope_conf *conf, const struct nr_carpet *carpet,
	const struct nr_alert *alert, struct nr_judged *ret, struct nr_error *error);
void nr_judged_fini(struct nr_judged *judged);

/* The rows of telescope_victim. */
int nr_victim_emit(const struct nr_telescope_conf *conf, const struct nr_victim *victim, struct nr_sink *sink,
	struct nr_error *error);
int nr_carpet_emit(const struct nr_telescope_conf *conf, const struct nr_carpet *carpet, struct nr_sink *sink,
	struct nr_error *error);

#endif
