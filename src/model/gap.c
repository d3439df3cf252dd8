/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gap.h"

#define COLUMN(name, type, key, en, ja)                                                                      \
	{                                                                                                    \
#name, type, offsetof(struct nr_gap, name), key, false, en, ja                               \
	}

static const struct nr_column columns[] = {
	COLUMN(sensor, NR_TYPE_TEXT, true, "sensor", "センサ"),
	COLUMN(sense, NR_TYPE_TEXT, true, "sense", "観測機能"),
	COLUMN(first, NR_TYPE_TIME, true, "start of the gap", "欠測の始まり"),
	COLUMN(cause, NR_TYPE_TEXT, true, "cause", "原因"),
	COLUMN(last, NR_TYPE_TIME, false, "end of the gap", "欠測の終わり"),
	COLUMN(packets, NR_TYPE_UINT64, false, "packets known to be lost",
		"失われたことが分かっているパケット数"),
	COLUMN(text_en, NR_TYPE_TEXT, false, "what happened", "説明（英語）"),
	COLUMN(text_ja, NR_TYPE_TEXT, false, "what happened (Japanese)", "説明"),
};

const struct nr_table nr_gap_table = {"sensor_gap", columns, NR_COUNT(columns), sizeof(struct nr_gap),
	"first", "Times in which a sensor did not see everything, and why",
	"センサが観測できなかった時間とその原因"};
