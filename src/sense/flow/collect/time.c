/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/time.h"

#define HALF_WINDOW (5 * NR_MINUTE)
#define NEAR_MS     2000 /* truncation and delay explain so much */
#define JUMPS       3    /* datagrams in sequence that say the clock was set */

static int64_t estimate_of(const struct nr_export_header *header)
{
	return (int64_t)header->seconds * 1000 - header->uptime_ms;
}

static int64_t best_of(const struct nr_flow_boot *boot)
{
	return boot->before_known ? NR_MAX(boot->now_ms, boot->before_ms) : boot->now_ms;
}

static bool is_near(int64_t a, int64_t b)
{
	return a <= b + NEAR_MS && a >= b - NEAR_MS;
}

static void begin(struct nr_flow_boot *boot, int64_t estimate, nr_time exported)
{
	boot->now_ms = estimate;
	boot->half_ends = exported + HALF_WINDOW;
	boot->jumps = 0;
	boot->known = true;
	boot->before_known = false;
}

void nr_flow_boot_note(struct nr_flow_boot *boot, const struct nr_export_header *header)
{
	nr_time exported = (nr_time)header->seconds * NR_SECOND;
	int64_t estimate = estimate_of(header);
	int32_t passed = (int32_t)(header->uptime_ms - boot->uptime_ms);
	boot->uptime_ms = header->uptime_ms;
	if (!boot->known || passed < -NEAR_MS) { /* the first one, or it booted */
		begin(boot, estimate, exported);
		return;
	}
	if (!is_near(estimate, best_of(boot))) { /* one alone is believed for itself only */
		if (++boot->jumps >= JUMPS)
			begin(boot, estimate, exported);
		return;
	}
	boot->jumps = 0;
	if (exported >= boot->half_ends) {
		boot->before_ms = boot->now_ms;
		boot->before_known = exported < boot->half_ends + HALF_WINDOW;
		boot->now_ms = estimate;
		boot->half_ends = exported + HALF_WINDOW;
	}
	boot->now_ms = NR_MAX(boot->now_ms, estimate);
}

int64_t nr_flow_boot_of(const struct nr_flow_boot *boot, const struct nr_export_header *header)
{
	int64_t estimate = estimate_of(header);
	return boot->known && is_near(estimate, best_of(boot)) ? best_of(boot) : estimate;
}
