/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as the live stream and webhooks say them. */
#ifndef NR_SERVE_EVENT_JSON_H
#define NR_SERVE_EVENT_JSON_H

#include "base/json.h"
#include "model/gap.h"
#include "model/live.h"
#include "model/sink.h"

/* What belongs to the second that the sensor's next pulse closes. */
#define NR_PENDING_DROPS 16 /* causes; further ones are added to the last */
struct nr_pending {
	struct {
		uint8_t protocol;
		uint16_t port;
		char class[32];
		uint64_t packets;
	} ports[NR_LIVE_PORTS];
	struct {
		char country[4];
		uint64_t packets;
	} countries[NR_LIVE_COUNTRIES];
	struct {
		char cause[32];
		uint64_t packets;
	} drops[NR_PENDING_DROPS];
	size_t port_count, country_count, drop_count;
};

void nr_pending_ports(struct nr_pending *pending, const struct nr_live_port *rows, size_t count);
void nr_pending_countries(struct nr_pending *pending, const struct nr_live_country *rows, size_t count);
void nr_pending_drop(struct nr_pending *pending, const struct nr_live_drop *row);

/* Each writes one object. The columns of the findings query, so that a row of either reads alike. */
void nr_finding_write(struct nr_json *json, const char *key, const struct nr_finding *finding);
void nr_gap_write(struct nr_json *json, const struct nr_gap *gap);
void nr_pulse_write(
	struct nr_json *json, const struct nr_live_pulse *pulse, const struct nr_pending *pending);
void nr_particles_write(struct nr_json *json, const struct nr_live_particle *rows, size_t count);

#endif
