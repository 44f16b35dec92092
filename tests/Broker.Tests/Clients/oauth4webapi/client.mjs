// Apps on oauth4webapi, which does as the specifications say and refuses everything that does not. Which of them runs is
// told by SCENARIO. The person's browser is played by whoever runs this: it is told where to go by a line of JSON, and
// writes back the address that it was sent to, or an empty line where there is none.
import { createInterface } from 'node:readline/promises';
import * as oauth from 'oauth4webapi';

const { SCENARIO, BASE, CLIENT_ID, CLIENT_SECRET, PRIVATE_JWK, REDIRECT_URI } = process.env;

// The broker is on loopback here, without TLS.
const http = { [oauth.allowInsecureRequests]: true };
const client = { client_id: CLIENT_ID };
const api = `${BASE}/openai/v1`;

const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();
const say = (event, more) => console.log(JSON.stringify({ event, ...more }));
const ask = async (event, more) => { say(event, more); return (await lines.next()).value; };

const discover = async (algorithm) => {
  const issuer = new URL(BASE);
  return await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...http }));
};

/** From the address of an upstream to the server that guards it (RFC 9728). */
const discoverFromResource = async () => {
  const resource = new URL(api);
  const described = await oauth.processResourceDiscoveryResponse(resource, await oauth.resourceDiscoveryRequest(resource, http));
  return described.authorization_servers;
};

let retries = 0;
/** RFC 9449, section 8: the library has kept the nonce by the time it reports that one is asked for. */
const withNonce = async (attempt) => {
  try {
    return await attempt();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) {
      throw error;
    }

    retries++;
    return await attempt();
  }
};

const call = async (token, method, path, body, DPoP) => await withNonce(() => oauth.protectedResourceRequest(
  token, method, new URL(api + path), new Headers(body && { 'content-type': 'application/json' }), body && JSON.stringify(body), { DPoP, ...http }));

const models = async (token, DPoP) => (await (await call(token, 'GET', '/models', undefined, DPoP)).json()).data.length;

const chat = async (token, DPoP) => {
  const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello from a client' }] };
  return (await (await call(token, 'POST', '/chat/completions', body, DPoP)).json()).choices[0].message.content;
};

/** The refusal of a call, as the library reads the challenge. */
const refusal = async (attempt) => {
  try {
    await attempt();
    return { status: 200 };
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) {
      throw error;
    }

    return { status: error.status, challenges: error.cause.map(({ scheme, parameters }) => ({ scheme, error: parameters.error })) };
  }
};

/** Code flow, by the query or by a pushed request. */
const authorize = async (as, authentication, { scope, push = false, DPoP }) => {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = new URLSearchParams({
    client_id: client.client_id, response_type: 'code', redirect_uri: REDIRECT_URI, scope, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const openid = scope.split(' ').includes('openid');
  if (openid) {
    parameters.set('nonce', nonce);
  }

  const url = new URL(as.authorization_endpoint);
  url.search = parameters;
  if (push) {
    const pushed = await withNonce(async () => oauth.processPushedAuthorizationResponse(
      as, client, await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, { DPoP, ...http })));
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });
  }

  const callback = oauth.validateAuthResponse(as, client, new URL(await ask('authorize', { url: url.href })), state);
  return await withNonce(async () => {
    const response = await oauth.authorizationCodeGrantRequest(as, client, authentication, callback, REDIRECT_URI, verifier, { DPoP, ...http });
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, openid ? { expectedNonce: nonce, requireIdToken: true } : {});
    if (openid) {
      await oauth.validateApplicationLevelSignature(as, response, http);
    }

    return tokens;
  });
};

const refresh = async (as, authentication, tokens, DPoP) => await withNonce(async () => oauth.processRefreshTokenResponse(
  as, client, await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, { DPoP, ...http })));

const introspect = async (as, authentication, token) => await oauth.processIntrospectionResponse(
  as, client, await oauth.introspectionRequest(as, client, authentication, token, http));

const revoke = async (as, authentication, token) => {
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token, http));
};

