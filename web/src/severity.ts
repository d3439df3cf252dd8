// SPDX-License-Identifier: Apache-2.0
/** "High" (src/model/finding.h): from here on a finding asks for action, and is red. */
export const URGENT = 4;
