// JSON Web Tokens, as far as a page needs them: reading, and checking an ID token.

const utf8 = new TextEncoder();

/** Return bytes as base64url without padding. RFC 7515 section 2. */
export function toBase64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Return the bytes of a base64url text. */
function fromBase64url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

const parse = (part) => JSON.parse(new TextDecoder().decode(fromBase64url(part)));

/** Return header and claims, unverified: for show. */
export function read(token) {
  const [header, claims] = token.split(".");
  return { header: parse(header), claims: parse(claims) };
}

/** Return the token with other claims and the old signature: a forgery, to be refused. */
export function forge(token, changes) {
  const [header, claims, signature] = token.split(".");
  const forged = JSON.stringify({ ...parse(claims), ...changes });
  return `${header}.${toBase64url(utf8.encode(forged))}.${signature}`;
}

/** Return whether one of the issuer's keys signed this RS256 token. */
async function isSigned(token, keys) {
  const [header, claims, signature] = token.split(".");
  const { alg, kid } = parse(header);
  const jwk = keys.find((key) => key.kid === kid && key.kty === "RSA");
  if (alg !== "RS256" || !jwk) {
    return false;
  }
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
  const signed = utf8.encode(`${header}.${claims}`);
  return crypto.subtle.verify(algorithm, key, fromBase64url(signature), signed);
}

/**
 * Return the claims of an ID token that was issued to this page, now, for this sign-in.
 * OpenID Connect Core 1.0 section 3.1.3.7. Throws an Error that names what is wrong.
 */
export async function checkIdToken(token, { keys, issuer, clientId, nonce }) {
  const { claims } = read(token);
  const audience = [claims.aud].flat();
  const now = Date.now() / 1000;
  const faults = {
    signature: !(await isSigned(token, keys)),
    iss: claims.iss !== issuer,
    aud: !audience.includes(clientId),
    azp: (audience.length > 1 || "azp" in claims) && claims.azp !== clientId,
    exp: !(claims.exp > now - 30),
    iat: !(claims.iat < now + 30),
    nonce: claims.nonce !== nonce,
  };
  const fault = Object.keys(faults).find((name) => faults[name]);
  if (fault) {
    throw new Error(`the ID token is not for this sign-in (${fault})`);
  }
  return claims;
}
