// An authorization server that is not ours: code + PKCE, refresh with rotation, revocation, userinfo and the device grant on loopback.
// Prints its address as one line of JSON when it is ready, and ends when its standard input closes.
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const redirect = process.argv[3];
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'whyforbidden',
      client_secret: 'a-secret-of-the-peer-0123456789',
      redirect_uris: [redirect],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
  ],
  scopes: ['openid', 'offline_access', 'read:things', 'write:things'],
  claims: { openid: ['sub', 'name'] },
  findAccount: (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, name: `Peer ${id}` }) }),
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (_ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  cookies: { keys: ['only-for-tests'] },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, DeviceCode: 600, Grant: 3600, Interaction: 600, Session: 600, RefreshToken: 3600, IdToken: 600 },
});

const server = provider.listen(port, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ issuer })}\n`));
process.stdin.resume();
process.stdin.on('end', () => server.close(() => process.exit(0)));
