// New key pairs as JSON Web Keys.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';

/**
 * A private key of a new pair, as a JSON Web Key; its public half is `publicPart` of it.
 *
 * By way of PEM: Node 20 waits for itself for ever when the memory of a key's making is freed while that very key is
 * written as JSON.
 */
export function newKey(type, options) {
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' };
  const { privateKey } = generateKeyPairSync(type, { ...options, privateKeyEncoding });
  return createPrivateKey(privateKey).export({ format: 'jwk' });
}

/** What others may know of a key of an elliptic curve. */
export const publicPart = ({ kty, crv, x, y }) => ({ kty, crv, x, y });