const scenarios = {
  async web() {
    const [as, again] = [await discover('oidc'), await discover('oauth2')];
    say('discovered', { issuer: as.issuer, same: JSON.stringify(as) === JSON.stringify(again), servers: await discoverFromResource() });

    const secret = oauth.ClientSecretBasic(CLIENT_SECRET);
    const tokens = await authorize(as, secret, { scope: 'openid openai:models openai:chat offline_access' });
    say('tokens', { type: tokens.token_type, scope: tokens.scope, claims: oauth.getValidatedIdTokenClaims(tokens) });
    say('called', { models: await models(tokens.access_token), answer: await chat(tokens.access_token) });

    const next = await refresh(as, secret, tokens);
    say('refreshed', { another: next.access_token !== tokens.access_token, models: await models(next.access_token) });
    say('introspected', await introspect(as, secret, next.access_token));

    await revoke(as, secret, next.refresh_token);
    say('revoked', { ...await refusal(() => models(next.access_token)), active: (await introspect(as, secret, next.access_token)).active });
  },

  async bound() {
    const as = await discover('oauth2');
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
    const tokens = await authorize(as, oauth.None(), { scope: 'openai:models openai:chat offline_access', push: true, DPoP });
    say('tokens', { type: tokens.token_type, scope: tokens.scope, retries });

    const before = retries;
    say('called', { models: await models(tokens.access_token, DPoP), answer: await chat(tokens.access_token, DPoP), retries: retries - before });
    say('stolen', {
      bearer: await refusal(() => models(tokens.access_token)),
      key: await refusal(async () => models(tokens.access_token, oauth.DPoP(client, await oauth.generateKeyPair('ES256')))),
    });

    const next = await refresh(as, oauth.None(), tokens, DPoP);
    say('refreshed', { type: next.token_type, another: next.access_token !== tokens.access_token, models: await models(next.access_token, DPoP) });
    await revoke(as, oauth.None(), next.refresh_token);
    say('revoked', await refusal(() => models(next.access_token, DPoP)));
  },

  async device() {
    const as = await discover('oauth2');
    const started = await oauth.processDeviceAuthorizationResponse(as, client, await oauth.deviceAuthorizationRequest(
      as, client, oauth.None(), { scope: 'openai:models offline_access' }, http));
    const poll = async () => {
      try {
        return await oauth.processDeviceCodeResponse(
          as, client, await oauth.deviceCodeGrantRequest(as, client, oauth.None(), started.device_code, http));
      } catch (error) {
        if (!(error instanceof oauth.ResponseBodyError)) {
          throw error;
        }

        return { error: error.error };
      }
    };

    // The second is too fast; what comes after it waits as long as the specification says.
    let interval = started.interval ?? 5;
    say('polled', { errors: [(await poll()).error, (await poll()).error] });
    interval += 5;
    await ask('device', { code: started.user_code, url: started.verification_uri });

    let tokens;
    do {
      await new Promise((resolve) => setTimeout(resolve, interval * 1000));
      tokens = await poll();
      interval += tokens.error === 'slow_down' ? 5 : 0;
    } while (tokens.error === 'slow_down' || tokens.error === 'authorization_pending');
    say('tokens', { error: tokens.error, type: tokens.token_type, scope: tokens.scope, models: await models(tokens.access_token) });
    const next = await refresh(as, oauth.None(), tokens);
    say('refreshed', { models: await models(next.access_token) });
  },

  async exchange() {
    const as = await discover('oauth2');
    const secret = oauth.ClientSecretPost(CLIENT_SECRET);
    const tokens = await authorize(as, secret, { scope: 'openai:models openai:chat offline_access' });
    const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
    const child = await oauth.processGenericTokenEndpointResponse(as, client, await oauth.genericTokenEndpointRequest(
      as, client, secret, 'urn:ietf:params:oauth:grant-type:token-exchange',
      { subject_token: tokens.access_token, subject_token_type: accessToken, scope: 'openai:models' }, http));
    say('child', {
      issued: child.issued_token_type, scope: child.scope, expires: child.expires_in,
      models: await models(child.access_token), chat: await refusal(() => chat(child.access_token)),
    });

    await revoke(as, secret, tokens.refresh_token);
    say('revoked', await refusal(() => models(child.access_token)));
  },

  async keyed() {
    const as = await discover('oauth2');
    const key = await crypto.subtle.importKey('jwk', JSON.parse(PRIVATE_JWK), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
    const assertion = oauth.PrivateKeyJwt(key);
    const tokens = await authorize(as, assertion, { scope: 'openid openai:models offline_access', push: true });
    const next = await refresh(as, assertion, tokens);
    const { active, client_id } = await introspect(as, assertion, next.access_token);
    say('tokens', { type: next.token_type, models: await models(next.access_token), active, client: client_id });
    await revoke(as, assertion, next.refresh_token);
    say('revoked', await refusal(() => models(next.access_token)));
  },
};

await scenarios[SCENARIO]();
input.close();
