/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandboxed test may not do: must fail, or the sandbox layer proves nothing. */
#include "base/base.h"

#include <sys/socket.h>

int main(void)
{
	if (!getenv("NOROSHI_TEST_SANDBOX"))
		return 1; /* the other layers expect it to fail, too */
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0;
}
