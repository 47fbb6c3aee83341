using System.Net;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Infer calls with JSON tensors.</summary>
public sealed class InferJsonTests
{
    [Fact]
    public async Task Infer_Json_AnswersWithJson()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("echo_FP32", """{"id":"a\"1","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[0.1,-2,3e2,4.5]}]}""");

        Assert.Equal(
            """{"id":"a\"1","model_name":"echo_FP32","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,4],"data":[0.1,-2,300,4.5]}]}""",
            answer.Text);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("application/json", answer.Headers["Content-Type"]);
        Assert.Equal(answer.Body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), answer.Headers["Content-Length"]);
        Assert.DoesNotContain("Inference-Header-Content-Length", answer.Headers.Keys);
    }

    [Theory]
    [InlineData("[[1,2,3,4]]")]
    [InlineData("[1,2,3,4]")]
    [InlineData("[[[1],[2]],[3,[4]]]")]
    [InlineData(" [ 1 , 2\n,\t3 ,[ ] , 4 ] ")]
    public async Task Infer_AnyNesting_ReadsElementsDepthFirst(string data)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("echo_INT32", $$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"INT32","data":{{data}}}]}""");

        Assert.Equal("[1,2,3,4]", answer.Data());
    }

    [Theory]
    [InlineData(DataType.Bool, "[true,false,true,true]")]
    [InlineData(DataType.UInt8, "[0,255,1,2]")]
    [InlineData(DataType.UInt16, "[0,65535,1,2]")]
    [InlineData(DataType.UInt32, "[0,4294967295,1,2]")]
    [InlineData(DataType.UInt64, "[0,18446744073709551615,1,10000000000000000000]")]
    [InlineData(DataType.Int8, "[-128,127,0,-1]")]
    [InlineData(DataType.Int16, "[-32768,32767,0,-1]")]
    [InlineData(DataType.Int32, "[-2147483648,2147483647,0,-1]")]
    [InlineData(DataType.Int64, "[-9223372036854775808,9223372036854775807,0,-1]")]
    [InlineData(DataType.Fp32, "[3.4028235E+38,1E-45,-0,0.1]")]
    [InlineData(DataType.Fp64, "[1.7976931348623157E+308,5E-324,-0,0.1]")]
    [InlineData(DataType.Fp32, "[NaN,Infinity,-Infinity,1]")]
    [InlineData(DataType.Fp64, "[NaN,Infinity,-Infinity,1]")]
    public async Task Infer_ExtremesOfType_ComeBackUnchanged(DataType type, string data)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        string name = type.WireName();

        Answer answer = await server.InferAsync($"echo_{name}", $$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{name}}","data":{{data}}}]}""");

        Assert.EndsWith($"\"data\":{data}}}]}}", answer.Text);
    }

    [Theory]
    [InlineData("UINT8", "256")]
    [InlineData("UINT64", "18446744073709551616")]
    [InlineData("INT8", "-129")]
    [InlineData("INT8", "128")]
    [InlineData("INT64", "9223372036854775808")]
    [InlineData("INT64", "-9223372036854775809")]
    [InlineData("FP32", "3.5e38")]
    [InlineData("FP64", "1e309")]
    public async Task Infer_OutOfRange_NamesTensorAndPosition(string type, string number)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        string json = $$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{type}}","data":[1,2,{{number}},4]}]}""";

        Answer answer = await server.InferAsync($"echo_{type}", json);

        int position = json.IndexOf(",2,", StringComparison.Ordinal) + 3;
        answer.AssertError(HttpStatusCode.BadRequest, $"Unable to parse 'data': {number} is out of range for {type} (element 2 of input 'x', at {position})");
    }

    [Theory]
    [InlineData("INT32", "[1,2,3.0,4]", "non-signed-integer as signed-integer")]
    [InlineData("INT32", "[1,2,3e0,4]", "non-signed-integer as signed-integer")]
    [InlineData("UINT32", "[1,2,-3,4]", "non-unsigned-integer as unsigned-integer")]
    [InlineData("FP32", "[1,2,\"3\",4]", "non-number as double")]
    [InlineData("FP32", "[1,2,null,4]", "non-number as double")]
    [InlineData("FP64", "[1,2,{},4]", "non-number as double")]
    [InlineData("BOOL", "[true,false,1,true]", "non-boolean as boolean")]
    public async Task Infer_WrongKindOfElement_Is400(string type, string data, string text)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync($"echo_{type}", $$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{type}}","data":{{data}}}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.StartsWith($"Unable to parse 'data': attempt to access JSON {text} (element 2 of input 'x'", answer.Error);
    }

    [Theory]
    [InlineData("FP16")]
    [InlineData("BF16")]
    public async Task Infer_HalfInJson_IsRefusedBothWays(string type)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer inward = await server.InferAsync($"echo_{type}", $$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{type}}","data":[1,2,3,4]}]}""");
        Answer outward = await server.InferBinaryAsync(
            $"echo_{type}", $$$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{{type}}}","parameters":{"binary_data_size":8}}]}""", new byte[8]);

        inward.AssertError(HttpStatusCode.BadRequest, $"receiving {type} data via JSON is not supported. Please use the binary data format for input x");
        outward.AssertError(HttpStatusCode.BadRequest, $"sending {type} data via JSON is not supported. Please use the binary data format for output");
    }

    [Fact]
    public async Task Infer_Strings_ResolvesEscapes()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("strings", """{"inputs":[{"name":"s","shape":[2,2],"datatype":"BYTES","data":["a\u00e9\ud83d\ude00\n","",["é\\\/"],"\u0000"]}]}""");

        Assert.Equal("""["aé😀\n","","é\\/","\u0000"]""", answer.Data());
    }

    [Fact]
    public async Task Infer_StringOutputThatIsNotUtf8_Is400InJsonAndFineInBinary()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] raw = [1, 0, 0, 0, 0xFF, 0, 0, 0, 0];
        const string Input = """{"inputs":[{"name":"s","shape":[1,2],"datatype":"BYTES","parameters":{"binary_data_size":9}}]""";

        Answer json = await server.InferBinaryAsync("strings", Input + "}", raw);
        Answer binary = await server.InferBinaryAsync("strings", Input + ",\"parameters\":{\"binary_data_output\":true}}", raw);

        json.AssertError(HttpStatusCode.BadRequest, "element 0 of output 't' is not UTF-8 and cannot be sent as JSON. Please use the binary data format for output");
        Assert.Equal(raw, binary.Blobs);
    }

    [Fact]
    public async Task Infer_MembersInAnyOrder_AreRead()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync(
            "two",
            """
            {"unknown":{"a":[1,{"b":null}]},"outputs":[{"parameters":{"binary_data":false},"name":"second"},{"name":"first"}],
             "inputs":[{"data":[7,8],"shape":[1,2],"name":"b","extra":"\"","datatype":"INT32"},{"data":[[1.5,2.5]],"datatype":"FP32","name":"a","shape":[1,2]}],"id":"z"}
            """);

        Assert.Equal("[7,8]", answer.Data(0));
        Assert.Equal("[1.5,2.5]", answer.Data(1));
        Assert.Equal("z", answer.Json.GetProperty("id").GetString());
    }

    [Fact]
    public async Task Infer_DuplicateKeys_FirstWins()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync(
            "echo_INT8",
            """{"id":"1","inputs":[{"name":"x","name":"q","shape":[1,4],"shape":[9],"datatype":"INT8","datatype":"FP32","data":[1,2,3,4],"data":"no"}],"id":2,"inputs":7}""");

        Assert.Equal("[1,2,3,4]", answer.Data());
        Assert.StartsWith("{\"id\":\"1\"", answer.Text);
    }

    [Fact]
    public async Task Infer_ZeroElements_DataMustExistAndIsNotRead()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer given = await server.InferAsync("any", """{"inputs":[{"name":"x","shape":[2,0],"datatype":"FP32","data":["ignored"]}]}""");
        Answer missing = await server.InferAsync("any", """{"inputs":[{"name":"x","shape":[2,0],"datatype":"FP32"}]}""");

        Assert.Equal("[]", given.Data());
        missing.AssertError(
            HttpStatusCode.BadRequest,
            "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But no field is set");
    }

    [Theory]
    [InlineData(50, true)]
    [InlineData(100, true)]
    [InlineData(101, false)]
    public async Task Infer_NestedData_IsReadToAHundredLevels(int levels, bool isRead)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        string data = new string('[', levels) + "1,2,3,4" + new string(']', levels);

        Answer answer = await server.InferAsync("echo_FP32", $$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":{{data}}}]}""");

        if (isRead) Assert.Equal("[1,2,3,4]", answer.Data());
        else answer.AssertError(HttpStatusCode.BadRequest, "Unable to parse 'data': JSON nesting depth exceeds maximum allowed limit (100)");
    }

    [Theory]
    [InlineData("{\"ready\":", "}")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,4],\"datatype\":\"FP32\",\"data\":", "}]}")]
    [InlineData("{\"inputs\":[{\"data\":", "}]}")]
    [InlineData("", "")]
    public async Task Infer_QuarterOfAMillionLevels_Is400AndTheServerLives(string before, string after)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("echo_FP32", before + new string('[', 250_000) + new string(']', 250_000) + after);
        Answer next = await server.GetAsync("/v2/health/live");

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal(HttpStatusCode.OK, next.Status);
    }

    [Theory]
    [InlineData("", "failed to parse the request JSON buffer: The document is empty. at 0")]
    [InlineData("   ", "failed to parse the request JSON buffer: The document is empty. at 3")]
    [InlineData("abc", "failed to parse the request JSON buffer: Invalid value. at 0")]
    [InlineData("{\"a\":1,}", "failed to parse the request JSON buffer: Missing a name for object member. at 7")]
    [InlineData("{\"a\":01}", "failed to parse the request JSON buffer: Missing a comma or } after an object member. at 6")]
    [InlineData("{\"a\":1.}", "failed to parse the request JSON buffer: Miss fraction part in number. at 7")]
    [InlineData("{\"a\":\"\\ud800\"}", "failed to parse the request JSON buffer: The surrogate pair in string is invalid. at 6")]
    [InlineData("{} {}", "failed to parse the request JSON buffer: The document root must not be followed by other values. at 3")]
    [InlineData("{}", "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'")]
    [InlineData("{\"inputs\":{}}", "Unable to parse 'inputs': attempt to access JSON non-array as array")]
    [InlineData("{\"id\":5,\"inputs\":[]}", "Unable to parse 'id': attempt to access JSON non-string as string")]
    [InlineData("{\"parameters\":5,\"inputs\":[]}", "failed to get request params.: attempt to get members for non-object")]
    [InlineData("{\"parameters\":{\"priority\":-1},\"inputs\":[]}", "Unable to parse 'priority': attempt to access JSON non-unsigned-integer as unsigned-integer")]
    [InlineData("{\"parameters\":{\"timeout\":\"1\"},\"inputs\":[]}", "Unable to parse 'timeout': attempt to access JSON non-unsigned-integer as unsigned-integer")]
    [InlineData("{\"parameters\":{\"triton_x\":1},\"inputs\":[]}", "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.")]
    [InlineData("{\"parameters\":{\"k\":null},\"inputs\":[]}", "parameter 'k' has invalid type. It should be either 'int', 'bool', or 'string'.")]
    [InlineData("{\"parameters\":{\"k\":[]},\"inputs\":[]}", "parameter 'k' has invalid type. It should be either 'int', 'bool', or 'string'.")]
    [InlineData("{\"parameters\":{\"sequence_id\":5},\"inputs\":[]}", "model 'two' does not serve sequences: parameter 'sequence_id' is not supported")]
    [InlineData("{\"parameters\":{\"sequence_start\":true},\"inputs\":[]}", "model 'two' does not serve sequences: parameter 'sequence_start' is not supported")]
    [InlineData("{\"inputs\":[{\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "Unable to parse 'name': attempt to access non-existing object member 'name'")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"data\":[1,2]}]}", "Unable to parse 'shape': attempt to access non-existing object member 'shape'")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,-2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer")]
    [InlineData("{\"inputs\":[{\"name\":\"q\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "unexpected inference input 'q' for model 'two'")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP31\",\"data\":[1,2]}]}", "invalid datatype for input a")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2,3]}]}", "Unable to parse 'data': Shape does not match true shape of 'data' field")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1]}]}", "Failed to parse 'data' field: shape does not match true shape")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":5}]}", "Unable to parse 'data': attempt to access JSON non-array as array")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[4611686018427387904,4],\"datatype\":\"FP32\",\"data\":[1]}]}", "invalid shape for input 'a': shape [4611686018427387904,4] causes total element count to exceed maximum size of 9223372036854775807")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[4611686018427387904],\"datatype\":\"FP32\",\"data\":[1]}]}", "byte size overflow for input 'a': element count (4611686018427387904) * data type size (4) exceeds maximum allowed size (9223372036854775807)")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[18446744073709551615],\"datatype\":\"FP32\",\"data\":[1]}]}", "invalid shape for input 'a': shape [-1] contains one or more invalid dimensions")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,1,1,1,1,1,1,1,1],\"datatype\":\"FP32\",\"data\":[1]}]}", "invalid shape for input 'a': more than 8 dimensions are not supported")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1000000,2],\"datatype\":\"FP32\",\"data\":[1]}]}", "Failed to parse 'data' field: shape does not match true shape")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1000000000,2],\"datatype\":\"FP32\",\"data\":[1]}]}", "JSON input 'a' has a byte_size (8000000000 bytes) that exceeds the maximum allowed value of 67108864 bytes. Use --http-max-input-size to increase the limit.")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"parameters\":{\"shared_memory_region\":\"r\"}}]}", "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'a'")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"parameters\":{\"shared_memory_region\":\"r\",\"shared_memory_byte_size\":8}}]}", null)]
    [InlineData("{\"id\":\"i\",\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]},{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "[request id: i] input 'a' already exists in request")]
    [InlineData("{\"outputs\":[{\"name\":\"first\"},{\"name\":\"first\"}],\"inputs\":[],\"id\":\"i\"}", "[request id: i] output 'first' already exists in request")]
    [InlineData("{\"outputs\":[{\"name\":\"zz\"}],\"inputs\":[],\"id\":\"i\"}", "unexpected inference output 'zz' for model 'two'")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'two'. Got input(s) ['a'], but missing required input(s) ['b']. Please provide all required input(s).")]
    [InlineData("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP64\",\"data\":[1,2]},{\"name\":\"b\",\"shape\":[1,2],\"datatype\":\"INT32\",\"data\":[1,2]}],\"id\":\"i\"}", "[request id: i] inference input 'a' data-type is 'FP64', but model 'two' expects 'FP32'")]
    public async Task Infer_ClientsMistake_Is400WithTritonsText(string json, string? error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("two", json);

        if (error is null) answer.AssertError(HttpStatusCode.NotImplemented, "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.");
        else answer.AssertError(HttpStatusCode.BadRequest, error);
    }

    [Fact]
    public async Task Infer_BytesThatAreNotUtf8_Is400WithThePosition()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("strings", [.. "{\"id\":\"é"u8, 0xC3, (byte)'"', (byte)'}']);

        answer.AssertError(HttpStatusCode.BadRequest, "failed to parse the request JSON buffer: Invalid encoding in string. at 9");
    }
}
