// SPDX-License-Identifier: Apache-2.0
// Is this text an address? The browser's URL parser knows; it also writes IPv6 in the shortest form.

export function addressOf(text: string): string | null {
	const trimmed = text.trim();
	if (/^\d{1,3}(\.\d{1,3}){3}$/.test(trimmed))
		return trimmed.split('.').every((octet) => Number(octet) < 256) ? trimmed.split('.').map(Number).join('.') : null;
	if (!trimmed.includes(':') || !/^[0-9a-fA-F:.]{2,45}$/.test(trimmed))
		return null;
	try {
		return new URL(`http://[${trimmed}]/`).hostname.slice(1, -1);
	} catch {
		return null;
	}
}
