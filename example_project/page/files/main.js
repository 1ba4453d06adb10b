// The screen: what is shown, and what the buttons do.

import { byId, element, show } from "./dom.js";
import { curl, parameters, pretty } from "./exchange.js";
import { forge, read } from "./jwt.js";
import { Client } from "./oauth.js";
import { CALLS, NOT_READ, PARTS, explain, stateOf } from "./words.js";

const DATES = ["exp", "iat", "nbf"];

let settings;
let client;
// The tokens live here and die with the page. Local storage would keep them for any
// script that ever runs on this origin.
let tokens = null;
let order = 0; // The one placed last; there is never a 0.

function notify(text, kind = "") {
  byId("notice").className = `notice ${kind}`;
  byId("notice").textContent = text;
  show("notice", Boolean(text));
}

/** Run what a button does; say so if it fails. The button rests meanwhile. */
async function attempt(button, action, failure) {
  notify("");
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    notify(`${failure}: ${error.message}`, "bad");
  } finally {
    button.disabled = false;
    button.focus({ preventScroll: true }); // A disabled button loses the focus.
  }
}

// The token

function shorten(token) {
  return token.split(".").map((part) => `${part.slice(0, 10)}…`).join(".");
}

function value(name, content) {
  if (DATES.includes(name)) {
    return `${content} (${new Date(content * 1000).toLocaleTimeString("en-GB")})`;
  }
  return typeof content === "string" ? content : JSON.stringify(content);
}

function describe(list, members) {
  const known = Object.keys(PARTS).filter((name) => name in members);
  const names = new Set([...known, ...Object.keys(members)]);
  byId(list).replaceChildren(
    ...Array.from(names, (name) =>
      element(
        "div",
        {},
        element("dt", {}, element("code", {}, name)),
        element("dd", { className: "value" }, value(name, members[name])),
        element("dd", {}, PARTS[name]?.(settings) ?? NOT_READ),
      ),
    ),
  );
}

function showTokens() {
  show("signed-out", !tokens);
  show("signed-in", Boolean(tokens));
  show("token", Boolean(tokens));
  show("ahead", !tokens);
  show("sign-in-first", !tokens);
  byId("start").disabled = !client; // No way in while nobody knows where it leads.
  for (const button of document.querySelectorAll(".calls button")) {
    button.disabled = !tokens && button.dataset.send !== "nothing";
  }
  if (!tokens) {
    return;
  }
  const { header, claims } = read(tokens.access_token);
  byId("user").textContent = tokens.user.preferred_username ?? tokens.user.sub;
  byId("raw").replaceChildren(
    ...shorten(tokens.access_token)
      .split(".")
      .flatMap((part, index) => [
        element("span", { className: ["header", "claims", "signature"][index] }, part),
        index < 2 ? "." : "",
      ]),
  );
  byId("token-copied").textContent = "";
  describe("token-header", header);
  describe("token-claims", claims);
  byId("left").max = tokens.expires_in;
  tick();
}

function secondsLeft() {
  return Math.ceil((tokens.expiresAt - Date.now()) / 1000);
}

function tick() {
  if (!tokens) {
    return;
  }
  const left = secondsLeft();
  const { revoked } = tokens;
  byId("signed-in").classList.toggle("expired", left <= 0);
  byId("signed-in").classList.toggle("revoked", revoked);
  show("revoked", revoked);
  byId("left").value = Math.max(left, 0);
  byId("seconds").textContent = left > 0 ? left : "Expired";
  byId("clock-text").textContent = ["", "second left"][Math.max(left, 0)] ?? "seconds left";
  const state = stateOf({ left, revoked, leeway: settings.leeway });
  if (byId("state").textContent !== state) {
    byId("state").textContent = state; // Read out once, not at every tick.
  }
}

// The calls

function credentials(send) {
  return {
    access: () => tokens.access_token,
    forged: () => forge(tokens.access_token, { scope: "orders:read orders:admin" }),
    id: () => tokens.id_token,
    nothing: () => null,
  }[send]();
}

