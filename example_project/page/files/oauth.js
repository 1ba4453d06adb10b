// Authorization Code with PKCE, for a page: RFC 6749 section 4.1, RFC 7636, RFC 9700
// section 2.1, OpenID Connect Core 1.0 section 3.1. In a page of your own, prefer a
// library that is certified for this.

import { checkIdToken, toBase64url } from "./jwt.js";

// What has to survive the way to the authorization server and back. No token is in it,
// and it is gone as soon as the page is back, whatever came of it.
const PENDING = "pending";

const random = () => toBase64url(crypto.getRandomValues(new Uint8Array(32)));

async function challenge(verifier) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return toBase64url(new Uint8Array(digest));
}

function takePending() {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "{}");
  sessionStorage.removeItem(PENDING);
  return pending;
}

/** The page as a client of one authorization server. It keeps no tokens itself. */
export class Client {
  /** `settings` is page/settings.json, `metadata` the issuer's. */
  constructor(settings, metadata) {
    this.settings = settings;
    this.metadata = metadata;
    this.redirectUri = `${location.origin}/`;
  }

  /** Read the issuer's metadata. OpenID Connect Discovery 1.0 section 4. */
  static async discover(settings) {
    const address = `${settings.issuer}/.well-known/openid-configuration`;
    const metadata = await (await fetch(address, { credentials: "omit" })).json();
    if (metadata.issuer !== settings.issuer) {
      throw new Error("the metadata is another issuer's");
    }
    return new Client(settings, metadata);
  }

  /** Leave for the authorization server, to ask for these scopes. */
  async beginSignIn(scopes) {
    const [verifier, state, nonce] = [random(), random(), random()];
    sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, nonce }));
    this.#leave(this.metadata.authorization_endpoint, {
      response_type: "code",
      client_id: this.settings.client_id,
      redirect_uri: this.redirectUri,
      scope: ["openid", "profile", ...scopes].join(" "),
      resource: this.settings.audience, // whom the access token is for: RFC 8707
      state,
      nonce,
      code_challenge: await challenge(verifier),
      code_challenge_method: "S256",
    });
  }

  /**
   * Take up what the authorization server sent the browser back with.
   *
   * Returns { tokens } after signing in, { signedOut } after signing out, {} when the
   * page was just opened. Throws an Error when the answer is not the one to our question.
   */
  async resume() {
    const answer = new URLSearchParams(location.search);
    const pending = takePending();
    // First of all: a code must not stay in the address bar or in the history.
    history.replaceState(null, "", location.pathname);
    if (![...answer.keys()].length) {
      return {};
    }
    if (!pending.state || answer.get("state") !== pending.state) {
      throw new Error("this answer belongs to no sign-in of this tab (state)");
    }
    if (pending.signedOut) {
      return { signedOut: true };
    }
    if (answer.has("iss") && answer.get("iss") !== this.settings.issuer) {
      throw new Error("the answer is another issuer's (iss)"); // RFC 9207
    }
    if (answer.has("error")) {
      throw new Error(`the authorization server says ${answer.get("error")}`);
    }
    const tokens = await this.#post(this.metadata.token_endpoint, {
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: this.redirectUri,
      code_verifier: pending.verifier,
    });
    if (!tokens.id_token) {
      throw new Error("no ID token came; it tells this page who you are (openid)");
    }
    const keys = await fetch(this.metadata.jwks_uri, { credentials: "omit" });
    const user = await checkIdToken(tokens.id_token, {
      keys: (await keys.json()).keys,
      issuer: this.settings.issuer,
      clientId: this.settings.client_id,
      nonce: pending.nonce,
    });
    return { tokens: this.#received(tokens, { user }) };
  }

  /** Return new tokens for old ones: RFC 6749 section 6. The old refresh token is spent. */
  async refresh(tokens) {
    const fresh = await this.#post(this.metadata.token_endpoint, {
      grant_type: "refresh_token",
      refresh_token: tokens.refresh_token,
      resource: this.settings.audience,
    });
    delete fresh.id_token; // Who signed in is known, and checked.
    return this.#received(fresh, tokens);
  }

  /** Revoke the access token: RFC 7009. Only who asks the server sees that. */
  async revoke(tokens) {
    const revoked = { token: tokens.access_token, token_type_hint: "access_token" };
    await this.#post(this.metadata.revocation_endpoint, revoked);
    return { ...tokens, revoked: true };
  }

  /** Revoke the refresh token (RFC 7009) and leave, to end the session there too. */
  async beginSignOut(tokens) {
    const revoked = { token: tokens.refresh_token, token_type_hint: "refresh_token" };
    await this.#post(this.metadata.revocation_endpoint, revoked).catch(() => null);
    const state = random();
    sessionStorage.setItem(PENDING, JSON.stringify({ state, signedOut: true }));
    // Without id_token_hint: the server asks the user first, and no token is in a URL.
    this.#leave(this.metadata.end_session_endpoint, {
      client_id: this.settings.client_id,
      post_logout_redirect_uri: this.redirectUri,
      state,
    });
  }

  #received(answer, before) {
    const expiresAt = Date.now() + answer.expires_in * 1000;
    return { ...before, ...answer, expiresAt, revoked: false };
  }

  #leave(endpoint, parameters) {
    location.assign(`${endpoint}?${new URLSearchParams(parameters)}`);
  }

  async #post(endpoint, parameters) {
    const response = await fetch(endpoint, {
      method: "POST",
      // A public client: it has no secret, a browser could not keep one.
      body: new URLSearchParams({ ...parameters, client_id: this.settings.client_id }),
      credentials: "omit",
      cache: "no-store",
    });
    const text = await response.text();
    const answer = text ? JSON.parse(text) : {};
    if (!response.ok) {
      throw new Error(answer.error_description ?? answer.error ?? response.status);
    }
    return answer;
  }
}
