// SPDX-License-Identifier: Apache-2.0
// A file and what proves it: which is which, hashed here, and only the proof is sent.
import { post } from '../api';
import type { Verdict } from './types';

export type Kind = Verdict['kind'];

/** Why nothing can be asked; the dictionary has a sentence for each. */
export type Obstacle = 'none' | 'alone' | 'several' | 'large' | 'insecure' | 'unreadable';

export interface Pair {
	kind: Kind;
	proof: File;
	/** null: the proof holds what is sealed. */
	file: File | null;
}

const PROOFS: [RegExp, Kind][] = [
	[/\.(p7s|p7m|cms|jws|jws\.json|jose|jades)$/i, 'seal'],
	[/\.(tsr|tst)$/i, 'token'],
	[/\.ers$/i, 'evidence'],
];
const PDF = /\.pdf$/i;

const PROOF_LIMIT = 12_000_000; /* bytes; its base64 must be below the server's 16 MiB */
const FILE_LIMIT = 2_000_000_000; /* bytes that a browser holds in memory to hash them */

const kindOf = (file: File): Kind | undefined => PROOFS.find(([name]) => name.test(file.name))?.[1];

/** Which of the files is the proof; a seal or a PDF may come alone. */
export function pairOf(files: File[]): Pair | Obstacle {
	const proofs = files.filter((file) => kindOf(file) !== undefined);
	const others = files.filter((file) => kindOf(file) === undefined);
	const [file, second] = others;
	const [proof, another] = proofs;
	if (another || second)
		return 'several';
	if (!proof)
		return file && PDF.test(file.name) ? { kind: 'seal', proof: file, file: null } : file ? 'none' : 'unreadable';
	const kind = kindOf(proof) ?? 'seal';
	return !file && kind !== 'seal' ? 'alone' : { kind, proof, file: file ?? null };
}

const hex = (bytes: ArrayBuffer): string => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

async function digestsOf(file: File): Promise<Record<string, string>> {
	const bytes = await file.arrayBuffer();
	const names = ['SHA-256', 'SHA-384', 'SHA-512'];
	const hashes = await Promise.all(names.map((name) => crypto.subtle.digest(name, bytes)));
	return Object.fromEntries(hashes.map((hash, index) => [(names[index] ?? '').replace('-', '').toLowerCase(), hex(hash)]));
}

function base64Of(file: File): Promise<string> {
	return new Promise((done, fail) => {
		const reader = new FileReader();
		reader.onload = (): void => done((reader.result as string).replace(/^[^,]*,/, '')); // "data:…;base64,"
		reader.onerror = (): void => fail(reader.error ?? new Error());
		reader.readAsDataURL(file);
	});
}

export function obstacleOf({ proof, file }: Pair): Obstacle | null {
	if (proof.size > PROOF_LIMIT || (file?.size ?? 0) > FILE_LIMIT)
		return 'large';
	// Browsers hash for pages that came over HTTPS or from this machine alone.
	return file && !isSecureContext ? 'insecure' : null;
}

/** Throws ApiError, or what reading the files says. */
export async function judge({ kind, proof, file }: Pair): Promise<Verdict> {
	const sent = { [kind]: await base64Of(proof) };
	return (await post('trust/verify', file ? { ...sent, digests: await digestsOf(file) } : sent)) as Verdict;
}
