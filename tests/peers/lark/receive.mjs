// The platform's own Node SDK as a receiver: reads deliveries ({"headers", "body"}, one a line), prints what it understood of each, or null.
import { createInterface } from 'node:readline';
import * as lark from '@larksuiteoapi/node-sdk';

const silent = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };
let seen = null;
const dispatcher = new lark.EventDispatcher({ encryptKey: process.argv[2], verificationToken: process.argv[3], logger: silent }).register({
  'im.message.receive_v1': (data) => {
    seen = { message: data.message.message_id };
  },
});

for await (const line of createInterface({ input: process.stdin })) {
  const { headers, body } = JSON.parse(line);
  seen = null;
  // It hashes the body as it would write it itself: compact JSON.
  await dispatcher.invoke(Object.assign(Object.create({ headers }), JSON.parse(body)));
  console.log(JSON.stringify(seen));
}
process.exit(0);
