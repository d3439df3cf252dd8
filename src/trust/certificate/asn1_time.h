/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's times as ours, without the C library's calendar, which looks for the zone's file: nobody opens a
 * file in the sandbox. */
#ifndef NR_TRUST_CERTIFICATE_ASN1_TIME_H
#define NR_TRUST_CERTIFICATE_ASN1_TIME_H

#include "base/time.h"

#include <openssl/asn1.h>

/* UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them; NR_TIME_MIN: NULL, or another form. */
nr_time nr_asn1_time(const ASN1_TIME *time);

#endif
