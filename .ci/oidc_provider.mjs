// An authorization server for the tests: real keys, JWT access tokens, one machine.
//
//   node oidc_provider.mjs FILE   writes its issuer identifier to FILE once it listens
//
// Beside the provider's own endpoints, for the tests:
//   POST /control/reset           one key, no counts
//   POST /control/rotate          a new key signs; the ones before stay published
//   POST /control/withdraw        the newest key alone stays published
//   GET  /control/requests        how often each path was asked since the reset
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';

import Provider from 'oidc-provider';

const AUDIENCE = 'https://api.test';
const [file] = process.argv.slice(2);

let keys;
let counts;
let answer;
let made = 0;

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  made += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${made}`, use: 'sig', alg: 'ES256' };
}

// Its keys are fixed when it is made, so a rotation makes another.
function serve(issuer) {
  const provider = new Provider(issuer, {
    jwks: { keys },
    // Longer than the hours that the tests let pass.
    ttl: { ClientCredentials: 86400 },
    clients: [
      {
        client_id: 'machine',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: 'orders:read',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  answer = provider.callback();
}

const server = createServer((request, response) => {
  const path = new URL(request.url, issuer).pathname;
  const orders = {
    '/control/reset': () => {
      keys = [newKey()];
      counts = {};
    },
    '/control/rotate': () => keys.unshift(newKey()),
    '/control/withdraw': () => keys.splice(1),
  };
  if (path === '/control/requests') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(counts));
  } else if (request.method === 'POST' && path in orders) {
    orders[path]();
    serve(issuer);
    response.end();
  } else {
    counts[path] = (counts[path] ?? 0) + 1;
    answer(request, response);
  }
});

await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
keys = [newKey()];
counts = {};
serve(issuer);
await writeFile(`${file}.part`, `${issuer}\n`);
await rename(`${file}.part`, file);
