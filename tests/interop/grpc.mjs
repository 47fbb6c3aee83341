// Talks to a running server with @grpc/grpc-js, from the project's own .proto files: every method, and the errors that clients rely on.
// Arguments: host:port; the file with the held-out digits. Prints one line; ends with 1 when something is not as described.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [grpc, loader] = await Promise.all([import('@grpc/grpc-js'), import('@grpc/proto-loader')]).catch(() => {
  console.error('@grpc/grpc-js is missing: run npm ci --ignore-scripts in tests/interop, or build tests/Gateway.IntegrationTests');
  process.exit(1);
});
const { credentials, loadPackageDefinition, Metadata, status } = grpc.default ?? grpc;
const { loadSync } = loader.default ?? loader;

const [address, heldOut] = process.argv.slice(2);
const protos = fileURLToPath(new URL('../../src/Gateway.Protocol/Protos', import.meta.url));
const packages = loadPackageDefinition(loadSync(['grpc_service.proto', 'grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto'], { includeDirs: [protos], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }));
const client = new packages.inference.GRPCInferenceService(address, credentials.createInsecure());
const health = new packages.grpc.health.v1.Health(address, credentials.createInsecure());
const reflection = new packages.grpc.reflection.v1.ServerReflection(address, credentials.createInsecure());

const call = (method, request, { stub = client, metadata = new Metadata(), options = {} } = {}) =>
  new Promise((resolve, reject) => stub[method](request, metadata, options, (error, response) => (error ? reject(error) : resolve(response))));

async function fails(method, request, code, details, options) {
  await assert.rejects(call(method, request, options), (error) => {
    assert.deepEqual({ method, code: error.code, details: error.details }, { method, code, details });
    return true;
  });
}

const image = (bytes) => Buffer.from(Float32Array.from(bytes).buffer);
const infer = (bytes) => ({ model_name: 'digits', inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8] }], outputs: [{ name: 'class' }], raw_input_contents: [image(bytes)] });

// Every method.
assert.deepEqual(await call('ServerLive', {}), { live: true });
assert.deepEqual(await call('ServerReady', {}), { ready: true });
assert.deepEqual(await call('ModelReady', { name: 'digits' }), { ready: true });
assert.deepEqual(await call('ModelReady', { name: 'nobody' }), { ready: false });
assert.equal((await call('ServerMetadata', {})).name, 'triton');
assert.deepEqual((await call('ModelMetadata', { name: 'digits' })).inputs, [{ name: 'image', datatype: 'FP32', shape: [-1, 1, 8, 8] }]);
assert.equal((await call('ModelConfig', { name: 'digits' })).config.max_batch_size, 64);
assert.ok((await call('RepositoryIndex', {})).models.some((model) => model.name === 'digits' && model.state === 'READY'));
assert.deepEqual(await call('SystemSharedMemoryStatus', {}), { regions: {} });
assert.deepEqual(await call('CudaSharedMemoryStatus', {}), { regions: {} });
assert.deepEqual((await call('TraceSetting', {})).settings.trace_level, { value: ['OFF'] });
assert.equal((await call('LogSettings', { settings: { log_verbose_level: { uint32_param: 1 } } })).settings.log_verbose_level.uint32_param, 1);
assert.equal((await call('LogSettings', { settings: { log_verbose_level: { uint32_param: 0 } } })).settings.log_verbose_level.uint32_param, 0);
assert.equal((await call('Check', { service: '' }, { stub: health })).status, 'SERVING');

const watch = health.Watch({ service: '' });
await assert.rejects(async () => {
  for await (const answer of watch) {
    assert.equal(answer.status, 'SERVING');
    watch.cancel();
  }
}, { code: status.CANCELLED });
const asking = reflection.ServerReflectionInfo();
asking.end({ list_services: '' });
for await (const { list_services_response } of asking) assert.ok(list_services_response.service.some(({ name }) => name === 'inference.GRPCInferenceService'));

