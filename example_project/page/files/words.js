// What the page can ask the API, and what it says about tokens and answers. Data alone.

const ORDER = { item: "A book", quantity: 2 };

/**
 * The calls. `send` is what stands in the Authorization header: the access token, nothing,
 * or something that the API must refuse. `needs` is for show: the API decides.
 */
export const CALLS = [
  { method: "GET", path: "/me/", send: "access", needs: "any valid token", about: "Whom the API takes you for" },
  { method: "GET", path: "/orders/", send: "access", needs: "orders:read", about: "Your orders, nobody else’s" },
  { method: "POST", path: "/orders/", send: "access", needs: "orders:write", about: "Order two books", body: ORDER },
  { method: "DELETE", path: "/orders/{order}/", send: "access", needs: "orders:write, and the issuer’s word", about: "Delete what you ordered last" },
  { method: "GET", path: "/stats/", send: "access", needs: "orders:read", about: "A plain async view" },
  { method: "GET", path: "/admin/orders/", send: "access", needs: "orders:admin", about: "And staff only, like carol" },
  { method: "GET", path: "/health/", send: "nothing", needs: "no token", about: "A public view" },
  { method: "GET", path: "/orders/", send: "nothing", needs: "orders:read", about: "Without a token" },
  { method: "GET", path: "/orders/", send: "forged", needs: "orders:read", about: "A token with a scope written in" },
  { method: "GET", path: "/orders/", send: "id", needs: "orders:read", about: "The ID token: it is for this page" },
];

/** What the API reads from each part of the token; functions get the page's settings. */
export const PARTS = {
  alg: () => "How it was signed. It must be an algorithm the settings allow, and fit the key. “none” never is.",
  kid: () => "Which of the issuer’s public keys to check the signature with. An unknown one makes the API look for new keys, seldom enough that nobody can abuse it.",
  typ: () => "The kind of token. “at+jwt” says access token; “JWT” says nothing, so the claims have to tell.",
  iss: () => "Who issued it. It must equal ISSUER in the settings, letter by letter; the keys come from there and nowhere else.",
  aud: () => "Whom it is for. AUDIENCE must be among these, or a token for any other API would open this one.",
  sub: () => "Who you are at the issuer. Issuer and subject together find your local user, or make one; an e-mail address never does.",
  client_id: () => "Which software asked: this page. A token with a client and no user is a machine’s.",
  scope: () => "What you let this page do. Each view names the scope it needs; without it the answer is 403.",
  exp: ({ leeway }) => `From then on it is refused. Clocks may differ, so the API waits LEEWAY, ${leeway} seconds here.`,
  nbf: () => "Before then it is refused.",
  iat: () => "When it was issued. A time to come is refused, and MAX_TOKEN_AGE counts from here.",
  jti: () => "The token’s own name, for your logs: request.auth.token_id.",
  token_use: () => "This issuer’s word for the kind of token. The API refuses one that says “id” or “refresh”.",
};

export const NOT_READ = "Not read by the API. Your code may: request.auth.claim(…).";

/** Return how things stand with an access token: seconds left, revoked or not. */
export function stateOf({ left, revoked, leeway }) {
  if (left + leeway <= 0) {
    return "Now call the API, and it is 401. Refresh brings a new token, without signing in again.";
  }
  if (left <= 0) {
    return `The API takes it for ${leeway} seconds more, as clocks differ.`;
  }
  if (revoked) {
    return "Revoked, but its time runs on: views that check the signature alone take it. Deleting asks the issuer, and refuses.";
  }
  return "Until then the API takes it. Refresh brings a new one; revoke it, and see which views notice.";
}

/** Return what an answer means. */
export function explain({ status, method, send, challenge, expired, revoked }) {
  if (status === 401 && !challenge.error) {
    return "Nobody presented a token, so the challenge names no error: just what to bring.";
  }
  if (status === 401 && expired && send === "access") {
    return "The token has expired. Refresh it; a client need not know more.";
  }
  if (status === 401 && revoked && send === "access") {
    return "The issuer was asked, and has revoked the token. Views that do not ask take it until it expires.";
  }
  if (status === 401) {
    return "A bad token. Callers are told no more than that; the API’s log and explain_access_token know why.";
  }
  if (status === 403 && challenge.scope) {
    return `The token is good, but you did not allow ${challenge.scope}. The challenge names it, so a client can ask.`;
  }
  if (status === 403) {
    return "The scope is there, but you are not: this view is for staff. No scope would help, so none is named.";
  }
  if (status === 404) {
    return "The token is good, but you have no such order. Place one first.";
  }
  if (status === 503) {
    return "The API cannot tell just now: it has no keys to check with, or cannot ask. Your token may well be good.";
  }
  if (status < 300 && send === "nothing") {
    return "Nothing protects this view, and no token was looked at.";
  }
  if (status < 300 && revoked) {
    return "The token is revoked, but this view does not ask: to a signature it is good until it expires.";
  }
  if (status < 300 && method === "DELETE") {
    return "All is in order here, and the issuer, asked just now, says that the token is still active.";
  }
  return status < 300 ? "Signature, issuer, audience, time, user and scope are in order." : "";
}
