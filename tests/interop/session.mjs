// One connection's session with a model "rank", which gives rows of three floats back, with @grpc/grpc-js. Recorded with record.py for the unit tests.
// Arguments: host:port.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

const grpc = await import('@grpc/grpc-js');
const { loadSync } = (await import('@grpc/proto-loader')).default;
const { credentials, loadPackageDefinition, status } = grpc.default ?? grpc;

const protos = fileURLToPath(new URL('../../src/Gateway.Protocol/Protos', import.meta.url));
const packages = loadPackageDefinition(loadSync(['grpc_service.proto'], { includeDirs: [protos], keepCase: true, longs: Number, defaults: true }));

// Compressed with gzip, all of it.
const client = new packages.inference.GRPCInferenceService(process.argv[2], credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
const call = (method, request) => new Promise((resolve, reject) => client[method](request, (error, response) => (error ? reject(error) : resolve(response))));
const row = (values, model = 'rank') => ({ model_name: model, inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3] }], raw_input_contents: [Buffer.from(Float32Array.from(values).buffer)] });

assert.deepEqual(await call('ModelReady', { name: 'rank' }), { ready: true });
await call('ModelInfer', row([1, 2, 3]));
await assert.rejects(call('ModelInfer', row([1, 2, 3], 'nobody')), { code: status.NOT_FOUND });
const stream = client.ModelStreamInfer();
for (const request of [row([4, 5, 6]), row([4, 5, 6], 'nobody'), row([7, 8, 9])]) stream.write(request);
stream.end();
const errors = [];
for await (const { error_message } of stream) errors.push(error_message !== '');
assert.deepEqual(errors, [false, true, false]);
client.close();