// Every error.
const digit = infer(new Uint8Array(64));
await fails('ModelInfer', { ...digit, model_name: 'nobody' }, status.NOT_FOUND, "Request for unknown model: 'nobody' is not found");
await fails('ModelInfer', { ...digit, model_version: '9' }, status.NOT_FOUND, "Request for unknown model: 'digits' version 9 is not found");
await fails('ModelInfer', { ...digit, raw_input_contents: [] }, status.INVALID_ARGUMENT, "unable to find data for input tensor 'image' for model 'digits' in request.");
await fails('ModelInfer', { ...digit, id: 'é%', raw_input_contents: [Buffer.alloc(3)] }, status.INVALID_ARGUMENT, "[request id: é%] input byte size mismatch for input 'image' for model 'digits'. Expected 256, got 3");
await fails('ModelMetadata', { name: 'nobody' }, status.NOT_FOUND, "Request for unknown model: 'nobody' is not found");
await fails('ModelConfig', { name: 'nobody' }, status.NOT_FOUND, "Request for unknown model: 'nobody' is not found");
await fails('SystemSharedMemoryStatus', { name: 'r' }, status.NOT_FOUND, "Unable to find system shared memory region: 'r'");
await fails('CudaSharedMemoryStatus', { name: 'r' }, status.NOT_FOUND, "Unable to find cuda shared memory region: 'r'");
await fails('ModelStatistics', { name: 'nobody' }, status.INVALID_ARGUMENT, "requested model 'nobody' is not available");
await fails('RepositoryIndex', { repository_name: 'r' }, status.UNIMPLEMENTED, "'repository_name' specification is not supported");
await fails('RepositoryModelLoad', { model_name: 'digits' }, status.UNAVAILABLE, 'explicit model load / unload is not allowed if polling is enabled');
await fails('RepositoryModelUnload', { model_name: 'digits' }, status.UNAVAILABLE, 'explicit model load / unload is not allowed if polling is enabled');
const disabled = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.";
await fails('SystemSharedMemoryUnregister', { name: 'r' }, status.UNIMPLEMENTED, disabled);
await fails('CudaSharedMemoryRegister', { name: 'r', byte_size: 1 }, status.UNIMPLEMENTED, disabled);
await fails('CudaSharedMemoryUnregister', { name: 'r' }, status.UNIMPLEMENTED, disabled);
await fails('TraceSetting', { settings: { trace_level: { value: ['TENSORS'] } } }, status.UNIMPLEMENTED, "trace level 'TENSORS' is not served, 'TIMESTAMPS' is");
await fails('LogSettings', { settings: { log_info: { uint32_param: 1 } } }, status.INVALID_ARGUMENT, "expect boolean for 'log_info'");
await fails('LogSettings', { settings: { log_file: { string_param: 'x' } } }, status.UNIMPLEMENTED, 'log file location can not be updated through network protocol');
await fails('LogSettings', { settings: { log_format: { string_param: 'x' } } }, status.INVALID_ARGUMENT, 'invalid argument for log_format, got: x');
await fails('SystemSharedMemoryRegister', { name: 'r', key: '/k', byte_size: 1 }, status.UNIMPLEMENTED, disabled);

// The held-out set: call by call, compressed, and over one stream.
const digits = readFileSync(heldOut);
const records = Array.from({ length: digits.length / 65 }, (_, i) => digits.subarray(i * 65, i * 65 + 65));
const isRight = (response, record) => Number(response.raw_output_contents[0].readBigInt64LE()) === record[64];
const right = (await Promise.all(records.map((record) => call('ModelInfer', infer(record.subarray(0, 64))).then((response) => isRight(response, record))))).filter(Boolean).length;

const compressing = new packages.inference.GRPCInferenceService(address, credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
assert.ok(isRight(await call('ModelInfer', infer(records[0].subarray(0, 64)), { stub: compressing }), records[0]));

const stream = client.ModelStreamInfer();
for (const record of records) stream.write(infer(record.subarray(0, 64)));
stream.write({ ...digit, model_name: 'nobody', id: 'last' });
stream.end();
let answered = 0;
let streamed = 0;
for await (const { error_message, infer_response } of stream) {
  if (answered < records.length) {
    assert.equal(error_message, '');
    assert.deepEqual(infer_response.parameters.triton_final_response, { bool_param: true, parameter_choice: 'bool_param' });
    streamed += isRight(infer_response, records[answered]);
  } else {
    assert.equal(error_message, "Request for unknown model: 'nobody' is not found");
    assert.equal(infer_response.id, 'last');
  }
  answered++;
}
assert.equal(answered, records.length + 1);

// A stream that is to fail as a whole, one that is cancelled, a call without time.
const asked = new Metadata();
asked.set('triton_grpc_error', 'true');
const failing = client.ModelStreamInfer(asked);
failing.write({ ...digit, model_name: 'nobody' });
await assert.rejects(async () => { for await (const answer of failing) assert.fail(JSON.stringify(answer)); }, { code: status.NOT_FOUND });
const cancelled = client.ModelStreamInfer();
cancelled.write(digit);
await assert.rejects(async () => {
  for await (const answer of cancelled) {
    assert.equal(answer.error_message, '');
    cancelled.cancel();
  }
}, { code: status.CANCELLED });
await assert.rejects(call('ModelInfer', digit, { options: { deadline: Date.now() - 1 } }), { code: status.DEADLINE_EXCEEDED });

const batches = (await call('ModelStatistics', { name: 'digits' })).model_stats[0].batch_stats;
assert.ok(batches.length > 0 && batches.every((size) => size.batch_size > 0 && size.compute_infer.count > 0), JSON.stringify(batches));
const statistics = (await call('ModelStatistics', { name: 'digits' })).model_stats[0];
assert.ok(statistics.inference_count >= 2 * records.length && statistics.inference_stats.success.count >= 2 * records.length, JSON.stringify(statistics));
client.close();
compressing.close();
health.close();
reflection.close();
console.log(`${right} and ${streamed} of ${records.length} digits are right`);
