// A single-page app on oidc-client-ts, which has no server and no secret. It is served twice: under /bound its tokens are
// bound to a key that this browser keeps.
const { UserManager, IndexedDbDPoPStore } = window.oidc;

const { broker } = await (await fetch('/settings.json')).json();
const bound = location.pathname.startsWith('/bound');
const manager = new UserManager({
  authority: broker,
  client_id: bound ? 'bound-notebook' : 'notebook',
  redirect_uri: `${location.origin}${bound ? '/bound' : ''}/callback`,
  scope: 'openid offline_access openai:models openai:chat',
  automaticSilentRenew: false,
  ...(bound && { dpop: { bind_authorization_code: true, store: new IndexedDbDPoPStore() } }),
});

// RFC 9449, section 9: the library signs proofs, and the nonces of the API are the app's affair.
let nonce;
const call = async (user, method, path, body) => {
  const url = `${broker}/openai/v1${path}`;
  const attempt = async () => {
    const headers = { authorization: `${user.token_type} ${user.access_token}`, ...(body && { 'content-type': 'application/json' }) };
    if (bound) {
      headers.dpop = await manager.dpopProof(url, user, method, nonce);
    }

    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    nonce = response.headers.get('dpop-nonce') ?? nonce;
    return response;
  };
  const response = await attempt();
  return response.headers.get('www-authenticate')?.includes('use_dpop_nonce') ? await attempt() : response;
};

const actions = {
  connect: () => manager.signinRedirect(),

  async models() {
    const response = await call(await manager.getUser(), 'GET', '/models');
    return `${response.status}: ${(await response.json()).data.length} models`;
  },

  async chat() {
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello from a page' }] };
    const response = await call(await manager.getUser(), 'POST', '/chat/completions', body);
    return `${response.status}: ${(await response.json()).choices[0].message.content}`;
  },

  async refresh() {
    const before = await manager.getUser();
    const after = await manager.signinSilent();
    const another = after.access_token !== before.access_token && after.refresh_token !== before.refresh_token;
    return `${after.token_type} ${another ? 'another token' : 'the same token'}, ${after.profile.sub === before.profile.sub ? 'same' : 'another'} person`;
  },

  async disconnect() {
    const user = await manager.getUser();
    await manager.revokeTokens();
    await manager.removeUser();
    document.body.dataset.state = 'disconnected';
    const response = await call(user, 'GET', '/models');
    return `${response.status}: ${(await response.json()).error.code}`;
  },
};

const result = document.getElementById('result');
for (const [name, action] of Object.entries(actions)) {
  document.getElementById(name).addEventListener('click', async () => {
    result.textContent = '';
    try {
      result.textContent = await action() ?? '';
    } catch (error) {
      result.textContent = `${error.name}: ${error.message}`;
    }
  });
}

try {
  if (location.pathname.endsWith('/callback')) {
    const user = await manager.signinRedirectCallback();
    history.replaceState(null, '', bound ? '/bound' : '/');
    result.textContent = `${user.token_type} ${user.scope} ${user.profile.iss}`;
  }

  document.body.dataset.state = await manager.getUser() ? 'connected' : 'disconnected';
} catch (error) {
  document.body.dataset.state = 'failed';
  result.textContent = `${error.name}: ${error.message}`;
}
