/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/judge/calibration.h"

#include <math.h>

#define SLOPE_PRECISION  64.0 /* 1 / (1/8)^2 */
#define OFFSET_PRECISION 1.0
#define STEPS            25
#define LOG_ODDS_MAX     5.0 /* one answer that surprises does not turn the whole */

/* Newton's steps to the most probable slope and offset; the priors keep the matrix well conditioned. */
struct nr_flow_shift nr_flow_shift_of(const struct nr_flow_answer *answers, size_t count)
{
	struct nr_flow_shift shift = {1, 0};
	for (unsigned step = 0; step < STEPS && count; step++) {
		double ga = SLOPE_PRECISION * (shift.slope - 1), gb = OFFSET_PRECISION * shift.offset;
		double aa = SLOPE_PRECISION, ab = 0, bb = OFFSET_PRECISION;
		for (size_t i = 0; i < count; i++) {
			double x = NR_MAX(-LOG_ODDS_MAX, NR_MIN(LOG_ODDS_MAX, answers[i].log_odds));
			double p = nr_flow_sigmoid(shift.slope * x + shift.offset);
			double miss = p - (answers[i].confirmed ? 1 : 0), v = p * (1 - p);
			ga += miss * x;
			gb += miss;
			aa += v * x * x;
			ab += v * x;
			bb += v;
		}
		double determinant = aa * bb - ab * ab;
		double da = (bb * ga - ab * gb) / determinant, db = (aa * gb - ab * ga) / determinant;
		double large = NR_MAX(fabs(da), fabs(db)), scale = large > 0.5 ? 0.5 / large : 1;
		shift.slope = NR_MAX(shift.slope - scale * da, 0.1);
		shift.offset -= scale * db;
		if (large < 1e-9)
			break;
	}
	return shift;
}
