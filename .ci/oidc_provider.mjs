// An authorization server for the tests: real keys, one machine with JWT access tokens,
// one web client with opaque ones and refresh tokens, and APIs that may introspect.
//
//   node oidc_provider.mjs FILE   writes its issuer identifier to FILE once it listens
//
// Whoever comes to /auth is alice at once and has consented. Beside the provider's own
// endpoints, for the tests:
//   POST /control/reset           one key, no counts
//   POST /control/rotate          a new key signs; the ones before stay published
//   POST /control/withdraw        the newest key alone stays published
//   POST /control/client          one more client: its metadata as JSON
//   POST /control/expire          the opaque access token of the body is past its time
//   GET  /control/requests        how often each path was asked since the reset
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';

import Provider, { errors } from 'oidc-provider';

const AUDIENCE = 'https://api.test';
const OTHER_AUDIENCE = 'https://other.test';
// A part of Basic credentials is form-encoded first; this one shows who does not.
const SECRET = 'p:lus+ per%cent/&=~ and thirty-two bytes';
const [file] = process.argv.slice(2);

let keys;
let counts;
let answer;
let made = 0;
let provider;

const clients = [
  client({
    client_id: 'machine',
    client_secret: 'secret',
    grant_types: ['client_credentials'],
  }),
  client({
    client_id: 'web',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    redirect_uris: ['https://client.test/callback'],
    response_types: ['code'],
  }),
  client({ client_id: 'api' }),
];

function client(metadata) {
  return {
    client_secret: SECRET,
    grant_types: [],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
    // To whoever accepts no JSON; see RFC 9701, 4.
    introspection_signed_response_alg: 'ES256',
    ...metadata,
  };
}

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  made += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${made}`, use: 'sig', alg: 'ES256' };
}

// What outlives a rotation: the tokens, and what they hang on.
const stored = new Map();

class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  all() {
    return [...stored].filter(([key]) => key.startsWith(this.key('')));
  }

  async upsert(id, payload) {
    stored.set(this.key(id), payload);
  }

  async find(id) {
    return stored.get(this.key(id));
  }

  async findByUid(uid) {
    return this.all().find(([, payload]) => payload.uid === uid)?.[1];
  }

  async consume(id) {
    (await this.find(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    stored.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key] of this.all().filter(([, payload]) => payload.grantId === grantId)) {
      stored.delete(key);
    }
  }
}

// Its keys are fixed when it is made, so a rotation makes another.
function serve(issuer) {
  provider = new Provider(issuer, {
    adapter: Adapter,
    jwks: { keys },
    cookies: { keys: ['for the tests'] },
    // Longer than the hours that the tests let pass.
    ttl: { AccessToken: 86400, ClientCredentials: 86400, RefreshToken: 86400 },
    clients,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: (_, audience, { clientId }) => {
          if (![AUDIENCE, OTHER_AUDIENCE].includes(audience)) {
            throw new errors.InvalidTarget();
          }
          return {
            scope: 'orders:read',
            audience,
            ...(clientId === 'machine'
              ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
              : { accessTokenFormat: 'opaque' }),
          };
        },
      },
    },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: () => true,
    loadExistingGrant: grantAll,
  });
  answer = provider.callback();
}

// Nobody is asked for consent.
async function grantAll({ oidc: { client: { clientId }, params, session } }) {
  const grant = new provider.Grant({
    clientId,
    accountId: session.accountId,
  });
  grant.addOIDCScope('openid');
  for (const resource of [params.resource].flat()) {
    grant.addResourceScope(resource, 'orders:read');
  }
  await grant.save();
  return grant;
}

async function expire(value) {
  const token = await provider.AccessToken.adapter.find(value);
  token.exp = token.iat - 1;
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

const orders = {
  '/control/reset': () => {
    keys = [newKey()];
    counts = {};
  },
  '/control/rotate': () => keys.unshift(newKey()),
  '/control/withdraw': () => keys.splice(1),
  '/control/client': (body) => clients.push(client(JSON.parse(body))),
};

async function respond(request, response) {
  const path = new URL(request.url, issuer).pathname;
  if (path === '/control/requests') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(counts));
  } else if (path === '/control/expire') {
    await expire(await bodyOf(request));
    response.end();
  } else if (request.method === 'POST' && path in orders) {
    orders[path](await bodyOf(request));
    serve(issuer);
    response.end();
  } else if (path.startsWith('/interaction/')) {
    await provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
  } else {
    counts[path] = (counts[path] ?? 0) + 1;
    answer(request, response);
  }
}

const server = createServer((request, response) => {
  respond(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});

await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
keys = [newKey()];
counts = {};
serve(issuer);
await writeFile(`${file}.part`, `${issuer}\n`);
await rename(`${file}.part`, file);
