/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How likely z is where there is no beat. Servers of people who come in sessions, more by day than by night,
 * were simulated (bench-flow-timing null): twelve kinds of 1 to 1000 clients with 0.6 to 1440 records a day
 * each, 112,000 servers in all; each row is the worst of its kinds. The largest z of a search falls like
 * exp(-z / scale) at its end, as largest values do: the upper 2 % give the scale by their mean excess. The
 * largest of 20,000 lies at most 0.8 above the fit. Few clients have longer tails: their lags are fewer times
 * that are used more often. Some of the clients had no record in the day, so a row holds for fewer than it
 * says: chances are rather too high.
 */
#include "sense/flow/detect/timing/comb.h"

#include <math.h>

static const struct row {
	double clients, z98, scale;
} rows[] = {
	{1, 7.7, 0.76},
	{3, 7.2, 0.70},
	{10, 6.4, 0.67},
	{30, 5.8, 0.65},
	{100, 5.0, 0.50},
	{1000, 4.7, 0.36},
};

static struct row row_of(double clients)
{
	size_t i = 1;
	clients = fmin(fmax(clients, rows[0].clients), rows[NR_COUNT(rows) - 1].clients);
	while (clients > rows[i].clients)
		i++;
	const struct row *a = &rows[i - 1], *b = &rows[i];
	double part = log(clients / a->clients) / log(b->clients / a->clients);
	return (struct row){
		clients, a->z98 + part * (b->z98 - a->z98), a->scale + part * (b->scale - a->scale)};
}

double nr_flow_comb_log_chance(double z, double clients)
{
	struct row row = row_of(clients);
	double upper = log(50);
	if (!(z > 0))
		return 0;
	return z < row.z98 ? -upper * z / row.z98 : -upper - (z - row.z98) / row.scale;
}
