using System.Net;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Server.Grpc.Wire;
using Gateway.UnitTests.Grpc;
using Gateway.UnitTests.Memory.Shared;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Protocols;

/// <summary>Mistakes in inferences: what each protocol says of the same one, status and text, word for word.</summary>
public sealed class InferErrorTests : IAsyncLifetime
{
    private const string Unknown = "[request id: <id_unknown>] ";

    private static readonly InferCase[] Cases =
    [
        Invalid("rows that differ", Unknown + "input 'b' batch size does not match other inputs for 'two'") with { Model = "two", Inputs = [("a", "FP32", [1, 2], new byte[8]), ("b", "INT32", [2, 2], new byte[16])] },
        Invalid("no batch dimension", Unknown + "input 'x' has no shape but model requires batch dimension for 'rank'") with { Inputs = [("x", "FP32", [], new byte[12])] },
        Invalid(
            "another shape",
            Unknown + "unexpected shape for input 'x' for model 'rank'. Expected [-1,3], got [1,4]. NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. "
            + "If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size.")
            with { Inputs = [("x", "FP32", [1, 4], new byte[16])] },
        Invalid("another shape, no batches", Unknown + "unexpected shape for input 'x' for model 'vector'. Expected [4], got [3].") with { Model = "vector", Inputs = [("x", "FP32", [3], new byte[12])] },
        Invalid("too many rows", Unknown + "inference request batch-size must be <= 8192 for 'rank'") with { Inputs = [("x", "FP32", [8193, 3], new byte[8193 * 12])] },
        Strings("too few strings", [1, 0, 0, 0, (byte)'a'], "expected 2 string elements for inference input 's' for model 'strings', got 1"),
        Strings("no strings", [], "expected 2 string elements for inference input 's' for model 'strings', got 0"),
        Strings("too many strings", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "unexpected number of string elements 3 for inference input 's' for model 'strings', expecting 2"),
        Strings("half a length", [0, 0, 0, 0, 1, 0], "incomplete string length indicator for inference input 's' for model 'strings', expecting 4 bytes but only 2 bytes available"),
        Strings("half a string", [0, 0, 0, 0, 9, 0, 0, 0, (byte)'a'], "incomplete string data for inference input 's' for model 'strings', expecting string of length 9 but only 1 bytes available"),
        Strings("a string of 4 GiB", [255, 255, 255, 255], "incomplete string data for inference input 's' for model 'strings', expecting string of length 4294967295 but only 0 bytes available"),
        Invalid("too many classes", "classification output tensor too large") with { Model = "any", Inputs = [("x", "FP32", [1, 1_000_001], new byte[4_000_004])], Output = "y", OutputParameters = new() { ["classification"] = 1 } },
        Invalid("classes of strings", "class result not available for output due to unsupported type 'BYTES'") with { Model = "strings", Inputs = [("s", "BYTES", [1, 2], new byte[8])], Output = "t", OutputParameters = new() { ["classification"] = 1 } },
        new InferCase("no version is ready", GrpcStatus.NotFound, HttpStatusCode.NotFound, "Request for unknown model: 'broken' has no available versions") { Model = "broken" },
        new InferCase("the version is not ready", GrpcStatus.Unavailable, HttpStatusCode.ServiceUnavailable, "Request for unknown model: 'broken' version 3 is not at ready state") { Model = "broken", Version = "3" },
        Invalid("priority of text", "invalid value type for 'priority' parameter, expected int64_param or uint64_param.", "Unable to parse 'priority': attempt to access JSON non-unsigned-integer as unsigned-integer") with { Parameters = new() { ["priority"] = "high" } },
        Invalid("priority below 0", "invalid value for 'priority', expected value >= 0.", "Unable to parse 'priority': attempt to access JSON non-unsigned-integer as unsigned-integer") with { Parameters = new() { ["priority"] = -1 } },
        Invalid("time below 0", "invalid value for 'timeout', expected value >= 0.", "Unable to parse 'timeout': attempt to access JSON non-unsigned-integer as unsigned-integer") with { Parameters = new() { ["timeout"] = -1 } },
        Invalid("sequence start of a number", "invalid value type for 'sequence_start' parameter, expected bool_param.", "Unable to parse 'sequence_start': attempt to access JSON non-boolean as boolean") with { Parameters = new() { ["sequence_start"] = 1 } },
        Invalid("sequence end", "model 'rank' does not serve sequences: parameter 'sequence_end' is not supported") with { Parameters = new() { ["sequence_end"] = true } },
        Invalid("sequence end of text", "invalid value type for 'sequence_end' parameter, expected bool_param.", "Unable to parse 'sequence_end': attempt to access JSON non-boolean as boolean") with { Parameters = new() { ["sequence_end"] = "yes" } },
        Shared("offset of text", "invalid value type for 'shared_memory_offset' parameter for tensor 'x', expected int64_param.", "offset", "1", "Unable to parse 'shared_memory_offset': attempt to access JSON non-unsigned-integer as unsigned-integer"),
        Shared("size of a flag", "invalid value type for 'shared_memory_byte_size' parameter for tensor 'x', expected int64_param.", "byte_size", true, "Unable to parse 'shared_memory_byte_size': attempt to access JSON non-unsigned-integer as unsigned-integer"),
        Shared("offset beyond the region", "Invalid offset for shared memory region: 'r'", "offset", 32),
        Shared("size beyond the region", "Invalid offset + byte size for shared memory region: 'r'", "byte_size", 33),
        Shared("size beyond all numbers", "Integer overflow detected: byte_size (18446744073709551615) + offset (1) exceeds maximum value (18446744073709551615) for region 'r'", "byte_size", ulong.MaxValue),
        Invalid("offset without a region", "'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'x'") with { InputParameters = new() { ["shared_memory_offset"] = 1 } },
        Invalid("size without a region", "'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'x'") with { InputParameters = new() { ["shared_memory_byte_size"] = 12 } },
        Invalid("region without a size", "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'x'")
            with { Inputs = [("x", "FP32", [1, 3], null)], InputParameters = new() { ["shared_memory_region"] = "r" } },
    ];

