// Answers requests about MessagePack with @msgpack/msgpack; README.md says how.

import { createInterface } from 'node:readline';

const { Decoder, Encoder, ExtData } = await import('@msgpack/msgpack').catch(() => {
  console.error('@msgpack/msgpack is missing: run npm ci --ignore-scripts in tests/interop, or build tests/Gateway.IntegrationTests');
  process.exit(1);
});

// Also of the types that the library has a meaning for.
const extensionCodec = {
  tryToEncode: (value) => (value instanceof ExtData ? value : null),
  decode: (data, type) => new ExtData(type, data.slice()),
};
const encoder = new Encoder({ extensionCodec, useBigInt64: true });
const decoder = new Decoder({ extensionCodec, useBigInt64: true });

const hex = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
const bytesOf = (text) => new Uint8Array(Buffer.from(text, 'hex'));

function describeNumber(number) {
  if (Number.isSafeInteger(number) && !Object.is(number, -0)) return ['i', String(number)];
  if (Number.isNaN(number)) return ['f', 'nan'];
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(number);
  return ['f', hex(bytes)];
}

function describe(value) {
  if (value === null) return ['n'];
  if (typeof value === 'boolean') return ['t', Number(value)];
  if (typeof value === 'bigint') return ['i', String(value)];
  if (typeof value === 'number') return describeNumber(value);
  if (typeof value === 'string') return ['s', Buffer.from(value).toString('hex')];
  if (value instanceof Uint8Array) return ['b', hex(value)];
  if (value instanceof ExtData) return ['e', value.type, hex(value.data)];
  if (Array.isArray(value)) return ['a', value.map(describe)];
  return ['m', Object.entries(value).map(([key, item]) => [describe(key), describe(item)])];
}

function build([kind, content, data]) {
  switch (kind) {
    case 'n': return null;
    case 't': return content === 1;
    // The library writes integers beyond 32 bits only when they are of the wide type, and those always with 64.
    case 'i': return Number(content) < -0x80000000 || Number(content) > 0xffffffff ? BigInt(content) : Number(content);
    case 'f': return content === 'nan' ? NaN : Buffer.from(content, 'hex').readDoubleBE();
    case 's': return Buffer.from(content, 'hex').toString();
    case 'b': return bytesOf(content);
    case 'e': return new ExtData(content, bytesOf(data));
    case 'a': return content.map(build);
    case 'm': return Object.fromEntries(content.map(([key, item]) => [build(key), build(item)]));
    default: throw new TypeError(`cannot build ${kind}`);
  }
}

function isValid(message) {
  // Without the limit on counts, the library makes room for as many values as are announced.
  const checker = new Decoder({
    extensionCodec,
    useBigInt64: true,
    rawStrings: true,
    mapKeyConverter: () => 'key',
    maxArrayLength: message.length,
    maxMapLength: message.length,
  });
  try {
    checker.decode(message);
    return true;
  } catch {
    return false;
  }
}

function answer(command, argument) {
  switch (command) {
    case 'decode': return JSON.stringify(describe(decoder.decode(bytesOf(argument))));
    case 'encode': return hex(encoder.encode(build(JSON.parse(argument))));
    case 'check': return isValid(bytesOf(argument)) ? 'valid' : 'not valid';
    default: throw new Error(`unknown request ${command}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  process.stdout.write(`${answer(line.slice(0, space), line.slice(space + 1))}\n`);
}
