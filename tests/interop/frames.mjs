// Speaks MessagePack frames with a running server as a stranger would: from the protocol's description, with Node's net and @msgpack/msgpack.
// Arguments: host:port, or the path of a Unix socket; the file with the held-out digits. Prints one line; ends with 1 when something is not as described.

import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';

const { encode, decode } = await import('@msgpack/msgpack').catch(() => {
  console.error('@msgpack/msgpack is missing: run npm ci --ignore-scripts in tests/interop, or build tests/Gateway.IntegrationTests');
  process.exit(1);
});

const [address, heldOut] = process.argv.slice(2);
const socket = address.includes('/') ? connect(address) : connect(Number(address.split(':')[1]), address.split(':')[0]);
socket.setNoDelay(true);

function send(kind, call, body) {
  const message = encode([kind, call, body]);
  const frame = Buffer.alloc(4 + message.length);
  frame.writeUInt32BE(message.length);
  frame.set(message, 4);
  socket.write(frame);
}

let received = Buffer.alloc(0);
const waiting = new Map();
socket.on('data', (part) => {
  received = Buffer.concat([received, part]);
  while (received.length >= 4 && received.length >= 4 + received.readUInt32BE()) {
    const [kind, call, body] = decode(received.subarray(4, 4 + received.readUInt32BE()));
    received = received.subarray(4 + received.readUInt32BE());
    const answered = waiting.get(call);
    waiting.delete(call);
    answered({ kind, body });
  }
});
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});

let nextCall = 0;
function ask(kind, body) {
  const call = nextCall++;
  send(kind, call, body);
  return new Promise((resolve) => waiting.set(call, resolve));
}

const hello = await ask('hello', { version: 1, client: 'frames.mjs' });
assert.equal(hello.kind, 'hello');
assert.equal(hello.body.version, 1);

// The held-out set, as many calls at once as the window allows. A view of four-byte floats must begin on a multiple of four.
const floats = (bytes) => new Uint8Array(Float32Array.from(bytes).buffer);
const int64 = (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true);
const digits = readFileSync(heldOut);
const count = digits.length / 65;
let right = 0;
for (let start = 0; start < count; start += hello.body.window) {
  const calls = [];
  for (let i = start; i < Math.min(count, start + hello.body.window); i++) {
    const record = digits.subarray(i * 65, i * 65 + 65);
    const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data: floats(record.subarray(0, 64)) }];
    calls.push(ask('infer', { model_name: 'digits', inputs, outputs: [{ name: 'class' }] }).then(({ kind, body }) => {
      assert.equal(kind, 'infer', JSON.stringify(body));
      right += Number(int64(body.outputs[0].data)) === record[64];
    }));
  }
  await Promise.all(calls);
}

const metadata = await ask('metadata', { model_name: 'digits' });
assert.deepEqual(metadata.body.inputs, [{ name: 'image', datatype: 'FP32', shape: [-1, 1, 8, 8] }]);
assert.equal((await ask('ready', { model_name: 'digits' })).body.ready, true);
assert.equal((await ask('ready', { model_name: 'nobody' })).body.ready, false);
assert.equal((await ask('ping', null)).kind, 'ping');

// Strings: a 32-bit length before each.
const text = Buffer.from('Das ist ein Satz.');
const length = Buffer.alloc(4);
length.writeUInt32LE(text.length);
const language = await ask('metadata', { model_name: 'language' });
const strings = await ask('infer', { model_name: 'language', inputs: [{ name: language.body.inputs[0].name, datatype: 'BYTES', shape: [1, 1], data: Buffer.concat([length, text]) }] });
assert.equal(strings.kind, 'infer', JSON.stringify(strings.body));

const unknown = await ask('infer', { model_name: 'nobody', inputs: [] });
assert.deepEqual(unknown, { kind: 'error', body: { code: 'NOT_FOUND', error: "Request for unknown model: 'nobody' is not found" } });
const wrong = await ask('infer', { model_name: 'digits', inputs: 7 });
assert.equal(wrong.body.code, 'INVALID_ARGUMENT');
socket.end();
console.log(`${right} of ${count} digits are right`);