    private readonly SharedRegions _regions = new(isAllowed: true);
    private readonly SharedFile _file = new(new byte[32]);
    private GrpcServer _server = null!;

    public static IEnumerable<TheoryDataRow<string, bool>> Rows => Cases.SelectMany(each => new[] { new TheoryDataRow<string, bool>(each.Name, true), new TheoryDataRow<string, bool>(each.Name, false) });

    public async ValueTask InitializeAsync()
    {
        _server = await GrpcServer.StartAsync(regions: _regions);
        _server.Catalog.Set(new ModelStatus("broken", 3, ModelState.Unavailable, "no such file", null, TimeSpan.Zero));
        _regions.Register("r", _file.Key, 0, 32);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _regions.UnregisterAll<SharedRegion>();
        _file.Dispose();
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Infer_Mistake_HasItsStatusAndText(string name, bool isGrpc)
    {
        InferCase mistake = Cases.Single(each => each.Name == name);
        if (isGrpc)
        {
            GrpcAnswer answer = await _server.Client.CallAsync("ModelInfer", mistake.ToMessage());
            Assert.Equal(((int)mistake.Grpc, mistake.Text), (answer.Status, answer.Message));
            return;
        }

        (byte[] json, byte[] bytes) = mistake.ToHttp();
        HttpRequestMessage request = new(HttpMethod.Post, mistake.Path) { Content = new ByteArrayContent([.. json, .. bytes]) };
        request.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", $"{json.Length}");
        (await _server.Server.SendAsync(request)).AssertError(mistake.Http, mistake.HttpText ?? mistake.Text);
    }

    [Fact]
    public void Cases_Names_AreEachOnce() => Assert.Equal(Cases.Length, Cases.Select(each => each.Name).Distinct().Count());

    private static InferCase Invalid(string name, string text, string? httpText = null) => new(name, GrpcStatus.InvalidArgument, HttpStatusCode.BadRequest, text) { HttpText = httpText };

    private static InferCase Strings(string name, byte[] raw, string text) => Invalid(name, Unknown + text) with { Model = "strings", Inputs = [("s", "BYTES", [1, 2], raw)] };

    /// <summary>An input in the region <c>r</c> of 32 bytes, at 1 and of 12, but for one of these.</summary>
    private static InferCase Shared(string name, string text, string parameter, object value, string? httpText = null) => Invalid(name, text, httpText) with
    {
        Inputs = [("x", "FP32", [1, 3], null)],
        InputParameters = new() { ["shared_memory_region"] = "r", ["shared_memory_offset"] = 1, ["shared_memory_byte_size"] = 12, [$"shared_memory_{parameter}"] = value },
    };
}
