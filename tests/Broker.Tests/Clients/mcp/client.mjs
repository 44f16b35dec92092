// An MCP client that knows the address of a resource and nothing else. The SDK's own orchestration does the rest:
// discovery from the refusal, registration, authorization, tokens. The person's browser is played by whoever runs this:
// it is told where to go by a line of JSON, and writes back the address that it was sent to.
import { auth, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { createInterface } from 'node:readline/promises';

const { RESOURCE, CLIENT_METADATA_URL, AUTH_METHOD = 'none', REDIRECT_URI = 'http://localhost:3334/callback' } = process.env;
const say = (event) => console.log(JSON.stringify(event));
const state = crypto.randomUUID();
const kept = {};

const provider = {
  redirectUrl: REDIRECT_URI,
  clientMetadataUrl: CLIENT_METADATA_URL,
  clientMetadata: {
    client_name: 'Field Notes',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: AUTH_METHOD,
  },
  state: () => state,
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  discoveryState: () => kept.discovery,
  saveDiscoveryState: (discovery) => { kept.discovery = discovery; },
  redirectToAuthorization: (url) => say({ event: 'authorize', url: url.href }),
};

const call = async () => {
  const headers = kept.tokens ? { authorization: `Bearer ${kept.tokens.access_token}` } : {};
  return await fetch(`${RESOURCE}/models`, { headers });
};

const refused = await call();
const { resourceMetadataUrl } = extractWWWAuthenticateParams(refused);
say({ event: 'refused', status: refused.status, metadata: resourceMetadataUrl?.href });
const options = { serverUrl: RESOURCE, resourceMetadataUrl };
say({ event: 'auth', result: await auth(provider, options) });
say({ event: 'client', id: kept.client.client_id, method: kept.client.token_endpoint_auth_method, secret: 'client_secret' in kept.client });

const input = createInterface({ input: process.stdin });
const callback = new URL((await input[Symbol.asyncIterator]().next()).value);
input.close();
const answer = callback.searchParams;
if (answer.get('state') !== state || answer.get('iss') !== kept.discovery.authorizationServerMetadata.issuer) {
  throw new Error(`The callback is not for this request: ${callback}`);
}

say({ event: 'auth', result: await auth(provider, { ...options, authorizationCode: answer.get('code') }) });
const first = kept.tokens.access_token;
let response = await call();
say({ event: 'models', status: response.status, count: (await response.json()).data.length });

say({ event: 'auth', result: await auth(provider, options) });
response = await call();
say({ event: 'refreshed', status: response.status, another: kept.tokens.access_token !== first });