async function call(listed) {
  const each = { ...listed, path: listed.path.replace("{order}", order) };
  byId("answer").setAttribute("aria-busy", "true");
  const token = credentials(each.send);
  const headers = {};
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  if (each.body) {
    headers["Content-Type"] = "application/json";
  }
  const response = await fetch(each.path, {
    method: each.method,
    headers,
    body: each.body && JSON.stringify(each.body),
    credentials: "omit",
    cache: "no-store",
  });
  const header = response.headers.get("WWW-Authenticate");
  const challenge = parameters(header);
  const expired = Boolean(tokens) && secondsLeft() <= 0;
  byId("summary").replaceChildren(
    element("strong", { className: response.ok ? "status good" : "status bad" }, `${response.status} ${response.statusText}`),
    ` ${each.method} ${each.path}`,
    challenge.error ? element("code", {}, challenge.error) : "",
  );
  const revoked = Boolean(tokens?.revoked);
  byId("explanation").textContent = explain({ ...each, status: response.status, challenge, expired, revoked });
  byId("challenge").textContent = header ?? "none";
  const text = await response.text();
  if (response.status === 201) {
    order = JSON.parse(text).id;
  }
  byId("body").textContent = pretty(text) || "empty";
  byId("curl").textContent = curl(each, token && shorten(token));
  byId("copy").onclick = () => copy(curl(each, token), "copied");
  byId("copied").textContent = "";
  offer(response.status === 403 ? challenge.scope : undefined);
  show("answer", true);
  byId("answer").removeAttribute("aria-busy");
  reveal(byId("result"));
}

/** Scroll there, unless it can be seen well enough. */
function reveal(section) {
  const { top } = section.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) {
    section.scrollIntoView();
  }
}

/** Offer to ask for the scope that the API has named. */
function offer(scope) {
  show("ask-again", Boolean(scope));
  if (scope) {
    const granted = read(tokens.access_token).claims.scope.split(" ");
    byId("ask-again").textContent = `Sign in again, with ${scope}`;
    byId("ask-again").onclick = () => signIn(byId("ask-again"), [...granted, ...scope.split(" ")]);
  }
}

async function copy(text, status) {
  try {
    await navigator.clipboard.writeText(text);
    byId(status).textContent = "Copied. Whoever has it can use it until it expires.";
  } catch {
    byId(status).textContent = "The browser does not let this page copy.";
  }
}

function makeCalls() {
  for (const each of CALLS) {
    const button = element(
      "button",
      { type: "button" },
      element("span", { className: "request" }, element("b", {}, each.method), ` ${each.path}`),
      element("span", { className: "about" }, each.about),
      element("span", { className: "needs" }, each.needs),
    );
    button.dataset.send = each.send;
    button.disabled = each.send !== "nothing";
    button.onclick = () => attempt(button, () => call(each), "No answer");
    const list = each.send === "access" ? "good-calls" : "bad-calls";
    byId(list).append(element("li", {}, button));
  }
}

// Signing in, refreshing, signing out

function signIn(button, scopes) {
  const asked = scopes.filter((scope) => scope.startsWith("orders:"));
  return attempt(button, () => client.beginSignIn(asked), "Cannot sign in");
}

byId("sign-in").onsubmit = (event) => {
  event.preventDefault();
  signIn(event.submitter, new FormData(event.target).getAll("scope"));
};

byId("copy-token").onclick = () => copy(tokens.access_token, "token-copied");

byId("refresh").onclick = () =>
  attempt(
    byId("refresh"),
    async () => {
      tokens = await client.refresh(tokens);
      showTokens();
    },
    "Cannot refresh",
  );

byId("revoke").onclick = () =>
  attempt(
    byId("revoke"),
    async () => {
      tokens = await client.revoke(tokens);
      tick();
    },
    "Cannot revoke",
  );

byId("sign-out").onclick = () =>
  attempt(
    byId("sign-out"),
    async () => {
      const former = tokens;
      tokens = null;
      showTokens();
      await client.beginSignOut(former);
    },
    "Signed out of this page only",
  );

async function start() {
  makeCalls();
  try {
    settings = await (await fetch("/page/settings.json")).json();
    client = await Client.discover(settings);
    const { tokens: received, signedOut } = await client.resume();
    tokens = received ?? null;
    if (signedOut) {
      notify("You are signed out, and the refresh token is revoked. An access token that somebody copied works until it expires.", "good");
    }
  } catch (error) {
    notify(`Not signed in: ${error.message}.`, "bad");
  }
  showTokens();
  if (tokens) {
    byId("calls").focus({ preventScroll: true });
  }
  setInterval(tick, 250);
}

start();
