// An OpenID provider on loopback (oidc-provider), for one run of a test.
//
// Reads its settings as JSON from standard input, and prints one line when it listens:
// {"clients": [...], "keys": {"keys": [...]}, "port": 0, "lifetime": 600, "algorithm": "RS256"}.
// Tokens of a user come without a browser by the grant that stands below: `subject` is the user,
// `target` the resource that the access token is for.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

let text = '';
for await (const part of process.stdin) {
  text += part;
  if (text.includes('\n')) break;
}
const settings = JSON.parse(text.split('\n')[0]);
const server = createServer();
await new Promise((done) => server.listen(settings.port, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;

// What is asked for tokens: by the name of it, they are JSON Web Tokens or opaque.
const resource = (target) => ({
  audience: target,
  scope: 'mail',
  accessTokenTTL: settings.lifetime,
  accessTokenFormat: target.startsWith('urn:opaque:') ? 'opaque' : 'jwt',
  jwt: { sign: { alg: settings.algorithm } },
});

const provider = new Provider(issuer, {
  clients: settings.clients,
  jwks: settings.keys,
  scopes: ['openid', 'email', 'mail'],
  claims: { email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (context, target) => resource(target),
    },
  },
  extraTokenClaims: () => ({ email: 'jsmith@example.com', email_verified: true }),
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: 'jsmith@example.com', email_verified: true }),
  }),
});

// Tokens of a user, as the provider makes them after a login in a browser.
provider.registerGrantType(
  'urn:test:user',
  async (context, next) => {
    const { client, params } = context.oidc;
    const account = await provider.Account.findAccount(context, params.subject);
    const grant = new provider.Grant({ clientId: client.clientId, accountId: params.subject });
    grant.addOIDCScope('openid email');
    if (params.target) grant.addResourceScope(params.target, 'mail');
    const grantId = await grant.save();
    const common = { client, accountId: params.subject, grantId, gty: 'urn:test:user' };
    const access = new provider.AccessToken({ ...common, scope: params.target ? 'mail' : 'openid email' });
    if (params.target) {
      access.resourceServer = new provider.ResourceServer(params.target, resource(params.target));
    }
    const idToken = new provider.IdToken(
      { sub: params.subject, email: 'jsmith@example.com', email_verified: true },
      { ctx: context, client },
    );
    idToken.scope = 'openid email';
    const value = await access.save();
    idToken.set('at_hash', value);
    context.body = {
      access_token: value,
      id_token: await idToken.issue({ use: 'idtoken' }),
      token_type: 'Bearer',
    };
    await next();
  },
  ['subject', 'target'],
);

server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));
