using System.Buffers.Binary;
using System.Text;

namespace Gateway.IntegrationTests.Caching;

/// <summary><c>gateway precompute</c> against a running server, and lists that are asked for at the start.</summary>
public sealed class PrecomputeTests : IDisposable
{
    private readonly CachedRepository _repository = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("precompute").FullName;
    private readonly HttpClient _client = new();

    public void Dispose()
    {
        _repository.Dispose();
        _client.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Precompute_ArrayAndLines_AreHitsAfterwardsAndSkippedTheSecondTime()
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", _repository.Path);
        Question[] digits = [.. Enumerable.Range(0, 200).Select(i => Question.Samples(i)[0])];
        string array = Path.Combine(_folder, "digits.npy");
        await File.WriteAllBytesAsync(array, [.. Header("<f4", "(400, 1, 8, 8)"), .. digits.SelectMany(digit => digit.Inputs[0].Raw())], TestContext.Current.CancellationToken);
        string lines = Path.Combine(_folder, "wine.jsonl");
        await File.WriteAllLinesAsync(lines, Enumerable.Range(0, 50).Select(i => Question.Samples(i)[1].Json()), TestContext.Current.CancellationToken);

        Assert.Contains("400 kept, 0 there before, 0 joined another, 0 run and not kept, 0 failed", await PrecomputeAsync(server, 0, "digits", array), StringComparison.Ordinal);
        Assert.Contains("0 kept, 400 there before, 0 joined another, 0 run and not kept, 0 failed", await PrecomputeAsync(server, 0, "digits", array), StringComparison.Ordinal);
        Assert.Contains("50 kept, 0 there before", await PrecomputeAsync(server, 0, "wine", lines), StringComparison.Ordinal);

        // A row of the array, however it is asked for.
        Question row = new("digits", [digits[3].Inputs[0] with { Shape = [1, 1, 8, 8], Values = digits[3].Inputs[0].Values[..64] }]);
        using HttpResponseMessage answer = await AskAsync(server, row);
        Assert.Equal("gateway; hit", answer.Headers.GetValues("Cache-Status").Single());
    }

    [Fact]
    public async Task Precompute_WhatIsWrong_IsSaidInOneLine()
    {
        await using GatewayProcess cached = await GatewayProcess.ServeAsync("--model-repository", _repository.Path);
        await using GatewayProcess plain = await GatewayProcess.ServeAsync();
        string lines = Path.Combine(_folder, "mixed.jsonl");
        await File.WriteAllLinesAsync(lines, [Question.Samples(1)[0].Json(), "{", Question.Samples(2)[0].Json()], TestContext.Current.CancellationToken);
        string array = Path.Combine(_folder, "wrong.npy");
        await File.WriteAllBytesAsync(array, Header("<f8", "(1, 1, 8, 8)"), TestContext.Current.CancellationToken);

        Assert.Contains("2 kept, 0 there before, 0 joined another, 0 run and not kept, 1 failed", await PrecomputeAsync(cached, 1, "digits", lines), StringComparison.Ordinal);
        Assert.Contains("of type FP64, and the input of FP32", await PrecomputeAsync(cached, 1, "digits", array), StringComparison.Ordinal);
        Assert.Contains("no such file", (await PrecomputeAsync(cached, 1, "digits", lines + "x")).Replace("Could not find file", "no such file", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("unknown model", await PrecomputeAsync(cached, 1, "none", lines), StringComparison.Ordinal);
        Assert.Contains("the model has no response cache", await PrecomputeAsync(plain, 1, "digits", lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_AtTheStart_IsHitsOnceItIsWarm()
    {
        string folder = Path.Combine(_repository.Path, "digits");
        await File.WriteAllTextAsync(Path.Combine(folder, "gateway.json"), """{"cache":{"warm_up":"popular.jsonl"}}""", TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(Path.Combine(folder, "popular.jsonl"), Enumerable.Range(0, 100).Select(i => Question.Samples(i)[0].Json()).Append("nonsense"), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_repository.Path, "wine", "gateway.json"), """{"cache":{"warm_up":"missing.jsonl"}}""", TestContext.Current.CancellationToken);
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", _repository.Path);
        while (!server.Error.Contains("The cache's list of wine", StringComparison.Ordinal)) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Contains("The cache of digits is warm: its list had 101 requests, of which 1 failed", server.Error, StringComparison.Ordinal);
        for (int i = 0; i < 100; i += 9)
        {
            using HttpResponseMessage answer = await AskAsync(server, Question.Samples(i)[0]);
            Assert.Equal("gateway; hit", answer.Headers.GetValues("Cache-Status").Single());
        }
    }

    private static byte[] Header(string type, string shape)
    {
        string text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)text.Length);
        return [0x93, .. "NUMPY"u8, 1, 0, .. length, .. Encoding.ASCII.GetBytes(text)];
    }

    /// <returns>All that it wrote.</returns>
    private static async Task<string> PrecomputeAsync(GatewayProcess server, int code, string model, string file)
    {
        await using GatewayProcess program = GatewayProcess.Run(["precompute", "--model", model, "--inputs", file, "--server", server.HttpAddress]);
        int actual = await program.WaitForExitAsync();
        string text = program.Output + program.Error;
        Assert.True(code == actual, text);
        return text;
    }

    private Task<HttpResponseMessage> AskAsync(GatewayProcess server, Question question) =>
        _client.PostAsync(new Uri($"{server.HttpAddress}/v2/models/{question.Model}/infer"), new StringContent(question.Json(), Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
}
