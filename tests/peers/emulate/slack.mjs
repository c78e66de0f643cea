// A Slack that is not ours: the public emulator `emulate`, with one event subscription. `node slack.mjs PORT EVENTS_URL BOT_TOKEN SECRET SCOPES`.
// Prints its address as one line of JSON when it is ready, and ends when its standard input closes.
import { readdirSync } from 'node:fs';
import { createEmulator } from 'emulate';

const [port, events, botToken, secret, scopes] = process.argv.slice(2);

// The emulator delivers events to subscriptions, but has no address where one subscribes: its plugin is found by its name, and the
// subscription added when it registers. Nothing else of it is touched.
const home = new URL('../node_modules/emulate/dist/', import.meta.url);
for (const file of readdirSync(home).filter((name) => /^dist-.*\.js$/.test(name))) {
  const { slackPlugin } = await import(new URL(file, home));
  if (!slackPlugin) continue;
  const register = slackPlugin.register;
  slackPlugin.register = (app, store, webhooks, ...rest) => {
    register(app, store, webhooks, ...rest);
    webhooks.register({ url: events, events: ['*'], active: true, owner: 'slack' });
  };
}

const bot = { bot_id: 'B00000PEER', bot_user_id: 'U00000PEER', app_id: 'A00000PEER' };
const emulator = await createEmulator({
  service: 'slack',
  port: Number(port),
  hostname: '127.0.0.1',
  baseUrl: `http://127.0.0.1:${port}`,
  seed: {
    slack: {
      signing_secret: secret,
      strict_scopes: true,
      oauth_apps: [{ client_id: '1.2', client_secret: 'x', name: 'whyforbidden', redirect_uris: [], scopes: scopes.split(','), bot_name: 'whyforbidden', ...bot }],
      tokens: [
        { token: botToken, type: 'bot', user_id: bot.bot_user_id, bot_id: bot.bot_id, app_id: bot.app_id, scopes: scopes.split(',') },
        { token: 'xoxp-a-person', type: 'user', user_id: 'U000000001', scopes: ['chat:write', 'im:write', 'channels:history', 'im:history', 'files:write', 'channels:read'] },
      ],
    },
  },
});
console.log(JSON.stringify({ url: emulator.url, ...bot }));
process.stdin.on('end', () => emulator.close().then(() => process.exit(0))).resume();
